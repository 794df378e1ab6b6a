"""What a history entry writes into the other tables: the one reading of entries, for writers and for verification."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gangfinder.leads.register.schema import DECISIONS, PROJECTED, decisions, facts

if TYPE_CHECKING:
    from sqlalchemy import Table

CREATED, RUN = "created", "run"

ACTIONS = (CREATED, RUN, *DECISIONS)

Payload = Mapping[str, Any]
"""Plain JSON. ``created``: name → value. ``run``: table → columns and rows. A decision: its columns."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the history.

    Parameters
    ----------
    seq
        Its number, from 1 without gaps.
    at, who
        When, with offset from UTC, and who wrote it.
    action
        One of :data:`ACTIONS`.
    payload
        What it says.
    """

    seq: int
    at: str
    who: str
    action: str
    payload: Payload


def packed(rows: Sequence[Row]) -> dict[str, Any]:
    """Return rows of one table with their column names said once."""
    columns = sorted(rows[0]) if rows else []
    return {"columns": columns, "rows": [[row[c] for c in columns] for row in rows]}


def written(entry: Entry) -> list[tuple[Table, list[Row]]]:
    """Return the rows that an entry writes, in an order in which foreign keys are met.

    Raises
    ------
    KeyError, TypeError, ValueError
        If the entry is none of ours.
    """
    if entry.action == CREATED:
        made = [{"name": name, "value": value} for name, value in sorted(entry.payload.items())]
        return [(facts, _of(entry, made))]
    if entry.action in DECISIONS:
        own = {"seq": entry.seq, "at": entry.at, "who": entry.who, "kind": entry.action}
        return [(decisions, [{**_EMPTY, **entry.payload, **own}])]
    if entry.action != RUN:
        raise ValueError(entry.action)
    return [(t, _of(entry, _unpacked(entry.payload[t.name]))) for t in PROJECTED if t.name in entry.payload]


_EMPTY: Mapping[str, Any] = {c.name: None if c.nullable else "" for c in decisions.c}


def _unpacked(packet: Mapping[str, Any]) -> Iterable[Row]:
    return (dict(zip(packet["columns"], row, strict=True)) for row in packet["rows"])


def _of(entry: Entry, rows: Iterable[Row]) -> list[Row]:
    return [{**row, "seq": entry.seq} for row in rows]


__all__ = ["ACTIONS", "CREATED", "RUN", "Entry", "Payload", "Row", "packed", "written"]
