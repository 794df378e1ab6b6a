"""Run one typology on the small tables of a case file, as the pipeline would without innocent explanations.

A case is a mapping: ``name``, ``why``, ``background``, ``tables`` and ``expect``.

``background``
    Name of an entry of the file's ``backgrounds`` (tables as below) whose rows are added: the honest life
    around.

``tables``
    Table → list of rows; for sealed typologies also ``rings`` and ``ring_rows``, the open leads. A row is a
    mapping of column to value; dates and instants are ISO text. A row with ``times: n`` stands for n rows, a
    row with ``each: {column: [values]}`` for one row per value (shorter lists start again). In both, ``{i}``
    in a text is the number of the row from 0 and ``{column}`` the value of a listed column, and
    ``{from: instant, step: days, cycle: n}`` is the instant moved by ``step`` days a row, starting again
    after n.
``expect``
    ``find``: a list of lists of core members, one for each finding; ``nothing: true``; or ``skipped``: words
    of the reason why the typology cannot run on these columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import yaml

from gangfinder.engine import DuckDBEngine, Engine
from gangfinder.engine.portable import is_midnight
from gangfinder.linking import linkers
from gangfinder.linking.behaviour import net_settlements, stays, visits
from gangfinder.linking.co_presence import Params as PresenceParams
from gangfinder.linking.execution import run_linkers
from gangfinder.linking.projection import project, staged
from gangfinder.model.group import Group, Verdict
from gangfinder.model.tables import TABLES, Column, Kind
from gangfinder.rings.groups import GroupParams, communities, foreign_links, hub_groups, linked_groups, parted
from gangfinder.rings.partition import algorithms
from gangfinder.rings.surroundings import surroundings
from gangfinder.synth.columns import ARROW_TYPES
from gangfinder.typologies import typologies
from gangfinder.typologies.contract import Typology
from gangfinder.typologies.detection import runnable
from gangfinder.typologies.rings import RING_ROWS, RINGS

FIXTURES = Path(__file__).parents[2] / "fixtures" / "typologies"

RELATIONS = {"rings": RINGS, "ring_rows": RING_ROWS}
"""What the sealed pass has beside the canonical tables, and may stand in a case: name → columns and types."""

_KINDS = {"timestamp": Kind.INSTANT, "decimal(18,2)": Kind.MONEY, "string": Kind.ID}

_READ = {
    Kind.INSTANT: lambda v: v if isinstance(v, datetime) else datetime.fromisoformat(str(v)),
    Kind.DATE: lambda v: v if isinstance(v, date) else date.fromisoformat(str(v)[:10]),
    Kind.MONEY: lambda v: Decimal(str(v)),
    Kind.NUMBER: float,
    Kind.COUNT: int,
    Kind.FLAG: bool,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a typology said of some tables: why it was skipped, or its verdicts by group."""

    skipped: str | None = None
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)

    @property
    def cores(self) -> list[tuple[str, ...]]:
        """Core members of all findings, sorted."""
        return sorted(tuple(sorted(v.core)) for v in self.verdicts.values())


def load_cases(slug: str) -> list[dict[str, Any]]:
    """Return the cases of a typology, each with the rows of its background."""
    file = yaml.safe_load((FIXTURES / f"{slug}.yml").read_text(encoding="utf-8"))
    return [{**case, "tables": _with_background(case, file.get("backgrounds", {}))} for case in file["cases"]]


def _with_background(case: Mapping[str, Any], backgrounds: Mapping[str, Any]) -> dict[str, list[Any]]:
    tables = {name: list(rows) for name, rows in case.get("tables", {}).items()}
    for name, rows in backgrounds.get(case.get("background"), {}).items():
        tables[name] = list(rows) + tables.get(name, [])
    return tables


