"""The tables as the open pass sees them: nothing of fund staff in any (see :mod:`gangfinder.model.sealing`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gangfinder.engine.portable import stripped
from gangfinder.model.sealing import DIVIDED_TABLES, SEALED_COLUMNS, SEALED_TABLES, STAFF_WORDS

if TYPE_CHECKING:
    import ibis.expr.types as ir


def blinded(canonical: Mapping[str, ir.Table]) -> dict[str, ir.Table]:
    """Return the canonical tables without staff: their tables, the columns that name them, the rows about them.

    A tie or signal whose entity type is missing could be about staff, and goes too.
    """
    return {name: _blind(name, table) for name, table in canonical.items() if name not in SEALED_TABLES}


def _blind(name: str, table: ir.Table) -> ir.Table:
    gone = [c for c in table.columns if c in SEALED_COLUMNS.get(name, frozenset())]
    table = table.drop(*gone) if gone else table
    for column in DIVIDED_TABLES.get(name, ()):
        kind = table[column]
        # a comparison with a missing type is missing, and keeps no row
        table = table.filter(~stripped(kind).lower().isin(sorted(STAFF_WORDS)))
    return table
