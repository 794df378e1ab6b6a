"""Rows that could not be used: collected in one table, written to one file per canonical table."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gangfinder.errors import OutputError
from gangfinder.intake.casts import named, quoted
from gangfinder.intake.scope import WITHHELD
from gangfinder.intake.sources import LINE_REJECTS, Relation
from gangfinder.intake.stage import Fault

if TYPE_CHECKING:
    import duckdb

REJECTS = "__gangfinder_rejects"
DROPPED = "__gangfinder_dropped"
PARTS = "__gangfinder_parts"
SHIFTS = "__gangfinder_shifts"
CONFLICT = "same_key_different_row"

_LINE_REASONS = {
    "MISSING COLUMNS": "too_few_fields",
    "TOO MANY COLUMNS": "too_many_fields",
    "UNQUOTED VALUE": "broken_quotes",
    "LINE SIZE OVER MAXIMUM": "line_too_long",
    "INVALID ENCODING": "undecodable_bytes",
    "INVALID STATE": "broken_quotes",
    "CAST": "unreadable_line",
}


@dataclass(frozen=True, slots=True)
class LineReject:
    """A line of a text file that is no row."""

    line: int
    reason: str
    text: str

    @property
    def swallows(self) -> bool:
        """Tell whether it may hold rows that are fine: broken quotes, or line breaks inside."""
        return self.reason in ("broken_quotes", "line_too_long") or "\n" in self.text.strip("\n")


def reset(connection: duckdb.DuckDBPyConnection) -> None:
    """Make empty collecting tables for the next canonical table."""
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {REJECTS} "
        "(file VARCHAR, row BIGINT, key VARCHAR, reasons VARCHAR[], raw VARCHAR)"
    )
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {PARTS} (file VARCHAR, first BIGINT, last BIGINT)")
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {SHIFTS} (file VARCHAR, rows_before BIGINT, lines BIGINT)"
    )
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {DROPPED} (rid BIGINT, identical BOOLEAN)")


def drop_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Remove the collecting tables."""
    for table in (REJECTS, PARTS, SHIFTS, DROPPED):
        connection.execute(f"DROP TABLE IF EXISTS {table}")


def _field(text: str, delimiter: str, position: int) -> str:
    """Return one field of a malformed line as well as it can be told."""
    fields = next(csv.reader([text.strip("\n")], delimiter=delimiter), [])
    return fields[position].strip() if position < len(fields) else ""


def _scanned(connection: duckdb.DuckDBPyConnection) -> list[LineReject]:
    """Read what the text scan set aside: one entry per line, though a line may have several faults."""
    rows = connection.execute(
        f"SELECT line, list_sort(list(DISTINCT CAST(error_type AS VARCHAR))), any_value(csv_line) "
        f"FROM {LINE_REJECTS} GROUP BY line ORDER BY line"
    ).fetchall()
    return [
        LineReject(line, _LINE_REASONS[types[0]] if len(types) == 1 else _gravest(types), text or "")
        for line, types, text in rows
    ]


def _gravest(types: Sequence[str]) -> str:
    """Name the cause of several faults in one line: broken quotes spoil the field count, not vice versa."""
    order = (
        "INVALID ENCODING",
        "UNQUOTED VALUE",
        "INVALID STATE",
        "LINE SIZE OVER MAXIMUM",
        "TOO MANY COLUMNS",
        "MISSING COLUMNS",
        "CAST",
    )
    return _LINE_REASONS[min(types, key=order.index)]


def line_rejects(connection: duckdb.DuckDBPyConnection, relation: Relation) -> list[LineReject]:
    """Return all lines of the part just scanned that are no rows."""
    if not relation.line_rejects:
        return []
    # a line left out by the intake itself was looked at already
    unreadable = [LineReject(b.line, b.reason, b.text) for b in relation.bad_lines]
    return sorted([*unreadable, *_scanned(connection)], key=lambda r: r.line)


def add_lines(
    connection: duckdb.DuckDBPyConnection,
    file: str,
    lines: Sequence[LineReject],
    delimiter: str,
    key_positions: Sequence[int],
    *,
    shown: bool = True,
) -> None:
    """Collect malformed lines of a text file.

    Parameters
    ----------
    connection
        Where the collecting tables are.
    file
        Name of the file.
    lines
        The lines.
    delimiter
        Its field separator.
    key_positions
        Positions of the key columns in the header.
    shown
        Whether the text of a line is kept; else its place alone.
    """
    import json

    for start in range(0, len(lines), 10_000):
        rows = [
            (
                file,
                r.line - 1,
                "|".join(_field(r.text, delimiter, p) for p in key_positions) if shown else "",
                [r.reason],
                json.dumps({"line": r.text if shown else WITHHELD}, ensure_ascii=False),
            )
            for r in lines[start : start + 10_000]
        ]
        columns = [list(column) for column in zip(*rows, strict=True)]
        connection.execute(
            f"INSERT INTO {REJECTS} SELECT unnest(?::VARCHAR[]), unnest(?::BIGINT[]), unnest(?::VARCHAR[]), "
            f"unnest(?::VARCHAR[][]), unnest(?::VARCHAR[])",
            columns,
        )
    # the n-th such line stands behind (its position - n) good rows; good rows are renumbered by that
    connection.execute(
        f"INSERT INTO {SHIFTS} SELECT file, row - n, n FROM "
        f"(SELECT file, row, row_number() OVER (ORDER BY row) AS n FROM {REJECTS} WHERE file = ?)",
        [file],
    )


