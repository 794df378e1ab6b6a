"""Prescriptions of what pharmacies sell: decided by one rule for all sales, blind to who planned them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from gangfinder.synth.catalogue import DEPARTMENT_DIAGNOSES, DIAGNOSES, Kind, PlaceKind
from gangfinder.synth.columns import as_table, blank, instants, joined, pick_from, words
from gangfinder.synth.events import DAY, NONE, Events
from gangfinder.synth.idents import opaque
from gangfinder.synth.names import Names
from gangfinder.synth.special import dual_channel
from gangfinder.synth.streams import Flags, Floats, Ints
from gangfinder.synth.world import World

PRESENT, ONLINE, FIRST, LONG, PAPER, RENEWAL = 1, 2, 4, 8, 16, 32
"""Flags of a prescription, as the column ``rx`` of conduct holds them."""

FORGED = -10
"""Prescribers from here down to ``ELSEWHERE`` stand in no register, and no house answers for them."""

ELSEWHERE = -100_000
"""Prescribers from here down are doctors of houses outside the town, which keep registers of their own."""

_ONLINE_DOCTORS = 3
_HOUSES_ELSEWHERE = 9
_CHAIN_DAYS = 200


@dataclass(frozen=True, slots=True)
class Scripts:
    """Prescriptions as parallel arrays.

    Parameters
    ----------
    event
        Position of the sale among the events.
    flags
        See ``PRESENT`` and the others.
    doctor
        Prescriber: a number of the register, or a code from ``FORGED`` down.
    house
        Where he prescribes, -1 for nowhere; numbers behind the town's places are houses elsewhere.
    visited, issued, checked
        Seconds since 1970.
    diagnosis
        Position in ``DIAGNOSES``.
    renews
        Position of the prescription that is renewed, among these; -1 for none.
    ids
        ``prescription_id`` by event.
    """

    event: Ints
    flags: Ints
    doctor: Ints
    house: Ints
    visited: Ints
    issued: Ints
    checked: Ints
    diagnosis: Ints
    renews: Ints
    ids: pa.Array

    def by_event(self, events: int) -> Ints:
        """Return the position in ``ids`` for each event, -1 where it has no prescription."""
        out = np.full(events, NONE, dtype=np.int64)
        out[self.event] = self.event
        return out


def make_scripts(world: World, events: Events, baskets: Ints) -> Scripts:
    """Decide the prescriptions of all sales at pharmacies.

    Parameters
    ----------
    world, events
        The town and its conduct.
    baskets
        What is sold, by event.
    """
    rng = world.streams.rng("prescriptions")
    key = int(rng.integers(1, 2**62))
    sold = np.flatnonzero(np.isin(events["kind"], [Kind.PHARMACY, Kind.SPECIAL]))
    flags = _flags(rng, world, events, sold, baskets[sold])
    doctor, house = _prescribers(rng, world, events, sold, flags)
    lead = _leads(rng, events, sold, flags)
    issued = events["at"][sold] - lead
    there = (flags & PRESENT) > 0
    renews = _renewals(events, sold, baskets[sold], flags, doctor, issued)
    consult = _consults(rng, events, sold, flags, renews != NONE)
    consult = np.where(np.isin(house, stamping(world)), rng.integers(0, 9, len(sold)), consult)
    checked = np.where(lead > 120, events["at"][sold] - rng.integers(30, 110, len(sold)), issued + 25)
    diagnosis = _diagnosed(rng, world, doctor)
    position = np.cumsum(there) - 1
    kept = np.flatnonzero(there)
    renews = np.where(renews[kept] != NONE, position[np.maximum(renews[kept], 0)], NONE)
    return Scripts(
        sold[kept], flags[kept], doctor[kept], house[kept], (issued - consult)[kept], issued[kept], checked[kept],
        diagnosis[kept], renews, opaque(len(events), key, "RX"),
    )


def silent(world: World) -> Flags:
    """Return which pharmacies' software sends no numbers of prescriptions, by place."""
    drawn: Flags = world.streams.shared("prescription numbers").random(world.places.count) < 0.06
    drawn[dual_channel(world)] = False
    for (typology, _), sites in world.ring_sites.items():
        if typology == "T14":
            drawn[sites] = False
    return drawn


