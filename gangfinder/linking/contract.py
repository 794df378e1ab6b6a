"""What a linker file declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gangfinder.model.evidence import LINK_SCHEMA, Family
from gangfinder.model.registry import Requirements
from gangfinder.model.sealing import reads_sealed

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

Tables = Mapping[str, "ir.Table"]


@dataclass(frozen=True, slots=True)
class Linker:
    """One way in which two entities can be tied.

    Parameters
    ----------
    slug
        The file's stem.
    title
        In English, for ``run.json`` and logs.
    family
        ``calendar`` (behaviour), ``attribute`` or ``control``.
    kinds
        Link kinds it makes (column ``kind``).
    requires
        Canonical tables and columns it needs; absent ones skip the linker with a reason.
    optional
        Tables and columns it can use; what is absent arrives as an empty table or a column of nulls.
    uses
        Derived relations: ``visits``, ``stays``, ``residual_visits``, ``residual_stays``.
    params
        Frozen dataclass of parameters, the unit in each name.
    steps
        ``(name, step)`` in order: ``step(tables, params)`` is computed once, kept, and stands in ``tables`` under its
        name for the steps after it and for ``link``. An engine does not always see that an expression is used twice.
    link
        ``link(tables, params)``: relational; candidate pairs with whatever counts ``measure`` needs. Hubs are never
        expanded into pairs.
    measure
        ``measure(candidates, params)``: exact tails on the collected candidates → ``LINK_SCHEMA``. ``None``: ``link``
        returns ``LINK_SCHEMA`` itself and the rows stay in the engine.
    """

    slug: str
    title: str
    family: Family
    kinds: tuple[str, ...]
    params: Any
    link: Callable[[Tables, Any], ir.Table]
    measure: Callable[[pa.Table, Any], pa.Table] | None = None
    steps: tuple[tuple[str, Callable[[Tables, Any], ir.Table]], ...] = ()
    requires: Requirements = field(default_factory=dict)
    optional: Requirements = field(default_factory=dict)
    uses: frozenset[str] = frozenset()

    @property
    def sealed(self) -> bool:
        """Whether it reads what only the sealed pass may see."""
        return reads_sealed(self.requires, self.optional)


def empty_links() -> pa.Table:
    """Return no links, with the columns of ``LINK_SCHEMA``."""
    import pyarrow as pa

    types = {"string": pa.string(), "int64": pa.int64(), "float64": pa.float64(), "timestamp": pa.timestamp("us")}
    return pa.table({name: pa.array([], types[kind]) for name, kind in LINK_SCHEMA.items()})
