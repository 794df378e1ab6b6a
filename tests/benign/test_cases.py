"""Every case of every explanation's case file."""

from __future__ import annotations

import pytest

from benign.cases import FIXTURES, check, load_cases
from gangfinder.benign import explanations

CASES = [(slug, case) for slug in sorted(p.stem for p in FIXTURES.glob("*.yml")) for case in load_cases(slug)]


@pytest.mark.parametrize(("slug", "case"), CASES, ids=[f"{slug}-{case['name']}" for slug, case in CASES])
def test_case(duckdb_engine, slug, case):
    check(duckdb_engine, slug, case)


@pytest.mark.parametrize("slug", sorted(explanations()))
def test_each_explanation_has_a_case_file_with_both_sides(slug):
    """At least three cases that it explains, three that it does not, a near miss, a skip where it can be skipped."""
    cases = load_cases(slug)
    said = [_explains(case["expect"]) for case in cases]
    assert said.count(True) >= 3
    assert said.count(False) >= 3
    explanation = explanations()[slug]
    if explanation.requires or not explanation.uses and explanation.optional:
        assert any("skipped" in case["expect"] for case in cases)
    assert all(case["why"] for case in cases)
    assert any("near miss" in f"{case['name']} {case['why']}".lower() for case in cases)


def _explains(expect):
    if "skipped" in expect:
        return None
    return expect["judge"]["result"] != "fails" if "judge" in expect else not expect.get("nothing", False)
