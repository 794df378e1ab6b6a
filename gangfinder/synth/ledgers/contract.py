"""What a ledger is: one table and the rule that fills it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from gangfinder.synth.casting import Scene
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
    of_parts
        ``of_parts(scene, parts, planted=…)``: the conduct of each part, where a rule draws it for all of them;
        otherwise it is what the part itself leaves in ``Part.more``.
    """

    table: str
    key: str
    conduct: type[Conduct]
    ordinary: Callable[[Scene], Any]
    write: Callable[[World, Names, Any], pa.Table]
    of_parts: Callable[..., Any] | None = None
