"""T03 goods swapped for drugs at a till, T04 boxes bought to be sold again, T22 drugs settled that were never there."""

from __future__ import annotations

import numpy as np

from gangfinder.synth.casting import Part, Scene, bystanders, cover_visits, recruit
from gangfinder.synth.catalogue import PlaceKind
from gangfinder.synth.events import Events
from gangfinder.synth.observed import observed_baskets
from gangfinder.synth.ordinary import pick
from gangfinder.synth.shelves import parcels
from gangfinder.synth.streams import Flags, Ints, spread

_SWAPPED, _RECYCLED = 1, 2


def _is_shop(scene: Scene, site: int) -> bool:
    return bool(scene.world.places.kind[site] == PlaceKind.PHARMACY)


def goods_swap(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one T03 ring: other goods leave the shop, the box of a drug kept at the till is settled again and again."""
    world = scene.world
    site = int(world.ring_sites["T03", number][0])
    members = recruit(scene, rng, spread(rng, 10, 30), weight=scene.visit_weight)
    uses = rng.integers(3, 9, len(members))
    who = rng.permutation(np.repeat(members, uses))
    days = np.sort(world.first_day + rng.integers(0, world.days, len(who)))
    # boxes lie at the till one after another, a few of them at a time
    at_once, turns = spread(rng, 2, 4), spread(rng, 6, 12)
    box = np.arange(len(who)) // (at_once * turns) * at_once + rng.integers(0, at_once, len(who))
    kept = rng.random(len(who)) < world.settings.participation
    basket = observed_baskets(scene, rng, int(box.max(initial=0)) + 1, _is_shop(scene, site))
    own = observed_baskets(scene, rng, len(who), _is_shop(scene, site))
    parcel = parcels(_SWAPPED, number, len(basket))
    events = world.visits(
        rng, who, np.full(len(who), site), days, basket=np.where(kept, basket[box], own),
        parcel=np.where(kept, parcel[box], -1),
    )
    return Part("T03", members, events, cover=cover_visits(scene, rng, who), places=np.array([site]))


def recycled_drugs(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one T04 ring: cardholders buy at their usual shops, and a house sells the same boxes weeks later."""
    world = scene.world
    sinks = world.ring_sites["T04", number][: 1 if rng.random() < 0.7 else 2]
    members = recruit(scene, rng, spread(rng, 6, 18), weight=scene.visit_weight)
    who = np.repeat(members, rng.integers(4, 13, len(members)))
    days = world.first_day + rng.integers(0, max(world.days - 20, 30), len(who))
    where = _usual_shops(scene, rng, who, sinks)
    basket = observed_baskets(scene, rng, len(who))
    parcel = parcels(_RECYCLED, number, len(who))
    bought = world.visits(rng, who, where, days, basket=basket, parcel=parcel)
    seen = rng.random(len(who)) < world.settings.participation
    resold = _resold(scene, rng, sinks, days[seen], basket[seen], parcel[seen])
    cover = cover_visits(scene, rng, who)
    return Part("T04", members, bought, cover=Events.joined([resold, cover]), places=sinks)


def _usual_shops(scene: Scene, rng: np.random.Generator, who: Ints, sinks: Ints) -> Ints:
    """Return shops where people buy anyway, or others nearby, and never where the boxes go."""
    places = scene.world.places
    shops = places.of_kind(PlaceKind.PHARMACY)
    shops = shops[~np.isin(shops, sinks)]
    usual = pick(rng, scene.habits.pharmacy, who)
    other = rng.choice(shops, len(who))
    return np.where(np.isin(usual, sinks) | (rng.random(len(who)) < 0.25), other, usual)


def _resold(scene: Scene, rng: np.random.Generator, sinks: Ints, days: Ints, basket: Ints, parcel: Ints) -> Events:
    """Return the second sales, to residents who come to the house and know of nothing."""
    world, habits = scene.world, scene.habits
    later = days + rng.integers(4, 120, len(days))
    later = np.where(later < world.first_day + world.days, later, world.first_day + world.days - 1)
    sink = rng.choice(sinks, len(days))
    buyers = np.empty(len(days), dtype=np.int64)
    for site in sinks:
        own = ((habits.pharmacy == site) | (habits.clinic == site)).any(axis=1)
        pool = _strangers(scene, own)
        buyers[sink == site] = rng.choice(pool, int((sink == site).sum()))
    return world.visits(rng, buyers, sink, later, basket=basket, parcel=parcel)


def _strangers(scene: Scene, own: Flags) -> Ints:
    """Return living residents who are in no group, customers of the house where it has enough."""
    customers = bystanders(scene, own)
    return customers if len(customers) > 40 else bystanders(scene, scene.alive)


def stock_balance(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one T22 ring: a house settles drugs on customers' cards that it never had."""
    world = scene.world
    site = int(world.ring_sites["T22", number][0])
    members = recruit(scene, rng, spread(rng, 18, 36), weight=scene.visit_weight)
    who = np.repeat(members, rng.integers(5, 12, len(members)))
    days = world.first_day + rng.integers(0, world.days, len(who))
    # a house that pads its books pads a choice of drugs
    padded = observed_baskets(scene, rng, spread(rng, 12, 24), _is_shop(scene, site))
    events = world.visits(
        rng, who, np.full(len(who), site), days, basket=rng.choice(padded, len(who)),
        unstocked=np.where(rng.random(len(who)) < world.settings.participation, 1 + number % 2, 0),
    )
    return Part("T22", members, events, cover=cover_visits(scene, rng, who), places=np.array([site]))


__all__ = ["goods_swap", "recycled_drugs", "stock_balance"]
