"""Rare values shared across households tie; hubs, placeholders and switchboards do not."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gangfinder.engine import DuckDBEngine
from gangfinder.linking import linkers
from gangfinder.linking.execution import staged
from gangfinder.linking.projection import project
from gangfinder.linking.shared_attribute import Params, link
from linking.made import links, settlement, table, ties

PHONE = "19900001111"


def people(*phones, **more):
    return [
        {"patient_id": f"P{i:02}", "phone": p, **{k: v[i] for k, v in more.items()}} for i, p in enumerate(phones)
    ]


def test_a_phone_of_two_households_ties_them(engine):
    found = links(
        engine, "shared_attribute", patients=people(PHONE, PHONE, "19900002222", household_id=["H1", "H2", "H3"])
    )
    assert [(r["kind"], r["source_id"], r["target_id"]) for r in found] == [("shared_phone", "P00", "P01")]
    assert found[0]["weight"] == pytest.approx(1 / math.log2(3))
    assert found[0]["family"] == "attribute"


def test_a_household_is_not_tied_to_itself(duckdb_engine):
    assert not ties(duckdb_engine, "shared_attribute", patients=people(PHONE, PHONE, household_id=["H1", "H1"]))


def test_the_cap_is_a_limit_of_degree(duckdb_engine):
    cap = Params().phone_cap_people
    assert len(ties(duckdb_engine, "shared_attribute", patients=people(*[PHONE] * cap))) == cap * (cap - 1) // 2
    assert not ties(duckdb_engine, "shared_attribute", patients=people(*[PHONE] * (cap + 1)))


@pytest.mark.parametrize(
    "phone", ["13800000000", "11111111111", "13800138000", "0", "12345", "88888888", "13988888888", ""]
)
def test_placeholders_never_tie(duckdb_engine, phone):
    assert not ties(duckdb_engine, "shared_attribute", patients=people(phone, phone))


@pytest.mark.parametrize("register", ["institutions", "doctors"])
def test_numbers_of_houses_and_doctors_never_tie(duckdb_engine, register):
    key = {"institutions": "institution_id", "doctors": "doctor_id"}[register]
    assert not ties(
        duckdb_engine,
        "shared_attribute",
        patients=people(PHONE, PHONE),
        **{register: [{key: "X", "phone": "1990-0001111"}]},
    )


def test_numbers_of_fund_staff_are_not_asked(duckdb_engine):
    """An open link that is missing because of the register of staff would tell of it."""
    register = {"staff": [{"staff_id": "X", "phone": PHONE}]}
    assert ties(duckdb_engine, "shared_attribute", patients=people(PHONE, PHONE), **register)


def test_writing_does_not_matter(duckdb_engine):
    assert ties(duckdb_engine, "shared_attribute", patients=people("1990 0001111", "+86199-00001111"))


def test_a_contact_phone_ties_strangers_of_one_house(duckdb_engine):
    found = links(
        duckdb_engine,
        "shared_attribute",
        settlements=[
            settlement("S1", "A", "I", "2025-01-01", contact_phone=PHONE),
            settlement("S2", "B", "I", "2025-02-01", contact_phone=PHONE),
        ],
    )
    assert [(r["kind"], r["source_id"], r["target_id"], r["n_places"]) for r in found] == [
        ("shared_phone", "A", "B", 1)
    ]
    assert found[0]["first_at"].isoformat() == "2025-01-01T00:00:00"
    assert found[0]["last_at"].isoformat() == "2025-02-01T00:00:00"


def test_accounts_and_agents(engine):
    claims = [
        {
            "reimbursement_id": f"R{i}",
            "patient_id": p,
            "fund_amount": 9,
            "payee_account": "ACC",
            "agent_id_number": "AGENT",
            "submitted_at": "2025-03-01",
        }
        for i, p in enumerate("ABC")
    ]
    found = ties(engine, "shared_attribute", reimbursements=claims)
    assert found == [(k, a, b) for k in ("shared_account", "shared_agent") for a, b in ("AB", "AC", "BC")]
    more = [*claims, {**claims[0], "reimbursement_id": "R9", "patient_id": "D"}]
    assert {k for k, _, _ in ties(engine, "shared_attribute", reimbursements=more)} == {"shared_agent"}


def test_a_village_is_not_an_address(duckdb_engine):
    rows = [{"patient_id": p, "address": "测试村"} for p in "AB"]
    assert not ties(duckdb_engine, "shared_attribute", patients=rows)
    doors = [{"patient_id": p, "address": "测试村3组12号"} for p in "AB"]
    assert ties(duckdb_engine, "shared_attribute", patients=doors) == [("shared_address", "A", "B")]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from("abcdef"), min_size=2, max_size=24), st.integers(1, 6), st.integers(0, 6))
def test_raising_a_cap_never_removes_a_link(values, cap, more):
    engine = DuckDBEngine(threads=1)
    linker = linkers()["shared_attribute"]
    rows = [{"patient_id": f"P{i:02}", "phone": f"1990000{ord(v)}00"} for i, v in enumerate(values)]
    canonical = {
        "settlements": engine.put("settlements", table("settlements", ())),
        "patients": engine.put("p", table("patients", rows)),
    }

    def found(limit):
        capped = replace(linker, params=Params(phone_cap_people=limit))
        expression = link(staged(engine, capped, project(capped, canonical, {})), capped.params)
        return {(r["source_id"], r["target_id"]) for r in engine.fetch(expression).to_pylist()}

    assert found(cap) <= found(cap + more)
    engine.close()
