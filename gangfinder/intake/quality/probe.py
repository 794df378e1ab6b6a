"""What a check sees: the tables that were read, and a short way to ask them something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gangfinder.intake.report import Intake, QualityFinding, Severity

if TYPE_CHECKING:
    import duckdb

Check = Callable[["Probe"], list[QualityFinding]]


@dataclass(frozen=True, slots=True)
class Probe:
    """The canonical tables of one input, with what is known about them."""

    connection: duckdb.DuckDBPyConnection
    intake: Intake

    def has(self, table: str, *columns: str) -> bool:
        """Tell whether the input has the table and all these columns."""
        return self.intake.has(table, *columns)

    def row(self, sql: str) -> tuple[Any, ...]:
        """Return the only row of a query; nulls of sums over nothing become 0."""
        return tuple(0 if value is None else value for value in self.connection.execute(sql).fetchall()[0])

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""
        return self.connection.execute(sql).fetchall()

    def clock(self, table: str, column: str) -> bool:
        """Tell whether the column has times of day, not dates alone."""
        report = self.intake.tables.get(table)
        return report is not None and report.has_clock.get(column, False)


def finding(
    code: str, severity: Severity, where: str, counted: tuple[int, int], sentence: str, action: str
) -> list[QualityFinding]:
    """Return one finding, or none when nothing was counted.

    Parameters
    ----------
    code, severity
        Its stable name and its weight.
    where
        ``table`` or ``table.column``.
    counted
        How many, and out of how many (0: no base).
    sentence
        What was found; ``{n}``, ``{of}`` and ``{share}`` are filled in.
    action
        What to do about it.
    """
    count, base = int(counted[0]), int(counted[1])
    if count == 0:
        return []
    share = count / base if base else None
    table, _, column = where.partition(".")
    text = sentence.format(n=f"{count:,}", of=f"{base:,}", share=f"{share or 0:.1%}")
    return [QualityFinding(code, severity, table, column, count, share, text, action)]
