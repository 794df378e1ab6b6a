"""Nothing marks what an insider does but his conduct: the tell audit of offices, on unseen seeds."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.towns.rotation import choose, rotation

sys.path.insert(0, str(Path(__file__).parent))

from office_audit import CONDUCT, observe
from tell_audit import LIMIT, Sample, audit, tells, told_twice

FIRST, SEEDS, TOWNS = 20_001, 90_000, 16
"""Seeds that nobody looked at; those looked at while tells were mended (8700 – 8899) lie below."""


def observed(what: str) -> list[list[Sample]]:
    seeds = [FIRST + n for n in choose(what, SEEDS, TOWNS)]
    print(f"GANGFINDER_ROTATION={rotation()} gives seeds {seeds} for the {what}")
    return observe(seeds)


@pytest.fixture(scope="module")
def audited() -> pd.DataFrame:
    return audit(observed("office audit"))


@pytest.mark.slow
def test_no_column_tells_what_an_insider_does_from_what_his_office_does(audited):
    # an insider adds one row to ties and is one row of the register, which are known poorly
    found = told_twice(audited, CONDUCT, lambda: observed("second office audit"), by="table")
    assert found.empty, found.to_string()


@pytest.mark.slow
def test_every_table_of_offices_was_audited(audited):
    assert set(audited["table"]) == {"reimbursements", "filings", "actions", "ties", "staff", "roster"}
    known = audited[audited["table"].isin(["reimbursements", "filings", "roster"])]
    assert known["error"].median() < LIMIT / 10


def test_conduct_has_a_reason():
    assert all(len(reason) > 15 for reason in CONDUCT.values())


def test_a_tell_must_be_seen_in_other_towns_too():
    rng = np.random.default_rng(1)

    def town(shift: float) -> list[Sample]:
        planted = rng.random(600) < 0.3
        rows = pd.DataFrame({"column": rng.normal(planted * shift), "declared": rng.normal(planted * 3.0)})
        return [Sample("actions", "T20", rows, planted, np.ones(600))]

    first, conduct = audit([town(3.0) for _ in range(4)]), {("actions", "declared"): "what insiders do"}
    assert list(tells(first, conduct, "table")["column"]) == ["column"]
    assert told_twice(first, conduct, lambda: [town(0.0) for _ in range(4)], "table").empty
    assert len(told_twice(first, conduct, lambda: [town(3.0) for _ in range(4)], "table")) == 1
