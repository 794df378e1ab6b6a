"""Build the weekly snapshots of a town."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gangfinder.errors import OutputError, SettingsError
from gangfinder.synth.events import DAY
from gangfinder.synth.settings import TownSettings
from gangfinder.synth.town import Town, build_town
from gangfinder.synth.truth import Group, Truth
from gangfinder.synth.weekly.calendar import Calendar, calendar_of
from gangfinder.synth.weekly.cut import Corrections, corrected, cut
from gangfinder.synth.weekly.labels import Deed, State, states
from gangfinder.synth.weekly.stories import MAIN, SECOND
from gangfinder.synth.write import write_town

V = TypeVar("V")

_SINCE = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A town as it is known at the end of one week.

    Parameters
    ----------
    week
        Its number, from 1.
    span
        First and last day of its data, in days since 1970.
    still
        Whether it is the snapshot before once more.
    town
        Tables, and the truth about the rings that are in them.
    states
        What is to be said of every ring that is or was there.
    """

    week: int
    span: tuple[int, int]
    still: bool
    town: Town
    states: tuple[State, ...]

    @property
    def folder(self) -> str:
        """Name of its folder."""
        return f"week-{self.week:02d}"


def build_weeks(settings: TownSettings) -> Iterator[Snapshot]:
    """Build a town and yield its snapshots, the first week first.

    Parameters
    ----------
    settings
        What the town is made of; ``weeks`` says how many snapshots.

    Raises
    ------
    SettingsError
        If no weeks are asked for.
    """
    if not settings.weeks:
        message = "No weekly snapshots were asked for"
        raise SettingsError(message, hint="set weeks")
    whole, calendar = build_town(settings), calendar_of(settings)
    rings = [ring for ring in whole.truth.rings if ring.life is not None]
    tables = {**whole.tables, "settlements": _with_corrections(whole, rings, calendar)}
    told = _told(tables, rings, calendar)
    for week in range(1, settings.weeks + 1):
        span = calendar.span(week)
        seen = cut(tables, span)
        amounts = _amounts(seen)
        now = tuple(state for per_week in told for state in per_week[week - 1])
        there = tuple(_described(state, amounts) for state in now if state.deeds)
        truth = Truth(settings, there, whole.truth.lookalikes)
        yield Snapshot(week, span, week == calendar.still, Town(seen, truth), now)


