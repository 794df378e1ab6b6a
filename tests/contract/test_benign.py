"""The contract of the innocent explanations as a registry; what each must do by itself is in tests/benign."""

from __future__ import annotations

import re

import pytest

from gangfinder.benign import explanations
from gangfinder.benign.application import ROW_COLUMNS, explained_rows
from gangfinder.leads.catalogue import translator
from gangfinder.model.tables import TABLES
from gangfinder.typologies import typologies
from tests.benign.cases import Stage, load_cases, tables_of
from tests.contract.suite import GUILT_IN_ENGLISH

EVERY = pytest.mark.parametrize("slug", explanations())

HUB_TYPES = {
    "phone", "agent", "bank_account", "terminal", "operator", "institution", "doctor", "employer", "laboratory", "bill",
    "seller",
}


@EVERY
def test_declaration(slug):
    """Every declared column exists, the parameters can be made without arguments, and each function is described."""
    explanation = explanations()[slug]
    assert type(explanation.params)() == explanation.params
    for requirements in (explanation.requires, explanation.optional):
        for table, columns in requirements.items():
            assert set(columns) <= set(TABLES[table].names)
    for part in (explanation.rows, explanation.units, explanation.hubs, explanation.judge):
        assert part is None or (part.__doc__ or "").strip()


@EVERY
def test_no_word_of_guilt_in_translation(slug):
    explanation, say = explanations()[slug], translator("en")
    for text in (explanation.title, *explanation.sentences.values()):
        assert not GUILT_IN_ENGLISH.search(say(text)), say(text)


@EVERY
def test_explained_rows_exist(duckdb_engine, slug):
    """Rows are named by table and key, each once, and every key is one of the table's."""
    explanation = explanations()[slug]
    for case in load_cases(slug):
        if explanation.rows is None or "skipped" in case["expect"]:
            continue
        tables = tables_of(case)
        stage = Stage(duckdb_engine, tables)
        found = explained_rows([explanation], stage.canonical, stage.derived, stage.available)
        rows = duckdb_engine.fetch(found).to_pylist()
        assert list(found.columns) == list(ROW_COLUMNS)
        assert len({(r["source_table"], r["source_key"]) for r in rows}) == len(rows)
        for row in rows:
            key = TABLES[row["source_table"]].key[0]
            assert row["source_key"] in set(tables[row["source_table"]][key].to_pylist())
            assert row["explanation"] == slug


@EVERY
def test_units_and_hubs_are_well_formed(duckdb_engine, slug):
    """Nobody is in two units, no unit has one person, and hubs are of a known type."""
    explanation = explanations()[slug]
    for case in load_cases(slug):
        if "skipped" in case["expect"] or not (explanation.units or explanation.hubs):
            continue
        stage = Stage(duckdb_engine, tables_of(case))
        units = stage.units(explanation)
        people = [p for unit in units for p in unit]
        assert len(set(people)) == len(people)
        assert all(len(unit) > 1 for unit in units)
        assert {kind for kind, _ in stage.hubs(explanation)} <= HUB_TYPES


def test_every_explanation_is_asked_by_somebody():
    """What no typology names is printed on no lead."""
    asked = {slug for typology in typologies().values() for slug in typology.benign}
    dropped = {slug for slug in explanations() if re.fullmatch(r"5\.9\d", explanations()[slug].code)}
    assert set(explanations()) - dropped <= asked
