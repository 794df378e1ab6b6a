"""The standing of houses and doctors: who owns a house, when its contract rests, and where a doctor is at work.

All of it is drawn before anybody plays, and is the same whether or not rings are planted: a clean town has
suspended houses, owners of several houses and doctors who left, as every town has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gangfinder.synth.catalogue import PlaceKind
from gangfinder.synth.events import DAY, NONE, Events
from gangfinder.synth.people import People
from gangfinder.synth.places import Places
from gangfinder.synth.settings import TownSettings
from gangfinder.synth.streams import Flags, Ints, Streams, spread

OUTSIDERS = 4_000
"""People who are no residents of the town: legal representatives, some doctors and staff."""

FAR = 10**9
"""A day that never comes."""

BY_PARENT, BY_CODE, BY_PERSON = 0, 1, 2
"""What two houses of one owner share in the register: a parent, the credit code, or the legal representative."""

TWO_PLACES, AFTER_EXIT, IN_HOSPITAL = 0, 1, 2
"""Styles of T21."""

_LEAVING = 0.025  # share of hospital doctors who leave within the period

Sites = Mapping[tuple[str, int], Ints]


@dataclass(frozen=True, slots=True)
class Standing:
    """Facts on houses and doctors, as parallel arrays; ``FAR`` and -1 where there is nothing to tell.

    Parameters
    ----------
    suspended_from, suspended_to
        First and last day on which a house's contract is suspended.
    moved_on, moved_to
        Day on which a house closed, and the house that took over from it.
    merged
        Whether the house that took over had been at work before.
    lapsed_from, lapsed_to
        Days without a contract between two contracts; such houses go on working.
    owner, owner_by
        Number of the owner a house shares with others, and what the register shows of it.
    doctor_person
        Person behind each doctor: a resident, or from the number of residents on an outsider.
    left_on
        Day on which a doctor left his house.
    second, second_days
        Second house of a doctor, and the weekdays (bit 0: Monday) he spends there.
    account
        Doctors who are no person but the shared account of a department.
    reads
        Doctors who read images for other houses.
    alike
        Houses, or doctors, of each look-alike, by its kind.
    ring_doctors
        Doctor and style of each T21 ring.
    """

    suspended_from: Ints
    suspended_to: Ints
    moved_on: Ints
    moved_to: Ints
    merged: Flags
    lapsed_from: Ints
    lapsed_to: Ints
    owner: Ints
    owner_by: Ints
    doctor_person: Ints
    left_on: Ints
    second: Ints
    second_days: Ints
    account: Flags
    reads: Flags
    alike: Mapping[str, tuple[Ints, ...]]
    ring_doctors: Mapping[int, tuple[int, int]]

    def settled(self, places: Places) -> Places:
        """Return the places with those that open later: nobody's habit yet, a renamed one where its forerunner was."""
        from dataclasses import replace

        weight, x, y = places.weight.copy(), places.x.copy(), places.y.copy()
        for old in np.flatnonzero((self.moved_to != NONE) & ~self.merged):
            new = self.moved_to[old]
            weight[new], x[new], y[new] = 0.0, x[old], y[old]
        return replace(places, weight=weight, x=x, y=y)

    def absent(self, doctor: Ints, place: Ints, at: Ints, home: Ints, sick: tuple[Ints, Ints, Ints]) -> Flags:
        """Return whether each doctor cannot have been at the place: he left, works elsewhere that day, or is ill."""
        known = np.maximum(doctor, 0)
        day = at // DAY
        weekday = (day + 3) % 7
        elsewhere = (self.second[known] != NONE) & (self.second_days[known] >> weekday & 1 == 1)
        gone = (self.left_on[known] <= day) | (elsewhere & (home == place)) | _ill(known, at, sick)
        return np.asarray(gone & (doctor != NONE), dtype=bool)


_SPAN = 1 << 34


def _ill(doctor: Ints, at: Ints, sick: tuple[Ints, Ints, Ints]) -> Flags:
    """Return whether a doctor lies in hospital himself; intervals of one doctor do not overlap."""
    who, start, end = sick
    if not len(who):
        return np.zeros(len(doctor), dtype=bool)
    begins, ends = who * _SPAN + start, who * _SPAN + end
    order = np.argsort(begins, kind="stable")
    when = doctor.astype(np.int64) * _SPAN + at
    last = np.searchsorted(begins[order], when, side="right") - 1
    return np.asarray((last >= 0) & (ends[order][np.maximum(last, 0)] > when), dtype=bool)


def sick_doctors(doctor_person: Ints, events: Events) -> tuple[Ints, Ints, Ints]:
    """Return when doctors lie in hospital: doctor, first and last second, the days of coming and going included."""
    lying = events.take(np.flatnonzero(events["admitted"] >= 0))
    order = np.argsort(doctor_person, kind="stable")
    at = np.searchsorted(doctor_person[order], lying["patient"])
    found = np.minimum(at, len(order) - 1)
    own = doctor_person[order][found] == lying["patient"]
    lying, doctor = lying.take(own), order[found][own]
    return doctor.astype(np.int64), lying["admitted"] // DAY * DAY, (lying["at"] // DAY + 1) * DAY


