"""What is about fund staff is asked in the sealed pass alone: declarations, tables, and the relations it is given."""

from __future__ import annotations

import dataclasses
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pytest

from gangfinder.benign import explanations
from gangfinder.errors import ContractError
from gangfinder.leads.facts import ENTITY_COLUMNS
from gangfinder.linking import linkers
from gangfinder.linking.blinding import blinded
from gangfinder.model.evidence import Family, Finding, Grade
from gangfinder.model.lead import Ring, Score, ScoredRing
from gangfinder.model.sealing import DIVIDED_TABLES, SEALED_COLUMNS, SEALED_TABLES, reads_sealed
from gangfinder.model.tables import TABLES, Kind
from gangfinder.plugins import Plugins
from gangfinder.settings import Settings
from gangfinder.typologies import typologies
from gangfinder.typologies.rings import RING_ROWS, RINGS, ring_rows, rings
from tests.scoring.made import anomaly, finding, row

STAFF = {"staff": frozenset({"phone"})}


def test_what_is_sealed_exists():
    assert set(TABLES) >= SEALED_TABLES | set(SEALED_COLUMNS) | set(DIVIDED_TABLES)
    for table, columns in SEALED_COLUMNS.items():
        assert columns <= set(TABLES[table].names)
    for table, columns in DIVIDED_TABLES.items():
        assert set(columns) <= TABLES[table].required


def test_every_column_that_names_staff_is_sealed():
    """A column of the fund's own people that is added to the tables must be added to the list."""
    names = {"handler_id", "reviewer_id", "staff_id", "approved_by"}
    found = {
        (spec.name, c.name) for spec in TABLES.values() for c in spec.columns if c.kind is Kind.ID and c.name in names
    }
    listed = {(table, column) for table, columns in SEALED_COLUMNS.items() for column in columns}
    assert {(table, column) for table, column in found if table not in SEALED_TABLES} == listed
    assert names & set(ENTITY_COLUMNS) == set()


@pytest.mark.parametrize(
    "change",
    [
        {"optional": STAFF}, {"optional": {"reimbursements": frozenset({"handler_id"})}},
        {"uses": frozenset({"visits", "rings"})}, {"uses": frozenset({"visits", "ring_rows"})},
        {"subject_type": "staff"}, {"subject_type": "office"},
    ],
)
def test_a_typology_that_reads_or_names_staff_is_sealed_or_cannot_be(change):
    some = typologies()["micro_claims"]
    with pytest.raises(ContractError, match="fund staff"):
        dataclasses.replace(some, **change)
    assert dataclasses.replace(some, sealed=True, **change).sealed


def test_an_open_typology_names_no_explanation_that_reads_of_staff(monkeypatch):
    some, about = typologies()["micro_claims"], dataclasses.replace(explanations()["family"], optional=STAFF)
    assert about.sealed
    monkeypatch.setattr("gangfinder.plugins.all_explanations", lambda: {**explanations(), "family": about})
    asks = {some.slug: dataclasses.replace(some, benign=("family",))}
    monkeypatch.setattr("gangfinder.plugins.all_typologies", lambda: asks)
    with pytest.raises(ContractError, match="explanations that read about staff"):
        Plugins.tuned(Settings())


def test_the_passes_share_no_typology_and_the_open_one_reads_nothing_of_staff():
    every = Plugins.tuned(Settings())
    assert set(every.open.typologies) | set(every.sealed.typologies) == set(every.typologies)
    assert not set(every.open.typologies) & set(every.sealed.typologies)
    for own in (every.open.typologies, every.open.explanations, every.open.linkers):
        assert own
        assert not any(reads_sealed(plugin.requires, plugin.optional) for plugin in own.values())
    assert "handling" in linkers()
    assert "handling" not in every.open.linkers


def test_a_blinded_table_holds_nothing_of_staff(engine):
    tables = {
        "staff": pa.table({"staff_id": ["S1"]}),
        "reimbursements": pa.table({"reimbursement_id": ["R1"], "handler_id": ["S1"], "reviewer_id": ["S2"]}),
        "contracts": pa.table({"institution_id": ["H"], "valid_from": [date(2025, 1, 1)], "approved_by": ["S1"]}),
        "ties": pa.table(
            {"source_type": ["patient", "staff", "patient", " Official ", None, "institution"],
             "source_id": list("abcdef"),
             "target_type": ["patient", "patient", "经办人员", "patient", "patient", None],
             "target_id": list("uvwxyz"), "kind": ["relative"] * 6}
        ),
        "signals": pa.table({"entity_type": ["patient", "STAFF"], "entity_id": ["a", "S1"], "kind": ["tip", "tip"]}),
    }
    found = blinded({name: engine.put(f"blind_{name}", table) for name, table in tables.items()})
    rows = {name: engine.fetch(table).to_pylist() for name, table in found.items()}
    assert set(rows) == {"reimbursements", "contracts", "ties", "signals"}
    assert rows["reimbursements"] == [{"reimbursement_id": "R1"}]
    assert set(rows["contracts"][0]) == {"institution_id", "valid_from"}
    assert [r["source_id"] for r in rows["ties"]] == ["a"]
    assert [r["entity_id"] for r in rows["signals"]] == ["a"]


def test_the_open_leads_as_relations():
    strong, weak, last = row("S1", 50, who="A"), row("S1", 50, who="A", grade=Grade.E3), row("S2", 70, who="B")
    one = Finding("T01", ("A", "B"), "patient", Grade.E2, (anomaly(),), (strong, weak, last))
    other = dataclasses.replace(finding("AB", code="T05", anomalies=(anomaly(Family.TEMPO),)), evidence=(last,))
    scored = ScoredRing(Ring("r", "patient", ("A", "B"), (one, other), ()), Score(()), 0.0, "two_families")
    core = rings([scored]).to_pylist()
    assert [tuple(r.values()) for r in core] == [
        ("r", code, "patient", person) for code in ("T01", "T05") for person in "AB"
    ]
    cited = ring_rows([scored]).to_pylist()
    assert [(r["typology"], r["subject_id"], r["source_key"], r["grade"], r["amount"]) for r in cited] == [
        ("T01", "A", "S1", "E2", Decimal("50.00")), ("T01", "B", "S2", "E2", Decimal("70.00")),
        ("T05", "B", "S2", "E2", Decimal("70.00")),
    ]
    assert rings([]).column_names == list(RINGS)
    assert ring_rows([]).column_names == list(RING_ROWS)
    assert ring_rows([]).schema == ring_rows([scored]).schema
