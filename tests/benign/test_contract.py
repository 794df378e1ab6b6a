"""What every innocent explanation must do, whoever wrote it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from string import Formatter

import pyarrow as pa
import pytest

from benign.cases import Stage, load_cases, tables_of
from gangfinder.benign import explanations
from gangfinder.model.evidence import Result
from gangfinder.model.tables import TABLES
from gangfinder.synth.columns import ARROW_TYPES

EVERY = pytest.mark.parametrize("explanation", explanations().values(), ids=list(explanations()))

GUILT = ("骗", "欺诈", "犯罪", "罪", "违法", "作案", "赃")


def explained(engine, explanation, tables):
    """Everything an explanation says of the whole population."""
    stage = Stage(engine, tables)
    said = [stage.rows(explanation), stage.hubs(explanation), stage.units(explanation)]
    return dict(zip(("rows", "hubs", "units"), said, strict=True))


def every_table(explanation) -> dict[str, pa.Table]:
    """All rows of its cases in one town: the keys and people of each case get a prefix of their own."""
    parts: dict[str, list[pa.Table]] = {}
    for number, case in enumerate(load_cases(explanation.slug)):
        for name, table in tables_of(case).items():
            parts.setdefault(name, []).append(renamed(table, name, f"c{number}."))
    return {name: wide(name, pa.concat_tables(tables, promote_options="default")) for name, tables in parts.items()}


def wide(name: str, table: pa.Table) -> pa.Table:
    """Return the table with all canonical columns in their order, absent ones null."""
    columns = {
        c.name: table[c.name] if c.name in table.column_names else pa.nulls(table.num_rows, ARROW_TYPES[c.kind])
        for c in TABLES[name].columns
    }
    return pa.table(columns)


def renamed(table: pa.Table, name: str, prefix: str) -> pa.Table:
    """Return the table with a prefix before every identifier of people, houses and rows."""
    import pyarrow.compute as pc

    for position, field in enumerate(table.schema):
        if field.name in {
            "settlement_id",
            "patient_id",
            "institution_id",
            "household_id",
            "card_id",
            "source_id",
            "target_id",
            "reimbursement_id",
            "terminal_id",
            "operator_id",
        }:
            table = table.set_column(position, field, pc.binary_join_element_wise(prefix, table[field.name], ""))
    return table


@EVERY
def test_declaration(explanation):
    """Frozen scalar parameters, a Chinese title, a code, a documented module."""
    assert dataclasses.is_dataclass(explanation.params)
    assert type(explanation.params).__dataclass_params__.frozen
    assert all(isinstance(v, int | float | str) for v in dataclasses.asdict(explanation.params).values())
    assert re.fullmatch(r"5\.\d+", explanation.code)
    assert re.search(r"[\u4e00-\u9fff]", explanation.title)
    described = type(explanation.params).__mro__
    for field in dataclasses.fields(explanation.params):
        assert any(field.name in (c.__doc__ or "") for c in described), f"{field.name} is not documented"


@EVERY
def test_sentences(explanation):
    """Each outcome has a sentence in neutral words, and its placeholders are numbers the framework or judge gives."""
    assert {"partly", "fails", "untestable"} <= set(explanation.sentences)
    assert {k for k in explanation.sentences if k.startswith("holds")}
    general = {"n_core", "n_covered", "n_rows", "n_units", "n_hubs_covered", "missing"}
    judged = {
        "n_dates",
        "n_fit",
        "calendar",
        "observed",
        "expected",
        "near_percent",
        "near_expected_percent",
        "equal_percent",
        "equal_expected_percent",
        "n_regular",
        "gap_low",
        "gap_high",
        "n_houses",
    }
    for key, text in explanation.sentences.items():
        assert not [word for word in GUILT if word in text]
        named = {name for _, name, _, _ in Formatter().parse(text) if name}
        # the plain reasons are used without a judge, so they may quote only what the framework counts
        plain = key in {"holds", "partly", "fails", "untestable"} and explanation.slug != "clinic_day"
        assert named <= (general if plain else general | judged)
    assert not [word for word in GUILT if word in explanation.title]


@EVERY
def test_no_rows_explain_nothing(duckdb_engine, explanation):
    """Empty tables give empty answers of the right shape."""
    tables = {name: table.slice(0, 0) for name, table in every_table(explanation).items()}
    assert explained(duckdb_engine, explanation, tables) == {"rows": set(), "hubs": set(), "units": []}


@EVERY
def test_order_and_strangers_change_nothing(duckdb_engine, explanation):
    """Rows in reverse order, and one unrelated person more, give the same answers."""
    tables = every_table(explanation)
    plain = explained(duckdb_engine, explanation, tables)
    assert any(plain.values()) or not (explanation.rows or explanation.units or explanation.hubs)
    reverse = {
        name: table.take(pa.array(range(table.num_rows - 1, -1, -1), pa.int64())) for name, table in tables.items()
    }
    assert explained(duckdb_engine, explanation, reverse) == plain
    stranger = {
        "settlement_id": ["zz"],
        "patient_id": ["zz-stranger"],
        "institution_id": ["zz-house"],
        "settled_at": tables["settlements"]["settled_at"].slice(0, 1) if tables["settlements"].num_rows else [None],
        "fund_amount": tables["settlements"]["fund_amount"].slice(0, 1) if tables["settlements"].num_rows else [None],
    }
    if tables["settlements"].num_rows:
        one = wide(
            "settlements",
            pa.table({k: pa.chunked_array([v]) if isinstance(v, list) else v for k, v in stranger.items()}),
        )
        more = {**tables, "settlements": pa.concat_tables([tables["settlements"], one])}
        assert explained(duckdb_engine, explanation, more) == plain


@EVERY
def test_renaming_permutes(duckdb_engine, explanation):
    """Other names for people, houses and rows give the same answers under those names."""
    tables = every_table(explanation)
    plain = explained(duckdb_engine, explanation, tables)
    other = explained(duckdb_engine, explanation, {n: renamed(t, n, "renamed-") for n, t in tables.items()})
    assert other["rows"] == {f"renamed-{key}" for key in plain["rows"]}
    assert other["units"] == sorted(sorted(f"renamed-{p}" for p in people) for people in plain["units"])
    assert len(other["hubs"]) == len(plain["hubs"])


@EVERY
def test_nulls_do_not_raise(duckdb_engine, explanation):
    """Every optional cell of every other row may be missing."""
    tables = {name: half_null(name, table) for name, table in every_table(explanation).items()}
    assert set(explained(duckdb_engine, explanation, tables)) == {"rows", "hubs", "units"}


def half_null(name: str, table: pa.Table) -> pa.Table:
    import pyarrow.compute as pc

    even = pa.array([i % 2 == 0 for i in range(table.num_rows)], pa.bool_())
    for position, field in enumerate(table.schema):
        if not TABLES[name].column(field.name).required:
            kept = pc.if_else(even, table[field.name], pa.scalar(None, field.type))
            table = table.set_column(position, field.name, kept)
    return table


@EVERY
def test_engines_agree(engine, duckdb_engine, explanation):
    """The same answers on every engine."""
    tables = every_table(explanation)
    assert explained(engine, explanation, tables) == explained(duckdb_engine, explanation, tables)


@EVERY
def test_a_judge_speaks_of_members_only(duckdb_engine, explanation):
    """Whom a judge covers is a member, sorted; what holds covers all but one at most."""
    if explanation.judge is None:
        assert explanation.rows or explanation.units or explanation.hubs
        return
    for case in load_cases(explanation.slug):
        if "judge" not in case["expect"]:
            continue
        group = Stage(duckdb_engine, tables_of(case)).group(case["expect"]["judge"]["group"])
        judgement = explanation.judge(group, explanation.params)
        assert judgement.explanation == explanation.slug
        assert list(judgement.covered) == sorted(set(judgement.covered) & set(group.members))
        if judgement.result is Result.HOLDS:
            assert len(group.members) - len(judgement.covered) < 2
        if judgement.result is Result.FAILS:
            assert not judgement.covered
        assert isinstance(judgement.detail, Mapping)
