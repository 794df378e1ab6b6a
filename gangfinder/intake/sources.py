"""Where rows come from: each file or database table becomes a relation the engine can scan."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from gangfinder.errors import UnreadableFile
from gangfinder.intake.casts import named, quoted
from gangfinder.intake.text import BadLine, file_digest, open_text

if TYPE_CHECKING:
    import duckdb

LINE_REJECTS = "__gangfinder_line_rejects"
_LINE_SCANS = "__gangfinder_line_scans"
_DELIMITERS = (",", "\t", ";", "|")


@dataclass(frozen=True, slots=True)
class Relation:
    """Something the engine can scan.

    Parameters
    ----------
    sql
        A table expression.
    columns
        Header as the source spells it → name of the column in the relation.
    types
        Header as the source spells it → physical type.
    encoding
        Encoding of a text file, else empty.
    bad_lines
        Lines of a text file that could not be decoded.
    delimiter
        Field separator of a text file, else empty.
    line_rejects
        Whether scanning it fills the table `LINE_REJECTS`.
    lossy
        Header → identifiers that a spreadsheet had already rounded to 15 digits.
    path
        The UTF-8 text that is scanned; None for anything but text.
    """

    sql: str
    columns: Mapping[str, str]
    types: Mapping[str, str]
    encoding: str = ""
    bad_lines: tuple[BadLine, ...] = ()
    delimiter: str = ""
    line_rejects: bool = False
    lossy: Mapping[str, int] = field(default_factory=dict)
    path: Path | None = None


def unique_header(names: list[str]) -> list[str]:
    """Return the header with blank names filled and repeated ones numbered, so that each names one column."""
    seen: dict[str, int] = {}
    result = []
    for position, raw in enumerate(names, start=1):
        name = raw.strip() or f"column{position}"
        count = seen.get(name.lower(), 0)
        seen[name.lower()] = count + 1
        result.append(f"{name}_{count + 1}" if count else name)
    return result


def split_header(line: str) -> tuple[list[str], str]:
    """Return the fields of a header line and the delimiter that gives the most of them."""
    rows = {d: next(csv.reader([line], delimiter=d), []) for d in _DELIMITERS}
    delimiter = max(_DELIMITERS, key=lambda d: len(rows[d]))
    return rows[delimiter], delimiter


def scan_csv(path: Path, header: list[str], delimiter: str) -> str:
    """Return a scan of a UTF-8 text file: every field is text, malformed lines go to `LINE_REJECTS`."""
    columns = ", ".join(f"'c{n}': 'VARCHAR'" for n in range(len(header)))
    return (
        f"read_csv({quoted(str(path))}, auto_detect=false, header=true, delim={quoted(delimiter)}, "
        f"""quote='"', escape='"', columns={{{columns}}}, store_rejects=true, rejects_limit=0, """
        f"rejects_table='{LINE_REJECTS}', rejects_scan='{_LINE_SCANS}')"
    )


def clear_line_rejects(connection: duckdb.DuckDBPyConnection) -> None:
    """Drop what the last text scan set aside."""
    for table in (LINE_REJECTS, _LINE_SCANS):
        connection.execute(f"DROP TABLE IF EXISTS {table}")


def csv_relation(path: Path, name: str, scratch: Path) -> tuple[Relation, str]:
    """Open a text table; return its relation and the digest of the file."""
    text = open_text(path, name, scratch)
    fields, delimiter = split_header(text.header)
    header = unique_header(fields)
    relation = Relation(
        sql=scan_csv(text.path, header, delimiter),
        columns={h: f"c{n}" for n, h in enumerate(header)},
        types=dict.fromkeys(header, "VARCHAR"),
        encoding=text.encoding,
        bad_lines=text.bad_lines,
        delimiter=delimiter,
        line_rejects=True,
        path=text.path,
    )
    return relation, text.digest


def described(connection: duckdb.DuckDBPyConnection, sql: str) -> Relation:
    """Return the relation of a table expression whose columns the engine knows."""
    rows = connection.execute(f"DESCRIBE SELECT * FROM {sql}").fetchall()
    return Relation(sql=sql, columns={r[0]: r[0] for r in rows}, types={r[0]: _simple(r[1]) for r in rows})


def _simple(physical: str) -> str:
    """Return the type by which casts are chosen; every enumeration is one."""
    return "ENUM" if physical.startswith("ENUM") else physical


def parquet_relation(connection: duckdb.DuckDBPyConnection, path: Path, name: str) -> tuple[Relation, str]:
    """Open a Parquet file; return its relation and the digest of the file."""
    import duckdb

    if path.stat().st_size == 0:
        message = f"file {name!r} is empty"
        raise UnreadableFile(message, hint="export the table again, or remove the file")
    try:
        relation = described(
            connection, f"read_parquet({quoted(str(path))}, binary_as_string=true, hive_partitioning=false)"
        )
    except duckdb.Error:
        message = f"file {name!r} is no readable Parquet file"
        raise UnreadableFile(message, hint="export the table again") from None
    return relation, file_digest(path)


def table_relation(connection: duckdb.DuckDBPyConnection, database: str, schema: str, table: str) -> Relation:
    """Open a table of an attached database."""
    return described(connection, f"{named(database)}.{named(schema)}.{named(table)}")
