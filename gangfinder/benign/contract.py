"""What a benign-explanation file declares (DESIGN §6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gangfinder.errors import ContractError
from gangfinder.model.evidence import Judgement
from gangfinder.model.group import Group
from gangfinder.model.registry import Requirements
from gangfinder.model.sealing import reads_sealed

if TYPE_CHECKING:
    import ibis.expr.types as ir

Tables = Mapping[str, "ir.Table"]


@dataclass(frozen=True, slots=True)
class Explanation:
    """One innocent reason why people look like a ring.

    An explanation can speak in four ways, each optional, at least one present. The first three are relational and look
    at the whole population, never at a group; the last looks at one collected group.

    Parameters
    ----------
    code
        Number in the look-alike catalogue, ``5.3`` (DOMAIN §5).
    slug
        The file's stem; its cases are ``fixtures/benign/<slug>.yml``.
    title
        In Chinese (the catalogue's source language).
    requires
        Tables and columns without which it cannot be tested; the lead then says so.
    optional
        Tables and columns it can use; what is absent arrives as an empty table or a column of nulls.
    uses
        Derived relations it reads: ``visits``, ``stays``.
    steps
        ``(name, step)`` in order, as linkers have them: ``step(tables, params)`` is computed once, kept, and stands in
        ``tables`` under its name for what comes after. For what is read twice or dear; a step that several files
        import from one place is computed for the first, so it must read no parameter.
    rows
        ``rows(tables, params)`` → columns ``source_table, source_key``: input rows that are explained by themselves.
        They are taken out before links are counted (contradictions excepted).
    units
        ``units(tables, params)`` → columns ``patient_id, unit_id``: people who count as one. Links inside a unit do not
        count.
    hubs
        ``hubs(tables, params)`` → columns ``hub_type, hub_id``: hubs that bind people innocently.
    judge
        ``judge(group, params)``: whether it explains this group, wholly or in part.
    sentences
        Reason key → sentence template in Chinese.
    params
        Frozen dataclass of parameters, the unit in each name.
    """

    code: str
    slug: str
    title: str
    sentences: Mapping[str, str]
    params: Any
    requires: Requirements = field(default_factory=dict)
    optional: Requirements = field(default_factory=dict)
    uses: frozenset[str] = frozenset()
    rows: Callable[[Tables, Any], ir.Table] | None = None
    units: Callable[[Tables, Any], ir.Table] | None = None
    hubs: Callable[[Tables, Any], ir.Table] | None = None
    judge: Callable[[Group, Any], Judgement] | None = None
    steps: tuple[tuple[str, Callable[[Tables, Any], ir.Table]], ...] = ()

    @property
    def sealed(self) -> bool:
        """Whether it reads what only the sealed pass may see: it is asked there alone."""
        return reads_sealed(self.requires, self.optional)

    def __post_init__(self) -> None:
        """Refuse an explanation that explains nothing.

        Raises
        ------
        ContractError
            If it declares none of rows, units, hubs, judge, or reads an unknown relation.
        """
        if not (self.rows or self.units or self.hubs or self.judge):
            msg = f"benign explanation '{self.slug}' declares none of rows, units, hubs, judge"
            raise ContractError(msg)
        if self.uses - {"visits", "stays"}:
            msg = f"benign explanation '{self.slug}' may use only visits and stays"
            raise ContractError(msg)
