"""The canonical tables hold together."""

from __future__ import annotations

import re

import pytest

from gangfinder.model.tables import MANDATORY, TABLES, Kind


@pytest.mark.parametrize("spec", TABLES.values(), ids=lambda s: s.name)
def test_a_table_is_well_formed(spec):
    assert len(set(spec.names)) == len(spec.names)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in spec.names)
    assert set(spec.key) <= set(spec.names)
    assert spec.required <= set(spec.names)
    assert spec.required, "a table without a required column would accept anything"


@pytest.mark.parametrize("spec", TABLES.values(), ids=lambda s: s.name)
def test_names_say_what_a_column_holds(spec):
    for column in spec.columns:
        if column.name.endswith("_id"):
            assert column.kind is Kind.ID, column.name
        if column.name.endswith("_at"):
            assert column.kind is Kind.INSTANT, column.name
        if column.name.endswith(("_on", "_date")):
            assert column.kind is Kind.DATE, column.name
        if column.kind is Kind.MONEY:
            assert column.name.endswith(("amount", "_balance")), column.name


def test_only_settlements_is_mandatory_with_five_columns():
    assert MANDATORY == "settlements"
    assert TABLES[MANDATORY].required == {
        "settlement_id", "patient_id", "institution_id", "settled_at", "fund_amount"
    }


def test_a_column_is_found_by_name():
    assert TABLES["patients"].column("birth_date").kind is Kind.DATE
    with pytest.raises(KeyError):
        TABLES["patients"].column("psn_no")