def workers(settings: TownSettings, streams: Streams, people: People, places: Places, outsiders: int) -> Ints:
    """Return who stands behind each doctor: mostly residents of working age, who are insured like others."""
    rng = streams.rng("doctors at work")
    size = len(places.doctor_place)
    first = int(np.datetime64(settings.start, "D").astype(np.int64))
    living = people.death_day > first + settings.months * 31
    fit = np.flatnonzero((people.age >= 24) & (people.age < 58) & living & ~people.guest)
    resident = rng.choice(fit, size, replace=size > len(fit))
    outsider = people.count + rng.integers(0, outsiders, size)
    return np.where(rng.random(size) < 0.75, resident, outsider)


@dataclass(slots=True)
class _Draft:
    """What is still being drawn."""

    rng: np.random.Generator
    places: Places
    taken: Flags
    first_day: int
    days: int
    residents: int

    def free(self, count: int, *kinds: PlaceKind, claim: bool = True, desk: bool = False) -> Ints:
        """Return some houses that no group has yet; fewer where fewer are left."""
        found = self.places.of_kind(*kinds)
        found = found[~self.taken[found]]
        if desk:
            found = found[~self.places.shared_login[found] & ~self.places.no_terminal[found]]
        chosen = self.rng.choice(found, min(count, len(found)), replace=False)
        self.taken[chosen] |= claim
        return np.asarray(chosen, dtype=np.int64)

    def day(self, low: float, high: float) -> int:
        """Return a day between two shares of the period."""
        return self.first_day + spread(self.rng, int(low * self.days), int(high * self.days))

    def doctors(self, house: int) -> Ints:
        """Return the doctors of a house, but for the first: he is who makes rounds elsewhere."""
        first, count = int(self.places.doctor_first[house]), int(self.places.doctor_count[house])
        return np.arange(first + 1, first + count)


def make_standing(
    settings: TownSettings, streams: Streams, people: People, places: Places, sites: Sites, taken: Flags, outsiders: int
) -> Standing:
    """Draw the standing of a town's houses and doctors.

    Parameters
    ----------
    settings, streams, people, places
        The town.
    sites
        Sites of the rings, planted or not.
    taken
        Houses that are taken; those of look-alikes are marked.
    outsiders
        How many people are known who do not live in the town.
    """
    first = int(np.datetime64(settings.start, "D").astype(np.int64))
    days = int(settings.months * 30.4)
    draft = _Draft(streams.rng("standing"), places, taken, first, days, people.count)
    n, doctors = places.count, len(places.doctor_place)
    alike: dict[str, tuple[Ints, ...]] = {}
    ring_doctors: dict[int, tuple[int, int]] = {}
    made = Standing(
        suspended_from=np.full(n, FAR),
        suspended_to=np.full(n, FAR),
        moved_on=np.full(n, FAR),
        moved_to=np.full(n, NONE),
        merged=np.zeros(n, dtype=bool),
        lapsed_from=np.full(n, FAR),
        lapsed_to=np.full(n, FAR),
        owner=np.full(n, NONE),
        owner_by=np.full(n, BY_CODE),
        doctor_person=workers(settings, streams, people, places, outsiders),
        left_on=np.full(doctors, FAR),
        second=np.full(doctors, NONE),
        second_days=np.zeros(doctors, dtype=np.int64),
        account=np.zeros(doctors, dtype=bool),
        reads=np.zeros(doctors, dtype=bool),
        alike=alike,
        ring_doctors=ring_doctors,
    )
    _rings(draft, settings, made, sites, ring_doctors)
    for number in range(max(3, settings.lookalikes)):
        _houses(draft, made, alike, number)
        _doctors(draft, made, alike, number)
    _leave(draft, made, sites)
    return made


def _suspend(draft: _Draft, made: Standing, house: int) -> None:
    made.suspended_from[house] = draft.day(0.42, 0.62)
    made.suspended_to[house] = made.suspended_from[house] + spread(draft.rng, 60, 120)


def _rings(
    draft: _Draft, settings: TownSettings, made: Standing, sites: Sites, ring_doctors: dict[int, tuple[int, int]]
) -> None:
    """Draw what is so at the sites of rings whether they are played or not."""
    for (typology, number), houses in sorted(sites.items()):
        if typology == "T12" and (settings.difficulty < 3 or number % 3 == 0):  # the others have straw men
            made.owner[houses] = made.owner.max() + 1
            made.owner_by[houses] = number % 3
        if typology == "T13":
            _suspend(draft, made, int(houses[0]))
        if typology == "T21":
            ring_doctors[number] = _ring_doctor(draft, made, houses, number)


