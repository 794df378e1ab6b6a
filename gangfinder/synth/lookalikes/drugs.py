"""Boxes that seem to be sold twice, and books that do not balance, for reasons that are nobody's fault."""

from __future__ import annotations

import numpy as np

from gangfinder.synth.casting import Part, Scene
from gangfinder.synth.catalogue import PlaceKind
from gangfinder.synth.events import Events
from gangfinder.synth.observed import observed_baskets
from gangfinder.synth.shelves import parcels
from gangfinder.synth.streams import Flags, Ints, spread

_SPLIT, _RETURNED, _RETRIED, _CHAIN, _COPIED = 11, 12, 13, 14, 15
_NOBODY = np.empty(0, dtype=np.int64)


def _shops(scene: Scene, rng: np.random.Generator, count: int = 1) -> Ints:
    """Return pharmacies or clinics that no ring is at, the busier ones more often."""
    world = scene.world
    free = world.places.of_kind(PlaceKind.PHARMACY, PlaceKind.CLINIC)
    free = free[~world.seats.place_taken[free]]
    pull = world.places.weight[free]
    return rng.choice(free, count, replace=False, p=pull / pull.sum())


def _customers(scene: Scene, rng: np.random.Generator, shop: int, size: int) -> Ints:
    """Return residents who come to a shop, drawn anew for each purchase; nobody is cast."""
    habits = scene.habits
    own = np.flatnonzero(((habits.pharmacy == shop) | (habits.clinic == shop)).any(axis=1) & scene.alive)
    pool = own if len(own) > 20 else np.flatnonzero(scene.alive)
    return rng.choice(pool, size)


def _purchases(scene: Scene, rng: np.random.Generator, shop: int, days: Ints, **more: object) -> Events:
    """Return one purchase a day given, by anybody who comes to the shop."""
    at_shop = scene.world.places.kind[shop] == PlaceKind.PHARMACY
    given = {"basket": observed_baskets(scene, rng, len(days), bool(at_shop)), **more}
    return scene.world.visits(rng, _customers(scene, rng, shop, len(days)), np.full(len(days), shop), days, **given)


def _some_days(scene: Scene, rng: np.random.Generator, size: int) -> Ints:
    world = scene.world
    return np.sort(world.first_day + rng.integers(0, world.days, size))


def _sold_here(scene: Scene, rng: np.random.Generator, low: int, high: int) -> Ints:
    """Return drugs that people buy, the more popular ones first among equals."""
    basket = observed_baskets(scene, rng, 60)
    drugs = scene.world.catalogue.lines[basket].ravel()
    return np.unique(drugs[drugs >= 0][: 3 * high])[: spread(rng, low, high)]


