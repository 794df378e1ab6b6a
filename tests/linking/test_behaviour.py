"""Which settlements stand, for how much, and which of them are stays."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gangfinder.linking.behaviour import behaviour, has_clock, net_settlements, stays, visits
from linking.made import settlement, table


def kept(engine, *rows):
    """What stands: settlement id → net amount."""
    net = net_settlements(engine.put("behaviour_in", table("settlements", rows)))
    return {r["settlement_id"]: r["amount"] for r in engine.fetch(net.select("settlement_id", "amount")).to_pylist()}


def refund(key, of, amount):
    return settlement(key, "A", "I", "2025-01-09", fund_amount=amount, reversed_settlement_id=of)


BILL = settlement("S1", "A", "I", "2025-01-02", fund_amount=100)


@pytest.mark.parametrize(
    ("why", "rows", "stands"),
    [
        ("a plain bill", [BILL], {"S1": 100}),
        ("a part is paid back", [BILL, refund("R", "S1", -30)], {"S1": 70}),
        ("in two parts", [BILL, refund("R", "S1", -30), refund("Q", "S1", -20)], {"S1": 50}),
        ("all is paid back", [BILL, refund("R", "S1", -100)], {}),
        ("in two parts, all", [BILL, refund("R", "S1", -60), refund("Q", "S1", -40)], {}),
        ("more than all", [BILL, refund("R", "S1", -120)], {}),
        ("marked as reversed", [{**BILL, "reversed": True}], {}),
        ("marked as not reversed", [{**BILL, "reversed": False}], {"S1": 100}),
        ("negative without a reference", [BILL, {**BILL, "settlement_id": "R", "fund_amount": -100}], {"S1": 100}),
        ("a refund of what is not in the data", [BILL, refund("R", "S0", -100)], {"S1": 100}),
        ("paid by the patient alone", [{**BILL, "fund_amount": 0}], {"S1": 0}),
        ("of two bills one", [BILL, {**BILL, "settlement_id": "S2"}, refund("R", "S2", -100)], {"S1": 100}),
    ],
)
def test_refunds(engine, why, rows, stands):
    assert kept(engine, *rows) == {k: Decimal(v) for k, v in stands.items()}, why


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    bills=st.lists(st.tuples(st.integers(0, 500), st.sampled_from([None, True, False])), max_size=6),
    refunds=st.lists(st.tuples(st.integers(0, 7), st.integers(1, 500)), max_size=6),
)
def test_refunds_against_a_plain_loop(duckdb_engine, bills, refunds):
    rows = [settlement(f"S{i}", "A", "I", "2025-01-02", fund_amount=a, reversed=r) for i, (a, r) in enumerate(bills)]
    rows += [refund(f"R{i}", f"S{of}", -a) for i, (of, a) in enumerate(refunds)]
    wanted = {}
    for i, (amount, marked) in enumerate(bills):
        back = [a for of, a in refunds if of == i]
        if not marked and (not back or amount > sum(back)):
            wanted[f"S{i}"] = Decimal(amount - sum(back))
    assert kept(duckdb_engine, *rows) == wanted


def split(engine, *rows):
    """Keys of visits, and stays as rows."""
    net = net_settlements(engine.put("behaviour_in", table("settlements", rows)))
    out = {r["settlement_id"] for r in engine.fetch(visits(net)).to_pylist()}
    return out, sorted(engine.fetch(stays(net)).to_pylist(), key=lambda r: r["stay_id"])


def stay(key, patient="A", **more):
    dates = {"admitted_at": "2025-01-02T09:00:00", "discharged_at": "2025-01-05T10:00:00"}
    return settlement(key, patient, "H", "2025-01-05T10:30:00", **{**dates, "visit_type": "21", **more})


@pytest.mark.parametrize(
    ("why", "row", "is_stay"),
    [
        ("a type of stay", stay("S", admitted_at=None, discharged_at=None), True),
        ("nights without a type", stay("S", visit_type=None), True),
        ("nights under another type", stay("S", visit_type="11"), True),
        ("in and out within a day", stay("S", visit_type="11", discharged_at="2025-01-02T17:00:00"), False),
        ("no discharge", stay("S", visit_type="11", discharged_at=None), False),
        ("neither", stay("S", visit_type=None, admitted_at=None, discharged_at=None), False),
    ],
)
def test_what_is_a_stay(engine, why, row, is_stay):
    out, lying = split(engine, row)
    assert (len(lying), len(out)) == ((1, 0) if is_stay else (0, 1)), why


def test_bills_of_one_stay_are_one(engine):
    """By visit id; without it by patient, house and day of admission."""
    out, lying = split(
        engine,
        stay("S1", visit_id="V", fund_amount=100, discharged_at="2025-01-04T10:00:00"), stay("S2", visit_id="V"),
        stay("S3", "B", fund_amount=40), stay("S4", "B"), stay("S5", "B", admitted_at="2025-01-03T09:00:00"),
    )
    assert not out
    found = sorted((r["patient_id"], r["settlement_id"], r["n_bills"], r["amount"]) for r in lying)
    assert found == [("A", "S1", 2, 110), ("B", "S3", 2, 50), ("B", "S5", 1, 10)]
    first = next(r for r in lying if r["patient_id"] == "A")
    assert (first["admitted_on"], first["discharged_on"]) == (date(2025, 1, 2), date(2025, 1, 5))


def test_a_stay_without_dates_lies_on_the_day_it_is_settled(engine):
    _, lying = split(engine, stay("S", admitted_at=None, discharged_at=None))
    assert (lying[0]["admitted_on"], lying[0]["discharged_on"]) == (date(2025, 1, 5), date(2025, 1, 5))


def test_the_instant_of_the_behaviour_wins(engine):
    """A sale that reached the fund a day later happened when it happened."""
    row = settlement("S", "A", "I", "2025-01-03T00:10:00", occurred_at="2025-01-02T23:50:00")
    net = net_settlements(engine.put("behaviour_in", table("settlements", [row])))
    found = engine.fetch(net.select("at", "on")).to_pylist()[0]
    assert (found["at"], found["on"]) == (datetime(2025, 1, 2, 23, 50), date(2025, 1, 2))


@pytest.mark.parametrize(
    ("timed", "dated", "clock"), [(1, 0, True), (2, 1, True), (1, 2, False), (0, 1, False), (0, 0, False)]
)
def test_has_clock(duckdb_engine, timed, dated, clock):
    """Most of the instants carry a time of day."""
    rows = [settlement(f"T{i}", "A", "I", "2025-01-03T00:10:00") for i in range(timed)]
    rows += [settlement(f"D{i}", "A", "I", "2025-01-03") for i in range(dated)]
    canonical = {"settlements": duckdb_engine.put("behaviour_in", table("settlements", rows))}
    assert has_clock(duckdb_engine, behaviour(duckdb_engine, canonical)["visits"]) is clock


def test_columns_the_input_lacks_are_nulls(duckdb_engine):
    thin = table("settlements", [BILL]).select(
        ["settlement_id", "patient_id", "institution_id", "settled_at", "fund_amount"]
    )
    derived = behaviour(duckdb_engine, {"settlements": duckdb_engine.put("behaviour_in", thin)})
    found = duckdb_engine.fetch(derived["visits"]).to_pylist()
    assert [(r["settlement_id"], r["terminal_id"]) for r in found] == [("S1", None)]
    assert duckdb_engine.fetch(derived["stays"]).num_rows == 0
