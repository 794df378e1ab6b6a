"""Never-link decisions: values that tie nobody, and pairs that are not tied.

A value that somebody decided on is taken for one that was not given: neither linkers nor detectors of hubs see it. The
decision names it by its token where it is personal, so that no phone stands in a register.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from gangfinder.model.tables import TABLES

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from gangfinder.engine import Engine

VALUE_COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "phone": ("phone", "contact_phone", "agent_phone"),
        "address": ("address",),
        "bank_account": ("bank_account", "payee_account"),
        "agent": ("agent_id_number",),
        "terminal": ("terminal_id",),
        "operator": ("operator_id",),
    }
)
"""Entity type of a value → columns in which it stands, in every table that can do without them."""

Shown = Callable[[str, str], str]
"""Entity type and raw value → the id or token by which decisions name it."""


def without_values(
    engine: Engine, canonical: Mapping[str, ir.Table], values: Collection[tuple[str, str]], shown: Shown
) -> tuple[dict[str, ir.Table], int]:
    """Return the tables without the values that shall tie nobody, and from how many rows they were taken.

    Parameters
    ----------
    engine
        Where the tables are.
    canonical
        Canonical tables.
    values
        Entity type and id, or token.
    shown
        How a raw value is named.
    """
    found, taken = dict(canonical), 0
    for kind in sorted({kind for kind, _ in values}):
        wanted = {one for of, one in values if of == kind}
        named = partial(shown, kind)
        for name, table in canonical.items():
            for column in VALUE_COLUMNS.get(kind, ()):
                if column in table.columns and column not in TABLES[name].required:
                    gone = _named(engine, table, column, wanted, named)
                    if gone:
                        found[name] = _without(found[name], column, gone)
                        taken += _rows(engine, table, column, gone)
    return found, taken


def _named(
    engine: Engine, table: ir.Table, column: str, wanted: Collection[str], named: Callable[[str], str]
) -> list[str]:
    values = engine.fetch(table.select(value=table[column]).distinct())["value"].to_pylist()
    return sorted(v for v in values if v is not None and named(v) in wanted)


def _without(table: ir.Table, column: str, gone: list[str]) -> ir.Table:
    import ibis

    here = ibis.coalesce(table[column].isin(gone), ibis.literal(value=False))
    return table.mutate(**{column: ibis.ifelse(here, ibis.null().cast("string"), table[column])})


def _rows(engine: Engine, table: ir.Table, column: str, gone: list[str]) -> int:
    return _size(engine, table.filter(table[column].isin(gone)))


def without_pairs(engine: Engine, links: ir.Table, pairs: Collection[tuple[str, str]]) -> tuple[ir.Table, int]:
    """Return the links without those between pairs that shall not be tied, and how many those were.

    Parameters
    ----------
    engine
        Where the links are.
    links
        Columns of ``LINK_SCHEMA``.
    pairs
        Two ids each.
    """
    import pyarrow as pa

    both = sorted({p for a, b in pairs for p in ((a, b), (b, a))})
    if not both:
        return links, 0
    columns = {
        "source_id": pa.array([a for a, _ in both], pa.string()),
        "target_id": pa.array([b for _, b in both], pa.string()),
    }
    gone = engine.put("never_linked", pa.table(columns))
    kept = engine.keep("links_left", links.anti_join(gone, ["source_id", "target_id"]))
    return kept, _size(engine, links) - _size(engine, kept)


def _size(engine: Engine, table: ir.Table) -> int:
    return int(engine.fetch(table.aggregate(n=table.count()))["n"][0].as_py())


__all__ = ["VALUE_COLUMNS", "without_pairs", "without_values"]