def write_weeks(settings: TownSettings, folder: str | Path) -> dict[str, Any]:
    """Write ``week-01`` and so on, each with its tables and ``truth.json``, and ``changes.json`` over all weeks.

    Parameters
    ----------
    settings
        What the town is made of.
    folder
        Where to write; made when absent, with mode 0700.

    Returns
    -------
    dict
        The contents of ``changes.json``.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    target, weeks, survivors = Path(folder), [], set[str]()
    for snapshot in build_weeks(settings):
        write_town(snapshot.town, target / snapshot.folder)
        weeks.append(_week_json(snapshot))
        survivors |= {s.identity for s in snapshot.states if s.label not in {"new", "split", "merged", "vanished"}}
    changes = {"version": 1, "settings": settings.to_json(), "weeks": weeks, "survivors": sorted(survivors)}
    try:
        partial = target / "changes.json.part"
        partial.write_text(json.dumps(changes, ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        partial.chmod(0o600)
        partial.replace(target / "changes.json")
    except OSError as error:
        message = "The snapshots cannot be written"
        raise OutputError(message, hint="choose a folder with room that you may write to") from error
    return changes


def _week_json(snapshot: Snapshot) -> dict[str, Any]:
    first, last = (_iso(day) for day in snapshot.span)
    rings = [_state_json(state) for state in snapshot.states]
    return {
        "week": snapshot.week, "folder": snapshot.folder, "from": first, "to": last, "still": snapshot.still,
        "rings": rings,
    }


def _state_json(state: State) -> dict[str, Any]:
    assert state.ring.life is not None  # noqa: S101 - states are of rings with a life
    plain: dict[str, Any] = {
        "identity": state.identity, "typology": state.ring.kind, "story": state.ring.life.story, "label": state.label,
        "members": sorted(state.members), "joined": list(state.joined), "left": list(state.left),
        "new_rows": state.new_rows, "n_rows": len(state.deeds),
    }
    if state.other:
        plain["merged_into" if state.label == "merged" else "split_from"] = state.other
    return plain


def _with_corrections(whole: Town, rings: Sequence[Group], calendar: Calendar) -> pa.Table:
    """Return the settlements of the whole town, with what rings had to give back given back in the week planned."""
    settlements = whole.tables["settlements"]
    ids: list[str] = []
    days: list[int] = []
    patients = _lookup(settlements, "settlement_id", settlements["patient_id"].to_pylist())
    refunds = set(settlements.filter(settlements["reversed_settlement_id"].is_valid())["settlement_id"].to_pylist())
    for ring in rings:
        if ring.life is None or not ring.life.corrected:
            continue
        wrong = {*ring.cells[1]}
        own = [key for key in ring.settlements if patients[key] in wrong and key not in refunds]
        ids += own
        days += [calendar.monday(ring.life.corrected) + place % 4 for place in range(len(own))]
    return corrected(settlements, Corrections(pa.array(ids, pa.string()), np.array(days, dtype=np.int64)))


def _told(tables: Mapping[str, pa.Table], rings: Sequence[Group], calendar: Calendar) -> list[list[list[State]]]:
    """Return, for each ring, its states week by week."""
    settled = tables["settlements"]
    plain = settled.filter(settled["reversed_settlement_id"].is_null())
    refunds = settled.filter(settled["reversed_settlement_id"].is_valid())
    back = _lookup(refunds, "reversed_settlement_id", _days(refunds["settled_at"]))
    claims = tables["reimbursements"]
    rows = {
        "settlements": _lookup(plain, "settlement_id", _seen_at(plain, "settled_at")),
        "reimbursements": _lookup(claims, "reimbursement_id", _seen_at(claims, "submitted_at")),
    }
    return [states(ring, list(_deeds(ring, rows, back, calendar)), calendar) for ring in rings]


def _deeds(
    ring: Group, rows: Mapping[str, Mapping[str, tuple[str, int]]], back: Mapping[str, int], calendar: Calendar
) -> Iterator[Deed]:
    for table, keys in (("settlements", ring.settlements), ("reimbursements", ring.reimbursements)):
        for key in keys:
            if key in rows[table]:  # a refund is no deed
                patient, day = rows[table][key]
                yield Deed(key, table, patient, day, _act(ring, patient, day, calendar), back.get(key))


def _act(ring: Group, patient: str, day: int, calendar: Calendar) -> int:
    """Return to which act of its ring a row belongs: that of its cell which began last before the day."""
    assert ring.life is not None  # noqa: S101 - asked of rings with a life
    cell = MAIN if patient in ring.cells[0] else SECOND
    begun = [
        (calendar.monday(act.week), place)
        for place, act in enumerate(ring.life.acts)
        if cell in act.cells and calendar.monday(act.week) <= day
    ]
    return max(begun)[1]


def _described(state: State, amounts: Mapping[str, Mapping[str, Decimal]]) -> Group:
    """Return the truth about one ring in one snapshot."""
    keys: dict[str, list[str]] = {"settlements": [], "reimbursements": []}
    for deed in state.deeds:
        keys[deed.table].append(deed.key)
    days = [deed.day for deed in state.deeds]
    return replace(
        state.ring, group_id=state.identity, patients=tuple(sorted(state.members)),
        settlements=tuple(sorted(keys["settlements"])), reimbursements=tuple(sorted(keys["reimbursements"])),
        first_on=_iso(min(days)), last_on=_iso(max(days)), n_rows=len(days), entries={}, life=None, cells=(),
        amount=f"{sum((amounts[d.table][d.key] for d in state.deeds), Decimal(0)):.2f}",
    )


def _amounts(tables: Mapping[str, pa.Table]) -> dict[str, dict[str, Decimal]]:
    return {
        name: _lookup(tables[name], key, tables[name]["fund_amount"].to_pylist())
        for name, key in (("settlements", "settlement_id"), ("reimbursements", "reimbursement_id"))
    }


def _seen_at(table: pa.Table, column: str) -> list[tuple[str, int]]:
    return list(zip(table["patient_id"].to_pylist(), _days(table[column]), strict=True))


def _lookup(table: pa.Table, key: str, values: Sequence[V]) -> dict[str, V]:
    return dict(zip(table[key].to_pylist(), values, strict=True))


def _days(column: pa.ChunkedArray) -> list[int]:
    """Return days since 1970."""
    seconds = np.asarray(pc.fill_null(column.cast(pa.timestamp("us")).cast(pa.int64()), 0)) // 1_000_000
    days: list[int] = (seconds // DAY).tolist()
    return days


def _iso(day: int) -> str:
    return (_SINCE + timedelta(days=day)).isoformat()