# the row below the header on which a staged row stood, malformed lines counted in
_PLACED = f"""(SELECT p.file, t.rowid AS rid, t.rowid - p.first + 1 AS nth
               FROM main.{{table}} t JOIN {PARTS} p ON t.rowid BETWEEN p.first AND p.last WHERE {{where}})"""


def _located(table: str, where: str) -> str:
    """Return the query for file, row and id of the staged rows that meet a condition."""
    placed = _PLACED.format(table=named(table), where=where)
    return (
        f"(SELECT x.file, x.rid, x.nth + coalesce(s.lines, 0) AS row FROM {placed} x "
        f"ASOF LEFT JOIN {SHIFTS} s ON x.file = s.file AND x.nth > s.rows_before)"
    )


def key_sql(columns: Sequence[str]) -> str:
    """Return the expression for the key of a row as text; parts are joined by ``|``."""
    if not columns:
        return "''"
    return "concat_ws('|', " + ", ".join(f"coalesce(CAST({named(c)} AS VARCHAR), '')" for c in columns) + ")"


def add_bad_rows(
    connection: duckdb.DuckDBPyConnection, table: str, bad: Sequence[Fault], key: Sequence[str]
) -> None:
    """Collect the staged rows that have a fault in a required column."""
    reasons = ", ".join(
        f"CASE WHEN _bad & {1 << bit} <> 0 THEN {quoted(f.code)} END" for bit, f in enumerate(bad)
    )
    located = _located(table, "t._bad <> 0 AND NOT t._void")
    connection.execute(
        f"INSERT INTO {REJECTS} SELECT l.file, l.row, {key_sql(key)}, "
        f"list_filter([{reasons}], lambda x: x IS NOT NULL), t._raw "
        f"FROM main.{named(table)} t JOIN {located} l ON t.rowid = l.rid"
    )


def add_conflicts(
    connection: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str], key: Sequence[str]
) -> None:
    """Collect the rows whose key stands on different rows; their JSON holds the values as understood."""
    fields = ", ".join(f"{named(c)} := t.{named(c)}" for c in columns)
    chosen = f"t.rowid IN (SELECT rid FROM {DROPPED} WHERE NOT identical)"
    connection.execute(
        f"INSERT INTO {REJECTS} SELECT l.file, l.row, {key_sql(key)}, [{quoted(CONFLICT)}], "
        f"CAST(to_json(struct_pack({fields})) AS VARCHAR) "
        f"FROM main.{named(table)} t JOIN {_located(table, chosen)} l ON t.rowid = l.rid"
    )


def counts(connection: duckdb.DuckDBPyConnection) -> tuple[int, dict[str, int]]:
    """Return how many rows were collected, and how many under each reason."""
    total = connection.execute(f"SELECT count(*) FROM {REJECTS}").fetchall()[0][0]
    rows = connection.execute(
        f"SELECT reason, count(*) FROM (SELECT unnest(reasons) AS reason FROM {REJECTS}) "
        f"GROUP BY reason ORDER BY count(*) DESC, reason"
    ).fetchall()
    return total, dict(rows)


_HARMLESS = r"regexp_replace(key, '^([=+@\t\r-])', '''\1')"  # a spreadsheet must not run a key as a formula


def write(connection: duckdb.DuckDBPyConnection, folder: Path, table: str) -> Path:
    """Write the collected rows to ``folder/<table>.csv``; a reader sees the whole file or none.

    Raises
    ------
    OutputError
        If the file cannot be written; nothing is left behind.
    """
    import duckdb

    target, partial = folder / f"{table}.csv", folder / f".{table}.csv.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(partial, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))
        connection.execute(
            f"COPY (SELECT file, row, {_HARMLESS} AS key, array_to_string(reasons, '; ') AS reasons, raw "
            f"FROM {REJECTS} ORDER BY file, row, key, raw) "
            f"TO {quoted(str(partial))} (FORMAT csv, HEADER, USE_TMP_FILE false)"
        )
        _flush(partial)
        partial.replace(target)
    except (OSError, duckdb.Error) as error:
        partial.unlink(missing_ok=True)
        cause = (
            error.strerror
            if isinstance(error, OSError) and error.strerror
            else "the disk is full or not writable"
        )
        message = f"the quarantined rows of table {table!r} cannot be written to {folder.name!r}: {cause}"
        raise OutputError(message, hint="free space or choose another output folder") from None
    return target


def _flush(path: Path) -> None:
    """Make sure the bytes are on the disk: a full disk may tell so only now."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
