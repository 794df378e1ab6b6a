"""What the typologies of traced boxes and stock books say beside their cases: evidence, amounts, the second buyer."""

from __future__ import annotations

from decimal import Decimal

import pytest

from gangfinder.model.evidence import Family, Grade
from gangfinder.model.tails import log10_binomial_tail
from gangfinder.typologies import goods_swap, recycled_drugs, stock_balance
from tests.contract import suite
from tests.typologies import cases as runner


def first_found(module):
    cases = suite.cases_of(module.TYPOLOGY.slug)
    return runner.run(module.TYPOLOGY, suite.reference(cases))


@pytest.mark.parametrize(
    ("module", "k", "n", "rest", "elsewhere"),
    [
        (goods_swap, "n_again", "n_sales", "n_rest", "n_elsewhere"),
        (recycled_drugs, "n_again", "n_sales", "n_rest", "n_elsewhere"),
        (stock_balance, "n_short", "n_drugs", "n_rest", "n_elsewhere"),
    ],
)
def test_the_tail_follows_from_the_numbers_beside_it(module, k, n, rest, elsewhere):
    for verdict in first_found(module).verdicts.values():
        (anomaly,) = verdict.anomalies
        d = anomaly.detail
        rate = (d[elsewhere] + 0.5) / max(1.0, d[rest])
        assert anomaly.family is Family.CONTRADICTION
        assert anomaly.log10_p == pytest.approx(float(log10_binomial_tail(d[k], d[n], min(1.0, rate))))


def test_the_second_buyer_stands_in_no_evidence():
    found = first_found(recycled_drugs)
    rows = list(suite.evidence(found))
    assert {r["shows"] for r in rows} == {"first_sale", "second_sale"}
    assert not [r for r in rows if str(r["subject_id"]).startswith("Z")]
    # the second sale is a line of goods: no card, no patient of it is looked up
    assert {r["source_table"] for r in rows if r["shows"] == "second_sale"} == {"items"}
    assert all(r["grade"] == Grade.E1.value for r in rows)


def test_what_is_missing_is_spread_over_the_months_and_priced():
    cases = {case["name"]: case for case in suite.cases_of("stock_balance")}
    tables = suite.tables_of(cases["the fund settled more than the book"])
    found = runner.run(stock_balance.TYPOLOGY, tables)
    rows = list(suite.evidence(found))
    # ten drugs, two months after the first with ten boxes too many, 20 yuan a box, of which the fund paid half
    months = len({r["event_at"] for r in rows})
    assert sum((r["amount"] for r in rows), Decimal(0)) == Decimal(10 * 10 * 20) / 2 * months
    assert {r["subject_type"] for r in rows} == {"institution"}