def stamping(world: World) -> Ints:
    """Return the houses whose software writes the hour of the visit when the prescription is saved."""
    places = world.places
    houses = places.of_kind(PlaceKind.TOWNSHIP, PlaceKind.SMALL)
    taken = np.zeros(places.count, dtype=bool)
    for sites in world.ring_sites.values():
        taken[sites] = True
    free = houses[~taken[houses]]
    size = min(len(free) // 2, max(3, world.settings.lookalikes))
    return world.streams.shared("stamping houses").choice(free, size, replace=False)


def _flags(rng: np.random.Generator, world: World, events: Events, sold: Ints, basket: Ints) -> Ints:
    """Return the flags of each sale, 0 where it needs no prescription."""
    people, who, size = world.people, events["patient"][sold], len(sold)
    special = events["kind"][sold] == Kind.SPECIAL
    usual = people.chronic[who] & (basket == people.chronic_basket[who])
    has = rng.random(size) < np.select([special, usual], [0.985, 0.75], 0.3)
    online = rng.random(size) < np.where(special, 0.02, 0.15)
    first = rng.random(size) < np.where(online, 0.012, 0.25)
    lasting = (special | usual) & (rng.random(size) < 0.6)
    paper = ~online & (rng.random(size) < 0.08)
    drawn = has * (PRESENT + online * ONLINE + first * FIRST + lasting * LONG + paper * PAPER)
    given = events["rx"][sold].astype(np.int64)
    chosen = np.where(given != NONE, given, drawn)
    return np.where(silent(world)[events["place"][sold]], 0, chosen)


def _prescribers(
    rng: np.random.Generator, world: World, events: Events, sold: Ints, flags: Ints
) -> tuple[Ints, Ints]:
    """Return prescriber and house: the family's doctor, some doctor near the shop, or one who works online."""
    places, who = world.places, events["patient"][sold].astype(np.int64)
    stable = world.streams.shared("family doctors").random((2, world.people.count))
    fresh = rng.random((2, len(sold)))
    lasting = (flags & LONG) > 0
    at, skew = np.where(lasting, stable[0, who], fresh[0]), np.where(lasting, stable[1, who], fresh[1])
    online = (flags & ONLINE) > 0
    hospitals = places.of_kind(PlaceKind.LARGE, PlaceKind.SMALL)
    wide = online | (events["kind"][sold] == Kind.SPECIAL)
    pull = np.cumsum(places.weight[hospitals])
    house = np.where(
        wide,
        hospitals[np.minimum(np.searchsorted(pull, at * pull[-1], side="right"), len(hospitals) - 1)],
        _near(world, events["place"][sold].astype(np.int64), at),
    )
    span = np.where(online, np.minimum(places.doctor_count[house], _ONLINE_DOCTORS), places.doctor_count[house])
    drawn = places.doctor_first[house] + (skew**1.8 * span).astype(np.int64)
    given = events["doctor"][sold].astype(np.int64)
    doctor = np.where(given != NONE, given, drawn)
    own = np.where(doctor >= 0, places.doctor_place[np.maximum(doctor, 0)], NONE)
    return doctor, np.where(doctor <= ELSEWHERE, places.count + (ELSEWHERE - doctor) % _HOUSES_ELSEWHERE, own)


def _near(world: World, shops: Ints, at: Floats) -> Ints:
    """Return a house with doctors near each shop; ``at`` is the uniform number that chooses."""
    places = world.places
    houses = places.of_kind(PlaceKind.LARGE, PlaceKind.SMALL, PlaceKind.TOWNSHIP, PlaceKind.CLINIC)
    own, row = np.unique(shops, return_inverse=True)
    gap = np.hypot(places.x[own][:, None] - places.x[houses], places.y[own][:, None] - places.y[houses])
    pull = np.cumsum(places.weight[houses] * (gap + 1.0) ** -1.4, axis=1)
    if not len(own):
        return shops
    # each row is lifted by its number, so that one search serves all (see ``streams.draw_rows``)
    lifted = (pull / pull[:, -1:] + np.arange(len(own))[:, None]).ravel()
    found = np.searchsorted(lifted, row + at * (1 - 1e-9), side="right")
    return np.asarray(houses[np.clip(found - row * len(houses), 0, len(houses) - 1)])


def _leads(rng: np.random.Generator, events: Events, sold: Ints, flags: Ints) -> Ints:
    """Return seconds from prescription to sale: hours or days; now and then a clock is wrong."""
    size = len(sold)
    soon = rng.integers(900, 10_000, size)
    later = rng.integers(1, 3, size) * DAY + rng.integers(-9_000, 9_000, size)
    lead = np.where(rng.random(size) < np.where(flags & ONLINE, 0.9, 0.55), soon, later)
    lead = np.where(rng.random(size) < 0.004, -rng.integers(20, 900, size), lead)
    given = events["lead"][sold].astype(np.int64)
    return np.where(given != NONE, given, lead)


def _consults(rng: np.random.Generator, events: Events, sold: Ints, flags: Ints, renewed: Flags) -> Ints:
    """Return seconds from the visit to the prescription: minutes; seconds for a renewal."""
    size = len(sold)
    middle = np.where(flags & ONLINE, 150.0, 330.0)
    seconds = 62 + middle * np.exp(rng.normal(0, 0.6, size)) * 0.7
    seconds = np.where(renewed, rng.integers(4, 90, size), seconds)
    seconds = np.where(rng.random(size) < 0.004, rng.integers(1, 60, size), seconds)
    given = events["consult"][sold].astype(np.int64)
    return np.where(given != NONE, given, np.minimum(seconds, 7_200)).astype(np.int64)


def _renewals(
    events: Events, sold: Ints, basket: Ints, flags: Ints, doctor: Ints, issued: Ints
) -> Ints:
    """Return which sale's prescription each one renews: the first of the same doctor's for the same basket."""
    lasting = np.flatnonzero((flags & (PRESENT | LONG)) == (PRESENT | LONG))
    order = lasting[np.lexsort((issued[lasting], basket[lasting], doctor[lasting], events["patient"][sold][lasting]))]
    who = np.stack([events["patient"][sold][order], doctor[order], basket[order]])
    fresh = np.ones(len(order), dtype=bool)
    fresh[1:] = (who[:, 1:] != who[:, :-1]).any(axis=0)
    first = order[np.maximum.accumulate(np.where(fresh, np.arange(len(order)), 0))] if len(order) else order
    out = np.full(len(sold), NONE, dtype=np.int64)
    near = issued[order] - issued[first] <= _CHAIN_DAYS * DAY
    out[order] = np.where(~fresh & near, first, NONE)
    return out


def _diagnosed(rng: np.random.Generator, world: World, doctor: Ints) -> Ints:
    """Return a diagnosis of the prescriber's department."""
    width = max(len(codes) for codes in DEPARTMENT_DIAGNOSES)
    table = np.array([[codes[i % len(codes)] for i in range(width)] for codes in DEPARTMENT_DIAGNOSES])
    ward = np.where(doctor >= 0, world.places.doctor_ward[np.maximum(doctor, 0)], 0)
    return np.asarray(table[ward, np.floor(rng.random(len(doctor)) ** 1.4 * width).astype(np.int64)])


def script_table(world: World, names: Names, events: Events, scripts: Scripts, kept: Flags) -> pa.Table:
    """Write the prescriptions of the sales that are kept.

    Parameters
    ----------
    world, names, events, scripts
        The town, its conduct and the prescriptions decided.
    kept
        Which events are written.
    """
    s, rows = scripts, np.flatnonzero(kept[scripts.event])
    event = s.event[rows]
    flag = {name: (s.flags[rows] & bit) > 0 for name, bit in
            (("online", ONLINE), ("first_visit", FIRST), ("long_term", LONG), ("paper", PAPER))}
    place = events["place"][event]
    clerk = world.streams.shared("pharmacists").integers(1, 4, world.places.count)[place]
    shift = (s.checked[rows] // DAY + place) % clerk
    first = s.renews[rows]
    # a renewal of a prescription that is not written any more names none
    first = np.where((first != NONE) & kept[s.event[np.maximum(first, 0)]], first, NONE)
    return as_table("prescriptions", {
        "prescription_id": s.ids.take(pa.array(event)),
        "doctor_id": _doctor_ids(names, s.doctor[rows]),
        "patient_id": names.patients.take(pa.array(events["patient"][event].astype(np.int64))),
        "issued_at": instants(s.issued[rows]),
        "institution_id": pick_from(_houses(names), s.house[rows]),
        "pharmacy_id": names.places.take(pa.array(place.astype(np.int64))),
        "pharmacist_id": joined("HY990101", words(1_000 + place.astype(np.int64) * 4 + shift)),
        "visited_at": blank(instants(s.visited[rows]), flag["paper"]),
        "checked_at": instants(s.checked[rows]),
        "diagnosis_code": pick_from(DIAGNOSES, s.diagnosis[rows]),
        "renewal_of": pick_from(s.ids, np.where(first != NONE, s.event[np.maximum(first, 0)], NONE)),
        "dual_channel": events["kind"][event] == Kind.SPECIAL,
        **flag,
    })


def _houses(names: Names) -> pa.Array:
    """Return the numbers of all houses, and behind them of some that the town knows only from prescriptions."""
    return pa.concat_arrays([names.places, joined("H995200", words(90_001 + np.arange(_HOUSES_ELSEWHERE)))])


def _doctor_ids(names: Names, doctor: Ints) -> pa.Array:
    """Return the numbers of prescribers, those of no register included."""
    forged = joined("D990101", words(700_000 + np.clip(FORGED - doctor, 0, 99_999)))
    elsewhere = joined("D995100", words(100_000 + np.maximum(ELSEWHERE - doctor, 0)))
    pool = pa.concat_arrays([names.doctors, forged, elsewhere])
    n, at = len(names.doctors), np.arange(len(doctor))
    return pick_from(pool, np.select([doctor >= 0, doctor > ELSEWHERE], [doctor, n + at], n + len(doctor) + at))
