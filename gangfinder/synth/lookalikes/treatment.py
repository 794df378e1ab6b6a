"""Serial treatment and care homes: people whom an illness, not a plan, brings together."""

from __future__ import annotations

import numpy as np

from gangfinder.synth.casting import Part, Scene, recruit, villagers
from gangfinder.synth.catalogue import DEPARTMENT, DIAGNOSIS, STAY_DAILY, Kind, PlaceKind
from gangfinder.synth.events import DAY, Events
from gangfinder.synth.ordinary import length_of_stay, stay_events, stay_rate
from gangfinder.synth.streams import Flags, Ints, spread


def _sick(scene: Scene, years: int) -> Flags:
    return np.asarray(scene.alive & (scene.world.people.age >= years))


def _house(scene: Scene, rng: np.random.Generator, *kinds: PlaceKind) -> int:
    """Return a house that no ring is at, by its size."""
    world = scene.world
    free = world.places.of_kind(*kinds)
    free = free[~world.seats.place_taken[free]]
    pull = world.places.weight[free]
    return int(rng.choice(free, p=pull / pull.sum()))


def dialysis(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one dialysis shift: the same patients three times a week, all year."""
    world = scene.world
    site = _house(scene, rng, PlaceKind.LARGE, PlaceKind.SMALL, PlaceKind.TOWNSHIP)
    patients = recruit(scene, rng, spread(rng, 6, 13), _sick(scene, 40))
    days = np.arange(world.first_day, world.first_day + world.days)
    shift_days = days[np.isin((days + 3) % 7, (0, 2, 4) if number % 2 == 0 else (1, 3, 5))]
    hour = (7.6, 12.6, 17.2)[number // 2 % 3]
    date, person = np.nonzero(rng.random((len(shift_days), len(patients))) < 0.97)
    usual = rng.normal(0, 600, len(patients))
    at = shift_days[date] * DAY + (hour * 3600 + usual[person] + rng.normal(0, 420, len(date))).astype(np.int64)
    events = Events.of(
        patient=patients[person], place=site, at=at, kind=int(Kind.DIALYSIS), diagnosis=DIAGNOSIS["N18.001"]
    )
    return Part("dialysis", patients, events)


def chemotherapy(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one cohort in chemotherapy: a short stay every three weeks, several starting on the same day."""
    world = scene.world
    site = _house(scene, rng, PlaceKind.LARGE, PlaceKind.SMALL)
    patients = recruit(scene, rng, spread(rng, 4, 10), _sick(scene, 35))
    cycles = min(spread(rng, 5, 8), world.days // 22)
    first = world.first_day + spread(rng, 0, max(world.days - cycles * 21 - 6, 1))
    begin = first + rng.choice(np.array([0, 0, 0, 1, 7]), len(patients))
    cycle, person = np.nonzero(rng.random((cycles, len(patients))) < 0.96)
    days = begin[person] + 21 * cycle + rng.integers(0, 2, len(cycle))
    events = stay_events(
        rng,
        patients[person],
        np.full(len(cycle), site),
        days,
        rng.integers(3, 5, len(cycle)),
        ward=DEPARTMENT["肿瘤科"],
        diagnosis=DIAGNOSIS[("C34.900", "C50.900")[number % 2]],
    )
    return Part("chemotherapy", patients, events)


def psychiatric_stay(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one ward of long stays whose bills are cut off at the end of every second month for everybody."""
    world = scene.world
    site = int(rng.choice(world.places.of_kind(PlaceKind.PSYCHIATRIC)))
    patients = recruit(scene, rng, spread(rng, 10, 24), _sick(scene, 18))
    months = np.datetime64(world.settings.start, "M") + np.arange(0, world.settings.months + 1, 2 if number % 2 else 3)
    cut = months.astype("datetime64[D]").astype(np.int64)
    came = rng.integers(0, max(len(cut) - 2, 1), len(patients))
    left = came + rng.integers(1, len(cut), len(patients))
    period, person = np.nonzero(np.ones((len(cut) - 1, len(patients)), dtype=bool))
    there = (period >= came[person]) & (period < left[person])
    period, person = period[there], person[there]
    begin = cut[period] * DAY + 9 * 3600 + rng.integers(0, 3600, len(period))
    end = cut[period + 1] * DAY + 8 * 3600 + rng.integers(-900, 3500, len(period))
    end = np.minimum(end, (world.first_day + world.days) * DAY - rng.integers(3600, 9 * 3600, len(period)))
    events = Events.of(
        patient=patients[person],
        place=site,
        at=end,
        admitted=begin,
        kind=int(Kind.STAY),
        ward=DEPARTMENT["精神科"],
        diagnosis=DIAGNOSIS["F20.900"],
    )
    return Part("psychiatric_stay", patients, events)


def rehabilitation(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one rehabilitation class: sessions on most weekdays of some weeks, at the same hour."""
    world = scene.world
    site = _house(scene, rng, PlaceKind.LARGE, PlaceKind.SMALL, PlaceKind.TOWNSHIP, PlaceKind.CLINIC)
    patients = recruit(scene, rng, spread(rng, 5, 12), _sick(scene, 45))
    first = world.first_day + spread(rng, 0, max(world.days - 60, 1))
    days = np.arange(first, first + spread(rng, 28, 50))
    days = days[(days + 3) % 7 < 5]
    date, person = np.nonzero(rng.random((len(days), len(patients))) < 0.85)
    hour = rng.choice(np.array([8.5, 9.5, 14.5, 15.5]))
    at = days[date] * DAY + (hour * 3600 + rng.normal(0, 700, len(date))).astype(np.int64)
    events = Events.of(
        patient=patients[person],
        place=site,
        at=at,
        kind=int(Kind.REHAB),
        ward=DEPARTMENT["康复科"],
        diagnosis=DIAGNOSIS["I63.900"],
    )
    return Part("rehabilitation", patients, events)


def house_staff(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play the doctors of one hospital as its patients: joint mornings, an illness between shifts, now and then a bed.

    They are in no other group, so who is cast for others stays the same.
    """
    world = scene.world
    site, staff = _large_staff(scene, number)
    mornings = rng.choice(np.unique(world.open_days(pharmacy=False)), 2, replace=False)
    date, person = np.nonzero(rng.random((2, len(staff))) < 0.8)
    at = mornings[date] * DAY + 8 * 3600 + rng.integers(0, 2 * 3600, len(date))
    joint = Events.of(patient=staff[person], place=site, at=at, kind=int(Kind.OUTPATIENT))
    who = np.repeat(staff, rng.poisson(3.0 * world.days / 365, len(staff)))
    days = rng.choice(world.open_days(pharmacy=False), len(who))
    ill = world.visits(rng, who, np.full(len(who), site), days)
    lying = staff[rng.random(len(staff)) < stay_rate(world)[staff] * world.days / 365]
    nights = np.clip(length_of_stay(rng, len(lying)), 2, 15)
    level = STAY_DAILY[world.places.kind[site]] * nights**0.85
    beds = stay_events(
        rng, lying, np.full(len(lying), site), world.first_day + rng.integers(0, max(world.days - 20, 1), len(lying)),
        nights, cost=np.round(level * np.exp(rng.normal(-0.12, 0.5, len(lying))), 2),
    )
    return Part("house_staff", staff, Events.joined([joint, ill, beds]))


def _large_staff(scene: Scene, number: int) -> tuple[int, Ints]:
    """Return one of the hospitals with the largest staff that no ring is at, and up to forty doctors who live here."""
    world = scene.world
    person, place = world.standing.doctor_person, world.places.doctor_place
    hospitals = world.places.of_kind(PlaceKind.LARGE, PlaceKind.SMALL)
    hospitals = hospitals[~world.seats.place_taken[hospitals]]
    local = np.flatnonzero((person < world.people.count) & np.isin(place, hospitals))
    local = local[scene.alive[person[local]] & ~world.people.guest[person[local]]]
    sizes = np.bincount(place[local], minlength=world.places.count)
    largest = np.argsort(-sizes, kind="stable")
    chosen = int(largest[number % max(1, int(np.count_nonzero(sizes >= 8)))])
    return chosen, np.unique(person[local[place[local] == chosen]])[:40]


def care_home(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one care home: residents at one address and phone, seen by one doctor on his rounds."""
    world = scene.world
    residents = recruit(scene, rng, spread(rng, 20, min(100, max(24, world.people.count // 400))), _sick(scene, 68))
    world.marks.home[residents] = number
    clinics = world.places.of_kind(PlaceKind.CLINIC, PlaceKind.TOWNSHIP)
    site = int(world.near(int(world.people.village[residents[0]]), clinics[~world.seats.place_taken[clinics]], 1)[0])
    world.seats.claim_places(np.array([site]))
    doctor = int(world.places.doctor_first[site])
    rounds = np.arange(world.first_day + spread(rng, 0, 6), world.first_day + world.days, int(rng.choice([7, 14])))
    date, person = np.nonzero(rng.random((len(rounds), len(residents))) < rng.uniform(0.35, 0.7))
    start = rounds * DAY + int(rng.choice([8, 9, 14])) * 3600 + rng.integers(0, 1800, len(rounds))
    room = np.cumsum(rng.integers(60, 240, len(residents)))
    at = start[date] + room[person] + rng.integers(-30, 30, len(date))
    refill = rng.random(len(date)) < 0.6
    events = Events.of(
        patient=residents[person],
        place=site,
        at=at,
        doctor=doctor,
        kind=np.where(refill, int(Kind.CHRONIC), int(Kind.OUTPATIENT)),
        basket=np.where(refill, world.people.chronic_basket[residents[person]], -1),
    )
    return Part("care_home", residents, events)


def village_of(scene: Scene, rng: np.random.Generator, size: int, years: int = 0) -> Ints:
    """Cast people of one village."""
    return villagers(scene, rng, size, np.asarray(scene.world.people.age >= years))
