"""The contract of the typologies, over the whole registry; see :mod:`tests.contract.suite`."""

from __future__ import annotations

import pytest

from gangfinder.typologies import typologies
from tests.contract import suite

CASES = {slug: suite.cases_of(slug) for slug in typologies()}

EVERY = pytest.mark.parametrize("slug", typologies())


@EVERY
@pytest.mark.parametrize("check", suite.CHECKS, ids=lambda check: check.__name__)
def test_contract(check, slug):
    check(typologies()[slug], CASES[slug])


@pytest.mark.parametrize(
    ("slug", "case"), [pytest.param(s, c, id=f"{s}: {c['name']}") for s, cases in CASES.items() for c in cases]
)
def test_case(slug, case):
    suite.check_case(typologies()[slug], case)


@pytest.mark.spark
@EVERY
def test_spark_agrees_with_duckdb(slug, spark_engine):
    suite.check_engines_agree(typologies()[slug], CASES[slug], spark_engine)


def test_codes_are_those_of_the_catalogue():
    assert {t.code for t in typologies().values()} >= {"T01", "T05", "T06", "T08", "T10", "T17"}
