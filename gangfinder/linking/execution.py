"""Run the linkers and gather their links in one relation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gangfinder.errors import ContractError
from gangfinder.linking.contract import Linker, empty_links
from gangfinder.linking.projection import Skipped, missing, project, staged
from gangfinder.model.evidence import LINK_SCHEMA
from gangfinder.model.tables import TABLES

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from gangfinder.engine import Engine


@dataclass(frozen=True, slots=True)
class Linked:
    """All links of a run.

    Parameters
    ----------
    links
        Columns of ``LINK_SCHEMA``, in the engine.
    rows
        Links per linker.
    skipped
        Linkers that could not run, and why.
    n_tests
        Pairs tested, per linker that has a null.
    """

    links: ir.Table
    rows: Mapping[str, int]
    skipped: tuple[Skipped, ...]
    n_tests: Mapping[str, int]


def run_linkers(
    engine: Engine,
    linkers: Mapping[str, Linker],
    canonical: Mapping[str, ir.Table],
    derived: Mapping[str, ir.Table],
    available: Mapping[str, frozenset[str]],
    wanted: frozenset[str] | None = None,
) -> Linked:
    """Run every linker whose requirements are met.

    Parameters
    ----------
    engine, canonical, derived, available
        Where the tables are, the tables, and which of their columns hold values.
    linkers
        All linkers by slug.
    wanted
        Link kinds that some detector reads; a linker that makes none of them does not run. Default: all kinds.

    Raises
    ------
    ContractError
        If a linker returns other columns than ``LINK_SCHEMA``.
    """
    parts: list[ir.Table] = [_typed(engine.put("links_none", empty_links()))]
    rows: dict[str, int] = {}
    n_tests: dict[str, int] = {}
    skipped = []
    for slug, linker in linkers.items():
        reason = missing(linker, available) or _nothing_to_read(linker, available)
        if wanted is not None and not wanted & set(linker.kinds):
            reason = "no detector that can run reads its links"
        if reason:
            skipped.append(Skipped(slug, reason))
            continue
        found, tests = _run(engine, linker, project(linker, canonical, derived))
        if tests:
            n_tests[slug] = tests
        rows[slug] = int(engine.fetch(found.aggregate(n=found.count()))["n"][0].as_py())
        parts.append(found)
    union = parts[0]
    for part in parts[1:]:
        union = union.union(part, distinct=False)
    return Linked(engine.keep("links", union), rows, tuple(skipped), n_tests)


def _nothing_to_read(linker: Linker, available: Mapping[str, frozenset[str]]) -> str | None:
    """Say that the input has nothing of what a linker could use; it would run, and its silence would say nothing."""
    if linker.requires or linker.uses:
        return None
    usable = {table: columns - TABLES[table].required for table, columns in linker.optional.items()}
    if any(
        table in available and (not linker.optional[table] or columns & available[table])
        for table, columns in usable.items()
    ):
        return None
    names = [f"{t}.{c}" if c else t for t, columns in sorted(usable.items()) for c in sorted(columns) or [""]]
    return f"needs one of {', '.join(names)}, all absent or empty"


def _run(engine: Engine, linker: Linker, tables: Mapping[str, ir.Table]) -> tuple[ir.Table, int]:
    expression = linker.link(staged(engine, linker, tables), linker.params)
    tests = 0
    if linker.measure is not None:
        candidates = engine.fetch(expression)
        if "m_tests" in candidates.column_names and candidates.num_rows:
            tests = int(candidates["m_tests"][0].as_py())
        kept = engine.put(f"links_{linker.slug}", linker.measure(candidates, linker.params))
    else:
        kept = engine.keep(f"links_{linker.slug}", expression)
    if set(kept.columns) != set(LINK_SCHEMA):
        msg = f"linker '{linker.slug}' returns columns {sorted(kept.columns)}"
        raise ContractError(
            msg, hint=f"return {sorted(LINK_SCHEMA)}"
        )
    return _typed(kept), tests


def _typed(links: ir.Table) -> ir.Table:
    return links.select(**{name: links[name].cast(kind) for name, kind in LINK_SCHEMA.items()})

