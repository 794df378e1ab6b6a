"""Amounts from which on an office asks for a second signature, and who stays just below them.

A handler who lets a ring pass tells it where the limits lie: bills that would come in somewhat above one are written
so that they come in just below, and nobody else looks at them. Honest bills lie there as often as anywhere, and those
of a house that is paid flat rates lie there all.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gangfinder.synth.casting import Part, Scene
from gangfinder.synth.catalogue import PlaceKind
from gangfinder.synth.claims import stays_far_away
from gangfinder.synth.events import Claims
from gangfinder.synth.people import EMPLOYEE
from gangfinder.synth.streams import Floats, Ints, spread

LIMITS = np.array([5_000.0, 10_000.0, 20_000.0])
"""Yuan paid by the fund for one bill."""

_REACH = 1.4  # a bill of so many times a limit is still worth lowering
_UNDER = (0.972, 0.9995)  # where below the limit it comes in
_LOWERED = (0.5, 0.35, 0.2, 0.1)  # by difficulty: share of such bills that are lowered
_DEDUCTIBLE = 800.0
_RATES = np.array([0.960, 0.972, 0.980, 0.988])
"""Flat rates by the limit: whoever negotiated them knew the limit as well."""


def lowered(scene: Scene, rng: np.random.Generator, part: Part) -> Part:
    """Return a ring with some of its bills lowered to just below a limit.

    Parameters
    ----------
    scene, rng, part
        The town, the random stream and the ring.
    """
    claims = part.claims
    rate = _rates(scene, rng, claims["patient"])
    due = np.maximum(claims["total"] - _DEDUCTIBLE, claims["total"] / 4) * rate
    limit = LIMITS[np.maximum(np.searchsorted(LIMITS, due, side="right") - 1, 0)]
    worth = (due > limit) & (due <= _REACH * limit) & np.isnan(claims["fund"])
    chosen = worth & (rng.random(len(claims)) < _LOWERED[scene.world.settings.difficulty])
    fund = np.round(limit * rng.uniform(*_UNDER, len(claims)), 2)
    total = np.round(fund / rate + _DEDUCTIBLE, 2)
    return replace(part, claims=claims.having(
        fund=np.where(chosen, fund, claims["fund"]), total=np.where(chosen, total, claims["total"])
    ))


def _rates(scene: Scene, rng: np.random.Generator, patient: Ints) -> Floats:
    """Return what share of a bill the fund pays, as the common rule of reimbursements draws it."""
    share = np.where(scene.world.people.insured[patient] == EMPLOYEE, 0.72, 0.52)
    return np.asarray(share * rng.uniform(0.9, 1.0, len(patient)), dtype=np.float64)


def flat_rates(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one house far away whose operations are paid by flat rates, all of them just below a limit."""
    world = scene.world
    houses = world.places.of_kind(PlaceKind.REMOTE)
    ringed = np.concatenate([np.empty(0, np.int64), *world.ring_sites.values()])
    free = houses[~np.isin(houses, ringed)]
    free = free if len(free) else houses
    site = int(free[number % len(free)])
    fit = np.flatnonzero(scene.alive & (world.people.area == 0) & (world.people.age >= 50))
    who = rng.choice(fit, min(len(fit), spread(rng, 8, 20)), replace=False)
    rates = LIMITS[int(rng.integers(len(LIMITS)))] * rng.choice(_RATES, 3, replace=False)
    fund = np.round(rng.choice(rates, len(who)), 0)
    total = np.round(fund / _rates(scene, rng, who) + _DEDUCTIBLE, 2)
    claims: Claims = stays_far_away(scene, rng, who, place=site, fund=fund, total=total)
    return Part("flat_rates", who, claims=claims, places=np.array([site]))
