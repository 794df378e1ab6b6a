"""What a house's cases are compared with: other houses, whose rate is no higher, and at least half of all."""

from __future__ import annotations

import pyarrow as pa

from gangfinder.typologies._contradictions import with_rest


def compared(engine, houses):
    """Return (cases, among) of the rest for each house of (name, cases, among)."""
    names, cases, among = zip(*houses, strict=True)
    table = engine.put("houses_of_rest", pa.table({
        "house": pa.array(names), "m_house_cases": pa.array(cases, pa.int64()),
        "m_house_among": pa.array(among, pa.int64()),
    }))
    rows = engine.fetch(with_rest(table, "house", "cases", "among")).to_pylist()
    engine.drop("houses_of_rest")
    return {r["house"]: (r["m_rest_cases"], r["m_rest_among"]) for r in rows}


def test_the_highest_is_compared_with_all_others_and_a_ring_does_not_hide_another(engine):
    found = compared(engine, [("a", 1, 100), ("b", 2, 100), ("c", 3, 100), ("ring", 20, 40), ("other", 30, 40)])
    assert found["other"] == (26, 340)
    assert found["ring"] == (6, 300), "the ring above it is under question itself"


def test_one_lucky_house_is_no_rule_for_those_just_above_it(engine):
    """A clean town once had a lead: half of everybody was a case everywhere, but for one small house."""
    found = compared(engine, [("lucky", 1, 17), ("low", 34, 78), ("b", 150, 300), ("c", 160, 300), ("d", 170, 300)])
    assert found["low"] == (1 + 150 + 160, 17 + 300 + 300)
    assert found["lucky"] == (34 + 150 + 160, 78 + 300 + 300)
    assert found["d"] == (1 + 34 + 150 + 160, 17 + 78 + 300 + 300)
