"""Those who live elsewhere: what is seen of them at home, and why they come here for days."""

from __future__ import annotations

import numpy as np

from gangfinder.synth.catalogue import Kind, PlaceKind
from gangfinder.synth.events import DAY, Events
from gangfinder.synth.ordinary import length_of_stay, stay_events
from gangfinder.synth.streams import Flags, Ints
from gangfinder.synth.world import World

NEIGHBOUR = 1
"""The region whose hospitals the data hold; see ``people.AREAS``."""
_HOLIDAYS = np.array([28, 29, 30, 31, 32, 33, 120, 121, 122, 123, 273, 274, 275, 276, 277, 278])
"""Days of the year on which people travel."""
_AT_HOME, _TRAVEL, _TRAVELLERS, _TREATED = 2.2, 0.6, 0.65, 0.08


def guest_life(world: World) -> Events:
    """Return an ordinary year of those who live elsewhere: visits at home, trips to the town, treatment in it.

    Parameters
    ----------
    world
        The town.
    """
    trips, treated = _trips(world), _treated(world)
    here = Events.joined([trips, treated])
    home = _at_home(world)
    return Events.joined([home.take(~_meanwhile(home, here)), here])


def travellers(world: World) -> Ints:
    """Return those who live elsewhere and come here at all, for whatever reason."""
    goes = world.streams.shared("who travels").random(world.people.count) < _TRAVEL
    return np.flatnonzero(world.people.guest & world.living() & goes)


def _at_home(world: World) -> Events:
    """Return visits to the hospitals of the next large city, by those who are insured there."""
    rng = world.streams.rng("guests", "home")
    who = np.flatnonzero(world.people.guest & (world.people.area == NEIGHBOUR))
    remote = world.places.of_kind(PlaceKind.REMOTE)
    usual = rng.choice(remote, world.people.count)
    who = np.repeat(who, rng.poisson(_AT_HOME * world.days / 365, len(who)))
    where = np.where(rng.random(len(who)) < 0.8, usual[who], rng.choice(remote, len(who)))
    return world.visits(rng, who, where, world.first_day + rng.integers(0, world.days, len(who)))


def travel_days(rng: np.random.Generator, world: World, size: int) -> Ints:
    """Draw days on which people arrive: a third of them about the holidays."""
    anyhow = rng.integers(0, world.days, size)
    feast = rng.choice(_HOLIDAYS, size) + 365 * rng.integers(0, max(1, world.days // 365), size)
    drawn = np.where((rng.random(size) < 0.33) & (feast < world.days), feast, anyhow)
    return np.asarray(world.first_day + drawn, dtype=np.int64)


def _trips(world: World) -> Events:
    """Return what travellers buy and see a doctor for during trips of some days."""
    rng = world.streams.rng("guests", "trips")
    places = world.places
    guests = travellers(world)
    who = rng.choice(guests, int(len(guests) * _TRAVELLERS), replace=False)
    count = 1 + rng.poisson(0.8, len(who))
    nights = rng.integers(1, 7, len(who))
    arrived = travel_days(rng, world, len(who))
    trip = np.repeat(np.arange(len(who)), count)
    counters = places.of_kind(PlaceKind.PHARMACY, PlaceKind.CLINIC, PlaceKind.LARGE, PlaceKind.SMALL)
    pull = places.weight[counters] * np.where(places.kind[counters] == PlaceKind.PHARMACY, 2.0, 1.0)
    near = rng.choice(counters, len(who), p=pull / pull.sum())
    where = np.where(rng.random(len(trip)) < 0.5, near[trip], rng.choice(counters, len(trip), p=pull / pull.sum()))
    days = arrived[trip] + (rng.random(len(trip)) * nights[trip]).astype(np.int64)
    return world.visits(rng, who[trip], where, days)


def _treated(world: World) -> Events:
    """Return the treatment of those who come for a hospital: visits, the shop at its gate, sometimes a bed."""
    rng = world.streams.rng("guests", "treated")
    places = world.places
    guests = travellers(world)
    who = rng.choice(guests, max(1, int(len(guests) * _TREATED)), replace=False)
    houses = places.of_kind(PlaceKind.LARGE, PlaceKind.SMALL)
    pull = places.weight[houses]
    site = rng.choice(houses, len(who), p=pull / pull.sum())
    first = world.first_day + rng.integers(0, world.days - 20, len(who))
    row = np.repeat(np.arange(len(who)), 1 + rng.poisson(1.2, len(who)))
    seen = world.visits(rng, who[row], site[row], first[row] + rng.integers(0, 4, len(row)))
    gate = nearest_shop(world)[site[row]]
    bought = rng.random(len(row)) < 0.5
    after = seen.take(bought).having(place=gate[bought], kind=int(Kind.PHARMACY))
    after = after.having(at=after["at"] + rng.integers(2400, 7200, len(after)))
    lying = rng.random(len(who)) < 0.3
    nights = length_of_stay(rng, int(lying.sum()))
    stays = stay_events(rng, who[lying], site[lying], first[lying] + 5, nights)
    return Events.joined([seen, after, stays])


def nearest_shop(world: World) -> Ints:
    """Return the pharmacy nearest to each place."""
    places = world.places
    shops = places.of_kind(PlaceKind.PHARMACY)
    gap = np.hypot(places.x[:, None] - places.x[shops], places.y[:, None] - places.y[shops])
    return np.asarray(shops[np.argmin(gap, axis=1)], dtype=np.int64)


def _meanwhile(home: Events, here: Events) -> Flags:
    """Mark what people would have done at home within a day of being here, or while they lie here."""
    key = home["patient"].astype(np.int64) * 100_000 + home["at"] // DAY
    began = np.where(here["admitted"] >= 0, here["admitted"], here["at"]) // DAY
    nights = here["at"] // DAY - began
    row = np.repeat(np.arange(len(here)), nights + 3)
    step = np.arange(len(row)) - np.repeat(np.cumsum(nights + 3) - (nights + 3), nights + 3) - 1
    busy = here["patient"].astype(np.int64)[row] * 100_000 + began[row] + step
    return np.isin(key, busy)
