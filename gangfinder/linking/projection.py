"""Give a plug-in exactly what it declared, or say why it cannot run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from gangfinder.model.registry import Requirements
from gangfinder.model.tables import TABLES, Kind

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from gangfinder.engine import Engine

TYPES: Mapping[Kind, str] = {
    Kind.ID: "string", Kind.CODE: "string", Kind.TEXT: "string", Kind.INSTANT: "timestamp", Kind.DATE: "date",
    Kind.MONEY: "decimal(18,2)", Kind.NUMBER: "float64", Kind.COUNT: "int64", Kind.FLAG: "boolean",
}
"""Physical type of each kind of column, as Ibis names it."""


class Declares(Protocol):
    """A plug-in that says what it reads."""

    @property
    def slug(self) -> str:
        """Its name."""

    @property
    def requires(self) -> Requirements:
        """What it cannot do without."""

    @property
    def optional(self) -> Requirements:
        """What it can use."""

    @property
    def uses(self) -> frozenset[str]:
        """Derived relations."""


class Stepped(Protocol):
    """A plug-in with intermediate results that are worth computing once."""

    @property
    def slug(self) -> str:
        """Its name."""

    @property
    def params(self) -> Any:  # noqa: ANN401 - every plug-in has its own
        """Its parameters."""

    @property
    def steps(self) -> tuple[tuple[str, Callable[[Mapping[str, ir.Table], Any], ir.Table]], ...]:
        """Name and function of every step, in order."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A plug-in that did not run, and why; never the same as one that found nothing."""

    slug: str
    reason: str


def missing(declared: Declares, available: Mapping[str, frozenset[str]]) -> str | None:
    """Say what a plug-in lacks, or return ``None`` if it can run.

    Parameters
    ----------
    declared
        The plug-in.
    available
        Table → columns that the input has and that hold at least one value.
    """
    for table, columns in sorted(declared.requires.items()):
        if table not in available:
            return f"needs table '{table}', which is absent"
        gone = sorted(set(columns) - available[table])
        if gone:
            return f"needs {', '.join(gone)} of table '{table}', absent or empty"
    return None


def project(
    declared: Declares, canonical: Mapping[str, ir.Table], derived: Mapping[str, ir.Table]
) -> dict[str, ir.Table]:
    """Return the declared tables, projected to the declared columns.

    Optional columns that the input lacks arrive as nulls, optional tables as empty tables, so that a plug-in is
    written once. The caller has checked :func:`missing` first.
    """
    wanted: dict[str, set[str]] = {}
    for requirements in (declared.requires, declared.optional):
        for table, columns in requirements.items():
            wanted.setdefault(table, set(TABLES[table].required)).update(columns)
    result = {name: _projected(name, columns, canonical) for name, columns in sorted(wanted.items())}
    result.update({name: derived[name] for name in sorted(declared.uses)})
    return result


def staged(
    engine: Engine | None,
    plugin: Stepped,
    tables: Mapping[str, ir.Table],
    kept: dict[object, tuple[str, ir.Table]] | None = None,
) -> dict[str, ir.Table]:
    """Return the tables with the plug-in's steps added under their names, as the steps after them see them.

    Parameters
    ----------
    engine
        Where each step is computed once and kept; ``None`` leaves it an expression, which means the same.
    plugin
        With its steps and parameters.
    tables
        What :func:`project` returns.
    kept
        Step → kept name and table, of plug-ins before: a step that two of them import from one place is computed for
        the first. The caller may drop the names when nothing reads them any more.
    """
    seen = dict(tables)
    known = {} if kept is None else kept
    for name, step in plugin.steps:
        if step not in known:
            own = f"{plugin.slug}_{name}"
            made = step(seen, plugin.params)
            known[step] = (own, made if engine is None else engine.keep(own, made))
        seen[name] = known[step][1]
    return seen


def _projected(name: str, columns: set[str], canonical: Mapping[str, ir.Table]) -> ir.Table:
    import ibis

    spec = TABLES[name]
    ordered = [c for c in spec.columns if c.name in columns]
    if name not in canonical:
        # an empty table made of the mandatory one's rows keeps the expression on the same engine
        base = canonical["settlements"].filter(ibis.literal(value=False))
        return base.select(**{c.name: ibis.null().cast(TYPES[c.kind]) for c in ordered})
    table = canonical[name]
    present = set(table.columns)
    return table.select(
        **{c.name: table[c.name] if c.name in present else ibis.null().cast(TYPES[c.kind]) for c in ordered}
    )


def filled_columns(engine: Engine, canonical: Mapping[str, ir.Table]) -> dict[str, frozenset[str]]:
    """Return, per table, the columns that hold at least one value; a column of nulls is as good as absent."""
    found = {}
    for name, table in sorted(canonical.items()):
        counts = engine.fetch(table.aggregate(**{c: table[c].count() for c in table.columns})).to_pylist()[0]
        columns = frozenset(c for c, n in counts.items() if n)
        if columns:
            found[name] = columns
    return found


def count(engine: Engine, table: ir.Table) -> int:
    """Return the number of rows of a relation."""
    return int(engine.fetch(table.aggregate(n=table.count()))["n"][0].as_py())
