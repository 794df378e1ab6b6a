"""What a plug-in declares, as plain values for a table or JSON."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from decimal import Decimal
from typing import Any

from gangfinder.model.registry import Requirements


def needs(requirements: Requirements) -> dict[str, list[str]]:
    """Return required tables and columns, sorted."""
    return {table: sorted(columns) for table, columns in sorted(requirements.items())}


def needs_text(requirements: Requirements) -> str:
    """Return the same in one cell: ``patients(address); ties``."""
    parts = needs(requirements).items()
    return "; ".join(f"{table}({', '.join(columns)})" if columns else table for table, columns in parts)


def params(declared: object) -> dict[str, Any]:
    """Return parameters by name; each can be set in ``[<section>.<slug>]`` of the settings."""
    if not is_dataclass(declared):
        return {}
    return {f.name: _plain(getattr(declared, f.name)) for f in fields(declared)}


def _plain(value: object) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, frozenset):
        return sorted(value)
    return str(value) if isinstance(value, Decimal) else value
