"""T06 brokered group admissions and T08 ghost beds."""

from __future__ import annotations

import numpy as np

from gangfinder.synth.casting import Part, Scene, attendance, cover_visits, recruit, villagers
from gangfinder.synth.catalogue import STAY_DAILY, Kind
from gangfinder.synth.events import DAY, NONE, Events
from gangfinder.synth.ordinary import length_of_stay, stay_events, stay_rate, usual_wards, ward_rate
from gangfinder.synth.streams import Flags, Floats, Ints, spread
from gangfinder.synth.world import World


def ward_of(rng: np.random.Generator, world: World) -> int:
    """Return a ward as often as people lie in it."""
    rate = stay_rate(world)
    someone = rng.choice(world.people.count, 1, p=rate / rate.sum())
    return int(usual_wards(rng, world, someone)[0])


def _costs(rng: np.random.Generator, scene: Scene, site: int, nights: Ints, spread_of: float) -> Floats:
    """Return bills like the house's own, near one another where the spread is small."""
    level = STAY_DAILY[scene.world.places.kind[site]] * nights**0.85
    return np.asarray(np.round(level * np.exp(rng.normal(-0.12, spread_of, len(nights))), 2), dtype=np.float64)


def _ward_doctors(rng: np.random.Generator, scene: Scene, site: int, ward: int) -> Ints:
    """Return two doctors of the ward, or of the house where the ward has none; the busy ones more often."""
    places = scene.world.places
    own = np.flatnonzero((places.doctor_place == site) & (places.doctor_ward == ward))
    own = own if len(own) else np.flatnonzero(places.doctor_place == site)
    return np.asarray(own[(rng.random(2) ** 1.8 * len(own)).astype(np.int64)], dtype=np.int64)


def _recruits(scene: Scene, rng: np.random.Generator, size: int, ward: int) -> Ints:
    """Return people such as lie in the ward, mostly of one village, and of others when that has too few."""
    weight = ward_rate(scene.world, ward)
    able = scene.alive & (weight > 0)
    near = villagers(scene, rng, size, able, weight) if rng.random() < 0.6 else np.empty(0, dtype=np.int64)
    return np.concatenate([near, recruit(scene, rng, size - len(near), able, weight)])


def brokered_admissions(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one T06 ring: waves of recruits admitted and discharged together at one ward, for free."""
    world = scene.world
    site = int(world.ring_sites["T06", number][0])
    ward = ward_of(rng, world)
    members = _recruits(scene, rng, spread(rng, 8, min(25, int(world.places.beds[site] * 0.7))), ward)
    broker = recruit(scene, rng, 1, scene.alive & (world.people.age >= 25) & (world.people.age < 65))
    events = played_waves(scene, rng, members, site, ward, broker)
    return Part(
        "T06",
        members,
        events,
        cover=cover_visits(scene, rng, events["patient"]),
        places=np.array([site]),
        agents=broker,
    )


def played_waves(scene: Scene, rng: np.random.Generator, members: Ints, site: int, ward: int, broker: Ints) -> Events:
    """Return the stays of recruits who come and go in waves."""
    world = scene.world
    waves = spread(rng, 3, 6)
    gap = max(world.days // (waves + 1), 18)
    starts = world.first_day + spread(rng, 0, gap // 2) + gap * np.arange(waves) + rng.integers(-6, 7, waves)
    wave, person = attendance(rng, waves, len(members), world.settings.participation)
    usual = length_of_stay(rng, waves)
    nights = np.clip(usual, 4, 18)[wave]
    offset, end = rng.integers(0, 2, len(wave)), rng.integers(0, 2, len(wave))
    drift = rng.integers(-1, 2, len(wave)) * world.settings.jitter_days
    # the house bills as for any stay, short ones too, and a little more, which makes up for some of what it waives
    level = _costs(rng, scene, site, usual[wave], 0.08) * np.exp(rng.normal(0.13, 0.5, waves))[wave]
    doctors = _ward_doctors(rng, scene, site, ward)
    return stay_events(
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


def ghost_beds(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one T08 ring: a house bills stays of people who are elsewhere at the time."""
    world = scene.world
    site = int(world.ring_sites["T08", number][0])
    ward = ward_of(rng, world)
    members = _active(scene, rng, spread(rng, 12, 40), ward)
    who = np.repeat(members, rng.integers(2, 5, len(members)))
    nights = np.clip(length_of_stay(rng, len(who)), 4, 18)
    doctors = _ward_doctors(rng, scene, site, ward)
    events = stay_events(
        rng,
        who,
        np.full(len(who), site),
        ghost_days(rng, scene, who, nights),
        nights,
        ward=ward,
        fixed=True,
        cost=_costs(rng, scene, site, nights, 0.5),
        bed=rng.integers(0, max(4, world.places.beds[site] // 3), len(who)),
        doctor=np.where(rng.random(len(who)) < 0.7, rng.choice(doctors, len(who)), NONE),
    )
    events = events.take(apart(events))
    return Part("T08", members, events, cover=cover_visits(scene, rng, events["patient"]), places=np.array([site]))


def _active(scene: Scene, rng: np.random.Generator, size: int, ward: int) -> Ints:
    """Return people such as lie in the ward who go out now and then.

    Those who go out are of any age and insurance as often as those who lie in the ward are.
    """
    people, weight = scene.world.people, ward_rate(scene.world, ward)
    active: Flags = scene.alive & (scene.visit_weight >= 2)
    alike = people.age // 15 * 2 + people.insured
    share = np.bincount(alike, active) / np.maximum(np.bincount(alike), 1)
    return recruit(scene, rng, size, active & (weight > 0), weight / np.maximum(share[alike], 0.02))


def ghost_days(rng: np.random.Generator, scene: Scene, who: Ints, nights: Ints) -> Ints:
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


def apart(events: Events) -> Ints:
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