def split_pack(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one house that opens boxes and sells by the piece: one code for several customers within days."""
    shop = _shops(scene, rng)
    boxes, uses = spread(rng, 8, 20), 4
    opened = _some_days(scene, rng, boxes)
    lag = np.sort(rng.integers(0, 25, (boxes, uses)), axis=1)
    basket = np.repeat(observed_baskets(scene, rng, boxes), uses)
    bought = _purchases(
        scene, rng, int(shop[0]), (opened[:, None] + lag).ravel(), basket=basket, split=True,
        parcel=np.repeat(parcels(_SPLIT, number, boxes), uses),
    )
    return Part("split_pack", np.unique(bought["patient"]), bought, places=shop)


def resold_return(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one house that takes boxes back and sells them again: settled, refunded, settled for another person."""
    shop = _shops(scene, rng)
    count = spread(rng, 15, 40)
    parcel, basket = parcels(_RETURNED, number, count), observed_baskets(scene, rng, count)
    first = _some_days(scene, rng, count)
    sold = _purchases(scene, rng, int(shop[0]), first, basket=basket, parcel=parcel, undone=True)
    later = first + rng.integers(3, 30, count)
    again = _purchases(scene, rng, int(shop[0]), later, basket=basket, parcel=parcel)
    events = Events.joined([sold, again])
    return Part("resold_return", np.unique(events["patient"]), events, places=shop)


def retried_upload(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one house whose line failed on a few days: the same sale reaches the fund again within the hour."""
    shop = _shops(scene, rng)
    count = spread(rng, 20, 50)
    days = rng.choice(_some_days(scene, rng, spread(rng, 2, 4)), count)
    sold = _purchases(scene, rng, int(shop[0]), days, parcel=parcels(_RETRIED, number, count))
    again = sold.having(at=sold["at"] + rng.integers(540, 3300, count), unstocked=1)
    return Part("retried_upload", np.unique(sold["patient"]), Events.joined([sold, again]), places=shop)


def shelf_label(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one house where some, or all, scan the label of the shelf for drugs whose boxes are hard to scan."""
    shop = _shops(scene, rng)
    drugs = _sold_here(scene, rng, 4, 14)
    scene.world.marks.shelves.labelled[shop[0], drugs] = rng.uniform(0.4, 1.0)
    return Part("shelf_label", _NOBODY, places=shop)


def carried_stock(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one house that began late to scan codes and to keep books, with shelves full of older boxes."""
    shop, world = _shops(scene, rng), scene.world
    shelves = world.marks.shelves
    shelves.coded_from[shop] = world.first_day + spread(rng, 30, max(31, world.days // 2))
    shelves.books_from[shop] = shelves.coded_from[shop] - spread(rng, 0, 30)
    return Part("carried_stock", _NOBODY, places=shop)


def books_in_tablets(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one house that keeps its books in tablets for some drugs and sells boxes, or says nothing of units."""
    shop, world = _shops(scene, rng), scene.world
    drugs = rng.permutation(len(world.catalogue.prices))[: len(world.catalogue.prices) // spread(rng, 1, 3)]
    world.marks.shelves.in_pieces[shop[0], drugs] = 1 + number % 2
    return Part("books_in_tablets", _NOBODY, places=shop)


def free_samples(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one house that is given free boxes of a few drugs and books none of them."""
    shop = _shops(scene, rng)
    scene.world.marks.shelves.samples[shop[0], _sold_here(scene, rng, 2, 5)] = True
    return Part("free_samples", _NOBODY, places=shop)


def chain_transfer(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play two houses of one owner: stock moves without notes, and a box brought back to one is sold at the other."""
    world = scene.world
    shops = _pair(scene, rng)
    if not len(shops):
        return Part("chain_transfer", _NOBODY)
    shelves, marks = world.marks.shelves, world.marks
    marks.chain[shops] = shops[0]
    drugs = rng.permutation(len(world.catalogue.prices))[: spread(rng, 20, 60)]
    shelves.sister[shops[1]], shelves.from_sister[shops[1], drugs] = shops[0], True
    count = spread(rng, 15, 40)
    parcel, basket = parcels(_CHAIN, number, count), observed_baskets(scene, rng, count)
    first = _some_days(scene, rng, count)
    sold = _purchases(scene, rng, int(shops[0]), first, basket=basket, parcel=parcel, unstocked=1)
    again = _purchases(scene, rng, int(shops[1]), first + rng.integers(3, 40, count), basket=basket, parcel=parcel)
    events = Events.joined([sold, again])
    return Part("chain_transfer", np.unique(events["patient"]), events, places=shops)


def _pair(scene: Scene, rng: np.random.Generator) -> Ints:
    """Return two shops that belong to nobody else and send each other nothing yet, or none.

    Where nearly all shops have a look-alike, one that has will do: it has no ring.
    """
    marks, world = scene.world.marks, scene.world
    fit: Flags = np.asarray((marks.chain < 0) & (world.standing.owner < 0) & (marks.shelves.sister < 0))
    shops = world.places.of_kind(PlaceKind.PHARMACY, PlaceKind.CLINIC)
    shops = shops[fit[shops]]
    free = shops[~world.seats.place_taken[shops]]
    if len(free) < 2:
        free = shops[~np.isin(shops, np.concatenate([*world.ring_sites.values()]))]
    return rng.permutation(free)[:2] if len(free) >= 2 else _NOBODY


def copied_code(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play fakes with the codes of a few genuine boxes, bought in good faith and sold at several houses."""
    shops = _shops(scene, rng, spread(rng, 3, 6))
    genuine = spread(rng, 2, 5)
    copies = spread(rng, 5, 12)
    basket = observed_baskets(scene, rng, genuine)
    parcel = parcels(_COPIED, number, genuine)
    days = _some_days(scene, rng, genuine * copies)
    where = rng.choice(shops, len(days))
    which = np.arange(len(days)) % genuine
    parts = [
        _purchases(scene, rng, int(shop), days[where == shop], basket=basket[which[where == shop]],
                   parcel=parcel[which[where == shop]])
        for shop in shops
    ]
    events = Events.joined(parts)
    return Part("copied_code", np.unique(events["patient"]), events, places=shops)


__all__ = [
    "books_in_tablets", "carried_stock", "chain_transfer", "copied_code", "free_samples", "resold_return",
    "retried_upload", "shelf_label", "split_pack",
]
