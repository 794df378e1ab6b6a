"""Dual-channel drugs: who needs them, and the few pharmacies that may sell them."""

from __future__ import annotations

import numpy as np

from gangfinder.synth.catalogue import N_SPECIAL, SPECIAL_BASKET, Kind, PlaceKind
from gangfinder.synth.events import Events
from gangfinder.synth.streams import Flags, Ints
from gangfinder.synth.world import World

_EVERY_SO_MANY = 25  # ordinary pharmacies for each that may sell these drugs
_LEAST = 6


def dual_channel(world: World) -> Ints:
    """Return the pharmacies that may sell dual-channel drugs; sites of T15 are always among them."""
    shops = world.places.of_kind(PlaceKind.PHARMACY)
    reserved = [sites for (typology, _), sites in world.ring_sites.items() if typology == "T15"]
    taken: Flags = np.zeros(world.places.count, dtype=bool)
    for sites in world.ring_sites.values():
        taken[sites] = True
    free = shops[~taken[shops]]
    size = min(len(free), max(_LEAST, len(shops) // _EVERY_SO_MANY))
    others = world.streams.shared("dual channel").choice(free, size, replace=False)
    return np.sort(np.concatenate([*reserved, others]))


def special_sales(world: World) -> Events:
    """Return the sales of dual-channel drugs to those who need them: a box every four weeks, all year."""
    rng = world.streams.rng("special drugs")
    people = world.people
    ill = np.flatnonzero((people.age >= 25) & (rng.random(people.count) < 0.004))
    shops = dual_channel(world)
    gap = np.hypot(
        people.village_x[people.village[ill]][:, None] - world.places.x[shops],
        people.village_y[people.village[ill]][:, None] - world.places.y[shops],
    )
    shop = shops[np.argmin(gap * np.exp(rng.normal(0, 0.6, gap.shape)), axis=1)]
    begin = np.where(rng.random(len(ill)) < 0.6, 0, rng.integers(0, max(world.days - 90, 1), len(ill)))
    return doses(world, rng, ill, shop, begin, rng.integers(N_SPECIAL, size=len(ill)))


def doses(
    world: World, rng: np.random.Generator, who: Ints, shop: Ints, begin: Ints, drug: Ints, step: float = 29.0,
    double: Flags | None = None, **more: object,
) -> Events:
    """Return one sale every so many days to each person, from a day of the period to its end.

    Parameters
    ----------
    world, rng
        The town and the random stream.
    who, shop, begin, drug
        One entry for each person: his pharmacy, his first day in the period, his drug.
    step
        Mean days between two sales.
    double
        Who takes two boxes at a time.
    **more
        Further columns of ``Events``, each a scalar or one value per person.
    """
    rounds = int(world.days // max(step - 4, 3)) + 1
    gaps = np.maximum(rng.normal(step, step / 12, (len(who), rounds)), 2.0)
    gaps[:, 0] = rng.uniform(0, step, len(who))
    day = (begin[:, None] + np.cumsum(gaps, axis=1)).astype(np.int64)
    person, turn = np.nonzero(day < world.days)
    days, where = world.first_day + day[person, turn], shop[person]
    basket = SPECIAL_BASKET + drug + (N_SPECIAL * double if double is not None else 0)
    own = {name: value[person] if isinstance(value, np.ndarray) else value for name, value in more.items()}
    return Events.of(
        patient=who[person],
        place=where,
        at=world.moments(rng, days, where),
        kind=int(Kind.SPECIAL),
        basket=basket[person],
        **own,
    )
