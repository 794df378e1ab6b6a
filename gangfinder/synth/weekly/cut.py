"""What an office knows at the end of a week: the tables of a whole town, cut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gangfinder.synth.events import DAY

_BY_EVENT = {
    "settlements": "settled_at", "reimbursements": "submitted_at", "lab_reports": "reported_at",
}
"""Rows that are exported by the day on which they came up, from the first day of the window on."""

_KNOWN_SINCE = {
    "prescriptions": "issued_at", "filings": "filed_at", "signals": "observed_on", "enrolments": "valid_from",
    "contracts": "valid_from", "ties": "since", "terminals": "valid_from", "doctors": "active_from",
    "operators": "active_from", "roster": "valid_from",
}
"""Rows that are exported from their day on, for good: what a sale or a bill of the window may go back to."""

_NOT_YET = {
    "patients": ("death_date",),
    "institutions": ("suspended_from", "suspended_to"),
    "terminals": ("valid_to",),
    "doctors": ("active_to",),
    "operators": ("active_to",),
    "enrolments": ("valid_to",),
    "filings": ("handled_at", "reviewed_at"),
    "reimbursements": ("handled_at", "reviewed_at", "paid_at"),
    "prescriptions": ("checked_at",),
}
"""Ends and later steps that nobody knows before their day."""


@dataclass(frozen=True, slots=True)
class Corrections:
    """Settlements that are taken back later than a counter would.

    Parameters
    ----------
    ids
        Their keys.
    days
        Day of each correction, in days since 1970.
    """

    ids: pa.Array
    days: np.ndarray[tuple[int], np.dtype[np.int64]]


def corrected(settlements: pa.Table, corrections: Corrections) -> pa.Table:
    """Return the settlements with the refunds of some of them moved to the day of their correction."""
    place = pc.index_in(settlements["reversed_settlement_id"], value_set=corrections.ids)
    moved = np.asarray(pc.fill_null(place, -1))
    rows = np.flatnonzero(moved >= 0)
    for name in ("settled_at", "occurred_at"):
        at = _seconds(settlements[name]).copy()
        there = np.asarray(settlements[name].is_valid())
        at[rows] = corrections.days[moved[rows]] * DAY + 10 * 3600 + at[rows] % 7200
        column = pa.array(at * 1_000_000, mask=~there).cast(pa.timestamp("us"))
        settlements = _with(settlements, name, column.cast(settlements.schema.field(name).type))
    return settlements


def cut(tables: Mapping[str, pa.Table], span: tuple[int, int]) -> dict[str, pa.Table]:
    """Return the tables as they stand at the end of the last day of a span.

    Parameters
    ----------
    tables
        Canonical tables of the whole town.
    span
        First and last day of the window, in days since 1970.
    """
    made = {name: _known(name, table, span) for name, table in tables.items()}
    made["settlements"] = _unreversed(made["settlements"])
    made["items"] = _items(made["items"], made["settlements"])
    made["prescriptions"] = _prescriptions(made["prescriptions"], made["settlements"], span[0])
    made["stock"] = _whole_months(made["stock"], span)
    return made


def _known(name: str, table: pa.Table, span: tuple[int, int]) -> pa.Table:
    column = _BY_EVENT.get(name) or _KNOWN_SINCE.get(name)
    if column in table.column_names:
        day = _days(table[column])
        none = ~np.asarray(table[column].is_valid())
        keep = none | ((day <= span[1]) & ((day >= span[0]) | (name in _KNOWN_SINCE)))
        table = table.filter(pa.array(keep))
    for later in _NOT_YET.get(name, ()):
        if later in table.column_names:
            table = _without_future(table, later, span[1])
    return table


def _without_future(table: pa.Table, name: str, last: int) -> pa.Table:
    """Return the table with what lies after the last day blanked; a decision goes with its review."""
    future = pa.array(_days(table[name]) > last)
    nothing = pa.nulls(len(table), table.schema.field(name).type)
    later = pc.if_else(pc.and_(future, table[name].is_valid()), nothing, table[name])
    if name == "reviewed_at" and "decision" in table.column_names:
        none = pa.nulls(len(table), table.schema.field("decision").type)
        table = _with(table, "decision", pc.if_else(future, none, table["decision"]))
    return _with(table, name, later)


def _unreversed(settlements: pa.Table) -> pa.Table:
    """Return settlements marked as reversed only where the refund is in the data."""
    refunded = pc.is_in(settlements["settlement_id"], value_set=pc.unique(settlements["reversed_settlement_id"]))
    return _with(settlements, "reversed", pc.and_(settlements["reversed"], refunded))


def _whole_months(stock: pa.Table, span: tuple[int, int]) -> pa.Table:
    """Return the stock of the months that lie wholly in the span: stock is counted when a month ends."""
    first = np.datetime64(span[0] - 1, "D").astype("datetime64[M]") + 1
    end = np.datetime64(span[1] + 1, "D").astype("datetime64[M]")
    months = [str(month) for month in np.arange(first, end)]
    return stock.filter(pc.is_in(stock["month"], value_set=pa.array(months, pa.string())))


def _prescriptions(prescriptions: pa.Table, settlements: pa.Table, first: int) -> pa.Table:
    """Return the prescriptions of the window, and older ones on which something was sold in it."""
    recent = pa.array(_days(prescriptions["issued_at"]) >= first)
    sold = pc.is_in(prescriptions["prescription_id"], value_set=pc.unique(settlements["prescription_id"]))
    return prescriptions.filter(pc.or_(recent, sold))


def _items(items: pa.Table, settlements: pa.Table) -> pa.Table:
    """Return the items of the settlements; a box is back when its refund is in the data."""
    keys = settlements["settlement_id"]
    items = items.filter(pc.is_in(items["settlement_id"], value_set=pc.unique(keys)))
    back = pc.is_in(items["settlement_id"], value_set=pc.unique(keys.filter(settlements["reversed"])))
    return _with(items, "returned", pc.and_(items["returned"], back))


def _with(table: pa.Table, name: str, column: pa.Array) -> pa.Table:
    place = table.schema.get_field_index(name)
    return table.set_column(place, table.schema.field(place), column)


def _seconds(column: pa.ChunkedArray) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return instants or dates as seconds since 1970, 0 where there is none."""
    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("s"))
    whole = column.cast(pa.timestamp("us")).cast(pa.int64())
    return np.asarray(pc.fill_null(whole, 0), dtype=np.int64) // 1_000_000


def _days(column: pa.ChunkedArray) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the day of each value in days since 1970, 0 where there is none."""
    return _seconds(column) // DAY
