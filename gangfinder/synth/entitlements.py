"""Chronic-disease entitlement: who is found ill in the year, by which hospital's expert, and files for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gangfinder.synth.catalogue import DIAGNOSIS, Kind, PlaceKind
from gangfinder.synth.events import DAY, Events
from gangfinder.synth.ordinary import Habits, pick
from gangfinder.synth.streams import Flags, Ints
from gangfinder.synth.world import World

DISEASES = ("I10.x00", "E11.900", "J44.100", "I25.103", "I63.900", "F20.900", "C34.900", "N18.001")
"""Diseases that entitle."""

COMMON_DISEASES = 5
"""The first so many of them are certified at every hospital, the others by one expert of the county."""

LONG_KNOWN = 4
"""Those who have long been ill have the first so many of them."""

EXPERTS = 3  # doctors of a hospital who may certify

_ELSEWHERE = 0.06  # found ill where the fund does not see it


@dataclass(frozen=True, slots=True)
class FoundIll:
    """Residents found ill in the year, as parallel arrays.

    Parameters
    ----------
    who, place, doctor, disease
        Person, certifying hospital, its expert, position in ``DISEASES``.
    found, filed
        Days since 1970: of the visit at which it was found, and of the filing.
    seen
        Whether the fund paid for that visit.
    """

    who: Ints
    place: Ints
    doctor: Ints
    disease: Ints
    found: Ints
    filed: Ints
    seen: Flags


def found_ill(world: World, habits: Habits) -> FoundIll:
    """Return who is found ill in the year."""
    rng = world.streams.rng("found ill")
    people = world.people
    who = np.flatnonzero(people.chronic & (rng.random(people.count) < 0.22) & world.living())
    size = len(who)
    place = pick(rng, habits.hospital, who)
    found = world.first_day + rng.integers(0, max(world.days - 30, 1), size)
    filed = found + rng.integers(0, 26, size)
    seen = rng.random(size) >= _ELSEWHERE
    return FoundIll(who, place, experts(rng, world, place), rng.integers(0, COMMON_DISEASES, size), found, filed, seen)


def experts(rng: np.random.Generator, world: World, place: Ints) -> Ints:
    """Return one of the doctors of each hospital who may certify."""
    few = np.minimum(world.places.doctor_count[place], EXPERTS)
    return np.asarray(world.places.doctor_first[place] + (rng.random(len(place)) * few).astype(np.int64))


def migrating(world: World) -> Ints:
    """Return the hospitals at which no ring is that enter old records without a doctor's name: one in five."""
    taken = np.concatenate([np.empty(0, dtype=np.int64), *world.ring_sites.values()])
    houses = world.places.of_kind(PlaceKind.LARGE, PlaceKind.SMALL, PlaceKind.TOWNSHIP)
    free = houses[~np.isin(houses, taken)]
    free = free if len(free) else houses
    return world.streams.shared("migrating houses").choice(free, max(1, len(free) // 5), replace=False)


def diagnoses(world: World, habits: Habits) -> Events:
    """Return the visits at which residents are found ill."""
    ill = found_ill(world, habits)
    rows = np.flatnonzero(ill.seen)
    return first_visits(world, world.streams.rng("first visits"), ill.who[rows], ill.place[rows], ill.found[rows],
                        ill.disease[rows])


def first_visits(
    world: World, rng: np.random.Generator, who: Ints, place: Ints, days: Ints, disease: Ints
) -> Events:
    """Return hospital visits with the diagnosis of a disease that entitles."""
    codes = np.array([DIAGNOSIS[code] for code in DISEASES])
    last = world.first_day + world.days - 1
    return world.visits(
        rng, who, place, np.clip(days, world.first_day, last), kind=int(Kind.OUTPATIENT), diagnosis=codes[disease]
    )


def office_hours(rng: np.random.Generator, days: Ints) -> Ints:
    """Return instants on the days while the window is open, in seconds since 1970."""
    return np.asarray(days * DAY + rng.integers(8 * 3600, 17 * 3600, len(days)), dtype=np.int64)
