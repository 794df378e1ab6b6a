"""People who go out together: families, neighbours, carers, and strangers at the hospital gate."""

from __future__ import annotations

import numpy as np

from gangfinder.synth.casting import Part, Scene, irregular_days, recruit, villagers
from gangfinder.synth.catalogue import PlaceKind
from gangfinder.synth.events import NONE, Events
from gangfinder.synth.people import EMPLOYEE
from gangfinder.synth.streams import Flags, Ints, spread


def together(
    scene: Scene,
    rng: np.random.Generator,
    members: Ints,
    days: Ints,
    place: Ints,
    share: float = 1.0,
    **more: object,
) -> Events:
    """Return joint visits: everybody present, one after another at the pace of people at a counter.

    Parameters
    ----------
    scene, rng, members
        Who goes.
    days, place
        One entry for each outing.
    share
        Chance that a member comes along.
    **more
        Columns of ``Events``, each a scalar or one value per member.
    """
    world = scene.world
    date, person = np.nonzero(rng.random((len(days), len(members))) < share)
    start = world.moments(rng, days, place)
    # the order at the counter is nobody's plan
    turn = rng.permuted(np.tile(np.arange(len(members)), (len(days), 1)), axis=1)
    pace = rng.integers(50, 300, (len(days), len(members))).cumsum(axis=1)
    at = start[date] + pace[date, turn[date, person]]
    own = {name: value[person] if isinstance(value, np.ndarray) else value for name, value in more.items()}
    return Events.of(patient=members[person], place=place[date], at=at, kind=world.kind_at(place[date]), **own)


def _outings(scene: Scene, rng: np.random.Generator, leader: int, count: int) -> tuple[Ints, Ints]:
    """Return days and places of joint outings: the leader's own shop, sometimes his clinic."""
    days = irregular_days(rng, scene.world, count, spread(rng, 3, 9))
    shop = rng.random(len(days)) < 0.7
    own = np.where(shop, scene.habits.pharmacy[leader, 0], scene.habits.clinic[leader, 0])
    return days, own.astype(np.int64)


def _household_of(scene: Scene, rng: np.random.Generator) -> Ints:
    """Cast the members of one household of two or more."""
    people, seats = scene.world.people, scene.world.seats
    living = scene.alive
    for _ in range(60):
        first = int(np.searchsorted(people.household, rng.integers(0, people.household[-1])))
        home = np.arange(first, min(first + 6, people.count))
        home = home[(people.household[home] == people.household[first]) & living[home] & ~seats.person_taken[home]]
        if len(home) >= 2:
            return seats.claim_people(home)
    return np.empty(0, dtype=np.int64)


def family(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one family: two to six of a household at the counter together, one account paying for all."""
    home = _household_of(scene, rng)
    if not len(home):
        return Part("family", home)
    days, place = _outings(scene, rng, int(home[0]), spread(rng, 6, 26))
    earner = home[scene.world.people.insured[home] == EMPLOYEE]
    payer = np.full(len(home), earner[0] if len(earner) else NONE)
    payer[home == payer[0]] = NONE
    return Part("family", home, together(scene, rng, home, days, place, 0.85, payer=payer))


def neighbour_pair(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one pair of neighbours who go together."""
    pair = villagers(scene, rng, 2, _older(scene, 50))
    days, place = _outings(scene, rng, int(pair[0]), spread(rng, 8, 20))
    return Part("neighbour_pair", pair, together(scene, rng, pair, days, place, 0.92))


def elderly_neighbours(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play three or four elderly neighbours who shop and fetch medicine together now and then."""
    group = villagers(scene, rng, spread(rng, 3, 4), _older(scene, 62))
    days, place = _outings(scene, rng, int(group[0]), spread(rng, 4, 8))
    events = together(scene, rng, group, days, place, 0.8)
    # now and then they go on to a second counter
    extra = rng.random(len(days)) < 0.2
    more = together(scene, rng, group, days[extra], np.full(int(extra.sum()), scene.habits.clinic[group[0], 1]), 0.8)
    return Part("elderly_neighbours", group, Events.joined([events, more]))


def carer(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one carer who fetches medicine for two or three frail neighbours, registered as their proxy."""
    frail = villagers(scene, rng, spread(rng, 2, 3), _older(scene, 70))
    helper = recruit(scene, rng, 1, scene.alive & (scene.world.people.age >= 30) & ~_older(scene, 70))
    days, place = _outings(scene, rng, int(frail[0]), spread(rng, 8, 18))
    events = together(scene, rng, frail, days, place, 0.9, agent=np.full(len(frail), helper[0]))
    return Part("carer", frail, events, agents=helper)


def _older(scene: Scene, years: int) -> Flags:
    return np.asarray(scene.world.people.age >= years)


def gate_pharmacy(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one pharmacy by a hospital gate: many buyers who come once and never again."""
    world = scene.world
    shops = world.places.of_kind(PlaceKind.PHARMACY)
    left = shops[~world.seats.place_taken[shops]]
    shops = left if len(left) else shops
    large = world.places.of_kind(PlaceKind.LARGE, PlaceKind.TOWNSHIP)
    gate = int(large[number % len(large)])
    order = np.hypot(world.places.x[shops] - world.places.x[gate], world.places.y[shops] - world.places.y[gate])
    shop = world.seats.claim_places(shops[np.argsort(order, kind="stable")[:1]])
    pool = np.flatnonzero(scene.alive)
    buyers = rng.choice(pool, min(spread(rng, 150, 300), len(pool) // 20), replace=False)
    days = world.first_day + rng.integers(0, world.days, len(buyers))
    events = world.visits(rng, buyers, np.full(len(buyers), shop[0]), days)
    return Part("gate_pharmacy", buyers, events, places=shop)
