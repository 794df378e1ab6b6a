"""``--since``: only what happened from a day on is read; what is true at a time, and not an event, is kept whole.

Events are cut by their latest instant, so that a stay that reaches into the window is in it, with all bills of its
visit, and so are a settlement's items and its prescription. Refunds come after what they refund, so that no settlement
of the window loses one. Registers (patients, cards, institutions, contracts, enrolments, filings, ties …) and signals
stay whole: a lead of the window may rest on a filing made before it, or on a case known for years.

Detectors compare with the window alone: usual days, hours and amounts are those of the window. Rhythms of a month need
several of them; less than 90 days finds little.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from gangfinder.intake.casts import named, quoted
from gangfinder.intake.report import QualityFinding, Severity
from gangfinder.model.tables import MANDATORY

if TYPE_CHECKING:
    import duckdb

INSTANTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "settlements": ("occurred_at", "settled_at", "discharged_at"),
        "prescriptions": ("issued_at", "visited_at", "checked_at"),
        "reimbursements": ("submitted_at", "handled_at", "reviewed_at", "paid_at", "discharged_at", "invoice_on"),
        "lab_reports": ("reported_at",),
        "actions": ("acted_at",),
        "items": ("sold_at",),
    }
)
"""Tables of events, and the instants of each; a row without any is kept."""

_OF_SETTLEMENTS = (("items", "settlement_id"), ("prescriptions", "prescription_id"))
"""Tables whose rows belong to a settlement: they are in the window with it."""

_LATEST_SHARE = 0.999
"""The last day is the one by which this share of settlements is made: some are dated in a far future by mistake."""

_DAYS = re.compile(r"(\d+)d")


def first_day(connection: duckdb.DuckDBPyConnection, since: str, tables: Iterable[str]) -> date | None:
    """Return the first day of the window.

    Parameters
    ----------
    connection
        Where the tables are.
    since
        ``2025-01-01``, or ``365d``: so many days up to the last day on which settlements were made.
    tables
        Names of the tables that were read.

    Returns
    -------
    date or None
        ``None`` where days are counted back and there are no settlements.
    """
    days = _DAYS.fullmatch(since)
    if days is None:
        return date.fromisoformat(since)
    if MANDATORY not in tables:
        return None
    found = connection.execute(
        f"SELECT quantile_disc(CAST(settled_at AS DATE), {_LATEST_SHARE}) FROM main.{MANDATORY}"
    ).fetchone()
    last = found[0] if found else None
    return None if last is None else last - timedelta(days=int(days[1]) - 1)


def cut(
    connection: duckdb.DuckDBPyConnection, tables: Mapping[str, tuple[str, ...]], first: date
) -> list[QualityFinding]:
    """Take older events out of the tables, and say how many those were.

    Parameters
    ----------
    connection
        Where the tables are.
    tables
        Table → its columns.
    first
        First day of the window.
    """
    told = []
    # settlements first: others are in the window with them
    for table in sorted(tables, key=lambda name: (name != MANDATORY, name)):
        condition = _inside(table, tables, first)
        if condition is None:
            continue
        before = _count(connection, table)
        connection.execute(f"DELETE FROM main.{named(table)} WHERE NOT ({condition})")
        gone = before - _count(connection, table)
        if gone:
            told.append(_told(table, gone, before, first))
    return told


def _inside(table: str, tables: Mapping[str, tuple[str, ...]], first: date) -> str | None:
    """Return the condition that a row is in the window; ``None`` where all are."""
    columns = tables[table]
    if table == "stock":
        digits = "left(regexp_replace(CAST(month AS VARCHAR), '[^0-9]', '', 'g'), 6)"  # 2025-01, 202501, 2025-01-31
        return f"{digits} >= {quoted(first.strftime('%Y%m'))}" if "month" in columns else None
    if table not in INSTANTS:
        return None
    known = [named(c) for c in INSTANTS[table] if c in columns]
    day = f"DATE {quoted(first.isoformat())}"
    late = f"coalesce(greatest({', '.join(f'CAST({c} AS TIMESTAMP)' for c in known)}) >= {day}, TRUE)" if known else ""
    if table == MANDATORY:
        same = f"visit_id IN (SELECT visit_id FROM main.{MANDATORY} WHERE visit_id IS NOT NULL AND {late})"
        return f"({late}) OR coalesce({same}, FALSE)" if "visit_id" in columns else late
    for of, key in _OF_SETTLEMENTS:
        if of == table and key in columns and key in tables.get(MANDATORY, ()):
            here = f"{key} IN (SELECT {key} FROM main.{MANDATORY} WHERE {key} IS NOT NULL)"
            alone = f"{key} IS NULL AND {late or 'TRUE'}" if of == "items" else late or "TRUE"
            return f"coalesce({here}, FALSE) OR ({alone})"
    return late or None


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    found = connection.execute(f"SELECT count(*) FROM main.{named(table)}").fetchone()
    return int(found[0]) if found else 0


def _told(table: str, gone: int, before: int, first: date) -> QualityFinding:
    sentence = f"{gone:,} of {before:,} rows of table '{table}' are older than the window, which begins on {first}"
    action = "give an earlier day with --since to read them"
    return QualityFinding("window", Severity.INFO, table, "", gone, gone / before, sentence, action)


__all__ = ["INSTANTS", "cut", "first_day"]
