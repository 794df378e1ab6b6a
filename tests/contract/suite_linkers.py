"""What every linker must do, whoever wrote it: checks that anyone can run on his own plug-in.

Each check takes an engine, the declaration and tables in which the linker finds at least one tie, and raises
``AssertionError`` when the contract is broken. As in :mod:`tests.contract.suite`, only the order of rows is turned,
because identical rows are removed by the intake.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from random import Random
from typing import Any

import pyarrow as pa

from gangfinder.engine import Engine
from gangfinder.linking.behaviour import behaviour
from gangfinder.linking.contract import Linker
from gangfinder.linking.execution import Linked, run_linkers
from gangfinder.model.evidence import LINK_SCHEMA, Family
from gangfinder.model.tables import TABLES
from tests.contract.suite import empty, half_null, new_id, rename
from tests.typologies import cases as runner

Tables = Mapping[str, pa.Table]
Available = Mapping[str, frozenset[str]]
Row = dict[str, Any]

DIRECTED = frozenset({"trace_flow"})
"""Kinds between entities of one type whose direction means something."""

EVERY_COLUMN = {name: frozenset(spec.names) for name, spec in TABLES.items()}


def run(engine: Engine, linker: Linker, tables: Tables, available: Available | None = None) -> Linked:
    """Run one linker as the pipeline would when no innocent explanation holds."""
    canonical = {name: engine.put(name, t) for name, t in {"settlements": empty("settlements"), **tables}.items()}
    seen = behaviour(engine, canonical)
    derived = {**seen, "residual_visits": seen["visits"], "residual_stays": seen["stays"]}
    filled = runner._filled(tables) if available is None else available
    return run_linkers(engine, {linker.slug: linker}, canonical, derived, filled)


def links(engine: Engine, linker: Linker, tables: Tables) -> list[Row]:
    """Return the links of one linker, sorted."""
    found = run(engine, linker, tables)
    assert not found.skipped, found.skipped
    rows = engine.fetch(found.links).to_pylist()
    assert found.rows == {linker.slug: len(rows)}
    return sorted(rows, key=lambda r: (r["kind"], r["source_id"], r["target_id"]))


def check_declaration(linker: Linker) -> None:
    """Frozen parameters with defaults, each described; kinds, family and title; described functions."""
    assert dataclasses.is_dataclass(linker.params)
    assert type(linker.params).__dataclass_params__.frozen
    assert type(linker.params)() == linker.params
    described = type(linker.params).__doc__ or ""
    assert all(field.name in described for field in dataclasses.fields(linker.params))
    assert linker.kinds
    assert linker.title.strip()
    assert isinstance(linker.family, Family)
    assert (linker.link.__doc__ or "").strip()
    for requirements in (linker.requires, linker.optional):
        assert all(set(columns) <= set(TABLES[name].names) for name, columns in requirements.items())


def check_schema(engine: Engine, linker: Linker, tables: Tables) -> None:
    """Columns and types of ``LINK_SCHEMA``."""
    schema = run(engine, linker, tables).links.schema()
    assert list(schema) == list(LINK_SCHEMA)
    assert {name: str(kind).split("(")[0] for name, kind in schema.items()} == dict(LINK_SCHEMA)


def check_links(engine: Engine, linker: Linker, tables: Tables) -> None:
    """Nobody is tied to himself, nothing is tied twice, and every number is one that a link can have."""
    found = links(engine, linker, tables)
    assert found, "the tables hold no tie, so they show nothing"
    ends = [(r["kind"], r["source_type"], r["source_id"], r["target_type"], r["target_id"]) for r in found]
    assert len(set(ends)) == len(ends)
    families = {family.value for family in Family}
    for row in found:
        assert row["kind"] in linker.kinds
        assert row["family"] in families
        if row["source_type"] == row["target_type"]:
            assert row["source_id"] != row["target_id"]
            assert row["kind"] in DIRECTED or row["source_id"] < row["target_id"]
        assert row["weight"] > 0
        assert math.isfinite(row["weight"])
        assert row["n_events"] >= 1
        assert row["n_places"] >= 0
        assert row["expected"] >= 0
        assert row["log10_p"] <= 0
        if row["first_at"] and row["last_at"]:
            assert row["first_at"] <= row["last_at"]


def check_nothing_in_nothing_out(engine: Engine, linker: Linker, tables: Tables) -> None:
    """Empty tables tie nobody."""
    found = run(engine, linker, {name: empty(name) for name in TABLES}, EVERY_COLUMN)
    assert found.rows == {linker.slug: 0}
    assert engine.fetch(found.links).num_rows == 0


def check_row_order(engine: Engine, linker: Linker, tables: Tables) -> None:
    """Shuffled rows give the same links, number by number."""
    random, turned = Random(20250108), {}
    for name, table in tables.items():
        order = list(range(table.num_rows))
        random.shuffle(order)
        turned[name] = table.take(pa.array(order, pa.int64()))
    assert links(engine, linker, turned) == links(engine, linker, tables)


def check_renaming(engine: Engine, linker: Linker, tables: Tables) -> None:
    """Other ids, in another order, give the same links between the renamed; agents and staff keep their numbers."""
    found = links(engine, linker, {name: rename(name, table) for name, table in tables.items()})
    plain = links(engine, linker, tables)
    assert sorted(map(_named, found)) == sorted(_named(r, renamed=True) for r in plain)


def _named(row: Row, *, renamed: bool = False) -> tuple[object, ...]:
    ends = [
        (kind, new_id(name) if renamed and kind in ("patient", "institution", "staff") else name)
        for kind, name in ((row["source_type"], row["source_id"]), (row["target_type"], row["target_id"]))
    ]
    if row["kind"] not in DIRECTED:
        ends.sort()
    return (row["kind"], *ends, row["n_events"], row["n_places"], round(row["log10_p"], 6), round(row["weight"], 6))


def check_nulls(engine: Engine, linker: Linker, tables: Tables) -> None:
    """Gaps in every second row of all columns that may be empty do not raise."""
    run(engine, linker, {name: half_null(name, table) for name, table in tables.items()}, EVERY_COLUMN)


def check_a_stranger_ties_nobody(engine: Engine, linker: Linker, tables: Tables) -> None:
    """One more person, at a house of his own, changes which pairs are tied in nothing."""
    row = {"settlement_id": "zz-s", "patient_id": "zz-p", "institution_id": "zz-i", "settled_at": "2025-01-07T07:00:00"}
    one = runner.as_table("settlements", [{**row, "fund_amount": 1}])
    before = tables.get("settlements", empty("settlements"))
    more = {**tables, "settlements": pa.concat_tables([before, one], promote_options="default")}
    kept = [(r["kind"], r["source_id"], r["target_id"]) for r in links(engine, linker, more)]
    assert kept == [(r["kind"], r["source_id"], r["target_id"]) for r in links(engine, linker, tables)]


def check_what_is_missing_is_said(engine: Engine, linker: Linker, tables: Tables) -> None:
    """Without a required table the linker is skipped, with the table's name."""
    for name in linker.requires:
        bare = {k: frozenset(v) for k, v in EVERY_COLUMN.items() if k != name}
        assert [s.slug for s in run(engine, linker, {}, bare).skipped] == [linker.slug]
        assert name in run(engine, linker, {}, bare).skipped[0].reason


CHECKS = (
    check_schema, check_links, check_nothing_in_nothing_out, check_row_order, check_renaming, check_nulls,
    check_a_stranger_ties_nobody, check_what_is_missing_is_said,
)
"""All checks that run the linker."""
