"""Tables that are written beside the settlements: each has honest rows, look-alikes' rows and rings' rows.

A ledger is one file: how residents fill it in an ordinary year, and one rule that writes all of its rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from gangfinder.synth.casting import Part, Scene
from gangfinder.synth.events import Conduct
from gangfinder.synth.names import Names
from gangfinder.synth.world import World


@dataclass(frozen=True, slots=True)
class Ledger:
    """One table and the rule that fills it.

    Parameters
    ----------
    table, key
        Canonical table, and the column that names a row.
    conduct
        Class of its conduct; has a column ``origin`` as ``Events`` have.
    ordinary
        What honest people do in an ordinary year.
    write
        Writes one row for each row of conduct, in order; blind to who planned it.
    """

    table: str
    key: str
    conduct: type[Conduct]
    ordinary: Callable[[Scene], Any]
    write: Callable[[World, Names, Any], pa.Table]


@dataclass(frozen=True, slots=True)
class Entries:
    """The honest and the planted conduct of one ledger."""

    ledger: Ledger
    honest: Conduct
    planted: Conduct


@dataclass(frozen=True, slots=True)
class Written:
    """The rows of one ledger, and to which part each belongs."""

    table: pa.Table
    key: str
    origin: np.ndarray[tuple[int], np.dtype[np.int64]]

    def keys_of(self, origin: int) -> tuple[str, ...]:
        """Return the keys of the rows of one part, sorted."""
        mine = np.flatnonzero(self.origin == origin)
        return tuple(sorted(set(self.table[self.key].take(pa.array(mine)).to_pylist())))


LEDGERS: tuple[Ledger, ...] = ()


def fill(scene: Scene, lookalikes: list[Part], rings: list[Part]) -> list[Entries]:
    """Gather the conduct of every ledger."""
    return [
        Entries(
            one,
            one.conduct.joined([one.ordinary(scene), *_numbered(lookalikes, one.table, 1)]),
            one.conduct.joined(_numbered(rings, one.table, -1)),
        )
        for one in LEDGERS
    ]


def _numbered(parts: list[Part], table: str, sign: int) -> list[Any]:
    return [part.more[table].having(origin=sign * (i + 1)) for i, part in enumerate(parts) if table in part.more]


def written(world: World, names: Names, entries: list[Entries]) -> dict[str, Written]:
    """Write every ledger, honest rows first; each branch has random streams of its own."""
    out = {}
    for one in entries:
        tables = [
            one.ledger.write(replace(world, streams=world.streams.branched(branch)), names, conduct)
            for branch, conduct in (("honest", one.honest), ("planted", one.planted))
        ]
        origin = np.concatenate([one.honest["origin"], one.planted["origin"]]).astype(np.int64)
        out[one.ledger.table] = Written(pa.concat_tables(tables), one.ledger.key, origin)
    return out
