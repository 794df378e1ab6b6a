"""The case files of T06, T08, T10 and T17: what must be found, what must not, and what cannot run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from cases import check, load_cases

SLUGS = ("brokered_admission", "ghost_beds", "impersonation", "forged_bills")
ALL = [pytest.param(slug, case, id=f"{slug}: {case['name']}") for slug in SLUGS for case in load_cases(slug)]


@pytest.mark.parametrize(("slug", "case"), ALL)
def test_case(slug, case):
    check(slug, case)


@pytest.mark.parametrize("slug", SLUGS)
def test_case_file_is_complete(slug):
    cases = load_cases(slug)
    assert all(case["why"] for case in cases)
    assert sum("find" in case["expect"] for case in cases) >= 3
    assert sum(bool(case["expect"].get("nothing")) for case in cases) >= 3
    assert sum("skipped" in case["expect"] for case in cases) >= 1
