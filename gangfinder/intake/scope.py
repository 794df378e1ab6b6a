"""Which part of an input a reading is about: everything, what every reader may see, or what is said of fund staff.

The open reading tells of an input exactly what it would tell of the same input without staff: tables about them are not
opened, rows about them are not staged (they leave no count, no gap in row numbers and no reject), and their ids do not
stand in a quarantined row.
"""

from __future__ import annotations

from enum import StrEnum

from gangfinder.intake.casts import named, quoted
from gangfinder.model.sealing import DIVIDED_TABLES, SEALED_COLUMNS, SEALED_TABLES, STAFF_WORDS

WITHHELD = "withheld"
"""What stands in a quarantined row in place of what names a member of staff."""


class Scope(StrEnum):
    """Part of an input that is read."""

    ALL = "all"        # everything, for its owner: gangfinder check
    OPEN = "open"      # what the open pass may see
    SEALED = "sealed"  # tables about staff, and the tables some of whose rows are about them

    def reads(self, table: str) -> bool:
        """Say whether a canonical table is read at all."""
        if self is Scope.ALL:
            return True
        if self is Scope.OPEN:
            return table not in SEALED_TABLES
        return table in SEALED_TABLES or table in DIVIDED_TABLES

    def divides(self, table: str) -> bool:
        """Say whether only some rows of a table are read."""
        return self is Scope.OPEN and table in DIVIDED_TABLES

    def rows(self, table: str) -> str:
        """Return the condition on typed columns that a row must meet to be read.

        A row whose entity type is missing could be about staff; the sealed reading tells of it.
        """
        if not self.divides(table):
            return "TRUE"
        words = ", ".join(quoted(word) for word in sorted(STAFF_WORDS))
        return " AND ".join(f"coalesce(lower(trim({named(c)})) NOT IN ({words}), FALSE)" for c in DIVIDED_TABLES[table])

    def withholds(self, table: str) -> frozenset[str]:
        """Return the columns whose values are withheld from a table's quarantined rows."""
        return SEALED_COLUMNS.get(table, frozenset()) if self is Scope.OPEN else frozenset()

    def shows_lines(self, table: str) -> bool:
        """Say whether the text of a malformed line may be told: what stands where in it is not known."""
        return not self.withholds(table)

    def counts_lines(self, table: str) -> bool:
        """Say whether malformed lines belong to this reading: of a divided table, they may be about staff."""
        return not self.divides(table)
