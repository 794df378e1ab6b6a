"""How each style is planted, on a handful of made-up rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from gangfinder.selftest.sample import House, Person, Sample
from gangfinder.selftest.styles import STYLES, cards, lockstep, star, waves

START = datetime(2025, 1, 1, 9, 30)
BY_SLUG = {s.slug: s for s in STYLES}


def visit(n: int, house: str, at: datetime) -> dict:
    return {"settlement_id": f"s{n}", "institution_id": house, "settled_at": at, "terminal_id": f"{house}-{n % 2}"}


def house(name: str, *, hour: int = 0, batch: bool = False) -> House:
    rows = tuple(visit(n, name, START + timedelta(days=n, hours=hour)) for n in range(60))
    return House(name, "990101", rows, batch)


def ward(nights: tuple[int, ...]) -> House:
    rows = tuple(
        {"settlement_id": f"w{n}", "institution_id": "W", "department": "D", "settled_at": at, "admitted_at": at,
         "discharged_at": at + timedelta(days=nights[n % len(nights)]), "cash_amount": Decimal(5)}
        for n in range(120) for at in [START + timedelta(days=n)]
    )
    return House("W", "", rows)


def desk_of_claims() -> House:
    rows = tuple(
        {"reimbursement_id": f"r{n}", "institution_id": "C", "submitted_at": START + timedelta(days=n),
         "payee_account": f"a{n}", "invoice_no": f"77{n * 3:06d}"}
        for n in range(30)
    )
    return House("C", "", rows)


PEOPLE = tuple(Person(f"p{n}", f"h{n}", "990101", {"contact_phone": f"phone{n}"}) for n in range(12))
COLUMNS = {
    "settlements": frozenset({"admitted_at", "discharged_at", "cash_amount", "contact_phone", "terminal_id"}),
    "reimbursements": frozenset({"payee_account", "institution_id", "invoice_no"}),
}
SAMPLE = Sample(COLUMNS, True, 1_000, (house("A"), house("B", hour=2), house("C", hour=4)), (ward((4, 11)),),
                (desk_of_claims(),), PEOPLE)


def rng():
    return np.random.default_rng(2820)


def test_a_session_is_at_one_desk_of_one_house_seconds_to_minutes_apart():
    rows = cards(SAMPLE, PEOPLE, rng())
    assert len({r.template["institution_id"] for r in rows}) == 1
    desks = [r.changes["terminal_id"] for r in rows if r.changes]
    assert len(set(desks)) == 1
    assert len(desks) >= 0.8 * len(rows)
    days = {r.at.date() for r in rows}
    assert len(days) == 8
    assert min(b - a for a, b in zip(sorted(days), sorted(days)[1:], strict=False)) >= timedelta(days=3)
    one = sorted(r.at for r in rows if r.at.date() == min(days))
    assert all(timedelta(seconds=30) <= b - a < timedelta(seconds=150) for a, b in zip(one, one[1:], strict=False))


@pytest.mark.parametrize("sample", [
    replace(SAMPLE, visited=(house("A", batch=True),)),
    replace(SAMPLE, clock=False),
])
def test_where_the_clock_says_nothing_nobody_is_minutes_apart(sample):
    rows = cards(sample, PEOPLE, rng())
    assert all(len({r.at for r in rows if r.at.date() == day}) == 1 for day in {r.at.date() for r in rows})


def test_lockstep_changes_nothing_but_the_dates():
    rows = lockstep(SAMPLE, PEOPLE, rng())
    assert all(r.changes == {} for r in rows)
    assert len({r.at.date() for r in rows}) == 8
    assert len({r.template["institution_id"] for r in rows}) == 3


def test_a_wave_comes_and_leaves_together_free_of_charge():
    rows = waves(SAMPLE, PEOPLE, rng())
    by_day: dict[date, list[int]] = {}
    for row in rows:
        nights = (row.template["discharged_at"] - row.template["admitted_at"]).days
        by_day.setdefault(row.at.date(), []).append(nights)
        assert row.changes["cash_amount"] == 0
    assert len(by_day) == 3
    assert all(max(nights) - min(nights) <= 2 for nights in by_day.values())
    assert {r.changes["contact_phone"] for r in rows if "contact_phone" in r.changes} == {"phone0"}


def test_a_star_is_one_account_and_one_book_of_unused_bills():
    rows = star(SAMPLE, PEOPLE, rng())
    assert {r.person.patient_id for r in rows} == {p.patient_id for p in PEOPLE}
    assert len({r.changes["payee_account"] for r in rows}) == 1
    numbers = [int(r.changes["invoice_no"]) for r in rows]
    assert len(set(numbers)) == len(numbers)
    assert not {r.changes["invoice_no"] for r in rows} & {r["invoice_no"] for r in SAMPLE.claimed[0].rows}
    assert all(b - a <= 12 for a, b in zip(sorted(numbers), sorted(numbers)[1:], strict=False))


@pytest.mark.parametrize(
    ("slug", "sample", "reason"),
    [
        ("cards", replace(SAMPLE, clock=False), "dates only"),
        ("cards", replace(SAMPLE, visited=()), "no house"),
        ("tours", replace(SAMPLE, visited=SAMPLE.visited[:2]), "fewer than 3 houses"),
        ("lockstep", replace(SAMPLE, visited=SAMPLE.visited[:1]), "fewer than 2 houses"),
        ("waves", replace(SAMPLE, available={}), "admitted_at and discharged_at"),
        ("waves", replace(SAMPLE, admitting=()), "no house"),
        ("star", replace(SAMPLE, available={}), "table 'reimbursements'"),
        ("star", replace(SAMPLE, available={"reimbursements": frozenset({"institution_id"})}), "payee_account"),
        ("star", replace(SAMPLE, claimed=()), "no house"),
    ],
)
def test_what_cannot_be_tested_says_why(slug, sample, reason):
    assert reason in BY_SLUG[slug].untestable(sample)
    assert BY_SLUG[slug].untestable(SAMPLE) == ""


def test_what_is_planted_without_a_column_is_noted():
    assert BY_SLUG["cards"].notes(SAMPLE) == ()
    assert "terminal_id" in BY_SLUG["cards"].notes(replace(SAMPLE, available={}))[0]
    assert "time of day" in BY_SLUG["lockstep"].notes(SAMPLE)[0]
    assert BY_SLUG["lockstep"].notes(replace(SAMPLE, clock=False)) == ()
