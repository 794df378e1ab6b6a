"""The tails of T07, T12, T13 and T21 can be recomputed from the numbers that their sentences quote."""

from __future__ import annotations

import pytest

from gangfinder.model.tails import log10_binomial_tail
from gangfinder.typologies import typologies
from tests.contract import suite


def _handed_on(d):
    return d["n_relays"], d["n_moves"], d["rate"]


def _inside(d):
    return d["n_inside"], d["n_between"], d["rate"]


def _no_cash(d):
    return d["n_free"], d["n_stays"], d["rate"]


def _nights(d):
    return d["n_same"], d["n_stays"], d["rate"]


def _suspended(d):
    rate = (d["n_other_rows"] + 0.5) / (d["n_other_usual"] + d["prior_rows"])
    return d["n_rows"], d["n_usual"], rate


def _desk(d):
    return d["n_desk"], d["n_rows"], (d["n_desk_before"] + 0.5) / (d["n_rows_before"] + 1)


def _signed(d):
    return d["n_rows"], d["n_signed"], (d["n_other_rows"] + 0.5) / (d["n_other_signed"] + d["prior_rows"])


FORMULA = {
    "handed_on": _handed_on, "same_round": _inside, "one_owner": _inside, "no_cash": _no_cash, "fixed_nights": _nights,
    "settles_suspended": _suspended, "flow_shift": lambda d: (d["n_new"], d["n_active"], d["chance"]),
    "shared_desk": _desk, "at_once": _signed, "after_leaving": _signed, "in_bed": _signed, "posthumous": _signed,
}


@pytest.mark.parametrize("slug", ["cycling_stays", "owner_rotation", "flow_shift", "absent_practitioners"])
def test_tails_follow_from_the_detail(slug):
    for case in suite.cases_of(slug):
        if "find" not in case["expect"]:
            continue
        found = suite.runner.run(typologies()[slug], suite.tables_of(case))
        for verdict in found.verdicts.values():
            for anomaly in verdict.anomalies:
                k, n, rate = FORMULA[anomaly.name](anomaly.detail)
                # rates are quoted with six decimals
                assert anomaly.log10_p == pytest.approx(float(log10_binomial_tail(k, n, rate)), rel=0.02, abs=0.05)
