"""Institutions of a town, their terminals, operators and doctors, and how residents choose among them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gangfinder.synth.catalogue import DEPARTMENT, WARD_WEIGHTS, PlaceKind
from gangfinder.synth.people import People
from gangfinder.synth.settings import TownSettings
from gangfinder.synth.sites import further_places
from gangfinder.synth.streams import Flags, Floats, Ints, Streams

_KINDS = {
    # what a resident looks for: the kinds of place that serve it and how strongly distance deters
    "clinic": ((PlaceKind.CLINIC, PlaceKind.TOWNSHIP), 1.6),
    "hospital": ((PlaceKind.LARGE, PlaceKind.SMALL, PlaceKind.TOWNSHIP), 0.9),
    "ward": ((PlaceKind.LARGE, PlaceKind.SMALL, PlaceKind.TOWNSHIP), 0.7),
    "pharmacy": ((PlaceKind.PHARMACY,), 1.6),
}


@dataclass(frozen=True, slots=True)
class Places:
    """Institutions as parallel arrays, and what belongs to them as (first, count) ranges.

    Parameters
    ----------
    kind
        ``PlaceKind`` of each institution.
    x, y
        Kilometres.
    weight
        Attraction.
    price_factor
        What the house asks relative to the list.
    uploads_at_night
        Houses whose rows reach the fund in one nightly upload.
    no_operator, no_credential, no_occurred, no_terminal
        Houses whose software leaves a column out.
    shared_login
        Houses with one terminal and one operator for everything.
    terminal_first, terminal_count, operator_first, operator_count, doctor_first, doctor_count
        Ranges into the numbered terminals, operators and doctors.
    terminal_place, operator_place, doctor_place, doctor_ward
        Owners of terminals, operators and doctors, and each doctor's department.
    beds
        Approved beds, before the houses that turn out busier get more.
    stations
        Dialysis stations, 0 where none are licensed.
    catchment
        Residents for whom a clinic or township hospital is responsible, 0 elsewhere.
    replaced_on
        Day on which a new device took over from each terminal, far in the future for most.
    """

    kind: Ints
    x: Floats
    y: Floats
    weight: Floats
    price_factor: Floats
    uploads_at_night: Flags
    no_operator: Flags
    no_credential: Flags
    no_occurred: Flags
    no_terminal: Flags
    shared_login: Flags
    terminal_first: Ints
    terminal_count: Ints
    operator_first: Ints
    operator_count: Ints
    doctor_first: Ints
    doctor_count: Ints
    terminal_place: Ints
    operator_place: Ints
    doctor_place: Ints
    doctor_ward: Ints
    replaced_on: Ints
    beds: Ints
    stations: Ints
    catchment: Ints

    @property
    def count(self) -> int:
        """Number of institutions."""
        return len(self.kind)

    def of_kind(self, *kinds: PlaceKind) -> Ints:
        """Return the institutions of the given kinds."""
        return np.flatnonzero(np.isin(self.kind, kinds))


def _counts(settings: TownSettings) -> dict[PlaceKind, int]:
    """Return how many institutions of each kind; enough that no two rings and few look-alikes share one."""
    n, rings, alike = settings.patients, max(3, settings.rings_per_typology), max(3, settings.lookalikes)
    counts = {
        PlaceKind.LARGE: max(1, n // 120_000),
        PlaceKind.SMALL: max(2 * rings + 2 * alike // 2 + 3, n // 20_000),
        PlaceKind.TOWNSHIP: max(alike + 1, n // 15_000),
        PlaceKind.PSYCHIATRIC: max(1, n // 200_000),
        PlaceKind.CLINIC: max(6 * rings + 5 * alike, n // 1_600),
        PlaceKind.PHARMACY: max(8 * rings + 6 * alike, n // 1_600),
        PlaceKind.REMOTE: max(24, 2 * rings + 18, n // 10_000),
    }
    return {kind: count + further_places(settings, kind) for kind, count in counts.items()}


_BEDS = np.array([14, 18, 24, 30, 50, 60, 80, 99])
_STATIONS = np.array([8, 10, 12, 16, 20, 24])
_TERMINALS = {
    PlaceKind.LARGE: (12, 20),
    PlaceKind.SMALL: (3, 6),
    PlaceKind.TOWNSHIP: (2, 4),
    PlaceKind.PSYCHIATRIC: (2, 3),
    PlaceKind.CLINIC: (1, 3),
    PlaceKind.PHARMACY: (1, 3),
    PlaceKind.REMOTE: (4, 9),
}
_OPERATORS = {
    PlaceKind.LARGE: (25, 40),
    PlaceKind.SMALL: (4, 9),
    PlaceKind.TOWNSHIP: (3, 6),
    PlaceKind.PSYCHIATRIC: (3, 5),
    PlaceKind.CLINIC: (1, 4),
    PlaceKind.PHARMACY: (2, 5),
    PlaceKind.REMOTE: (8, 14),
}
_DOCTORS = {
    PlaceKind.LARGE: (60, 90),
    PlaceKind.SMALL: (14, 26),
    PlaceKind.TOWNSHIP: (12, 18),
    PlaceKind.PSYCHIATRIC: (6, 9),
    PlaceKind.CLINIC: (1, 4),
    PlaceKind.PHARMACY: (0, 0),
    PlaceKind.REMOTE: (14, 20),
}


def _ranges(rng: np.random.Generator, kind: Ints, spans: dict[PlaceKind, tuple[int, int]]) -> tuple[Ints, Ints]:
    low = np.array([spans[PlaceKind(k)][0] for k in range(len(PlaceKind))])[kind]
    high = np.array([spans[PlaceKind(k)][1] for k in range(len(PlaceKind))])[kind]
    count = rng.integers(low, high + 1)
    return np.cumsum(count) - count, count


def _wards(rng: np.random.Generator, kind: Ints, first: Ints, count: Ints) -> Ints:
    """Return the department of each doctor; every hospital covers the larger wards."""
    owner = np.repeat(kind, count)
    rank = np.arange(len(owner)) - np.repeat(first, count)
    drawn = rng.choice(len(WARD_WEIGHTS), len(owner), p=WARD_WEIGHTS / WARD_WEIGHTS.sum())
    base = np.array(
        [
            DEPARTMENT[w]
            for w in (
                "内科",
                "外科",
                "骨科",
                "中医科",
                "眼科",
                "康复科",
                "感染科",
                "肿瘤科",
                "儿科",
                "血液透析室",
                "妇产科",
                "急诊科",
            )
        ]
    )
    wards = np.where(rank < len(base), base[np.minimum(rank, len(base) - 1)], drawn)
    wards = np.where(owner == PlaceKind.PSYCHIATRIC, DEPARTMENT["精神科"], wards)
    return np.where(owner == PlaceKind.CLINIC, DEPARTMENT["内科"], wards)


def make_places(settings: TownSettings, streams: Streams, people: People) -> Places:
    """Draw the institutions of a town."""
    rng = streams.rng("places")
    counts = _counts(settings)
    kind = np.repeat([int(k) for k in counts], list(counts.values()))
    size = len(kind)
    village = rng.integers(0, people.villages, size)
    remote = kind == PlaceKind.REMOTE
    attraction = np.array([12.0, 1.8, 2.4, 1.0, 1.0, 1.0, 1.0])[kind]
    alike = max(3, settings.lookalikes)
    shared = np.zeros(size, dtype=bool)
    # the front-end servers stand at the last hospitals and the largest, where a whole house is one login
    shared[np.flatnonzero(np.isin(kind, [PlaceKind.SMALL, PlaceKind.TOWNSHIP]))[:alike]] = True
    terminal_first, terminal_count = _ranges(rng, kind, _TERMINALS)
    operator_first, operator_count = _ranges(rng, kind, _OPERATORS)
    doctor_first, doctor_count = _ranges(rng, kind, _DOCTORS)
    start = int(np.datetime64(settings.start, "D").astype(np.int64))
    terminals = int(terminal_count.sum())
    replaced = np.where(rng.random(terminals) < 0.05, start + rng.integers(20, 300, terminals), 10**9)
    stationed = streams.rng("stations").choice(_STATIONS, size)
    places = Places(
        kind=kind,
        x=people.village_x[village] + rng.normal(0, 0.6, size) + np.where(remote, 400.0, 0),
        y=people.village_y[village] + rng.normal(0, 0.6, size),
        weight=attraction * np.exp(rng.normal(0, 0.75, size)),
        price_factor=np.round(rng.uniform(0.94, 1.08, size), 2),
        uploads_at_night=rng.random(size) < 0.12,
        no_operator=rng.random(size) < 0.06,
        no_credential=rng.random(size) < 0.08,
        no_occurred=rng.random(size) < 0.06,
        no_terminal=rng.random(size) < 0.04,
        shared_login=shared,
        terminal_first=terminal_first,
        terminal_count=terminal_count,
        operator_first=operator_first,
        operator_count=operator_count,
        doctor_first=doctor_first,
        doctor_count=doctor_count,
        terminal_place=np.repeat(np.arange(size), terminal_count),
        operator_place=np.repeat(np.arange(size), operator_count),
        doctor_place=np.repeat(np.arange(size), doctor_count),
        doctor_ward=_wards(rng, kind, doctor_first, doctor_count),
        replaced_on=replaced,
        beds=np.where(kind < PlaceKind.CLINIC, rng.choice(_BEDS, size), 0),
        stations=np.where(np.isin(kind, [PlaceKind.LARGE, PlaceKind.SMALL, PlaceKind.TOWNSHIP]), stationed, 0),
        catchment=np.zeros(size, dtype=np.int64),
    )
    return replace(places, catchment=_catchment(streams.rng("catchment"), places, people))


def _catchment(rng: np.random.Generator, places: Places, people: People) -> Ints:
    """Return the residents each clinic and township hospital answers for: about as many as know the way to it."""
    where, cumulative = choice_table(places, people, "clinic")
    chance = np.diff(cumulative, axis=1, prepend=0.0)
    size = np.bincount(people.village, minlength=people.villages)
    near = (size[:, None] * (1 - (1 - chance) ** 3)).sum(axis=0)
    out = np.zeros(places.count, dtype=np.int64)
    out[where] = np.maximum(60, np.round(0.45 * near * np.exp(rng.normal(0.0, 0.1, len(where))), -1)).astype(np.int64)
    return out


def choice_table(places: Places, people: People, need: str) -> tuple[Ints, Floats]:
    """Return the places that serve a need and, for each village, the cumulative chance of choosing each.

    Parameters
    ----------
    places, people
        The town.
    need
        ``clinic``, ``hospital``, ``ward`` or ``pharmacy``.
    """
    kinds, exponent = _KINDS[need]
    where = places.of_kind(*kinds)
    distance = np.hypot(people.village_x[:, None] - places.x[where], people.village_y[:, None] - places.y[where])
    pull = places.weight[where] * (distance + 1.0) ** -exponent
    cumulative = np.cumsum(pull, axis=1)
    return where, cumulative / cumulative[:, -1:]
