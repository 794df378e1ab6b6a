"""Who of the fund's staff is related to whom: relatives, owners of houses, past employers.

Drawn before anybody plays: the relative of an officer owns a shop whether or not the officer ever helps it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gangfinder.synth.catalogue import PlaceKind
from gangfinder.synth.events import NONE
from gangfinder.synth.people import People
from gangfinder.synth.places import Places
from gangfinder.synth.settings import TownSettings
from gangfinder.synth.standing import Sites, Standing
from gangfinder.synth.streams import Flags, Ints

_OWNERS_HERE = 0.3  # share of clinics and shops whose owner lives in the town
_WORKED_BEFORE = 0.3  # share of staff who came from a house


@dataclass(frozen=True, slots=True)
class Relations:
    """Ties of staff, as pairs of parallel arrays.

    Parameters
    ----------
    kin
        Relatives under another roof whom staff have declared: staff, resident.
    owner
        Resident who is the legal representative of each house, -1 where it is an outsider.
    holders
        Who holds shares: resident, house.
    officers
        Officer of the contract desk who is related to the owner of a house, by the number of the T13 ring there.
    owners
        Other members of staff who are related to the owner of a house: staff, house.
    past
        House at which each member of staff worked before, -1 for none.
    large
        Staff of large families: with many declared relatives.
    """

    kin: tuple[Ints, Ints]
    owner: Ints
    holders: tuple[Ints, Ints]
    officers: Mapping[int, tuple[int, int]]
    owners: tuple[Ints, Ints]
    past: Ints
    large: Ints

    def kin_of(self, staff: int) -> Ints:
        """Return the relatives whom a member of staff has declared, but for those under his own roof."""
        return np.unique(self.kin[1][self.kin[0] == staff])


def make_relations(
    rng: np.random.Generator, settings: TownSettings, people: People, places: Places, sites: Sites,
    standing: Standing, person: Ints, officer: Flags,
) -> Relations:
    """Draw the ties of staff.

    Parameters
    ----------
    rng, settings, people, places, sites, standing
        The town.
    person, officer
        Who each member of staff is, and whether he works at the contract desk.
    """
    ringed = np.concatenate([*sites.values(), np.empty(0, dtype=np.int64)])
    shops = places.of_kind(PlaceKind.CLINIC, PlaceKind.PHARMACY)
    shops = shops[standing.owner[shops] == NONE]
    owner = np.full(places.count, NONE, dtype=np.int64)
    local = shops[rng.random(len(shops)) < _OWNERS_HERE]
    adults = np.flatnonzero((people.age >= 25) & (people.age < 70) & ~people.guest)
    adults = adults[~np.isin(adults, person)]
    owner[local] = rng.choice(adults, len(local), replace=len(local) > len(adults))
    officers = _by_ring(sites, np.flatnonzero(officer))
    free = rng.permutation(shops[~np.isin(shops, ringed)])[: max(3, settings.lookalikes)]
    others = rng.permutation(np.flatnonzero(~officer & (person < people.count)))[: len(free)]
    related = [*officers.values(), *zip(others.tolist(), free.tolist(), strict=False)]
    large = rng.permutation(np.flatnonzero(~officer))[: max(3, settings.lookalikes)]
    kin = [_far_kin(rng, adults, len(person)), _large(rng, adults, large)]
    holders = []
    for turn, (staff, house) in enumerate(related):
        at_home = _at_home(people, int(person[staff]))
        who = int(at_home[0]) if turn % 2 == 0 and len(at_home) else int(rng.choice(adults))
        owner[house] = who
        if turn % 2 or not len(at_home):
            kin.append((np.array([staff]), np.array([who])))
            holders.append((who, house))
    staff_of, kin_of = (np.concatenate(part) for part in zip(*kin, strict=True))
    return Relations(
        kin=(staff_of, kin_of), owner=owner, holders=_columns(holders), officers=officers,
        owners=_columns(related[len(officers) :]), past=_past(rng, places, len(person)), large=large,
    )


def _by_ring(sites: Sites, officers: Ints) -> dict[int, tuple[int, int]]:
    """Return officer and house of each T13 ring: the suspended house where it settles alone, else the other."""
    houses = {number: int(own[0 if number % 3 == 2 else 1]) for (kind, number), own in sites.items() if kind == "T13"}
    return {number: (int(officers[number % len(officers)]), house) for number, house in sorted(houses.items())}


def _at_home(people: People, person: int) -> Ints:
    if person >= people.count:
        return np.empty(0, dtype=np.int64)
    home = np.flatnonzero((people.household == people.household[person]) & (people.age >= 20))
    return np.asarray(home[home != person], dtype=np.int64)


def _far_kin(rng: np.random.Generator, adults: Ints, size: int) -> tuple[Ints, Ints]:
    """Return declared relatives under another roof: none to three of each."""
    staff = np.repeat(np.arange(size), rng.integers(0, 4, size))
    return staff, rng.choice(adults, len(staff))


def _large(rng: np.random.Generator, adults: Ints, staff: Ints) -> tuple[Ints, Ints]:
    """Return the declared relatives of those of large families: now and then one of them is in whatever goes on."""
    each = np.repeat(staff, rng.integers(7, 13, len(staff)))
    return each, rng.choice(adults, len(each))


def _past(rng: np.random.Generator, places: Places, size: int) -> Ints:
    houses = places.of_kind(PlaceKind.LARGE, PlaceKind.SMALL, PlaceKind.TOWNSHIP, PlaceKind.REMOTE)
    return np.where(rng.random(size) < _WORKED_BEFORE, rng.choice(houses, size), NONE)


def _columns(pairs: list[tuple[int, int]]) -> tuple[Ints, Ints]:
    table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]
