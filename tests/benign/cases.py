"""Run one innocent explanation on the small tables of a case file.

A case is a mapping: ``name``, ``why``, ``tables`` and ``expect``.

``tables``
    Table → list of rows. A row is a mapping of column to value. It may hold

    ``each: {column: values}``
        the row then stands for one row per position of the values, which go side by side;
    ``for: {column: values}``
        the row then stands for one row per combination of the values (and of the positions of ``each``).

    Values are a list, or ``{from: A, count: N}`` for ``A0``, ``A1``, or ``{from: 2025-01-06, every: 2, count: N}`` for
    dates or instants so many days apart (``minutes:`` instead of ``every:`` for instants so many minutes apart).
    ``{n}`` in a text is the number of the row, ``{column}`` the value of that column; ``at`` and ``plus_minutes`` make
    ``settled_at`` of a date, a time of day and minutes.
``expect``
    ``rows`` / ``hubs``: patterns of keys (``D*``); exactly the keys of the tables that match are explained.
    ``units``: lists of people who count as one. ``nothing: true``. ``skipped``: words of the reason.
    ``judge``: ``group`` (patterns of members), ``result``, and optionally ``covered`` (patterns) and ``reason``;
    ``measures``: what the typology measured, column → {pattern of settlement ids: value}; ``tables``: pattern of
    settlement ids → table they stand for (a filing …).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from itertools import product
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pyarrow as pa
import yaml

from gangfinder.benign import explanations
from gangfinder.benign.application import explained_rows, hubs, skipped, units
from gangfinder.benign.contract import Explanation
from gangfinder.engine import Engine
from gangfinder.linking.behaviour import net_settlements, stays, visits
from gangfinder.linking.projection import TYPES
from gangfinder.model.group import Group
from gangfinder.model.tables import TABLES, Kind
from gangfinder.network.visits import counted
from gangfinder.synth.columns import ARROW_TYPES

FIXTURES = Path(__file__).parents[2] / "fixtures" / "benign"



def load_cases(slug: str) -> list[dict[str, Any]]:
    """Return the cases of an explanation."""
    return list(yaml.safe_load((FIXTURES / f"{slug}.yml").read_text(encoding="utf-8"))["cases"])


def _instant(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    return (
        datetime.combine(value, datetime.min.time())
        if isinstance(value, date)
        else datetime.fromisoformat(str(value))
    )


def _values(written: Any) -> list[Any]:
    if isinstance(written, list):
        return written
    start, count = written["from"], written["count"]
    if "every" in written:
        return [start + timedelta(days=written["every"] * i) for i in range(count)]
    if "minutes" in written:
        return [_instant(start) + timedelta(minutes=written["minutes"] * i) for i in range(count)]
    return [f"{start}{i}" for i in range(count)]


def expanded(rows: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Write out the rows that stand for several."""
    number = 0
    for row in rows:
        plain = {k: v for k, v in row.items() if k not in {"each", "for"}}
        each = {name: _values(v) for name, v in row.get("each", {}).items()}
        crossed = {name: _values(v) for name, v in row.get("for", {}).items()}
        size = max((len(v) for v in each.values()), default=1)
        for position, *chosen in product(range(size), *crossed.values()):
            one = {
                **plain,
                **{n: v[position % len(v)] for n, v in each.items()},
                **dict(zip(crossed, chosen, strict=True)),
            }
            yield _filled(one, number)
            number += 1


def _filled(row: dict[str, Any], number: int) -> dict[str, Any]:
    if "at" in row:
        clock = datetime.strptime(str(row.pop("at")), "%H:%M")
        row["settled_at"] = _instant(row.pop("on")) + timedelta(hours=clock.hour, minutes=clock.minute)
    if "plus_minutes" in row:
        row["settled_at"] = _instant(row["settled_at"]) + timedelta(minutes=row.pop("plus_minutes"))
    texts = {**row, "n": number}
    return {k: v.format(**texts) if isinstance(v, str) and "{" in v else v for k, v in row.items()}


def _read(kind: Kind, value: Any) -> Any:
    if value is None:
        return None
    if kind is Kind.INSTANT:
        return _instant(value)
    if kind is Kind.DATE:
        return value if isinstance(value, date) else date.fromisoformat(str(value))
    convert = {Kind.MONEY: lambda v: Decimal(str(v)), Kind.NUMBER: float, Kind.COUNT: int, Kind.FLAG: bool}
    return convert.get(kind, str)(value)


