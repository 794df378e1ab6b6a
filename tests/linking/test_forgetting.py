"""Never-link decisions: a value is as good as not given, a pair is not tied, and all else stays."""

from __future__ import annotations

import pyarrow as pa
import pytest

from gangfinder.leads.tokens import Key, shown_id
from gangfinder.linking.forgetting import VALUE_COLUMNS, without_pairs, without_values
from gangfinder.model.tables import TABLES

KEY = Key(b"0" * 64)


def shown(kind, value):
    return shown_id(KEY, kind, value)


@pytest.fixture
def tables(engine):
    patients = {"patient_id": ["P1", "P2", "P3", "P4"], "phone": ["19900000001", "19900000001 ", "19900000002", None]}
    bills = {
        "settlement_id": ["S1", "S2", "S3"], "terminal_id": ["TM1", "TM2", None],
        "contact_phone": [None, "19900000001", "19900000002"], "agent_phone": pa.array([None] * 3, pa.string()),
    }
    terminals = {"terminal_id": ["TM1", "TM2"], "institution_id": ["H1", "H1"]}
    made = {"patients": patients, "settlements": bills, "terminals": terminals}
    return {name: engine.put(f"forget_{name}", pa.table(columns)) for name, columns in made.items()}


def read(engine, table, key, column):
    return {r[key]: r[column] for r in engine.fetch(table.select(key, column)).to_pylist()}


def test_a_value_is_taken_for_one_that_was_not_given(engine, tables):
    found, n = without_values(engine, tables, {("phone", shown("phone", "19900000001"))}, shown)
    assert read(engine, found["patients"], "patient_id", "phone") == {
        "P1": None, "P2": None, "P3": "19900000002", "P4": None,
    }
    assert read(engine, found["settlements"], "settlement_id", "contact_phone") == {
        "S1": None, "S2": None, "S3": "19900000002",
    }
    assert n == 3


def test_a_terminal_is_forgotten_where_it_is_used_and_not_where_it_is_registered(engine, tables):
    found, n = without_values(engine, tables, {("terminal", "TM1")}, shown)
    assert read(engine, found["settlements"], "settlement_id", "terminal_id") == {"S1": None, "S2": "TM2", "S3": None}
    assert set(read(engine, found["terminals"], "terminal_id", "institution_id")) == {"TM1", "TM2"}
    assert n == 1


def test_without_decisions_the_tables_are_the_same_objects(engine, tables):
    found, n = without_values(engine, tables, frozenset(), shown)
    assert n == 0
    assert all(found[name] is table for name, table in tables.items())


def test_a_value_that_is_not_there_changes_nothing(engine, tables):
    found, n = without_values(engine, tables, {("phone", shown("phone", "19900009999"))}, shown)
    assert n == 0
    assert all(found[name] is table for name, table in tables.items())


def test_pairs_are_not_tied_in_either_direction(engine):
    ties = [("P1", "P2"), ("P2", "P3"), ("P1", "P3")]
    links = engine.put(
        "forget_links", pa.table({"source_id": [a for a, _ in ties], "target_id": [b for _, b in ties]})
    )
    found, n = without_pairs(engine, links, {("P2", "P1"), ("P7", "P8")})
    assert sorted((r["source_id"], r["target_id"]) for r in engine.fetch(found).to_pylist()) == [
        ("P1", "P3"), ("P2", "P3"),
    ]
    assert n == 1
    assert without_pairs(engine, links, ())[0] is links


def test_every_column_that_is_named_exists():
    known = {c.name for table in TABLES.values() for c in table.columns}
    assert {c for columns in VALUE_COLUMNS.values() for c in columns} <= known
