"""T11: a doctor certifies people who were never treated, and they collect costly drugs together."""

from __future__ import annotations

import numpy as np

from gangfinder.synth.casting import Part, Scene, attendance, cover_visits, irregular_days, matched, recruit
from gangfinder.synth.catalogue import Kind, PlaceKind
from gangfinder.synth.entitlements import first_visits, office_hours
from gangfinder.synth.events import DAY, NONE, Events
from gangfinder.synth.ledgers.filings import Filings
from gangfinder.synth.observed import observed_hours
from gangfinder.synth.ordinary import pick
from gangfinder.synth.rings.prescriptions import willing_doctor
from gangfinder.synth.streams import Floats, Ints, spread

_HISTORY_DAYS = 110  # the fund has seen so much of the year when the first of them files


def entitlement_collusion(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one T11 ring.

    Notes
    -----
    The harder the town, the more members make a visit for show before they file, file on their own, and fetch
    their drugs where others do.
    """
    world, share = scene.world, scene.world.settings.participation
    sites = world.ring_sites["T11", number][: spread(rng, 2, 4)]
    doctor = willing_doctor(scene, rng, PlaceKind.SMALL, PlaceKind.TOWNSHIP, PlaceKind.LARGE)
    house = int(world.places.doctor_place[doctor])
    idle = scene.alive & ~world.people.chronic & (scene.visit_weight <= 3) & (scene.stay_weight == 0)
    idle &= world.people.age >= 18
    members = recruit(scene, rng, spread(rng, 9, 15), idle, matched(scene, idle, _fetchers(scene, sites)))
    if not len(members):
        return Part("T11", members)
    agents = recruit(scene, rng, 1 if rng.random() < 0.7 else 2, scene.alive & (world.people.age >= 25))
    known = agents if len(agents) else members[:1]
    disease = rng.choice(np.array([2, 3, 4]), len(members), p=[0.2, 0.2, 0.6])
    begin = min(_HISTORY_DAYS, world.days // 3)
    filed = world.first_day + begin + np.sort(rng.integers(0, max(min(75, world.days // 4), 1), len(members)))
    filings = Filings.of(
        patient=members,
        filed=office_hours(rng, filed),
        disease=disease,
        doctor=doctor,
        place=house,
        agent=np.where(rng.random(len(members)) < share, rng.choice(known, len(members)), NONE),
    )
    show = np.flatnonzero(rng.random(len(members)) > (1 + share) / 2)
    shown = first_visits(
        world, rng, members[show], np.full(len(show), house), filed[show] - rng.integers(1, 12, len(show)),
        disease[show],
    )
    fetched, alone = _fetching(scene, rng, members, filed, sites)
    cover = Events.joined([shown, alone, cover_visits(scene, rng, fetched["patient"])])
    return Part(
        "T11", members, fetched, cover=cover, places=sites, agents=agents, doctors=np.array([doctor]),
        more={"filings": filings},
    )


def _fetchers(scene: Scene, sites: Ints) -> Floats:
    """Return how often each resident of the members' years fetches drugs, at clinics and shops as the sites are."""
    world, kind = scene.world, scene.ordinary["kind"]
    often = np.zeros(world.people.count)
    for place in sites:
        shop = world.places.kind[place] == PlaceKind.PHARMACY
        rows = kind == int(Kind.PHARMACY if shop else Kind.CHRONIC)
        often += np.bincount(scene.ordinary["patient"][rows], minlength=world.people.count) / max(rows.sum(), 1)
    return np.asarray(often * (world.people.age >= 18), dtype=np.float64)


def _fetching(
    scene: Scene, rng: np.random.Generator, members: Ints, filed: Ints, sites: Ints
) -> tuple[Events, Events]:
    """Return what they fetch from then on, costly baskets all: together at the ring's houses, and each at his own."""
    world, share = scene.world, scene.world.settings.participation
    left = world.first_day + world.days - 3 - int(filed.max())
    dates = irregular_days(rng, world, 60, 4)
    later = dates[dates > filed.max() + 3]
    dates = later if len(later) else filed[-1:] + 4
    dates = rng.permutation(dates)[: max(3, min(len(dates), left // 14))]
    date, person = attendance(rng, len(dates), len(members), 0.85)
    joins = rng.random(len(date)) < share
    who = members[person]
    where = np.where(joins, rng.choice(sites, len(dates))[date], pick(rng, scene.habits.clinic, who))
    days = dates[date] + np.where(joins, 0, rng.integers(-6, 3, len(date)))
    shop = world.places.kind[where] == PlaceKind.PHARMACY
    events = Events.of(
        patient=who,
        place=where,
        at=days * DAY + observed_hours(scene, rng, where),
        kind=np.where(shop, int(Kind.PHARMACY), int(Kind.CHRONIC)),
        basket=world.catalogue.near(rng, 260, 900, len(date), chronic=True),
    )
    return events.take(joins), events.take(~joins)


