"""What people at counters are seen to do: the hours at which they come and the baskets they take.

Rings draw from what is observed, so that a single row of theirs is a row like any other.
"""

from __future__ import annotations

import numpy as np

from gangfinder.synth.casting import Scene
from gangfinder.synth.catalogue import Kind, PlaceKind
from gangfinder.synth.events import DAY, NONE
from gangfinder.synth.settle import usual_baskets
from gangfinder.synth.streams import Ints

_COUNTERS = (PlaceKind.PHARMACY, PlaceKind.CLINIC)


def _counter_events(scene: Scene, kind: int) -> Ints:
    """Return the ordinary visits at one kind of place."""
    ordinary = scene.ordinary
    here = scene.world.places.kind[ordinary["place"]] == kind
    return np.flatnonzero(here & ~np.isin(ordinary["kind"], [Kind.STAY, Kind.SPECIAL]))


def observed_hours(scene: Scene, rng: np.random.Generator, places: Ints) -> Ints:
    """Return seconds of the day at which people come to places of the same kind."""
    kinds = scene.world.places.kind[places]
    seconds = np.zeros(len(places), dtype=np.int64)
    for kind in np.unique(kinds):
        pool = _counter_events(scene, int(kind))
        here = kinds == kind
        seconds[here] = scene.ordinary["at"][rng.choice(pool, int(here.sum()))] % DAY
    return seconds


def observed_baskets(scene: Scene, rng: np.random.Generator, size: int, at_shop: bool = True) -> Ints:
    """Return baskets as they are bought at pharmacies, or at clinics: refills as often as anything else."""
    pool = _counter_events(scene, _COUNTERS[0 if at_shop else 1])
    rows = rng.choice(pool, size)
    given = scene.ordinary["basket"][rows].astype(np.int64)
    return np.where(given != NONE, given, usual_baskets(rng, scene.world, scene.ordinary["patient"][rows]))
