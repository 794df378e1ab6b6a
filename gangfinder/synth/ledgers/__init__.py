"""Tables that are written beside the settlements: each has honest rows, look-alikes' rows and rings' rows.

A ledger is one file: how residents fill it in an ordinary year, and one rule that writes all of its rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from gangfinder.synth.casting import Part, Scene
from gangfinder.synth.events import Conduct
from gangfinder.synth.ledgers.contract import Ledger
from gangfinder.synth.ledgers.contracts import CONTRACTS
from gangfinder.synth.ledgers.enrolments import ENROLMENTS
from gangfinder.synth.ledgers.filings import FILINGS
from gangfinder.synth.ledgers.lab_reports import LAB_REPORTS
from gangfinder.synth.ledgers.signals import SIGNALS
from gangfinder.synth.names import Names
from gangfinder.synth.world import World


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


LEDGERS: tuple[Ledger, ...] = (CONTRACTS, ENROLMENTS, FILINGS, LAB_REPORTS, SIGNALS)


def fill(scene: Scene, lookalikes: list[Part], rings: list[Part]) -> list[Entries]:
    """Gather the conduct of every ledger."""
    return [
        Entries(
            one,
            one.conduct.joined([one.ordinary(scene), *_of_parts(one, scene, lookalikes, 1)]),
            one.conduct.joined(_of_parts(one, scene, rings, -1)),
        )
        for one in LEDGERS
    ]


def _of_parts(ledger: Ledger, scene: Scene, parts: list[Part], sign: int) -> list[Any]:
    if ledger.of_parts is None:
        return _numbered(parts, ledger.table, sign)
    made = ledger.of_parts(scene, parts, planted=sign < 0)
    return [one.having(origin=sign * (i + 1)) for i, one in enumerate(made)]


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
