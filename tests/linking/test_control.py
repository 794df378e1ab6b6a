"""Owners, devices and agents, and the handlers whom the sealed pass alone sees."""

from __future__ import annotations

import pytest

from gangfinder.linking import linkers
from gangfinder.linking.control import Params
from linking.made import links, settlement, ties


def houses(*reps, column="legal_rep_id_number"):
    return [{"institution_id": f"I{i:02}", column: rep} for i, rep in enumerate(reps)]


@pytest.mark.parametrize("column", ["legal_rep_id_number", "uscc", "bank_account", "parent_id"])
def test_one_owner_ties_houses(engine, column):
    found = ties(engine, "control", institutions=houses("X", "X", "Y", column=column))
    assert ("same_owner", "I00", "I01") in found
    assert not [t for t in found if "I02" in t]


def test_a_parent_belongs_to_its_group(duckdb_engine):
    rows = [{"institution_id": "A"}, {"institution_id": "B", "parent_id": "A"}]
    assert ties(duckdb_engine, "control", institutions=rows) == [("same_owner", "A", "B")]


def test_shareholders_tie_houses(duckdb_engine):
    held = [
        {
            "source_type": "company",
            "source_id": "C",
            "target_type": "institution",
            "target_id": h,
            "kind": "shareholder",
        }
        for h in "AB"
    ]
    assert ties(duckdb_engine, "control", ties=held) == [("same_owner", "A", "B")]


def test_a_chain_is_not_expanded(duckdb_engine):
    assert not ties(duckdb_engine, "control", institutions=houses(*["X"] * (Params().owner_cap_houses + 1)))


def test_one_device_at_two_houses(duckdb_engine):
    def devices(*macs):
        return [{"terminal_id": f"T{i}", "institution_id": f"I{i}", "mac": m} for i, m in enumerate(macs)]

    assert ties(duckdb_engine, "control", terminals=devices("02:00:aa:bb:cc:01", "02:00:AA:BB:CC:01")) == [
        ("same_terminal", "I0", "I1")
    ]
    assert not ties(duckdb_engine, "control", terminals=devices("00:00:00:00:00:00", "00:00:00:00:00:00"))
    assert not ties(
        duckdb_engine, "control", terminals=devices(*["02:00:aa:bb:cc:01"] * (Params().device_cap_houses + 1))
    )


def test_agents_and_handlers_are_edges_never_pairs(engine):
    claims = [
        {
            "reimbursement_id": f"R{i}",
            "patient_id": p,
            "fund_amount": 9,
            "agent_phone": "19900001111",
            "handler_id": "U",
            "submitted_at": "2025-03-01",
        }
        for i, p in enumerate("ABB")
    ]
    own = {"reimbursements": claims, "settlements": [settlement("S", "Z", "I", "2025-01-01")]}
    found = [*links(engine, "control", **own), *links(engine, "handling", **own)]
    assert [(r["kind"], r["source_type"], r["source_id"], r["target_id"], r["n_events"]) for r in found] == [
        ("acts_for", "agent", "19900001111", "A", 1),
        ("acts_for", "agent", "19900001111", "B", 2),
        ("handled_by", "staff", "U", "A", 1),
        ("handled_by", "staff", "U", "B", 2),
    ]
    assert linkers()["handling"].sealed
    assert not linkers()["control"].sealed


def test_a_busy_handler_costs_no_more_than_his_claims(duckdb_engine):
    claims = [
        {"reimbursement_id": f"R{i}", "patient_id": f"P{i:04}", "fund_amount": 9, "handler_id": "U"}
        for i in range(500)
    ]
    assert len(links(duckdb_engine, "handling", reimbursements=claims)) == 500
