"""One canonical table from its parts: staged, judged, deduplicated, finished."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from gangfinder.intake import duplicates, rejects
from gangfinder.intake.casts import named
from gangfinder.intake.notes import note_warnings, part_warnings
from gangfinder.intake.opening import Opened
from gangfinder.intake.quotes import balanced
from gangfinder.intake.report import QualityFinding, TableReport
from gangfinder.intake.sources import clear_line_rejects
from gangfinder.intake.stage import HELPERS, PartQuery, create_sql, faults
from gangfinder.model.tables import Kind, TableSpec

if TYPE_CHECKING:
    import duckdb


class TableReader:
    """Reads one canonical table after the other.

    Parameters
    ----------
    connection
        Where the tables are made.
    amount_limit
        Largest believable amount, in yuan.
    rejects_folder
        Where quarantined rows are written; None: nowhere.
    warnings
        Filled with what was noticed.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        amount_limit: Decimal,
        rejects_folder: Path | None,
        warnings: list[QualityFinding],
    ) -> None:
        self._connection, self._limit = connection, amount_limit
        self._folder, self._warnings = rejects_folder, warnings

    def read(self, spec: TableSpec, parts: Sequence[Opened]) -> TableReport:
        """Make the table and tell what became of its rows."""
        queries = [PartQuery(spec, part.relation, part.match, self._limit) for part in parts]
        supplied = {name for query in queries for name in query.columns}
        columns = tuple(name for name in spec.names if name in supplied)
        self._connection.execute(create_sql(spec, {name: spec.column(name) for name in columns}))
        rejects.reset(self._connection)
        key = [name for name in spec.key if name in supplied]
        staged = malformed = 0
        for part, query in zip(parts, queries, strict=True):
            rows, lines = self._insert(spec, part, query, key)
            staged, malformed = staged + rows, malformed + lines
        report = self._judge(spec, parts, columns, key, staged + malformed)
        rejects.drop_tables(self._connection)
        return report

    def _insert(self, spec: TableSpec, part: Opened, query: PartQuery, key: Sequence[str]) -> tuple[int, int]:
        """Stage one part; return its rows and its malformed lines."""
        first = self._next_row(spec)
        rows = self._stage(spec, part, query)
        lines = rejects.line_rejects(self._connection, part.relation)
        if rows is None or (part.relation.path and any(r.swallows for r in lines)):
            # a stray quote joined lines that are rows of their own: read again, line by line
            self._discard(spec, first)
            part.relation = balanced(part.relation, part.scratch)
            query = PartQuery(spec, part.relation, part.match, self._limit)
            rows = self._stage(spec, part, query, retry=False)
            lines = rejects.line_rejects(self._connection, part.relation)
        rows = rows or 0
        self._connection.execute(
            f"INSERT INTO {rejects.PARTS} SELECT ?, min(rowid), max(rowid) "
            f"FROM main.{named(spec.name)} WHERE rowid >= ?",
            [part.name, first],
        )
        header = list(part.relation.columns)
        positions = [header.index(part.match.sources[c][0]) for c in key if c in part.match.sources]
        rejects.add_lines(self._connection, part.name, lines, part.relation.delimiter, positions)
        clear_line_rejects(self._connection)
        return rows, len(lines)

    def _stage(self, spec: TableSpec, part: Opened, query: PartQuery, *, retry: bool = True) -> int | None:
        """Insert the rows of a part; None when its text is so broken that the parser gives up."""
        import duckdb

        clear_line_rejects(self._connection)
        names = ", ".join([*(named(c) for c in query.columns), *HELPERS])
        statement = f"INSERT INTO main.{named(spec.name)} ({names}) {query.sql()}"
        try:
            rows: int = self._connection.execute(statement).fetchall()[0][0]
        except duckdb.InvalidInputException:
            if retry and part.relation.path is not None:
                return None
            raise
        return rows

    def _discard(self, spec: TableSpec, first: int) -> None:
        """Remove the rows of the last part."""
        self._connection.execute(f"DELETE FROM main.{named(spec.name)} WHERE rowid >= {first}")

    def _next_row(self, spec: TableSpec) -> int:
        """Return a row id from which on there is no row yet."""
        row: int = self._connection.execute(
            f"SELECT coalesce(max(rowid) + 1, 0) FROM main.{named(spec.name)}"
        ).fetchall()[0][0]
        return row

    def _judge(
        self,
        spec: TableSpec,
        parts: Sequence[Opened],
        columns: tuple[str, ...],
        key: Sequence[str],
        rows_read: int,
    ) -> TableReport:
        connection, table = self._connection, f"main.{named(spec.name)}"
        rejects.add_bad_rows(connection, spec.name, faults(spec, required=True), key)
        duplicates.mark(connection, spec, columns)
        rejects.add_conflicts(connection, spec.name, columns, key)
        identical = connection.execute(f"SELECT count(*) FROM {rejects.DROPPED} WHERE identical").fetchall()[
            0
        ][0]
        void = connection.execute(f"SELECT count(*) FROM {table} WHERE _void").fetchall()[0][0]
        self._warnings += note_warnings(connection, spec)
        self._finish(table)
        rejected, reasons = rejects.counts(connection)
        written = rejects.write(connection, self._folder, spec.name) if rejected and self._folder else None
        self._warnings += [w for part in parts for w in part_warnings(spec, part)]
        return TableReport(
            name=spec.name,
            rows_read=rows_read,
            rows_kept=rows_read - identical - rejected - void,
            rows_identical=identical,
            rows_rejected=rejected,
            rows_void=void,
            rejected=reasons,
            columns=columns,
            unknown=tuple(sorted({u for p in parts for u in p.match.unknown})),
            files=tuple(p.name for p in parts),
            encodings={p.name: p.relation.encoding for p in parts if p.relation.encoding},
            profile="+".join(sorted({w for p in parts for w in p.match.profile.split("+")})),
            has_clock=self._clocks(spec, columns),
            rejects_file=written,
        )

    def _finish(self, table: str) -> None:
        """Remove the rows that were set aside and the bookkeeping columns."""
        self._connection.execute(
            f"DELETE FROM {table} WHERE _bad <> 0 OR _void OR rowid IN (SELECT rid FROM {rejects.DROPPED})"
        )
        for helper in HELPERS:
            self._connection.execute(f"ALTER TABLE {table} DROP COLUMN {helper}")

    def _clocks(self, spec: TableSpec, columns: Sequence[str]) -> dict[str, bool]:
        instants = [name for name in columns if spec.column(name).kind is Kind.INSTANT]
        if not instants:
            return {}
        tests = ", ".join(
            f"coalesce(bool_or({named(c)} <> date_trunc('day', {named(c)})), FALSE)" for c in instants
        )
        row = self._connection.execute(f"SELECT {tests} FROM main.{named(spec.name)}").fetchall()[0]
        return dict(zip(instants, row, strict=True))
