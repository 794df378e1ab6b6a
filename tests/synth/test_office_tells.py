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
from tell_audit import LIMIT, audit

FIRST, SEEDS, TOWNS = 20_001, 90_000, 20
"""Seeds that nobody looked at; those looked at while tells were mended (8700 – 8759) lie below."""

ERRORS = 4
"""An insider adds one row to ties and is one row of the register: of forty columns known so poorly, one lies three
standard errors above chance in every twentieth run.
"""


@pytest.fixture(scope="module")
def audited() -> pd.DataFrame:
    seeds = [FIRST + n for n in choose("office audit", SEEDS, TOWNS)]
    print(f"GANGFINDER_ROTATION={rotation()} gives seeds {seeds} for the office audit")
    return audit(observe(seeds))


@pytest.mark.slow
def test_no_column_tells_what_an_insider_does_from_what_his_office_does(audited):
    declared = np.array([pair in CONDUCT for pair in zip(audited["table"], audited["column"], strict=True)])
    limit = np.maximum(LIMIT, 0.5 + ERRORS * audited["error"])
    found = audited[(audited["auc"] > limit) & ~declared]
    assert found.empty, found.to_string()


@pytest.mark.slow
def test_every_table_of_offices_was_audited(audited):
    assert set(audited["table"]) == {"reimbursements", "filings", "actions", "ties", "staff", "roster"}
    known = audited[audited["table"].isin(["reimbursements", "filings", "roster"])]
    assert known["error"].median() < LIMIT / 10


def test_conduct_has_a_reason():
    assert all(len(reason) > 15 for reason in CONDUCT.values())
