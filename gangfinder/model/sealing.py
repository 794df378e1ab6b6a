"""What only the sealed pass may see: fund staff, what they did, and what is said of them (DESIGN §10).

The open pass is given none of it, so that no open file can depend on it; this module alone says what "it" is.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gangfinder.model.registry import Requirements

SEALED_TABLES = frozenset({"staff", "roster", "actions"})
"""Tables that the open pass never reads."""

SEALED_COLUMNS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "reimbursements": frozenset({"handler_id", "reviewer_id"}),
        "filings": frozenset({"handler_id", "reviewer_id"}),
        "enrolments": frozenset({"handler_id"}),
        "contracts": frozenset({"approved_by"}),
    }
)
"""Columns of open tables that name a member of staff."""

DIVIDED_TABLES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"ties": ("source_type", "target_type"), "signals": ("entity_type",)}
)
"""Tables some of whose rows are about staff, and the columns that say so."""

SEALED_PARTS = frozenset({*SEALED_TABLES, *SEALED_COLUMNS, *DIVIDED_TABLES})
"""Tables of which the open pass sees less than all."""

SEALED_ENTITIES = frozenset({"staff", "official", "office"})
"""Entity types that stand in sealed leads alone."""

STAFF_WORDS = SEALED_ENTITIES | {
    "handler", "reviewer", "officer", "public_official", "civil_servant", "经办", "经办人", "经办人员", "审核人员",
    "复核人员", "工作人员", "公职人员", "公务员", "国家工作人员", "官员", "经办机构",
}
"""How exports write those types, in lower case."""


def reads_sealed(*requirements: Requirements) -> bool:
    """Say whether a plug-in that declares these tables and columns reads what only the sealed pass may see."""
    return any(
        table in SEALED_TABLES or bool(set(columns) & SEALED_COLUMNS.get(table, frozenset()))
        for one in requirements
        for table, columns in one.items()
    )