def _ring_doctor(draft: _Draft, made: Standing, houses: Ints, number: int) -> tuple[int, int]:
    """Return the doctor of a T21 ring and its style; a doctor of the smaller staff of the two houses."""
    sizes = draft.places.doctor_count[houses]
    style = number % 3
    house = int(houses[np.argmin(sizes)] if style == TWO_PLACES else houses[np.argmax(sizes)])
    own = int(draft.places.doctor_first[house])
    staff = np.arange(own, own + int(draft.places.doctor_count[house]))
    if style == AFTER_EXIT and len(staff) < 2:
        style = TWO_PLACES
    resident = staff[made.doctor_person[staff] < draft.residents]
    doctor = int(draft.rng.choice(resident if len(resident) else staff))
    if style == IN_HOSPITAL and not len(resident):
        style = TWO_PLACES
    if style == AFTER_EXIT:
        made.left_on[doctor] = draft.day(0.3, 0.5)
    return doctor, style


def _houses(draft: _Draft, made: Standing, alike: dict[str, tuple[Ints, ...]], number: int) -> None:
    """Draw one house of each look-alike: suspended, moved, lapsed, of a consortium, of a chain."""

    def add(kind: str, houses: Ints) -> None:
        alike[kind] = (*alike.get(kind, ()), houses)

    kind = PlaceKind.PHARMACY if number % 2 == 0 else PlaceKind.CLINIC
    for house in draft.free(1, kind):
        _suspend(draft, made, int(house))
        add("suspended_house", np.array([house]))
    pair = draft.free(2, PlaceKind.CLINIC if number % 2 == 0 else PlaceKind.PHARMACY)
    if len(pair) == 2:
        made.moved_on[pair[0]], made.moved_to[pair[0]] = draft.day(0.35, 0.65), pair[1]
        made.merged[pair[0]] = number % 3 == 1
        _own(made, pair, number)
        add("moved_house", pair)
    for house in draft.free(1, PlaceKind.PHARMACY, PlaceKind.CLINIC, PlaceKind.SMALL, claim=False):
        made.lapsed_from[house] = draft.day(0.2, 0.7)
        made.lapsed_to[house] = made.lapsed_from[house] + spread(draft.rng, 8, 45)
        add("late_renewal", np.array([house]))
    lead = draft.free(1, PlaceKind.LARGE, PlaceKind.SMALL, claim=False)
    branch = draft.free(spread(draft.rng, 1, 2), PlaceKind.TOWNSHIP, claim=False)
    consortium = np.concatenate([lead[made.owner[lead] == NONE], branch[made.owner[branch] == NONE]])
    if len(consortium) >= 2:
        _own(made, consortium, number)
    add("consortium", np.concatenate([lead, branch]))
    chain = draft.free(3, PlaceKind.PHARMACY, claim=False, desk=True)
    hospitals = draft.free(2, PlaceKind.SMALL, claim=False)
    for own in (chain, hospitals):
        _own(made, own[made.owner[own] == NONE], number)
    add("central_server", chain)
    add("private_chain", hospitals)


def _own(made: Standing, houses: Ints, number: int) -> None:
    made.owner[houses] = made.owner.max() + 1
    made.owner_by[houses] = number % 3


def _doctors(draft: _Draft, made: Standing, alike: dict[str, tuple[Ints, ...]], number: int) -> None:
    """Draw one doctor of each look-alike: at two houses, reading for others, and an account that is nobody."""
    house, clinic = _two_houses(draft)
    for kind, share in (("multi_site_doctor", 0), ("reading_centre", 1), ("department_account", 2)):
        staff = draft.doctors(house)
        staff = staff[(made.second[staff] == NONE) & ~made.account[staff] & ~made.reads[staff]]
        if not len(staff):
            continue
        doctor = int(draft.rng.choice(staff))
        if share == 0:
            made.second[doctor] = clinic
            made.second_days[doctor] = 1 << spread(draft.rng, 0, 1) | 1 << spread(draft.rng, 2, 4)
        made.reads[doctor] |= share == 1
        made.account[doctor] |= share == 2
        alike[kind] = (*alike.get(kind, ()), np.array([doctor]))


def _two_houses(draft: _Draft) -> tuple[int, int]:
    """Return a hospital and another house that a doctor of it may serve."""
    while True:
        house = draft.free(1, PlaceKind.SMALL, PlaceKind.TOWNSHIP, claim=False)
        clinic = draft.free(1, PlaceKind.CLINIC, PlaceKind.TOWNSHIP, claim=False)
        if house[0] != clinic[0]:
            return int(house[0]), int(clinic[0])


def _leave(draft: _Draft, made: Standing, sites: Sites) -> None:
    """Draw the doctors who leave a hospital; none at the sites of rings, where others are named by their number."""
    places = draft.places
    ringed = np.zeros(places.count, dtype=bool)
    for houses in sites.values():
        ringed[houses] = True
    home = places.doctor_place
    rank = np.arange(len(home)) - places.doctor_first[home]
    special = made.account | made.reads | (made.second != NONE)
    fit = (places.doctor_count[home] >= 5) & (rank > 0) & ~ringed[home] & ~special
    going = np.flatnonzero(fit & (draft.rng.random(len(home)) < _LEAVING))
    made.left_on[going] = draft.first_day + draft.rng.integers(30, max(draft.days - 20, 31), len(going))
