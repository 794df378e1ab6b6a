"""One canonical table from its parts: staged, judged, deduplicated, finished."""

from __future__ import annotations

import hashlib
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
from gangfinder.intake.scope import Scope
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
    scope
        Which rows are read, and what of them is told.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        amount_limit: Decimal,
        rejects_folder: Path | None,
        warnings: list[QualityFinding],
        scope: Scope = Scope.ALL,
    ) -> None:
        self._connection, self._limit = connection, amount_limit
        self._folder, self._warnings = rejects_folder, warnings
        self._scope = scope

    def read(self, spec: TableSpec, parts: Sequence[Opened]) -> TableReport | None:
        """Make the table and tell what became of its rows; ``None`` where no row of it belongs to the reading."""
        queries = [self._query(spec, part) for part in parts]
        supplied = {name for query in queries for name in query.columns}
        columns = tuple(name for name in spec.names if name in supplied)
        self._connection.execute(create_sql(spec, {name: spec.column(name) for name in columns}))
        rejects.reset(self._connection)
        key = [name for name in spec.key if name in supplied]
        staged = malformed = 0
        for part, query in zip(parts, queries, strict=True):
            rows, lines = self._insert(spec, part, query, key)
            staged, malformed = staged + rows, malformed + lines
        if self._scope.divides(spec.name) and not staged:
            # a file that held rows about staff alone is as good as absent
            rejects.drop_tables(self._connection)
            self._connection.execute(f"DROP TABLE main.{named(spec.name)}")
            return None
        report = self._judge(spec, parts, columns, key, staged + malformed)
        rejects.drop_tables(self._connection)
        return report

    def _query(self, spec: TableSpec, part: Opened) -> PartQuery:
        return PartQuery(spec, part.relation, part.match, self._limit, self._scope)

    def _insert(self, spec: TableSpec, part: Opened, query: PartQuery, key: Sequence[str]) -> tuple[int, int]:
        """Stage one part; return its rows and its malformed lines."""
        first = self._next_row(spec)
        rows = self._stage(spec, part, query)
        lines = rejects.line_rejects(self._connection, part.relation)
        if rows is None or (part.relation.path and any(r.swallows for r in lines)):
            # a stray quote joined lines that are rows of their own: read again, line by line
            self._discard(spec, first)
            part.relation = balanced(part.relation, part.scratch)
            query = self._query(spec, part)
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
        lines = lines if self._scope.counts_lines(spec.name) else []
        shown = self._scope.shows_lines(spec.name)
        rejects.add_lines(self._connection, part.name, lines, part.relation.delimiter, positions, shown=shown)
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
        told = tuple(c for c in columns if c not in self._scope.withholds(spec.name))
        rejects.add_conflicts(connection, spec.name, told, key)
        identical = connection.execute(f"SELECT count(*) FROM {rejects.DROPPED} WHERE identical").fetchall()[
            0
        ][0]
        void = connection.execute(f"SELECT count(*) FROM {table} WHERE _void").fetchall()[0][0]
        self._warnings += note_warnings(connection, spec)
        self._finish(table)
        rejected, reasons = rejects.counts(connection)
        written = rejects.write(connection, self._folder, spec.name) if rejected and self._folder else None
        whole = not self._scope.divides(spec.name)
        self._warnings += [w for part in parts for w in part_warnings(spec, part, counted=whole)]
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
            content=rows_digest(connection, spec.name, columns) if self._of_rows(spec, parts) else "",
        )

    def _of_rows(self, spec: TableSpec, parts: Sequence[Opened]) -> bool:
        """Say whether the digests of the files would tell of other rows or tables."""
        shared = self._scope is not Scope.ALL and any(part.shared for part in parts)
        return shared or self._scope.divides(spec.name)

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


def rows_digest(connection: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str]) -> str:
    """Return the SHA-256 of a table's rows in any order: of their number and of the sum of their MD5 digests."""
    fields = ", ".join(f"{named(c)} := {named(c)}" for c in sorted(columns))
    half = "('0x' || substr(md5(CAST(to_json(struct_pack({fields})) AS VARCHAR)), {start}, 15))::BIGINT::HUGEINT"
    sums = ", ".join(f"sum({half.format(fields=fields, start=start)})" for start in (1, 16))
    row = connection.execute(f"SELECT count(*), {sums} FROM main.{named(table)}").fetchall()[0]
    return hashlib.sha256("\n".join(map(str, (*sorted(columns), *row))).encode()).hexdigest()
