"""T07 people who go round houses or back into one, and T12 patients rotated among the hospitals of one owner."""

from __future__ import annotations

import numpy as np

from gangfinder.synth.casting import Part, Scene, cover_visits, matched, recruit
from gangfinder.synth.catalogue import STAY_DAILY, WARD_WEIGHTS
from gangfinder.synth.events import NONE
from gangfinder.synth.ordinary import length_of_stay, stay_events, stay_rate
from gangfinder.synth.streams import Floats, Ints, spread

_ADULT_WARDS = np.array([0, 1, 2, 6, 7])


def cycling_stays(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one T07 ring: recruits go from house to house all year; every third is one house's paper discharges."""
    sites = scene.world.ring_sites["T07", number]
    return _paper(scene, rng, sites[:1]) if number % 3 == 2 else _rotation(scene, rng, "T07", sites)


def owner_rotation(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one T12 ring: an owner's hospitals hand their patients to one another."""
    return _rotation(scene, rng, "T12", scene.world.ring_sites["T12", number])


def _healthy(scene: Scene, rng: np.random.Generator, low: int, high: int) -> Ints:
    """Recruit adults who hardly see a doctor: who is in hospital all year can do little else."""
    world = scene.world
    # of the old, who all go out more, also those who do so every third month
    seldom = scene.visit_weight <= np.where(world.people.age >= 60, 4, 2)
    among = scene.alive & (world.people.age >= 16) & seldom & (scene.stay_weight == 0)
    size = min(spread(rng, low, high), max(14, world.people.count // 400))
    # the old see a doctor more often: they are weighed up, so that the recruits are like those who lie in hospital
    weight = matched(scene, among, stay_rate(world) * (world.people.age >= 16))
    return recruit(scene, rng, size, among, weight)


def _rotation(scene: Scene, rng: np.random.Generator, kind: str, sites: Ints) -> Part:
    """Play stays one after another at several houses: mostly handed on within days, now and then after weeks."""
    world = scene.world
    members = _healthy(scene, rng, 16, 40)
    rows: list[tuple[int, int, int, int]] = []
    for member in members:
        day, house = world.first_day + spread(rng, 0, 40), int(rng.integers(len(sites)))
        for _ in range(spread(rng, 7, 10)):
            nights = int(np.clip(np.round(np.exp(rng.normal(2.1, 0.35))), 4, 18))
            rows.append((int(member), int(sites[house]), day, nights))
            handed_on = rng.random() < world.settings.participation
            day += nights + (spread(rng, 0, 2) + spread(rng, 0, world.settings.jitter_days) if handed_on
                             else spread(rng, 10, 40))
            step = spread(rng, 1, max(len(sites) - 1, 1)) if handed_on or rng.random() < 0.5 else 0
            house = (house + step) % len(sites)
    return _part(scene, rng, kind, members, np.array(rows, dtype=np.int64).reshape(-1, 4), sites)


def _paper(scene: Scene, rng: np.random.Generator, sites: Ints) -> Part:
    """Play discharges on paper: out on the same number of nights each time, and in again the day after."""
    world = scene.world
    members = _healthy(scene, rng, 14, 30)
    period = int(rng.choice([15, 20, 30]))
    rows: list[tuple[int, int, int, int]] = []
    for member in members:
        day = world.first_day + spread(rng, 0, 60)
        for _ in range(min(spread(rng, 6, 10), world.days // (period + 3))):
            kept = rng.random() < world.settings.participation
            nights = period + spread(rng, -1, 1) * world.settings.jitter_days if kept else spread(rng, 5, period - 2)
            rows.append((int(member), int(sites[0]), day, nights))
            day += nights + (spread(rng, 0, 1) if kept else spread(rng, 6, 25))
    return _part(scene, rng, "T07", members, np.array(rows, dtype=np.int64).reshape(-1, 4), sites)


def _part(scene: Scene, rng: np.random.Generator, kind: str, members: Ints, rows: Ints, sites: Ints) -> Part:
    world = scene.world
    who, where, day, nights = rows[rows[:, 2] + rows[:, 3] < world.first_day + world.days].T
    weights = WARD_WEIGHTS[_ADULT_WARDS]
    ward = rng.choice(_ADULT_WARDS, len(members), p=weights / weights.sum())[np.searchsorted(np.sort(members), who)]
    free = rng.random(len(who)) < 0.35 + 0.55 * world.settings.participation
    events = stay_events(
        rng, who, where, day, nights, ward=ward, cost=_costs(scene, rng, where), waived=free, doctor=NONE
    )
    return Part(kind, members, events, cover=cover_visits(scene, rng, who[rng.random(len(who)) < 0.3]), places=sites)


def _costs(scene: Scene, rng: np.random.Generator, where: Ints) -> Floats:
    """Return bills like the houses' own, of short stays and long ones: what is billed is not what was done.

    The houses ask a little more, which makes up for some of what they waive.
    """
    level = STAY_DAILY[scene.world.places.kind[where]] * length_of_stay(rng, len(where)) ** 0.85
    return np.asarray(np.round(level * np.exp(rng.normal(-0.02, 0.5, len(where))), 2), dtype=np.float64)


__all__ = ["cycling_stays", "owner_rotation"]
