"""T01 card pools, T05 crews that tour shops, and lockstep groups for towns without clock times."""

from __future__ import annotations

import numpy as np

from gangfinder.synth.casting import Part, Scene, attendance, cover_visits, irregular_days, recruit
from gangfinder.synth.catalogue import PlaceKind
from gangfinder.synth.events import DAY, Events
from gangfinder.synth.observed import observed_baskets, observed_hours
from gangfinder.synth.streams import Floats, Ints, spread
from gangfinder.synth.world import World

_SLOT = 900  # seconds
_LEG_SLOTS = 4.7  # from one stop of a tour to the next, waiting included


def shifted(rng: np.random.Generator, world: World, at: Ints) -> Ints:
    """Return instants moved by the jitter of the difficulty, within the day and, at level 3, across days."""
    seconds, days = world.settings.jitter_seconds, world.settings.jitter_days
    moved = at + rng.integers(-seconds, seconds + 1, len(at))
    if days:
        moved = moved + rng.choice(np.array([-1, 0, 0, 1]), len(at)) * days * DAY
    return moved


def with_families(scene: Scene, rng: np.random.Generator, members: Ints) -> Ints:
    """Return the members with a few relatives in place of others: families lend their cards together."""
    people, seats = scene.world.people, scene.world.seats
    kin: list[int] = []
    for member in rng.choice(members, len(members) // 9, replace=False):
        home = np.flatnonzero((people.household == people.household[member]) & ~seats.person_taken)
        home = home[(people.age[home] >= 18) & scene.alive[home]]
        kin.extend(home[:1].tolist())
    return np.concatenate([members[: len(members) - len(kin)], seats.claim_people(np.array(kin, dtype=np.int64))])


def card_pool(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one T01 ring: the same cards one after another at one till, on many days."""
    world = scene.world
    size = min(60, 8 + int(rng.gamma(2.0, 8.0)))
    sites = world.ring_sites["T01", number][: 1 if rng.random() < 0.6 else 2]
    members = with_families(scene, rng, recruit(scene, rng, size, weight=scene.visit_weight))
    sessions = _meetings(rng, world, number, spread(rng, 10, 34), spread(rng, 3, 7))
    present = attendance(rng, len(sessions), len(members), world.settings.participation)
    site = np.where(rng.random(len(sessions)) < 0.75, sites[0], sites[-1])
    shop = world.places.kind[sites[0]] == PlaceKind.PHARMACY
    events = swiped(scene, rng, members, sessions, site, present, at_shop=bool(shop))
    return Part("T01", members, events, cover=cover_visits(scene, rng, events["patient"]), places=np.unique(site))


def swiped(
    scene: Scene, rng: np.random.Generator, members: Ints, sessions: Ints, site: Ints, present: tuple[Ints, Ints],
    *, at_shop: bool,
) -> Events:
    """Return sessions of a pool: the cards of those present, one after another.

    Parameters
    ----------
    scene, rng, members
        The town, the random stream of the part, and whose cards they are.
    sessions, site
        Day and house of each session.
    present
        Index pairs of session and member.
    at_shop
        Whether they take what is bought at pharmacies.
    """
    world = scene.world
    date, person = present
    start = sessions * DAY + observed_hours(scene, rng, site)
    order = person + rng.normal(0, 0.12 * len(members), len(person))
    rank = _ranks(date, order)
    gap = rng.integers(20, 150, len(date))
    gap[rank == 0] = 0
    at = start[date] + _running(date, rank, gap)
    rows = tills(rng, world, site)
    repertoire = observed_baskets(scene, rng, spread(rng, 10, 18), at_shop)
    shared = rng.choice(repertoire, len(sessions))[date]
    own = rng.choice(repertoire, len(date))
    return Events.of(
        patient=members[person],
        place=site[date],
        at=shifted(rng, world, at),
        kind=world.kind_at(site)[date],
        basket=np.where(rng.random(len(date)) < 0.85, shared, own),
        terminal=rows[0][date],
        operator=rows[1][date],
    )


def _meetings(rng: np.random.Generator, world: World, number: int, count: int, least_gap: int) -> Ints:
    """Return the days on which a pool is swiped; in the hardest towns every third copies a market: each fifth day."""
    if world.settings.difficulty < 3 or number % 3 != 2:
        return irregular_days(rng, world, count, least_gap)
    markets = np.arange(world.first_day + int(rng.integers(0, 5)), world.first_day + world.days, 5)
    begin = int(rng.integers(0, max(len(markets) - count, 0) + 1))
    return markets[begin : begin + count]


def tills(rng: np.random.Generator, world: World, site: Ints) -> tuple[Ints, Ints]:
    """Return the till and the hand of each session: one or two of those the house has."""
    places = world.places
    terminals, operators = np.empty(len(site), np.int64), np.empty(len(site), np.int64)
    for where in np.unique(site):
        here = site == where
        own_tills = (rng.random(2) ** 1.3 * places.terminal_count[where]).astype(np.int64)
        own_hands = rng.integers(0, places.operator_count[where], 2)
        favourite = (rng.random(int(here.sum())) < 0.2).astype(np.int64)
        terminals[here] = places.terminal_first[where] + own_tills[favourite]
        operators[here] = places.operator_first[where] + own_hands[favourite]
    return terminals, operators


def _ranks(group: Ints, order: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Ints:
    """Return the position of each row in its group when the group is sorted by the order."""
    index = np.lexsort((order, group))
    first = np.searchsorted(group[index], group[index], side="left")
    ranks = np.empty(len(group), dtype=np.int64)
    ranks[index] = np.arange(len(group)) - first
    return ranks


def _running(group: Ints, rank: Ints, step: Ints) -> Ints:
    """Return the sum of the steps of a group up to and including each row, by rank."""
    index = np.lexsort((rank, group))
    total = np.cumsum(step[index])
    first = np.searchsorted(group[index], group[index], side="left")
    out = np.empty(len(group), dtype=np.int64)
    out[index] = total - total[first] + step[index][first]
    return out


def _busy_hours(scene: Scene, rng: np.random.Generator, sites: Ints) -> Floats:
    """Return for each site how its visits are spread over the quarters of an hour of a day."""
    drawn = observed_hours(scene, rng, np.repeat(sites, 2_000)).reshape(len(sites), -1) // _SLOT
    return np.array([np.bincount(row, minlength=DAY // _SLOT) / len(row) for row in drawn])


def _tour_start(rng: np.random.Generator, kinds: Ints, busy: Floats) -> int:
    """Return the second of the day at which a tour begins.

    Starts are chosen so that, over many tours, the hours at which the crew is at the shops are those at which anybody
    is: the chance of each start is fitted by Richardson's and Lucy's iteration.

    Parameters
    ----------
    rng
        Random stream of the part.
    kinds
        Kind of the place at each stop.
    busy
        How visits are spread over the day at each stop.
    """
    leg, slots = np.arange(len(kinds))[:, None], busy.shape[1]
    slot = np.arange(slots) + (_LEG_SLOTS * leg + 0.5).astype(np.int64)
    possible = (slot < slots).all(axis=0)
    slot = np.minimum(slot, slots - 1)
    possible &= (busy[leg, slot] > 0).all(axis=0)
    if not possible.any():  # nothing is open long enough in a tiny town: from nine o'clock on
        return 9 * 3600
    chance = possible / possible.sum()
    for _ in range(20):
        there = np.zeros((len(PlaceKind), slots))
        np.add.at(there, (kinds[:, None], slot), chance / np.bincount(kinds)[kinds][:, None])
        chance = chance * (busy[leg, slot] / np.maximum(there[kinds[:, None], slot], 1e-9)).mean(axis=0)
        chance /= max(chance.sum(), 1e-9)
    return int(rng.choice(slots, p=chance) * _SLOT + rng.integers(0, _SLOT))


def crew(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one T05 ring: a crew that goes through several shops in half a day, time after time."""
    world = scene.world
    size = min(20, 3 + int(rng.gamma(1.6, 2.6)))
    sites = rng.permutation(world.ring_sites["T05", number])[: spread(rng, 3, 6)]
    members = recruit(scene, rng, size, weight=scene.visit_weight)
    tours = irregular_days(rng, world, spread(rng, 10, 28), spread(rng, 3, 8))
    date, person = attendance(rng, len(tours), len(members), world.settings.participation)
    stops = [rng.permutation(sites)[: spread(rng, 2, min(4, len(sites)))] for _ in tours]
    kind, busy = world.places.kind, dict(zip(sites.tolist(), _busy_hours(scene, rng, sites), strict=True))
    begin = [_tour_start(rng, kind[s], np.array([busy[site] for site in s.tolist()])) for s in stops]
    first_at = tours * DAY + np.array(begin, dtype=np.int64)
    liked = observed_baskets(scene, rng, spread(rng, 10, 16))
    parts = []
    for leg in range(max(len(s) for s in stops)):
        rows = np.flatnonzero(np.array([len(stops[d]) > leg for d in date]))
        where = np.array([stops[d][leg] for d in date[rows]], dtype=np.int64)
        leg_start = first_at + leg * rng.integers(2700, 5400, len(tours))
        wait = _running(date[rows], _ranks(date[rows], rng.random(len(rows))), rng.integers(40, 260, len(rows)))
        pair = rng.choice(liked, (len(tours), 2))
        parts.append(
            Events.of(
                patient=members[person[rows]],
                place=where,
                kind=world.kind_at(where),
                at=shifted(rng, world, leg_start[date[rows]] + wait),
                basket=pair[date[rows], (rng.random(len(rows)) < 0.25).astype(np.int64)],
            )
        )
    events = Events.joined(parts)
    return Part("T05", members, events, cover=cover_visits(scene, rng, events["patient"]), places=sites)


def lockstep(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one lockstep group: the same people at the same houses on the same days, at any hour."""
    world = scene.world
    sites = world.ring_sites["lockstep", number][: spread(rng, 2, 4)]
    members = recruit(scene, rng, spread(rng, 5, 40), weight=scene.visit_weight)
    days = irregular_days(rng, world, spread(rng, 5, 10), spread(rng, 7, 20))
    date, person = attendance(rng, len(days), len(members), world.settings.participation)
    where = sites[np.arange(len(days)) % len(sites)][date]
    at = days[date] * DAY + observed_hours(scene, rng, where)
    events = Events.of(patient=members[person], place=where, at=shifted(rng, world, at), kind=world.kind_at(where))
    return Part("lockstep", members, events, cover=cover_visits(scene, rng, members[person]), places=sites)


def lockstep_wide(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one lockstep group of 5 to 40 people, at 2 to 6 houses, on 3 to 10 dates.

    From difficulty 2 on, half of the visits are a day early or late: minutes would hide nothing where only dates are
    known.
    """
    world = scene.world
    members = recruit(scene, rng, spread(rng, 5, 40), weight=scene.visit_weight)
    sites = world.ring_sites["lockstep_wide", number][: spread(rng, 2, 6)]
    days = irregular_days(rng, world, spread(rng, max(3, len(sites)), 10), spread(rng, 7, 20))
    date, person = attendance(rng, len(days), len(members), world.settings.participation)
    where = sites[np.arange(len(days)) % len(sites)][date]
    late = rng.choice(np.array([-1, 0, 0, 1]), len(date)) * (world.settings.difficulty >= 2)
    at = (days[date] + late) * DAY + observed_hours(scene, rng, where)
    events = Events.of(patient=members[person], place=where, at=at, kind=world.kind_at(where))
    cover = cover_visits(scene, rng, members[person])
    return Part("lockstep_wide", members, events, cover=cover, places=np.unique(where))
