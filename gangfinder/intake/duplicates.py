"""Rows that stand twice: identical ones are kept once, different rows under one key are all set aside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gangfinder.intake.casts import named
from gangfinder.intake.rejects import DROPPED
from gangfinder.model.tables import TableSpec

if TYPE_CHECKING:
    import duckdb

NEEDS_WHOLE_KEY = frozenset({"items"})
"""Tables in which a row without a whole key has no identity: two equal boxes are two boxes."""


def _scope(spec: TableSpec, key: Sequence[str], columns: Sequence[str]) -> str | None:
    """Return the filter for rows that can be duplicates; None when no row can."""
    good = "_bad = 0 AND NOT _void"
    if spec.name not in NEEDS_WHOLE_KEY:
        return good
    if set(spec.key) - set(columns):
        return None
    return " AND ".join([good, *(f"{named(c)} IS NOT NULL" for c in key)])


def mark(connection: duckdb.DuckDBPyConnection, spec: TableSpec, columns: Sequence[str]) -> None:
    """Fill the table `DROPPED` with the row ids of duplicates.

    Notes
    -----
    Uniqueness is first checked by counting distinct hashes, which is all that happens on clean data: equal
    counts prove that no key repeats. Only rows whose hash repeats are then compared in full.
    """
    identity = [c for c in spec.key if c in columns] or list(columns)
    scope = _scope(spec, identity, columns)
    if scope is None:
        return
    table = f"main.{named(spec.name)}"
    names = ", ".join(named(c) for c in identity)
    rows, distinct = connection.execute(
        f"SELECT count(*), count(DISTINCT hash({names})) FROM {table} WHERE {scope}"
    ).fetchall()[0]
    if rows == distinct:
        return
    whole = ", ".join(f"{named(c)} := {named(c)}" for c in columns)
    connection.execute(f"""
        INSERT INTO {DROPPED}
        WITH repeated AS (
            SELECT hash({names}) AS h FROM {table} WHERE {scope} GROUP BY h HAVING count(*) > 1
        ), candidates AS (
            SELECT rowid AS rid, {names}, md5(CAST(to_json(struct_pack({whole})) AS VARCHAR)) AS body
            FROM {table} WHERE {scope} AND hash({names}) IN (SELECT h FROM repeated)
        ), judged AS (
            SELECT rid, row_number() OVER (PARTITION BY {names} ORDER BY rid) AS n,
                   min(body) OVER (PARTITION BY {names}) = max(body) OVER (PARTITION BY {names}) AS identical
            FROM candidates
        )
        SELECT rid, identical FROM judged WHERE n > 1 OR NOT identical""")
