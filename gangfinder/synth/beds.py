"""Beds: every honest patient has one of his own, and every house has enough of them."""

from __future__ import annotations

from heapq import heappop, heappush

import numpy as np

from gangfinder.synth.catalogue import Kind
from gangfinder.synth.events import NONE, Events
from gangfinder.synth.streams import Ints
from gangfinder.synth.world import World

_MARGIN = 1.15


def allot_beds(world: World, events: Events) -> tuple[Ints, Ints]:
    """Return the bed of each event (-1 for visits) and the approved beds of each institution.

    Notes
    -----
    Interval colouring has no vectorised form, so this loops over stays (one settlement in twenty-five), one
    house at a time. Stays with a bed of their own choice (ghosts) neither see nor take the beds of others.
    """
    bed = np.full(len(events), NONE, dtype=np.int64)
    stays = np.flatnonzero(events["kind"] == Kind.STAY)
    approved = world.places.beds.astype(np.int64).copy()
    honest = stays[events["bed"][stays] == NONE]
    order = honest[np.lexsort((events["admitted"][honest], events["place"][honest]))]
    places = events["place"][order]
    for place in np.unique(places):
        rows = order[np.searchsorted(places, place, "left") : np.searchsorted(places, place, "right")]
        slots, used = _colour(events["admitted"][rows], events["at"][rows])
        approved[place] = max(int(approved[place]), int(np.ceil(used * _MARGIN)), 6)
        bed[rows] = slots
    chosen = stays[events["bed"][stays] != NONE]
    # ghosts lie in the beds that are filled last
    bed[chosen] = np.maximum(approved[events["place"][chosen]] - 1 - events["bed"][chosen], 0)
    return _labelled(world, events, bed, approved), approved


def _colour(start: Ints, end: Ints) -> tuple[Ints, int]:
    """Return a slot for each interval so that no two overlapping share one, and the number of slots."""
    busy: list[tuple[int, int]] = []
    free: list[int] = []
    slots = np.empty(len(start), dtype=np.int64)
    used = 0
    for row, (begins, ends) in enumerate(zip(start.tolist(), end.tolist(), strict=True)):
        while busy and busy[0][0] <= begins:
            heappush(free, heappop(busy)[1])
        if free:
            slot = heappop(free)
        else:
            slot, used = used, used + 1
        slots[row] = slot
        heappush(busy, (ends, slot))
    return slots, used


def _labelled(world: World, events: Events, bed: Ints, approved: Ints) -> Ints:
    """Return bed numbers instead of slots: which bed is filled first differs from house to house."""
    rng = world.streams.rng("bed labels")
    first = np.cumsum(approved) - approved
    label = np.concatenate([rng.permutation(int(size)) + 1 for size in approved]) if approved.sum() else approved
    lying = bed >= 0
    out = bed.copy()
    out[lying] = label[first[events["place"][lying]] + bed[lying]]
    return out
