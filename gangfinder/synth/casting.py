"""Who plays: groups of people for look-alikes and rings, and what a played part leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from gangfinder.synth.events import Claims, Conduct, Events
from gangfinder.synth.ordinary import Habits, pick
from gangfinder.synth.streams import Flags, Floats, Ints
from gangfinder.synth.weekly.stories import Life
from gangfinder.synth.world import World


@dataclass(frozen=True, slots=True)
class Scene:
    """The town with its ordinary year, on which parts are played.

    Parameters
    ----------
    world, habits
        The town.
    ordinary
        Ordinary visits and stays, sorted by patient and time.
    visit_weight, stay_weight
        How often each person goes out and lies in hospital: rings recruit those who go, as shops meet them.
    first_visit
        Position of each person's first ordinary event, with one entry more at the end.
    alive
        Who lives through the whole period.
    first_villager
        First person of each village, with one entry more at the end.
    """

    world: World
    habits: Habits
    ordinary: Events
    visit_weight: Floats
    stay_weight: Floats
    first_visit: Ints
    alive: Flags
    first_villager: Ints

    def of_person(self, person: int) -> Events:
        """Return the ordinary events of one person."""
        return self.ordinary.take(np.arange(self.first_visit[person], self.first_visit[person + 1]))


@dataclass(frozen=True, slots=True)
class Part:
    """One group played out: a look-alike or a ring.

    Parameters
    ----------
    kind
        Typology or look-alike kind.
    people
        Those who take part; a row belongs to the part by its origin, set when parts are numbered.
    events, claims
        Its conduct.
    cover
        Ordinary visits that members make besides (camouflage); never counted as ring rows.
    places
        Sites, where they do not follow from the rows.
    agents
        Residents who act for the others.
    accounts
        Payee accounts used (see ``events.COMMON``).
    doctors
        Doctors who are the part's subjects, where it is made of doctors.
    more
        Conduct for the town's ledgers, by table (see ``ledgers.LEDGERS``).
    staff
        Members of the fund's staff who are the part's subjects, where it is made of staff.
    life, cells
        Of a ring with a life over the weeks: what is planned for it, and who makes up each of its cells.
    """

    kind: str
    people: Ints
    events: Events = field(default_factory=Events.none)
    claims: Claims = field(default_factory=Claims.none)
    cover: Events = field(default_factory=Events.none)
    places: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    agents: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    accounts: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    doctors: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    more: Mapping[str, Conduct] = field(default_factory=dict)
    staff: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    life: Life | None = None
    cells: tuple[Ints, ...] = ()


def make_scene(world: World, habits: Habits, ordinary: Events) -> Scene:
    """Sort the ordinary year by person and count what each does."""
    order = np.lexsort((ordinary["at"], ordinary["patient"]))
    ordinary = ordinary.take(order)
    count = world.people.count
    stay = ordinary["admitted"] >= 0
    visits = np.bincount(ordinary["patient"][~stay], minlength=count).astype(np.float64)
    lying = np.bincount(ordinary["patient"][stay], minlength=count).astype(np.float64)
    first = np.searchsorted(ordinary["patient"], np.arange(count + 1))
    villagers_from = np.searchsorted(world.people.village, np.arange(world.people.villages + 1))
    return Scene(world, habits, ordinary, visits, lying, first, world.living(), villagers_from)


def recruit(
    scene: Scene,
    rng: np.random.Generator,
    size: int,
    among: Flags | None = None,
    weight: Floats | None = None,
) -> Ints:
    """Cast people not yet cast, of different households.

    Parameters
    ----------
    scene
        The town.
    rng
        Random stream of the part.
    size
        How many; fewer are returned when fewer are there.
    among
        Mask of those who qualify; by default all who live through the period.
    weight
        How likely each is to be met; by default all alike.
    """
    return _drawn(scene, rng, size, np.flatnonzero(scene.alive if among is None else among), weight)


def _drawn(scene: Scene, rng: np.random.Generator, size: int, pool: Ints, weight: Floats | None) -> Ints:
    """Draw people of different households from a pool, pass over those already cast, and mark the others.

    The draw itself does not look at who is cast, so that leaving out one ring hardly moves the next.
    """
    if not len(pool):
        return pool
    wanted, seats = min(len(pool), 6 * size + 40), scene.world.seats
    chance = np.ones(len(pool)) if weight is None else weight[pool] + 0.02
    drawn = rng.choice(pool, wanted, replace=False, p=chance / chance.sum())
    found = _of_different_households(scene, drawn[~seats.person_taken[drawn]])
    if 2 * len(found) < size:
        found = _of_different_households(scene, np.concatenate([found, _left_over(scene, rng, pool)]))
    return seats.claim_people(found[:size])


def _of_different_households(scene: Scene, who: Ints) -> Ints:
    """Return the first of each household, in the order given."""
    _, first = np.unique(scene.world.people.household[who], return_index=True)
    return who[np.sort(first)]


def _left_over(scene: Scene, rng: np.random.Generator, pool: Ints) -> Ints:
    """Return whom a tiny town has left: first those in no group, then those of look-alikes, in no ring yet."""
    seats = scene.world.seats
    left = rng.permutation(pool[~seats.bound[pool]])
    return left[np.argsort(seats.person_taken[left], kind="stable")]


def matched(scene: Scene, pool: Flags, target: Floats) -> Floats:
    """Return weights for ``recruit`` that make those drawn from a pool as old, and insured as often, as others are.

    Parameters
    ----------
    scene
        The town.
    pool
        Mask of those who are drawn from. Those in look-alikes, old or employed more often than others, are passed
        over, so they are not counted.
    target
        How often each resident is met where the part is played.
    """
    people = scene.world.people
    kind = people.age // 10 * 2 + people.insured
    wanted, there = np.bincount(kind, target), np.bincount(kind, pool & ~scene.world.seats.in_alike)
    weight = (wanted / np.maximum(there, 1))[kind]
    return np.asarray(20 * weight / max(float(weight[pool].mean()) if pool.any() else 0.0, 1e-9), dtype=np.float64)


def villagers(scene: Scene, rng: np.random.Generator, size: int, among: Flags, weight: Floats | None = None) -> Ints:
    """Cast people of one village that still has enough of them, or the best of some dozen villages."""
    villages, seats = rng.integers(0, scene.world.people.villages, 40), scene.world.seats
    best = _best_village(scene, villages, 2 * size + 4, among & scene.alive & ~seats.person_taken)
    if 2 * len(best) < size:  # a tiny town has run out of them: neighbours who are in a look-alike will do
        best = _best_village(scene, villages, 2 * size + 4, among & scene.alive & ~seats.bound)
    if not len(best):
        best = np.flatnonzero(scene.alive & ~seats.bound)
    return _drawn(scene, rng, size, best, weight)


def bystanders(scene: Scene, fit: Flags) -> Ints:
    """Return living people who are in no group and take no part in what happens around them.

    Parameters
    ----------
    scene
        The town.
    fit
        Mask of those who qualify. Where none of them is left, those of look-alikes qualify too.
    """
    seats = scene.world.seats
    free = np.flatnonzero(fit & scene.alive & ~seats.person_taken)
    return free if len(free) else np.flatnonzero(fit & scene.alive & ~seats.bound)


def _best_village(scene: Scene, villages: Ints, enough: int, fit: Flags) -> Ints:
    """Return those who fit of the first village that has enough of them, or of the one that has most."""
    best = np.empty(0, dtype=np.int64)
    for village in villages:
        first, last = scene.first_villager[village], scene.first_villager[village + 1]
        folk = first + np.flatnonzero(fit[first:last])
        if len(folk) > len(best):
            best = folk
        if len(best) >= enough:
            break
    return best


def attendance(rng: np.random.Generator, dates: int, people: int, share: float) -> tuple[Ints, Ints]:
    """Return (date, person) index pairs of those present; every person comes at least once."""
    present = rng.random((dates, people)) < share
    absent = np.flatnonzero(~present.any(axis=0))
    present[rng.integers(0, dates, len(absent)), absent] = True
    date, person = np.nonzero(present)
    return date, person


def irregular_days(rng: np.random.Generator, world: World, count: int, least_gap: int = 2) -> Ints:
    """Return distinct days over a stretch of the period, at least so many days apart."""
    stretch = max(count * (least_gap + 1), int(world.days * rng.uniform(0.45, 0.98)))
    stretch = min(stretch, world.days - 2)
    slots = max(stretch // least_gap, 1)
    chosen = np.sort(rng.choice(slots, min(count, slots), replace=False)) * least_gap
    chosen = chosen + rng.integers(0, max(least_gap, 1), len(chosen))
    return world.first_day + int(rng.integers(0, max(world.days - stretch, 1))) + np.minimum(chosen, stretch)


def cover_visits(scene: Scene, rng: np.random.Generator, patients: Ints) -> Events:
    """Return the camouflage of ring rows: ordinary visits of the same people to their usual places."""
    world = scene.world
    who = np.repeat(patients, world.settings.camouflage)
    shop = rng.random(len(who)) < 0.5
    where = np.where(shop, pick(rng, scene.habits.pharmacy, who), pick(rng, scene.habits.clinic, who))
    days = world.first_day + rng.integers(0, world.days, len(who))
    return world.visits(rng, who, where, days)
