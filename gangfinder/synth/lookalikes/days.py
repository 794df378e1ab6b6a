"""Days on which many people do the same thing for a reason everybody knows."""

from __future__ import annotations

import numpy as np

from gangfinder.synth.casting import Part, Scene, recruit, villagers
from gangfinder.synth.catalogue import DEPARTMENT, DIAGNOSIS, Kind, PlaceKind
from gangfinder.synth.events import DAY, Events
from gangfinder.synth.lookalikes.treatment import village_of
from gangfinder.synth.ordinary import stay_events
from gangfinder.synth.streams import Ints, spread


def _free(scene: Scene, *kinds: PlaceKind) -> Ints:
    places, taken = scene.world.places, scene.world.seats.place_taken
    found = places.of_kind(*kinds)
    return found[~taken[found]] if (~taken[found]).any() else found


def _near(scene: Scene, village: int, *kinds: PlaceKind) -> int:
    """Return the nearest free house of the kinds and mark it used."""
    site = scene.world.near(village, _free(scene, *kinds), 1)
    return int(scene.world.seats.claim_places(site)[0])


def township_village(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one village where everybody uses the one township hospital and gives the village as address."""
    world = scene.world
    villages = np.flatnonzero(np.bincount(world.people.village[world.people.rural], minlength=world.people.villages))
    village = int(rng.choice(villages))
    folk = np.flatnonzero((world.people.village == village) & scene.alive)
    world.marks.plain_address[world.people.village == village] = True
    site = int(world.near(village, world.places.of_kind(PlaceKind.TOWNSHIP), 1)[0])
    visits = rng.poisson(2.5, len(folk))
    who = np.repeat(folk, visits)
    days = world.first_day + rng.integers(0, world.days, len(who))
    events = world.visits(rng, who, np.full(len(who), site), days)
    return Part("township_village", folk, events, places=np.array([site]))


def village_day(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one village: market every five days or a visiting doctor once a week, and a queue."""
    world = scene.world
    regulars = village_of(scene, rng, spread(rng, 25, 60), 30)
    site = _near(scene, int(world.people.village[regulars[0]]), PlaceKind.CLINIC)
    step = 5 if number % 2 == 0 else 7
    days = np.arange(world.first_day + spread(rng, 0, step - 1), world.first_day + world.days, step)
    keen = rng.beta(2.0, 5.0, len(regulars))
    date, person = np.nonzero(rng.random((len(days), len(regulars))) < keen)
    at = days[date] * DAY + 8 * 3600 + (rng.beta(1.6, 2.2, len(date)) * 3.2 * 3600).astype(np.int64)
    events = Events.of(patient=regulars[person], place=site, at=at, kind=int(Kind.OUTPATIENT))
    return Part("village_day", regulars, events)


def refill_day(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one house where regulars fetch their supply on the first days of the month, at their hour."""
    world = scene.world
    village = int(rng.integers(0, world.people.villages))
    site = _near(scene, village, PlaceKind.PHARMACY if number % 2 == 0 else PlaceKind.CLINIC)
    near = np.hypot(world.people.village_x - world.places.x[site], world.people.village_y - world.places.y[site])
    around = np.isin(world.people.village, np.argsort(near, kind="stable")[:12])
    regulars = recruit(scene, rng, spread(rng, 20, 60), scene.alive & around & (world.people.age >= 48))
    months = (np.datetime64(world.settings.start, "M") + np.arange(world.settings.months)).astype("datetime64[D]")
    date, person = np.nonzero(rng.random((len(months), len(regulars))) < 0.88)
    usual_day = rng.integers(0, 3, len(regulars))
    day = months.astype(np.int64)[date] + usual_day[person] + rng.choice([0, 0, 0, 0, 1], len(date))
    hour = world.people.habit_hour[regulars] * 3600
    at = day * DAY + (hour[person] + rng.normal(0, 1200, len(date))).astype(np.int64)
    events = Events.of(
        patient=regulars[person],
        place=site,
        at=at,
        basket=world.people.chronic_basket[regulars[person]],
        kind=int(Kind.PHARMACY) if number % 2 == 0 else int(Kind.CHRONIC),
    )
    return Part("refill_day", regulars, events)


def checkup_day(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one check-up day of a company: a burst at one hospital, hardly paid by the fund."""
    world, people = scene.world, scene.world.people
    sizes = np.bincount(people.employer[people.employer >= 0])
    employer = int(np.argsort(-sizes, kind="stable")[number % len(sizes)])
    staff = np.flatnonzero((people.employer == employer) & scene.alive)[:500]
    site = int(rng.choice(_free(scene, PlaceKind.LARGE, PlaceKind.SMALL, PlaceKind.TOWNSHIP)))
    day = world.first_day + spread(rng, 10, world.days - 10)
    day += 2 if (day + 3) % 7 >= 5 else 0
    came = staff[rng.random(len(staff)) < 0.85]
    at = day * DAY + 7 * 3600 + 1800 + np.sort(rng.integers(0, 4 * 3600, len(came)))
    events = Events.of(patient=came, place=site, at=at, kind=int(Kind.CHECKUP), diagnosis=DIAGNOSIS["Z00.000"])
    return Part("checkup_day", staff, events)


def outbreak(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one outbreak: a wave of admissions within days, from one village, to several hospitals."""
    world = scene.world
    size = spread(rng, 20, 60)
    folk = village_of(scene, rng, size)
    sites = rng.permutation(_free(scene, PlaceKind.LARGE, PlaceKind.SMALL, PlaceKind.TOWNSHIP))[: spread(rng, 2, 4)]
    day = world.first_day + spread(rng, 5, world.days - 25)
    injury = number % 3 == 2
    code = DIAGNOSIS["T14.900"] if injury else DIAGNOSIS[("A09.900", "J10.101")[number % 2]]
    days = day + np.floor(rng.gamma(1.5, 0.9, len(folk)).clip(0, 4)).astype(np.int64)
    events = stay_events(
        rng,
        folk,
        rng.choice(sites, len(folk)),
        days,
        rng.integers(3, 9, len(folk)),
        diagnosis=code,
        ward=DEPARTMENT["外科" if injury else "感染科"],
    )
    return Part("outbreak", folk, events)


def campaign(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one cataract campaign: the elderly of several villages, operated in one week, without paying."""
    world = scene.world
    villages = [villagers(scene, rng, spread(rng, 6, 14), world.people.age >= 60) for _ in range(spread(rng, 3, 5))]
    folk = np.concatenate(villages)
    site = int(rng.choice(_free(scene, PlaceKind.LARGE, PlaceKind.SMALL)))
    first = world.first_day + spread(rng, 5, world.days - 25)
    group = np.repeat(np.arange(len(villages)), [len(v) for v in villages])
    days = first + group * 2 + rng.integers(0, 2, len(folk))
    events = stay_events(
        rng,
        folk,
        np.full(len(folk), site),
        days,
        rng.integers(2, 5, len(folk)),
        ward=DEPARTMENT["眼科"],
        diagnosis=DIAGNOSIS["H25.900"],
        waived=True,
    )
    return Part("campaign", folk, events)


def shared_login(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Name one hospital whose whole house is one terminal and one operator to the fund."""
    shared = np.flatnonzero(scene.world.places.shared_login)
    return Part("shared_login", np.empty(0, dtype=np.int64), places=shared[number : number + 1])
