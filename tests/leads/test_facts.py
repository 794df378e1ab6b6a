"""Entities of evidence rows, fetched from an engine."""

from __future__ import annotations

import pyarrow as pa

from gangfinder.leads import collect_facts
from leads.made import PEOPLE, pool


def test_facts_come_from_the_engine(engine):
    rows = pa.table(
        {
            "settlement_id": [f"S0-{p}" for p in PEOPLE] + ["S9"],
            "doctor_id": ["D1", "D1", None, "", " D2 ", "D1", "D3"],
            "contact_phone": pa.array([None] * 7, pa.string()),
        }
    )
    found = collect_facts([pool()], {"settlements": engine.put("settlements_for_facts", rows)}, engine)
    assert found.at("settlements", "S0-P001") == (("doctor", "D1", "doctor"),)
    assert found.at("settlements", "S0-P003") == ()
    assert found.at("settlements", "S0-P004") == ()
    assert found.at("settlements", "S0-P005") == (("doctor", "D2", "doctor"),)
    assert found.at("settlements", "S9") == ()


def test_absent_tables_have_no_facts(engine):
    assert collect_facts([pool()], {}, engine).entities == {}
