"""Files and database tables → open parts: a relation the engine can scan, and the match of its columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from gangfinder.errors import GangfinderError, UnreadableFile
from gangfinder.intake.casts import quoted
from gangfinder.intake.discover import Found, Part, table_name
from gangfinder.intake.profile import Match
from gangfinder.intake.scope import Scope
from gangfinder.intake.sheets import sheet_relations
from gangfinder.intake.sources import Relation, csv_relation, parquet_relation, table_relation
from gangfinder.intake.text import file_digest

if TYPE_CHECKING:
    import duckdb

_ALIAS = "gangfinder_source"


@dataclass(slots=True)
class Opened:
    """One part of a table, open for reading.

    Parameters
    ----------
    name
        File name relative to the input, or schema and table in a database.
    stem
        The canonical or platform name it goes by.
    relation
        What to scan.
    scratch
        Folder for a repaired copy.
    shared
        Whether other tables stand in the same file.
    match
        Which of its columns feeds which canonical column; set once the profiles were tried.
    """

    name: str
    stem: str
    relation: Relation
    scratch: Path | None = None
    shared: bool = False
    match: Match = field(init=False)


def _engine_path(path: Path, scratch: Path) -> Path:
    """Return a path without glob characters, which the engine would expand: a link in the scratch folder."""
    if not set("*?[]{}") & set(str(path)):
        return path
    suffix = ".csv.gz" if path.name.lower().endswith(".csv.gz") else path.suffix.lower()
    link = scratch / f"{len(list(scratch.iterdir()))}{suffix}"
    link.symlink_to(path.resolve())
    return link


def _open_part(
    part: Part, connection: duckdb.DuckDBPyConnection, scratch: Path, digests: dict[str, str]
) -> list[Opened]:
    path = _engine_path(part.path, scratch)
    if part.format == "xlsx":
        digests[part.name] = file_digest(path)
        return [
            Opened(f"{part.name}#{sheet}" if sheet else part.name, part.stem, relation, scratch)
            for sheet, relation in sheet_relations(path, part.name, scratch)
        ]
    if part.format == "csv":
        relation, digests[part.name] = csv_relation(path, part.name, scratch)
    else:
        relation, digests[part.name] = parquet_relation(connection, path, part.name)
    return [Opened(part.name, part.stem, relation, scratch)]


def open_files(
    found: Found,
    connection: duckdb.DuckDBPyConnection,
    scratch: Path,
    digests: dict[str, str],
    problems: list[GangfinderError],
) -> dict[str, list[Opened]]:
    """Open all files of an input; what cannot be opened is added to the problems.

    Parameters
    ----------
    found
        The files.
    connection
        Engine that looks at Parquet headers.
    scratch
        Folder for converted copies.
    digests
        Filled with the SHA-256 of each file.
    problems
        Filled with an error per unusable file.
    """
    opened: dict[str, list[Opened]] = {}
    for table, parts in found.parts.items():
        for part in parts:
            try:
                opened.setdefault(table, []).extend(_open_part(part, connection, scratch, digests))
            except GangfinderError as error:
                problems.append(error)
            except PermissionError as error:
                message = f"file {part.name!r} cannot be read: {error.strerror}"
                problems.append(
                    UnreadableFile(message, hint="check the rights of the user gangfinder runs as")
                )
    return {table: parts for table, parts in opened.items() if parts}


def open_database(
    path: Path,
    connection: duckdb.DuckDBPyConnection,
    names: Mapping[str, str],
    ignored: list[str],
    digests: dict[str, str],
    scope: Scope = Scope.ALL,
) -> dict[str, list[Opened]]:
    """Attach a DuckDB file read-only and open its known tables, as far as the reading is about them.

    Raises
    ------
    UnreadableFile
        If it is no DuckDB database, or a newer one than this engine reads.
    """
    import duckdb

    if scope is Scope.ALL:  # the file is more than one part of it
        digests[path.name] = file_digest(path)
    try:
        connection.execute(f"ATTACH {quoted(str(path))} AS {_ALIAS} (READ_ONLY)")
    except duckdb.Error:
        message = f"file {path.name!r} is no DuckDB database that can be opened"
        raise UnreadableFile(
            message, hint="it may be in use for writing, or made by a newer DuckDB"
        ) from None
    rows = connection.execute(
        "SELECT table_schema, table_name FROM information_schema.tables WHERE table_catalog = ? ORDER BY ALL",
        [_ALIAS],
    ).fetchall()
    opened: dict[str, list[Opened]] = {}
    for schema, table in rows:
        known = table_name(table.lower(), names)
        name = table if schema == "main" else f"{schema}.{table}"
        if known is None:
            ignored.append(name)
            continue
        if not scope.reads(names[known]):
            continue
        relation = table_relation(connection, _ALIAS, schema, table)
        opened.setdefault(names[known], []).append(Opened(name, known, relation, shared=True))
    return opened
