"""The open leads as relations that a sealed typology can join (see ``uses`` of the contract)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

    from gangfinder.model.lead import ScoredRing

RINGS: Mapping[str, str] = MappingProxyType(
    {"ring_id": "string", "typology": "string", "subject_type": "string", "subject_id": "string"}
)
"""Relation ``rings``: the core members of the open leads, one row for each typology of the ring."""

RING_ROWS: Mapping[str, str] = MappingProxyType(
    {
        **RINGS, "source_table": "string", "source_key": "string", "event_at": "timestamp",
        "amount": "decimal(18,2)", "grade": "string",
    }
)
"""Relation ``ring_rows``: the input rows in their evidence, each once for each typology and subject."""


def rings(found: Sequence[ScoredRing]) -> pa.Table:
    """Return the core members of the rings of the open leads, columns :data:`RINGS`."""
    made = {
        (one.ring.ring_id, finding.typology, one.ring.subject_type, subject)
        for one in found
        for finding in one.ring.findings
        for subject in one.ring.core
    }
    return as_relation(RINGS, sorted(made))


def ring_rows(found: Sequence[ScoredRing]) -> pa.Table:
    """Return the evidence rows of the rings of the open leads, in their best grade, columns :data:`RING_ROWS`."""
    made: dict[tuple[str, ...], tuple[Any, ...]] = {}
    for one in found:
        for finding in one.ring.findings:
            for e in finding.evidence:
                subject = (one.ring.ring_id, finding.typology, e.subject_type, e.subject_id)
                key = (*subject, e.source_table, e.source_key)
                grade = min(e.grade.value, made[key][-1]) if key in made else e.grade.value
                made[key] = (*key, e.event_at, e.amount, grade)
    return as_relation(RING_ROWS, [made[key] for key in sorted(made)])


def as_relation(schema: Mapping[str, str], rows: Sequence[Sequence[Any]]) -> pa.Table:
    """Return rows as a table with the columns and types of a schema."""
    import pyarrow as pa

    types = {"string": pa.string(), "timestamp": pa.timestamp("us"), "decimal(18,2)": pa.decimal128(18, 2)}
    columns = zip(*rows, strict=True) if rows else ((),) * len(schema)
    made = zip(schema.items(), columns, strict=True)
    return pa.table({name: pa.array(list(values), types[kind]) for (name, kind), values in made})