def as_table(name: str, rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Return rows as a typed table holding the required columns and those that any row has."""
    written = list(expanded(rows))
    unknown = {k for row in written for k in row} - {c.name for c in TABLES[name].columns}
    assert not unknown, f"unknown columns {sorted(unknown)} of {name}"
    columns = [c for c in TABLES[name].columns if c.required or any(c.name in row for row in written)]
    return pa.table(
        {c.name: pa.array([_read(c.kind, row.get(c.name)) for row in written], ARROW_TYPES[c.kind]) for c in columns}
    )


def tables_of(case: Mapping[str, Any]) -> dict[str, pa.Table]:
    """Return the tables of a case; the settlements may be left out where they do not matter."""
    tables = {name: as_table(name, rows) for name, rows in case["tables"].items()}
    return {"settlements": as_table("settlements", []), **tables}


def filled(tables: Mapping[str, pa.Table]) -> dict[str, frozenset[str]]:
    """Return table → columns that hold a value."""
    found = {n: frozenset(c for c in t.column_names if t[c].null_count < t.num_rows) for n, t in tables.items()}
    return {name: columns for name, columns in found.items() if columns or name == "settlements"}


class Stage:
    """The tables of a case in an engine, with what is derived from them.

    Parameters
    ----------
    engine
        Any engine.
    tables
        Canonical tables by name.
    """

    def __init__(self, engine: Engine, tables: Mapping[str, pa.Table]) -> None:
        self.engine = engine
        self.available = filled(tables)
        self.canonical = {name: engine.put(f"benign_{name}", table) for name, table in tables.items()}
        s = self.canonical["settlements"]
        whole = s.select(
            **{
                c.name: s[c.name].cast(TYPES[c.kind]) if c.name in s.columns else ibis.null().cast(TYPES[c.kind])
                for c in TABLES["settlements"].columns
            }
        )
        net = engine.keep("benign_net", net_settlements(whole))
        self.derived = {
            "visits": engine.keep("benign_visits", visits(net)),
            "stays": engine.keep("benign_stays", stays(net)),
        }

    def rows(self, explanation: Explanation) -> set[str]:
        """Return the keys of the rows it explains."""
        found = explained_rows([explanation], self.canonical, self.derived, self.available)
        return {r["source_key"] for r in self.engine.fetch(found).to_pylist()}

    def hubs(self, explanation: Explanation) -> set[tuple[str, str]]:
        """Return the hubs it explains."""
        found = hubs([explanation], self.canonical, self.derived, self.available)
        return {(r["hub_type"], r["hub_id"]) for r in self.engine.fetch(found).to_pylist()}

    def units(self, explanation: Explanation) -> list[list[str]]:
        """Return the people it counts as one, list by list, sorted."""
        found = units(self.engine, [explanation], self.canonical, self.derived, self.available).to_pylist()
        names = sorted({r["unit_id"] for r in found})
        return sorted(sorted(r["patient_id"] for r in found if r["unit_id"] == name) for name in names)

    def group(self, patterns: Iterable[str]) -> Group:
        """Return the people who match as a group: their visits, and what everybody does at their houses."""
        every = self.engine.fetch(self.derived["visits"]).to_pandas()
        members = tuple(sorted(p for p in set(every["patient_id"]) if any(fnmatchcase(p, x) for x in patterns)))
        own = every[every["patient_id"].isin(members)]
        rows = pd.DataFrame(
            {
                "group_id": None,
                "subject_type": "patient",
                "subject_id": own["patient_id"],
                "institution_id": own["institution_id"],
                "source_table": "settlements",
                "source_key": own["settlement_id"],
                "event_at": pd.to_datetime(own["at"]),
                "amount": own["amount"],
                "grade": "E2",
                "shows": "visit",
            }
        ).sort_values(["event_at", "source_key"], ignore_index=True)
        here = every[every["institution_id"].isin(own["institution_id"])]
        calendar = here.groupby(["institution_id", "on"], as_index=False).size().rename(columns={"size": "n_visits"})
        clock = bool((pd.to_datetime(every["at"]).dt.normalize() != pd.to_datetime(every["at"])).any())
        return Group(
            members[0],
            members,
            rows,
            pd.DataFrame(columns=["source_id", "target_id"]),
            clock=clock,
            calendar=counted(calendar, "on", "n_visits"),
        )


def check(engine: Engine, slug: str, case: Mapping[str, Any]) -> None:
    """Assert that a case comes out as it says."""
    explanation, expect, tables = explanations()[slug], case["expect"], tables_of(case)
    stage = Stage(engine, tables)
    if "skipped" in expect:
        reasons = [s.reason for s in skipped([explanation], stage.available)]
        assert reasons
        assert expect["skipped"] in reasons[0]
        return
    if "judge" in expect:
        group = measured(stage.group(expect["judge"]["group"]), expect["judge"])
        _check_judge(explanation, group, expect["judge"])
    if explanation.rows and "judge" not in expect:
        keys = tables["settlements"]["settlement_id"].to_pylist()
        assert stage.rows(explanation) == {k for k in keys if any(fnmatchcase(k, p) for p in expect.get("rows", ()))}
    if explanation.hubs:
        assert stage.hubs(explanation) == {(kind, hub) for kind, hub in expect.get("hubs", ())}
    if explanation.units and "judge" not in expect:
        assert stage.units(explanation) == sorted(sorted(people) for people in expect.get("units", ()))


def measured(group: Group, expect: Mapping[str, Any]) -> Group:
    """Return the group with the measures that its typology would have given it."""
    rows = group.rows.copy()
    for column, by_key in {**expect.get("measures", {}), "source_table": expect.get("tables", {})}.items():
        before = rows[column] if column in rows.columns else [None] * len(rows)
        rows[column] = [
            next((value for pattern, value in by_key.items() if fnmatchcase(key, pattern)), old)
            for key, old in zip(rows["source_key"], before, strict=True)
        ]
    return replace(group, rows=rows)


def _check_judge(explanation: Explanation, group: Group, expect: Mapping[str, Any]) -> None:
    assert explanation.judge is not None
    judgement = explanation.judge(group, explanation.params)
    assert judgement.result.value == expect["result"], judgement
    if "reason" in expect:
        assert judgement.reason == expect["reason"], judgement
    if "covered" in expect:
        wanted = {m for m in group.members if any(fnmatchcase(m, p) for p in expect["covered"])}
        assert set(judgement.covered) == wanted
    assert explanation.sentences[judgement.reason].format(**judgement.detail)
