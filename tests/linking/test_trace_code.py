"""The same box sold twice, and the legal duplicates."""

from __future__ import annotations

import pytest

from linking.made import links, settlement, ties

CODE = "99000000000000000"


def sold(*sales, **more):
    """Boxes 0, 1, 2 of each sale: (settlement, box …)."""
    return [
        {"item_code": "X", "settlement_id": key, "line_no": i, "trace_code": f"{CODE}{box}", **more}
        for key, *boxes in sales
        for i, box in enumerate(boxes)
    ]


FIRST = settlement("S1", "A", "I", "2025-01-01")
AGAIN = settlement("S2", "B", "J", "2025-02-01")


def test_three_boxes_make_a_flow(engine):
    found = links(engine, "trace_code", settlements=[FIRST, AGAIN], items=sold(("S1", 0, 1, 2), ("S2", 0, 1, 2)))
    assert [(r["kind"], r["source_id"], r["target_id"], r["n_events"]) for r in found] == [
        ("trace_flow", "I", "J", 3)
    ]


def test_sources_of_one_sink_are_tied_and_the_buyer_is_not(engine):
    settlements = [FIRST, settlement("S3", "C", "K", "2025-01-05"), AGAIN]
    found = ties(
        engine, "trace_code", settlements=settlements, items=sold(("S1", 0, 1), ("S3", 2, 3), ("S2", 0, 1, 2, 3))
    )
    assert found == [("trace_source", "A", "C")]


@pytest.mark.parametrize(
    ("why", "settlements", "items"),
    [
        ("split packs", [FIRST, AGAIN], sold(("S1", 0, 1, 2), ("S2", 0, 1, 2), split_pack=True)),
        ("returned lines", [FIRST, AGAIN], sold(("S1", 0, 1, 2), returned=True) + sold(("S2", 0, 1, 2))),
        (
            "refunded by a negative row",
            [FIRST, settlement("S9", "A", "I", "2025-01-02", fund_amount=-10, reversed_settlement_id="S1"), AGAIN],
            sold(("S1", 0, 1, 2), ("S2", 0, 1, 2)),
        ),
        ("marked as refunded", [{**FIRST, "reversed": True}, AGAIN], sold(("S1", 0, 1, 2), ("S2", 0, 1, 2))),
        ("one house", [FIRST, {**AGAIN, "institution_id": "I"}], sold(("S1", 0, 1, 2), ("S2", 0, 1, 2))),
        ("within a day", [FIRST, {**AGAIN, "settled_at": "2025-01-02"}], sold(("S1", 0, 1, 2), ("S2", 0, 1, 2))),
        ("after a year", [FIRST, {**AGAIN, "settled_at": "2026-01-02"}], sold(("S1", 0, 1, 2), ("S2", 0, 1, 2))),
        ("two boxes only", [FIRST, AGAIN], sold(("S1", 0, 1), ("S2", 0, 1))),
        ("the same settlement twice", [FIRST, AGAIN], sold(("S1", 0, 1, 2), ("S1", 0, 1, 2), ("S2", 3))),
        ("short codes", [FIRST, AGAIN], [{**r, "trace_code": "123"} for r in sold(("S1", 0, 1, 2), ("S2", 0, 1, 2))]),
    ],
)
def test_legal_duplicates(duckdb_engine, why, settlements, items):
    assert not ties(duckdb_engine, "trace_code", settlements=settlements, items=items), why


def test_stock_inside_a_chain_is_no_flow(duckdb_engine):
    houses = [{"institution_id": h, "parent_id": "CHAIN"} for h in "IJ"]
    items = sold(("S1", 0, 1, 2), ("S2", 0, 1, 2))
    assert not ties(duckdb_engine, "trace_code", settlements=[FIRST, AGAIN], items=items, institutions=houses)
