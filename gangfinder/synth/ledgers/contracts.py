"""Contracts of the houses with the fund: renewed year by year, sometimes late, now and then suspended or ended."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from gangfinder.synth.casting import Scene
from gangfinder.synth.columns import as_table, dates, pick_from
from gangfinder.synth.events import FREE, NONE, Conduct
from gangfinder.synth.ledgers.contract import Ledger
from gangfinder.synth.names import Names
from gangfinder.synth.standing import FAR
from gangfinder.synth.world import World

ACTIVE, SUSPENDED, ENDED = 0, 1, 2
STATUSES = ("active", "suspended", "ended")


class Contracts(Conduct):
    """Intervals of contracts."""

    __slots__ = ()
    schema = {
        "patient": ("int32", NONE),  # nobody's: conduct has the column
        "place": ("int32", NONE),
        "begin": ("int64", NONE),  # day since 1970
        "end": ("int64", FAR),  # last day; FAR where it is open
        "status": ("int8", ACTIVE),
        "origin": ("int32", FREE),
    }


def ordinary(scene: Scene) -> Contracts:
    """Return the contracts of every house, from a year before the period on."""
    world, standing = scene.world, scene.world.standing
    rng = world.streams.rng("contracts")
    rows: list[tuple[int, int, int, int]] = []
    for house in range(world.places.count):
        begin = world.first_day - int(rng.integers(200, 900))
        opened = np.flatnonzero((standing.moved_to == house) & ~standing.merged)
        begin = int(standing.moved_on[opened[0]]) if len(opened) else begin
        rows += _intervals(world, house, begin)
    table = np.array(rows, dtype=np.int64)
    return Contracts.of(patient=NONE, place=table[:, 0], begin=table[:, 1], end=table[:, 2], status=table[:, 3])


def _intervals(world: World, house: int, begin: int) -> list[tuple[int, int, int, int]]:
    """Return house, first day, last day and status of the intervals of one house."""
    standing = world.standing
    closing, stop, lapse = (
        int(standing.moved_on[house]), int(standing.suspended_from[house]), int(standing.lapsed_from[house])
    )
    if closing < FAR:
        return [(house, begin, closing - 1, ACTIVE), (house, closing, FAR, ENDED)]
    if stop < FAR:
        again = int(standing.suspended_to[house]) + 1
        return [(house, begin, stop - 1, ACTIVE), (house, stop, again - 1, SUSPENDED), (house, again, FAR, ACTIVE)]
    if lapse < FAR:
        return [(house, begin, lapse - 1, ACTIVE), (house, int(standing.lapsed_to[house]) + 1, FAR, ACTIVE)]
    return [(house, begin, FAR, ACTIVE)]


def write(world: World, names: Names, conduct: Any) -> pa.Table:  # noqa: ANN401 - as Ledger has it
    """Write the contracts."""
    return as_table(
        "contracts",
        {
            "institution_id": names.places.take(pa.array(conduct["place"])),
            "valid_from": dates(conduct["begin"]),
            "valid_to": dates(np.minimum(conduct["end"], 40_000), conduct["end"] >= FAR),
            "status": pick_from(STATUSES, conduct["status"].astype(np.int64)),
        },
    )


CONTRACTS = Ledger("contracts", "institution_id", Contracts, ordinary, write)
