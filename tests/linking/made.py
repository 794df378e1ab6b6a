"""Run one linker on a few rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from gangfinder.engine import Engine
from gangfinder.linking import linkers
from gangfinder.linking.projection import missing, project, staged
from gangfinder.model.evidence import LINK_SCHEMA
from gangfinder.model.tables import TABLES, Kind
from gangfinder.synth.columns import ARROW_TYPES

Rows = Sequence[Mapping[str, Any]]


def table(name: str, rows: Rows) -> pa.Table:
    """Return rows as a typed table with all canonical columns."""
    return pa.table(
        {
            c.name: pa.array([_read(c.kind, row.get(c.name)) for row in rows], ARROW_TYPES[c.kind])
            for c in TABLES[name].columns
        }
    )


def _read(kind: Kind, value: Any) -> Any:
    if value is None or not isinstance(value, str | int | float):
        return value
    reader = {
        Kind.INSTANT: datetime.fromisoformat,
        Kind.DATE: date.fromisoformat,
        Kind.MONEY: lambda v: Decimal(str(v)),
    }
    return reader.get(kind, lambda v: v)(value)


def links(engine: Engine, slug: str, **tables: Rows) -> list[dict[str, Any]]:
    """Return the links of a linker on these tables, sorted; settlements may be left out."""
    linker = linkers()[slug]
    typed = {name: table(name, rows) for name, rows in {"settlements": (), **tables}.items()}
    available = {n: frozenset(c for c in t.column_names if t[c].null_count < t.num_rows) for n, t in typed.items()}
    reason = missing(linker, available)
    assert reason is None, reason
    canonical = {name: engine.put(f"link_{slug}_{name}", rows) for name, rows in typed.items()}
    found = engine.fetch(linker.link(staged(engine, linker, project(linker, canonical, {})), linker.params))
    assert set(found.column_names) == set(LINK_SCHEMA)
    return sorted(found.to_pylist(), key=lambda r: (r["kind"], r["source_id"], r["target_id"]))


def ties(engine: Engine, slug: str, **tables: Rows) -> list[tuple[str, str, str]]:
    """Return kind, source and target of the links."""
    return [(r["kind"], r["source_id"], r["target_id"]) for r in links(engine, slug, **tables)]


def settlement(key: str, patient: str, house: str, on: str, **more: Any) -> dict[str, Any]:
    """Return a settlement of ten yuan."""
    return {
        "settlement_id": key,
        "patient_id": patient,
        "institution_id": house,
        "settled_at": on,
        "fund_amount": 10,
        **more,
    }
