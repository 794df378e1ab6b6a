"""Relays: who is tied by going on from bed to bed at the same houses, and who is not."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

import pyarrow as pa
import pytest

from gangfinder.linking import linkers
from gangfinder.linking.relay import relays
from tests.contract import suite_linkers
from tests.typologies.cases import as_table

RELAY = linkers()["relay"]


def stays(people, houses, n=4, nights=6, gap=1):
    """Return rows of people who lie n times, each time at the next house."""
    rows = []
    for person in people:
        at = datetime(2025, 1, 5, 9)
        for turn in range(n):
            left = at + timedelta(days=nights)
            rows.append({
                "settlement_id": f"{person}-{turn}", "patient_id": person, "institution_id": houses[turn % len(houses)],
                "admitted_at": at.isoformat(), "discharged_at": left.isoformat(), "settled_at": left.isoformat(),
                "visit_type": "21", "fund_amount": 100,
            })
            at = left + timedelta(days=gap)
    return rows


def ties(engine, rows):
    found = suite_linkers.links(engine, RELAY, {"settlements": as_table("settlements", rows)})
    return {(r["source_id"], r["target_id"]): r["n_events"] for r in found}


def test_people_on_one_round_are_tied_by_the_ends_they_share(duckdb_engine):
    assert ties(duckdb_engine, stays("AB", ["H", "I"])) == {("A", "B"): 6}


@pytest.mark.parametrize("gap", [3, 4])
def test_the_gap_is_counted_in_days(duckdb_engine, gap):
    assert bool(ties(duckdb_engine, stays("AB", ["H", "I"], gap=gap))) == (gap <= RELAY.params.gap_days)


def test_other_houses_tie_nobody(duckdb_engine):
    assert ties(duckdb_engine, stays("A", ["H", "I"]) + stays("B", ["J", "K"])) == {}


def test_one_transfer_ties_nobody(duckdb_engine):
    assert ties(duckdb_engine, stays("AB", ["H", "I"], n=2)) == {}


def test_a_crowded_house_is_not_expanded(duckdb_engine):
    many = [f"P{i:03d}" for i in range(RELAY.params.cap_patients + 1)]
    assert ties(duckdb_engine, stays(many, ["H", "I"], n=3)) == {}


def test_relays_are_those_of_a_plain_loop(duckdb_engine):
    random = Random(20250301)
    rows = []
    for person in range(30):
        day = 0
        for turn in range(random.randint(1, 6)):
            day += random.randint(0, 8)
            nights = random.randint(1, 9)
            rows.append((f"P{person}", f"s{person}-{turn}", random.choice("HIJ"), day, day + nights))
            day += nights
    expected = {
        (a[1], b[1])
        for a, b in zip(rows, rows[1:], strict=False)
        if a[0] == b[0] and 0 <= b[3] - a[4] <= 3
    }
    start = datetime(2025, 1, 1).date()
    table = duckdb_engine.put("stays_of_loop", pa.table({
        "patient_id": [r[0] for r in rows], "settlement_id": [r[1] for r in rows],
        "institution_id": [r[2] for r in rows],
        "admitted_on": [start + timedelta(days=r[3]) for r in rows],
        "discharged_on": [start + timedelta(days=r[4]) for r in rows],
    }))
    found = duckdb_engine.fetch(relays(table, 3)).to_pylist()
    assert {(r["from_key"], r["to_key"]) for r in found} == expected