def expanded(rows: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Write out the rows that stand for several."""
    for row in rows:
        each = {name: list(values) for name, values in row.get("each", {}).items()}
        plain = {k: v for k, v in row.items() if k not in ("each", "times")}
        count = row.get("times", max((len(values) for values in each.values()), default=1))
        for i in range(count):
            listed = {name: values[i % len(values)] for name, values in each.items()}
            yield {k: _value(v, i, listed) for k, v in {**plain, **listed}.items()}


def _value(value: Any, i: int, listed: Mapping[str, Any]) -> Any:
    if isinstance(value, str) and "{" in value:
        return value.format(i=i, **listed)
    if isinstance(value, Mapping):
        moved = datetime.fromisoformat(str(value["from"])) + timedelta(
            days=value["step"] * (i % value.get("cycle", 10**9))
        )
        return moved.isoformat()
    return value


def columns_of(name: str) -> tuple[Column, ...]:
    """Return the columns of a canonical table, or of a relation of the sealed pass."""
    if name in RELATIONS:
        return tuple(Column(column, _KINDS[kind], required=True) for column, kind in RELATIONS[name].items())
    return TABLES[name].columns


def as_table(name: str, rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Return rows as a typed table holding the columns that any of them has; relations have all of theirs."""
    written = list(expanded(rows))
    columns = [c for c in columns_of(name) if name in RELATIONS or any(c.name in row for row in written)]
    unknown = {k for row in written for k in row} - {c.name for c in columns}
    assert not unknown, f"unknown columns {sorted(unknown)} of {name}"
    arrays = {}
    for column in columns:
        read = _READ.get(column.kind, str)
        values = [None if row.get(column.name) is None else read(row[column.name]) for row in written]
        arrays[column.name] = pa.array(values, ARROW_TYPES[column.kind])
    return pa.table(arrays)


def run(
    typology: Typology,
    tables: Mapping[str, pa.Table],
    algorithm: str = "leiden",
    engine: Engine | None = None,
) -> Outcome:
    """Run linkers, detection, grouping and confirmation of one typology; on DuckDB unless told otherwise."""
    if engine is not None:
        return _run(engine, typology, tables, algorithm)
    own = DuckDBEngine(threads=1)
    try:
        return _run(own, typology, tables, algorithm)
    finally:
        own.close()


def _run(engine: Engine, typology: Typology, tables: Mapping[str, pa.Table], algorithm: str) -> Outcome:
    canonical = {name: engine.put(name, table) for name, table in tables.items() if name not in RELATIONS}
    available = _filled({name: table for name, table in tables.items() if name not in RELATIONS})
    reason = runnable(typology, available, clock=True)
    if reason:
        return Outcome(skipped=reason)
    derived = _behaviour(engine, canonical)
    v = derived["visits"]
    clock = engine.fetch(v.filter(~is_midnight(v["at"])).limit(1)).num_rows > 0
    wanted = {s: x for s, x in linkers().items() if set(x.kinds) & set(typology.links)}
    linked = run_linkers(engine, wanted, canonical, derived, available)
    derived["links"] = linked.links
    derived |= {name: engine.put(name, tables[name] if name in tables else as_table(name, ())) for name in RELATIONS}
    seen = staged(engine, typology, project(typology, canonical, derived))
    rows = engine.fetch(typology.detect(seen, typology.params)).to_pandas()
    rows["event_at"] = rows["event_at"].astype("datetime64[us]")
    units = _households(tables)
    houses = engine.put(
        "houses_here",
        pa.table({"institution_id": pa.array(sorted(set(rows["institution_id"].dropna())), pa.string())}),
    )
    around = surroundings(engine, derived["visits"], houses, units, PresenceParams(), clock=clock)
    links = (
        engine.fetch(linked.links).to_pandas().sort_values(["kind", "source_id", "target_id"], kind="stable")
    )
    links = foreign_links(links, units)
    if typology.links:
        kinds = links[links["kind"].isin(typology.links)]
        found = communities(kinds, units, algorithms()[algorithm], GroupParams(), 1)
        tests = sum(linked.n_tests.values()) or max(1, len(found))
        groups = linked_groups(rows, kinds, found, tests, around)
    else:
        groups = hub_groups(rows, links, frozenset(), max(1, rows["group_id"].nunique()), around)
        if typology.parts is not None:
            groups = parted(groups, lambda group: typology.parts(group, typology.params))
    verdicts = {g.group_id: _judged(typology, g) for g in groups}
    return Outcome(
        None, {k: v for k, v in verdicts.items() if v is not None}, {g.group_id: g for g in groups}
    )


_EVERY_COLUMN = {"settlements": frozenset(TABLES["settlements"].names)}


@dataclass(frozen=True, slots=True)
class _Whole:
    """Declares every column of the settlements: behaviour is read from all of them."""

    slug: str = "settlements"
    requires: Mapping[str, frozenset[str]] = field(default_factory=dict)
    optional: Mapping[str, frozenset[str]] = field(default_factory=lambda: _EVERY_COLUMN)
    uses: frozenset[str] = frozenset()


def _filled(tables: Mapping[str, pa.Table]) -> dict[str, frozenset[str]]:
    filled = {
        n: frozenset(c for c in t.column_names if t[c].null_count < t.num_rows) for n, t in tables.items()
    }
    return {name: columns for name, columns in filled.items() if columns}


def _behaviour(engine: Engine, canonical: Mapping[str, Any]) -> dict[str, Any]:
    net = engine.keep("net_settlements", net_settlements(project(_Whole(), canonical, {})["settlements"]))
    out, lying = engine.keep("visits", visits(net)), engine.keep("stays", stays(net))
    return {"visits": out, "stays": lying, "residual_visits": out, "residual_stays": lying}


def _judged(typology: Typology, group: Group) -> Verdict | None:
    if group.n_units() < typology.minimum_subjects:
        return None
    verdict = typology.confirm(group, typology.params)
    return (
        verdict if verdict is not None and group.n_units(verdict.core) >= typology.minimum_subjects else None
    )


def _households(tables: Mapping[str, pa.Table]) -> dict[str, str]:
    if "patients" not in tables or "household_id" not in tables["patients"].column_names:
        return {}
    rows: list[dict[str, Any]] = tables["patients"].select(["patient_id", "household_id"]).to_pylist()
    return {r["patient_id"]: r["household_id"] for r in rows if r["household_id"]}


def check(slug: str, case: Mapping[str, Any]) -> None:
    """Assert that a case comes out as it says."""
    typology = typologies()[slug]
    outcome = run(typology, {name: as_table(name, rows) for name, rows in case["tables"].items()})
    expect = case["expect"]
    if "skipped" in expect:
        assert outcome.skipped is not None
        assert expect["skipped"] in outcome.skipped
        return
    assert outcome.skipped is None, outcome.skipped
    wanted = [] if expect.get("nothing") else sorted(tuple(sorted(core)) for core in expect["find"])
    assert outcome.cores == wanted
    for verdict in outcome.verdicts.values():
        assert verdict.anomalies
        for anomaly in verdict.anomalies:  # every template can be filled from its numbers
            assert typology.sentences[anomaly.name].format(**anomaly.detail)
        assert pd.notna([a.log10_p for a in verdict.anomalies]).all()
