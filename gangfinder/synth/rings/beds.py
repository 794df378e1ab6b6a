"""T06 brokered group admissions and T08 ghost beds."""

from __future__ import annotations

import numpy as np

from gangfinder.synth.casting import Part, Scene, attendance, cover_visits, recruit, villagers
from gangfinder.synth.catalogue import DEPARTMENT, STAY_DAILY, WARD_WEIGHTS, Kind
from gangfinder.synth.events import DAY, NONE, Events
from gangfinder.synth.ordinary import length_of_stay, stay_events, stay_rate
from gangfinder.synth.streams import Floats, Ints, spread


def _ward(rng: np.random.Generator) -> int:
    """Return a ward that admits adults of both sexes, the larger ones more often."""
    weights = WARD_WEIGHTS.copy()
    weights[[DEPARTMENT["妇产科"], DEPARTMENT["儿科"]]] = 0
    return int(rng.choice(len(weights), p=weights / weights.sum()))


def _costs(rng: np.random.Generator, scene: Scene, site: int, nights: Ints, spread_of: float) -> Floats:
    """Return bills like the house's own, near one another where the spread is small."""
    level = STAY_DAILY[scene.world.places.kind[site]] * nights**0.85
    return np.asarray(np.round(level * np.exp(rng.normal(-0.12, spread_of, len(nights))), 2), dtype=np.float64)


def _ward_doctor(rng: np.random.Generator, scene: Scene, site: int, ward: int) -> int:
    """Return a doctor of the ward, or of the house where the ward has none."""
    places = scene.world.places
    own = np.flatnonzero((places.doctor_place == site) & (places.doctor_ward == ward))
    own = own if len(own) else np.flatnonzero(places.doctor_place == site)
    return int(rng.choice(own))


def brokered_admissions(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one T06 ring: waves of recruits admitted and discharged together at one ward, for free."""
    world = scene.world
    site = int(world.ring_sites["T06", number][0])
    ward = _ward(rng)
    size = spread(rng, 8, min(25, int(world.places.beds[site] * 0.7)))
    weight = stay_rate(world)
    if rng.random() < 0.6:
        members = villagers(scene, rng, size, world.people.age >= 16, weight)
    else:
        members = recruit(scene, rng, size, scene.alive & (world.people.age >= 16), weight)
    broker = recruit(scene, rng, 1, scene.alive & (world.people.age >= 25) & (world.people.age < 65))
    waves = spread(rng, 3, 6)
    gap = max(world.days // (waves + 1), 18)
    starts = world.first_day + spread(rng, 0, gap // 2) + gap * np.arange(waves) + rng.integers(-6, 7, waves)
    wave, person = attendance(rng, waves, len(members), world.settings.participation)
    nights = np.clip(length_of_stay(rng, waves), 4, 18)[wave]
    offset, end = rng.integers(0, 2, len(wave)), rng.integers(0, 2, len(wave))
    drift = rng.integers(-1, 2, len(wave)) * world.settings.jitter_days
    level = _costs(rng, scene, site, nights, 0.08) * np.exp(rng.normal(0, 0.5, waves))[wave]
    doctors = np.array([_ward_doctor(rng, scene, site, ward) for _ in range(2)])
    events = stay_events(
        rng,
        members[person],
        np.full(len(wave), site),
        np.maximum(starts[wave] + offset + drift, world.first_day),
        np.maximum(nights + end - offset, 2),
        ward=ward,
        cost=level,
        waived=rng.random(len(wave)) < 0.9,
        doctor=np.where(rng.random(len(wave)) < 0.7, rng.choice(doctors, len(wave)), NONE),
        contact=np.where(rng.random(len(wave)) < 0.5, broker[0], NONE),
    )
    return Part(
        "T06",
        members,
        events,
        cover=cover_visits(scene, rng, members[person]),
        places=np.array([site]),
        agents=broker,
    )


def ghost_beds(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one T08 ring: a house bills stays of people who are elsewhere at the time."""
    world = scene.world
    site = int(world.ring_sites["T08", number][0])
    ward = _ward(rng)
    active = scene.alive & (scene.visit_weight >= 2) & (world.people.age >= 16)
    members = recruit(scene, rng, spread(rng, 12, 40), active, stay_rate(world))
    who = np.repeat(members, rng.integers(2, 5, len(members)))
    nights = np.clip(length_of_stay(rng, len(who)), 4, 18)
    doctors = np.array([_ward_doctor(rng, scene, site, ward) for _ in range(2)])
    events = stay_events(
        rng,
        who,
        np.full(len(who), site),
        _ghost_days(rng, scene, who, nights),
        nights,
        ward=ward,
        fixed=True,
        cost=_costs(rng, scene, site, nights, 0.5),
        bed=rng.integers(0, max(4, world.places.beds[site] // 3), len(who)),
        doctor=np.where(rng.random(len(who)) < 0.7, rng.choice(doctors, len(who)), NONE),
    )
    events = events.take(_apart(events))
    return Part("T08", members, events, cover=cover_visits(scene, rng, events["patient"]), places=np.array([site]))


def _ghost_days(rng: np.random.Generator, scene: Scene, who: Ints, nights: Ints) -> Ints:
    """Return admission days; a share of the stays is laid around a day on which the person was elsewhere."""
    world = scene.world
    days = world.first_day + rng.integers(0, max(world.days - 20, 1), len(who))
    for row in np.flatnonzero(rng.random(len(who)) < world.settings.participation * 0.95):
        life = scene.of_person(int(who[row]))
        lying = life.take(life["kind"] == Kind.STAY)
        source = lying if len(lying) and rng.random() < 0.4 else life
        day = int(source["at"][rng.integers(len(source))]) // DAY if len(source) else int(days[row])
        days[row] = day - spread(rng, 1, max(int(nights[row]) - 1, 1))
    return np.clip(days, world.first_day, world.first_day + world.days - nights - 1)


def _apart(events: Events) -> Ints:
    """Return the rows left when the house itself does not bill one person twice for a night."""
    order = np.lexsort((events["admitted"], events["patient"]))
    kept: list[int] = []
    last: dict[int, int] = {}
    for row in order:
        person = int(events["patient"][row])
        if events["admitted"][row] // DAY > last.get(person, 0):
            kept.append(row)
            last[person] = int(events["at"][row]) // DAY
    return np.array(kept, dtype=np.int64)
