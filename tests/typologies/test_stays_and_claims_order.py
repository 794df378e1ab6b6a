"""In T06, T08, T10 and T17 nothing changes with the order of rows; that engines agree, the contract suite checks."""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from cases import as_table, load_cases, run

from gangfinder.typologies import typologies

FIRST = {
    "brokered_admission": "three waves under one contact, without cash",
    "ghost_beds": "seven people out shopping",
    "impersonation": "two places within minutes",
    "forged_bills": "three agents with their own holders",
}


def tables_of(slug, name):
    case = next(c for c in load_cases(slug) if c["name"] == name)
    return {table: as_table(table, rows) for table, rows in case["tables"].items()}


@pytest.mark.parametrize("slug", FIRST)
def test_row_order_and_an_unrelated_person_change_nothing(slug):
    tables = tables_of(slug, FIRST[slug])
    turned = {name: table.take(pa.array(range(table.num_rows - 1, -1, -1))) for name, table in tables.items()}
    more = as_table(
        "settlements",
        [
            {
                "settlement_id": "zz",
                "patient_id": "ZZ",
                "institution_id": "P9",
                "settled_at": "2025-06-06T09:00:00",
                "fund_amount": 1,
            }
        ],
    )
    grown = pa.concat_tables([turned["settlements"], more], promote_options="default")
    plain, other = (run(typologies()[slug], t) for t in (tables, {**turned, "settlements": grown}))
    assert plain.cores == other.cores
    assert plain.cores


@pytest.mark.parametrize("slug", FIRST)
def test_without_rows_nothing_is_found(slug):
    tables = {name: table.slice(0, 1) for name, table in tables_of(slug, FIRST[slug]).items()}
    outcome = run(typologies()[slug], tables)
    assert outcome.skipped is not None or not outcome.verdicts
