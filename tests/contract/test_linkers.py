"""The contract of the linkers, over the whole registry; see :mod:`tests.contract.suite_linkers`."""

from __future__ import annotations

import pytest

from gangfinder.linking import linkers
from tests.contract import suite, suite_linkers
from tests.typologies.cases import as_table

EVERY = pytest.mark.parametrize("slug", linkers())

CODE = "9900000000000000000{box}"


def _attributes():
    """A phone, an address, an account and an agent that two households share."""
    return {
        "patients": as_table("patients", [
            {"each": {"patient_id": ["A", "B", "C"]}, "phone": "19900001234", "address": "测试镇测试路十二号三单元"},
            {"patient_id": "D", "phone": "19900009999"},
        ]),
        "reimbursements": as_table("reimbursements", [
            {"each": {"patient_id": ["A", "D"]}, "reimbursement_id": "R{i}", "payee_account": "9900112233",
             "agent_phone": "19900005678", "submitted_at": "2025-02-03T10:00:00", "fund_amount": 5},
        ]),
    }


def _owners():
    """Two houses of one owner, an agent and a member of staff with two claimants each."""
    return {
        "institutions": as_table("institutions", [{"each": {"institution_id": ["H1", "H2"]}, "uscc": "99X"}]),
        "reimbursements": as_table("reimbursements", [
            {"each": {"patient_id": ["A", "B"]}, "reimbursement_id": "R{i}", "agent_phone": "19900005678",
             "handler_id": "S1", "fund_amount": 5, "submitted_at": "2025-02-03T10:00:00"},
        ]),
    }


def _boxes():
    """Six boxes of two people at two houses, all sold again at a third."""
    sales = {"settlement_id": ["a", "b", "z"], "patient_id": ["A", "B", "Z"], "institution_id": ["P1", "P2", "P9"]}
    instants = {"settled_at": ["2025-01-02T10:00:00", "2025-01-03T10:00:00", "2025-02-03T10:00:00"]}
    three = {"each": {"line_no": [1, 2, 3]}, "item_code": "X1"}
    first, second = CODE.format(box="1{i}"), CODE.format(box="2{i}")
    return {
        "settlements": as_table("settlements", [{"each": {**sales, **instants}, "fund_amount": 5}]),
        "items": as_table("items", [
            {**three, "settlement_id": "a", "trace_code": first},
            {**three, "settlement_id": "b", "trace_code": second},
            {**three, "settlement_id": "z", "trace_code": first},
            {**three, "settlement_id": "z", "trace_code": second, "each": {"line_no": [4, 5, 6]}},
        ]),
    }


def _weak_crew():
    """Six people at three houses on six dates, and others who come on their own."""
    days = ("01-10", "02-03", "03-01", "04-05", "05-12", "06-20")
    houses = ("H1", "H2", "H3")
    rows = [
        {
            "each": {"patient_id": list("ABCDEF")}, "settlement_id": f"s{n}{{i}}", "institution_id": houses[n % 3],
            "settled_at": f"2025-{day}T00:00:00", "fund_amount": 50,
        }
        for n, day in enumerate(days)
    ]
    rows += [
        {
            "each": {"institution_id": list(houses)}, "settlement_id": f"o{n}{{i}}", "patient_id": f"X{n % 60}{{i}}",
            "settled_at": f"2025-{1 + n // 28:02}-{1 + n % 28:02}T00:00:00", "fund_amount": 50,
        }
        for n in range(240)
    ]
    return {"settlements": as_table("settlements", rows)}


TABLES = {
    "recurrence": _weak_crew(),
    "co_presence": suite.reference(suite.cases_of("card_pooling")),
    "co_admission": suite.reference(suite.cases_of("brokered_admission")),
    "shared_attribute": _attributes(),
    "control": _owners(),
    "handling": _owners(),
    "trace_code": _boxes(),
    "relay": suite.reference(suite.cases_of("cycling_stays")),
}
"""Tables in which each linker finds something; a new linker adds its own."""


@EVERY
def test_declaration(slug):
    suite_linkers.check_declaration(linkers()[slug])
    assert slug in TABLES


@EVERY
@pytest.mark.parametrize("check", suite_linkers.CHECKS, ids=lambda check: check.__name__)
def test_contract(duckdb_engine, check, slug):
    check(duckdb_engine, linkers()[slug], TABLES[slug])


@pytest.mark.spark
@EVERY
def test_spark_agrees_with_duckdb(duckdb_engine, spark_engine, slug):
    here, there = (suite_linkers.links(e, linkers()[slug], TABLES[slug]) for e in (duckdb_engine, spark_engine))
    assert here == there


def test_kinds_are_unique():
    kinds = [kind for linker in linkers().values() for kind in linker.kinds]
    assert len(set(kinds)) == len(kinds)
