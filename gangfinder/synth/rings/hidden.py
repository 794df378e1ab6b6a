"""Rings inside a look-alike: cards of a dialysis shift, a recruiter's village, the beds of a care home.

The innocents around a ring are played with it, as camouflage: their rows are nobody's ring rows.
"""

from __future__ import annotations

import numpy as np

from gangfinder.synth.casting import Part, Scene, attendance, cover_visits, irregular_days, recruit, villagers
from gangfinder.synth.catalogue import DIAGNOSIS, STAY_DAILY, Kind
from gangfinder.synth.events import DAY, NONE, Events
from gangfinder.synth.observed import observed_baskets, observed_hours
from gangfinder.synth.ordinary import length_of_stay, stay_events, ward_rate
from gangfinder.synth.rings.beds import apart, ghost_days, played_waves, ward_of
from gangfinder.synth.rings.cards import shifted, tills
from gangfinder.synth.streams import Ints, spread

_HOMES = 500  # numbers of care homes beyond those of the look-alikes


def hidden_dialysis(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one T01 ring in a dialysis shift: on some treatment days the cards of some patients are swiped besides."""
    world, people = scene.world, scene.world.people
    site = int(world.ring_sites["hidden_dialysis", number][0])
    shift = recruit(scene, rng, spread(rng, 18, 30), scene.alive & (people.age >= 40))
    members = shift[: spread(rng, 8, max(8, len(shift) // 2))]
    days = np.arange(world.first_day, world.first_day + world.days)
    turns = days[np.isin((days + 3) % 7, (0, 2, 4) if number % 2 == 0 else (1, 3, 5))]
    held = np.sort(rng.choice(turns, spread(rng, 12, 34), replace=False))
    date, person = attendance(rng, len(held), len(members), world.settings.participation)
    where = np.full(len(held), site)
    gap = rng.integers(20, 150, (len(held), len(members))).cumsum(axis=1)
    at = (held * DAY + observed_hours(scene, rng, where))[date] + gap[date, person]
    terminal, operator = tills(rng, world, where)
    baskets = observed_baskets(scene, rng, spread(rng, 8, 14))
    shared, own = rng.choice(baskets, len(held))[date], rng.choice(baskets, len(date))
    events = Events.of(
        patient=members[person], place=site, at=shifted(rng, world, at), kind=int(Kind.OUTPATIENT),
        basket=np.where(rng.random(len(date)) < 0.8, shared, own),
        terminal=terminal[date], operator=operator[date],
    )
    cover = Events.joined([_sessions(rng, shift, turns, site), cover_visits(scene, rng, members[person])])
    return Part("hidden_dialysis", members, events, cover=cover, places=np.array([site]))


def _sessions(rng: np.random.Generator, shift: Ints, turns: Ints, site: int) -> Events:
    """Return the treatment of the whole shift."""
    date, person = np.nonzero(rng.random((len(turns), len(shift))) < 0.97)
    usual = rng.choice(np.array([7.6, 12.6])) * 3600 + rng.normal(0, 600, len(shift))
    at = turns[date] * DAY + (usual[person] + rng.normal(0, 420, len(date))).astype(np.int64)
    return Events.of(
        patient=shift[person], place=site, at=at, kind=int(Kind.DIALYSIS), diagnosis=DIAGNOSIS["N18.001"]
    )


def hidden_village(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one T06 ring of one village at the hospital that everybody of the village uses."""
    world = scene.world
    site = int(world.ring_sites["hidden_village", number][0])
    ward = ward_of(rng, world)
    weight = ward_rate(world, ward)
    able = scene.alive & (weight > 0)
    members = villagers(scene, rng, spread(rng, 8, min(20, int(world.places.beds[site] * 0.6))), able, weight)
    village = int(world.people.village[members[0]])
    around = np.flatnonzero((world.people.village == village) & scene.alive)
    around = around[~np.isin(around, members)]
    broker = villagers(scene, rng, 1, scene.alive & (world.people.age >= 25) & (world.people.age < 65))
    events = played_waves(scene, rng, members, site, ward, broker)
    cover = Events.joined([_village_life(scene, rng, around, site), cover_visits(scene, rng, events["patient"])])
    return Part("hidden_village", members, events, cover=cover, places=np.array([site]), agents=broker)


def _village_life(scene: Scene, rng: np.random.Generator, folk: Ints, site: int) -> Events:
    """Return what the other villagers do at their hospital: visits, and a stay now and then."""
    world = scene.world
    who = np.repeat(folk, rng.poisson(1.5, len(folk)))
    out = world.visits(rng, who, np.full(len(who), site), world.first_day + rng.integers(0, world.days, len(who)))
    ill = np.repeat(folk, rng.poisson(0.12, len(folk)))
    begin = world.first_day + rng.integers(0, max(1, world.days - 20), len(ill))
    lying = stay_events(rng, ill, np.full(len(ill), site), begin, np.clip(length_of_stay(rng, len(ill)), 3, 15))
    return Events.joined([out, lying.take(apart(lying))])


def hidden_home(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one T08 ring: the operator of a care home bills stays of some residents while they are elsewhere."""
    world = scene.world
    site = int(world.ring_sites["hidden_home", number][0])
    residents = recruit(scene, rng, spread(rng, 26, 50), scene.alive & (world.people.age >= 65), scene.visit_weight)
    world.marks.home[residents] = _HOMES + number
    members = residents[: spread(rng, 10, max(10, len(residents) // 2))]
    who = np.repeat(members, rng.integers(2, 5, len(members)))
    nights = np.clip(length_of_stay(rng, len(who)), 4, 18)
    level = STAY_DAILY[world.places.kind[site]] * nights**0.85
    events = stay_events(
        rng, who, np.full(len(who), site), ghost_days(rng, scene, who, nights), nights, ward=ward_of(rng, world),
        fixed=True, cost=np.round(level * np.exp(rng.normal(-0.12, 0.5, len(who))), 2),
        bed=rng.integers(0, max(4, world.places.beds[site] // 3), len(who)), doctor=NONE,
    )
    events = events.take(apart(events))
    rounds = _rounds(scene, rng, residents)
    cover = Events.joined([rounds, cover_visits(scene, rng, events["patient"])])
    return Part("hidden_home", members, events, cover=cover, places=np.array([site]))


def _rounds(scene: Scene, rng: np.random.Generator, residents: Ints) -> Events:
    """Return the rounds of the home's doctor, at the clinic of the resident who came first."""
    world = scene.world
    days = irregular_days(rng, world, spread(rng, 8, 16), 14)
    date, person = np.nonzero(rng.random((len(days), len(residents))) < rng.uniform(0.35, 0.7))
    clinic = np.full(len(date), int(scene.habits.clinic[residents[0], 0]))
    return world.visits(rng, residents[person], clinic, days[date])


__all__ = ["hidden_dialysis", "hidden_home", "hidden_village"]
