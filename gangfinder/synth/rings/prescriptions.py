"""T14 prescriptions written in seconds, or after the sale; T15 dual-channel drugs on forged prescriptions."""

from __future__ import annotations

import numpy as np

from gangfinder.synth.casting import Part, Scene, cover_visits, matched, recruit
from gangfinder.synth.catalogue import N_SPECIAL, PlaceKind
from gangfinder.synth.entitlements import migrating
from gangfinder.synth.events import DAY, NONE, Events
from gangfinder.synth.observed import observed_baskets, observed_hours
from gangfinder.synth.scripts import FIRST, FORGED, ONLINE, PAPER, PRESENT, stamping
from gangfinder.synth.special import doses
from gangfinder.synth.streams import Flags, Ints, spread


def willing_doctor(scene: Scene, rng: np.random.Generator, *kinds: PlaceKind) -> int:
    """Return a doctor of a house of several doctors at which no ring is."""
    places = scene.world.places
    houses = places.of_kind(*kinds)
    fit = ~scene.world.seats.place_taken[houses] & (places.doctor_count[houses] >= 3)
    free = houses[fit & ~np.isin(houses, [*stamping(scene.world), *migrating(scene.world)])]
    house = int(rng.choice(free if len(free) else houses))
    return int(places.doctor_first[house] + rng.integers(0, min(3, places.doctor_count[house])))


def fake_prescriptions(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one T14 ring: a shop sells on many cards, and one doctor writes whatever it needs.

    Notes
    -----
    One ring in three works online with patients never seen, one writes in bulk in the evening for what was sold
    in the day, and one does both. The harder the town, the more of its sales are like anybody's.
    """
    world, settings = scene.world, scene.world.settings
    site = int(world.ring_sites["T14", number][0])
    doctor = willing_doctor(scene, rng, PlaceKind.SMALL, PlaceKind.TOWNSHIP)
    members = recruit(scene, rng, spread(rng, 20, 45), weight=scene.visit_weight)
    if not len(members):
        return Part("T14", members)
    who = np.repeat(members, rng.integers(3, 7, len(members)))
    size = len(who)
    days = world.first_day + rng.integers(0, world.days - 2, size)
    at = days * DAY + observed_hours(scene, rng, np.full(size, site))
    acts = rng.random(size) < settings.participation
    online = np.full(size, (True, False, rng.random() < 0.5)[number % 3])
    later = rng.random(size) < (0.1, 0.75, 0.4)[number % 3]
    flags = PRESENT + online * ONLINE + (online & (rng.random(size) < 0.85)) * FIRST
    consult = rng.integers(3, 52 + 12 * settings.difficulty, size)
    events = Events.of(
        patient=who,
        place=site,
        at=at,
        kind=world.kind_at(np.full(size, site)),
        basket=observed_baskets(scene, rng, size),
        rx=np.where(acts, flags, NONE),
        doctor=np.where(acts, doctor, NONE),
        consult=np.where(acts, consult, NONE),
        lead=np.where(acts, np.where(later, -_evening(rng, at), rng.integers(15, 400, size)), NONE),
    )
    return Part(
        "T14", members, events, cover=cover_visits(scene, rng, who), places=np.array([site]),
        doctors=np.array([doctor]),
    )


def _evening(rng: np.random.Generator, at: Ints) -> Ints:
    """Return seconds from each sale to the evening of its day, when one prescription follows the other."""
    begin = at // DAY * DAY + 21 * 3600 + rng.integers(0, 3_600, len(at))
    return np.asarray(np.maximum(begin - at, 600), dtype=np.int64)


def special_drugs(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one T15 ring: cards collect far more of a few costly drugs than anybody takes, on forged paper.

    Notes
    -----
    The harder the town, the fewer of the sales are forged, and the nearer the boxes are to what is needed.
    """
    world, share = scene.world, scene.world.settings.participation
    sites = world.ring_sites["T15", number][: 1 if rng.random() < 0.6 else 2]
    adults = scene.alive & (world.people.age >= 25)
    members = recruit(scene, rng, spread(rng, 10, 28), adults, matched(scene, adults, adults.astype(np.float64)))
    if not len(members):
        return Part("T15", members)
    drugs = rng.choice(N_SPECIAL, spread(rng, 1, 2), replace=False)
    begin = rng.integers(0, max(world.days // 3, 1), len(members))
    shop = sites[rng.integers(0, len(sites), len(members))]
    events = doses(
        world, rng, members, shop, begin, rng.choice(drugs, len(members)), step=29.0 / (1.0 + 1.4 * share)
    )
    last = begin + rng.integers(150, max(world.days - 30, 151), len(members))
    events = events.take(_until(events, members, last, world.first_day))
    size = len(events)
    forged = rng.random(size) < share
    paper = rng.random(size) < 0.5
    codes = FORGED - 1 - (number * 40 + rng.integers(0, 4, size))
    events = events.having(
        place=np.where(rng.random(size) < 0.75, events["place"], rng.choice(sites, size)),
        rx=np.where(forged, np.where(paper, PRESENT | PAPER, 0), NONE),
        doctor=np.where(forged & paper, codes, NONE),
    )
    return Part("T15", members, events, cover=cover_visits(scene, rng, events["patient"]), places=sites)


def _until(events: Events, members: Ints, last: Ints, first_day: int) -> Flags:
    """Mark the events of each member up to his last day."""
    order = np.argsort(members)
    end = last[order][np.searchsorted(members[order], events["patient"])]
    return np.asarray(events["at"] // DAY - first_day <= end)
