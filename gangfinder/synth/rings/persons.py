"""T10 impersonation: cards of the dead, and cards that are in two places at once."""

from __future__ import annotations

import numpy as np

from gangfinder.synth.casting import Part, Scene, cover_visits, recruit
from gangfinder.synth.catalogue import Kind, PlaceKind
from gangfinder.synth.events import DAY, Events
from gangfinder.synth.observed import observed_baskets, observed_hours
from gangfinder.synth.ordinary import visit_rate
from gangfinder.synth.people import mortality
from gangfinder.synth.streams import Ints, spread


def impersonation(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one T10 ring: a shop goes on using the cards of the dead, or of people who are elsewhere."""
    world = scene.world
    site = int(world.ring_sites["T10", number][0])
    play = _twice_at_once if number % 3 == 2 else _after_death
    events = play(scene, rng, site)
    members = np.unique(events["patient"]).astype(np.int64)
    living = events["patient"][scene.alive[events["patient"]]].astype(np.int64)
    return Part("T10", members, events, cover=cover_visits(scene, rng, living), places=np.array([site]))


def _baskets(scene: Scene, rng: np.random.Generator, patients: Ints, site: int) -> Ints:
    """Return what is bought on each card: things that people buy, at times what the holder used to."""
    at_shop = scene.world.places.kind[site] == PlaceKind.PHARMACY
    drawn = observed_baskets(scene, rng, len(patients), at_shop)
    own = scene.world.people.chronic[patients] & (rng.random(len(patients)) < 0.3)
    return np.where(own, scene.world.people.chronic_basket[patients], drawn)


def _after_death(scene: Scene, rng: np.random.Generator, site: int) -> Events:
    """Return purchases on the cards of people dead for over a month; fewer per card when the ring hides."""
    world = scene.world
    people, last = world.people, world.first_day + world.days
    dead = (people.death_day < last - 100) & (people.age >= 30)
    # cards of customers: most of the dead were older than those who come to the counter
    members = recruit(scene, rng, spread(rng, 8, 24), dead, visit_rate(world) / (100 * mortality(people.age)))
    uses = np.maximum(2, np.round(rng.integers(5, 13, len(members)) * world.settings.participation)).astype(np.int64)
    who = np.repeat(members, uses)
    begin = np.maximum(people.death_day[who] + 35, world.first_day)
    days = begin + np.floor(rng.random(len(who)) * (last - begin)).astype(np.int64)
    where = np.full(len(who), site)
    return Events.of(
        patient=who,
        place=where,
        at=days * DAY + observed_hours(scene, rng, where),
        kind=world.kind_at(where),
        basket=_baskets(scene, rng, who, site),
        fixed=True,
    )


def _twice_at_once(scene: Scene, rng: np.random.Generator, site: int) -> Events:
    """Return purchases on cards whose holders are at a far place within minutes, or lie in hospital."""
    world = scene.world
    busy = scene.alive & (scene.visit_weight >= 6) & ((scene.stay_weight >= 1) | (scene.visit_weight >= 12))
    members = recruit(scene, rng, spread(rng, 8, 20), busy)
    who, when, fixed = [], [], []
    for member in members:
        uses = spread(rng, 5, 10)
        clash = rng.random(uses) < 0.35 + 0.45 * world.settings.participation
        times = _elsewhere(scene, rng, int(member), site, int(clash.sum()))
        free = world.moments(
            rng,
            world.first_day + rng.integers(0, world.days, uses - len(times)),
            np.full(uses - len(times), site),
        )
        who.append(np.full(uses, member))
        when.append(np.concatenate([times, free]))
        fixed.append(np.arange(uses) < len(times))
    if not len(members):
        return Events.none()
    patients, at = np.concatenate(who), np.concatenate(when)
    where = np.full(len(patients), site)
    return Events.of(
        patient=patients,
        place=where,
        at=at,
        kind=world.kind_at(where),
        basket=_baskets(scene, rng, patients, site),
        fixed=np.concatenate(fixed),
    )


def _elsewhere(scene: Scene, rng: np.random.Generator, person: int, site: int, wanted: int) -> Ints:
    """Return instants at which the person is recorded at a place some kilometres from the site."""
    places = scene.world.places
    life = scene.of_person(person)
    gap = np.hypot(places.x[life["place"]] - places.x[site], places.y[life["place"]] - places.y[site])
    hour = life["at"] % DAY // 3600
    far = np.flatnonzero((gap > 2.5) & ((life["kind"] == Kind.STAY) | ((hour >= 8) & (hour < 19))))
    chosen = life.take(rng.permutation(far)[:wanted])
    stay = chosen["kind"] == Kind.STAY
    near = chosen["at"] + rng.choice(np.array([-1, 1]), len(chosen)) * rng.integers(120, 900, len(chosen))
    middle = (chosen["admitted"] + chosen["at"]) // 2 // DAY * DAY + rng.integers(9, 18, len(chosen)) * 3600
    whole_day = chosen["at"] - chosen["admitted"] > 2 * DAY
    return np.where(stay & whole_day, middle + rng.integers(0, 3600, len(chosen)), near).astype(np.int64)
