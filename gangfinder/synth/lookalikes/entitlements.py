"""Doctors and clerks through whose hands many entitlements go because it is their task."""

from __future__ import annotations

import numpy as np

from gangfinder.synth.casting import Part, Scene, recruit, villagers
from gangfinder.synth.catalogue import Kind, PlaceKind
from gangfinder.synth.entitlements import COMMON_DISEASES, LONG_KNOWN, experts, first_visits, migrating, office_hours
from gangfinder.synth.events import DAY, NONE, Events
from gangfinder.synth.ledgers.filings import Filings
from gangfinder.synth.ordinary import pick
from gangfinder.synth.streams import Ints, spread


def _hospital(scene: Scene, rng: np.random.Generator, *kinds: PlaceKind) -> tuple[int, int]:
    """Return a hospital at which no ring is, and one of its experts."""
    world = scene.world
    houses = world.places.of_kind(*kinds)
    free = houses[~world.seats.place_taken[houses]]
    house = int(rng.choice(free if len(free) else houses))
    return house, int(experts(rng, world, np.array([house]))[0])


def _refills(scene: Scene, rng: np.random.Generator, who: Ints, since: Ints) -> Events:
    """Return what each fetches at his own places after filing."""
    world = scene.world
    times = np.repeat(np.arange(len(who)), rng.integers(3, 8, len(who)))
    days = since[times] + rng.integers(2, max(world.days // 2, 30), len(times))
    inside = days < world.first_day + world.days
    person, days = who[times[inside]], days[inside]
    shop = rng.random(len(person)) < 0.4
    where = np.where(shop, pick(rng, scene.habits.pharmacy, person), pick(rng, scene.habits.clinic, person))
    kind = np.where(shop, int(Kind.PHARMACY), int(Kind.CHRONIC))
    return world.visits(rng, person, where, days, kind=kind, basket=world.people.chronic_basket[person])


def _filing_days(scene: Scene, rng: np.random.Generator, size: int) -> Ints:
    world = scene.world
    begin = min(100, world.days // 3)
    return world.first_day + rng.integers(begin, max(world.days - 20, begin + 1), size)


def sole_expert(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play the county's only expert of one disease; many come to him from hospitals the fund does not see."""
    house, doctor = _hospital(scene, rng, PlaceKind.LARGE, PlaceKind.SMALL)
    who = recruit(scene, rng, spread(rng, 35, 70), scene.alive & (scene.world.people.age >= 25))
    days = _filing_days(scene, rng, len(who))
    disease = np.full(len(who), COMMON_DISEASES + number % 3)
    seen = np.flatnonzero(rng.random(len(who)) < 0.75)
    shown = first_visits(
        scene.world, rng, who[seen], np.full(len(seen), house), days[seen] - rng.integers(1, 40, len(seen)),
        disease[seen],
    )
    filings = Filings.of(patient=who, filed=office_hours(rng, days), disease=disease, doctor=doctor, place=house)
    events = Events.joined([shown, _refills(scene, rng, who, days)])
    return Part("sole_expert", who, events, doctors=np.array([doctor]), more={"filings": filings})


def mass_recertification(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one hospital that certifies its whole register anew in two days of the autumn."""
    world = scene.world
    house, doctor = _hospital(scene, rng, PlaceKind.LARGE, PlaceKind.SMALL, PlaceKind.TOWNSHIP)
    who = recruit(scene, rng, spread(rng, 35, 80), scene.alive & (world.people.age >= 40))
    days = world.first_day + int(world.days * rng.uniform(0.8, 0.9)) + rng.integers(0, 2, len(who))
    disease = rng.integers(0, LONG_KNOWN, len(who))
    again = np.flatnonzero(rng.random(len(who)) < 0.7)
    before = Filings.of(
        patient=who[again], filed=office_hours(rng, days[again] - rng.integers(350, 1_200, len(again))),
        disease=disease[again], doctor=doctor, place=house,
    )
    anew = Filings.of(patient=who, filed=office_hours(rng, days), disease=disease, doctor=doctor, place=house)
    return Part(
        "mass_recertification", who, _refills(scene, rng, who, np.full(len(who), world.first_day)),
        doctors=np.array([doctor]), more={"filings": Filings.joined([before, anew])},
    )


def record_migration(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one hospital whose old records are entered in minutes, by night or day, without a doctor's name."""
    world = scene.world
    house = int(rng.choice(migrating(world)))
    who = recruit(scene, rng, spread(rng, 30, 70), scene.alive & (world.people.age >= 35))
    days = np.full(len(who), world.first_day + int(world.days * rng.uniform(0.35, 0.7)))
    hour = 2 if rng.random() < 0.5 else int(rng.integers(8, 17))
    filings = Filings.of(
        patient=who, filed=days * DAY + hour * 3600 + rng.integers(0, 900, len(who)), doctor=NONE, place=house,
        disease=rng.integers(0, LONG_KNOWN, len(who)),
    )
    return Part("record_migration", who, _refills(scene, rng, who, days), more={"filings": filings})


def village_filer(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one village clerk who files for villagers found ill at the township's hospital; all fetch at one clinic."""
    world = scene.world
    house, doctor = _hospital(scene, rng, PlaceKind.TOWNSHIP)
    folk = villagers(scene, rng, spread(rng, 9, 18), np.asarray(world.people.age >= 40))
    if not len(folk):
        return Part("village_filer", folk)
    clerk = recruit(scene, rng, 1, scene.alive & (world.people.village == world.people.village[folk[0]]))
    days = _filing_days(scene, rng, len(folk))
    disease = rng.integers(0, LONG_KNOWN, len(folk))
    seen = np.flatnonzero(rng.random(len(folk)) < 0.88)
    shown = first_visits(
        world, rng, folk[seen], np.full(len(seen), house), days[seen] - rng.integers(1, 30, len(seen)), disease[seen]
    )
    clinic = np.full(len(folk), scene.habits.clinic[folk[0], 0])
    times = np.repeat(np.arange(len(folk)), 5)
    fetched = days[times] + rng.integers(3, 150, len(times))
    inside = fetched < world.first_day + world.days
    at_clinic = world.visits(
        rng, folk[times[inside]], clinic[times[inside]], fetched[inside], kind=int(Kind.CHRONIC),
        basket=world.people.chronic_basket[folk[times[inside]]],
    )
    filings = Filings.of(
        patient=folk, filed=office_hours(rng, days), disease=disease, doctor=doctor, place=house,
        agent=clerk[0] if len(clerk) else NONE,
    )
    return Part(
        "village_filer", folk, Events.joined([shown, at_clinic]), agents=clerk, doctors=np.array([doctor]),
        more={"filings": filings},
    )
