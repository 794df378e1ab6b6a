"""Which rings become leads, and in which order."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gangfinder.model.evidence import Family, Grade
from gangfinder.model.lead import Score, ScoredRing, ScorePart
from gangfinder.scoring.ranking import ScoringParams, admission, amount, combined_tail, diversified, main_house, score
from tests.scoring.made import anomaly, finding, ring, row

PARAMS = ScoringParams()


def dates(n=3, **detail):
    return anomaly(Family.CALENDAR, n_dates=n, **detail)


@pytest.mark.parametrize(
    ("why", "found", "clock", "rule"),
    [
        ("a contradiction", finding(grade=Grade.E1, anomalies=(anomaly(Family.CONTRADICTION),)), True, "contradiction"),
        ("two families", finding(anomalies=(anomaly(), anomaly(Family.AMOUNT))), True, "two_families"),
        ("one family twice", finding(anomalies=(anomaly(), anomaly(log10_p=-9.0))), True, None),
        ("dates alone, with a clock", finding(anomalies=(dates(n_timed_sessions=3),)), True, None),
        ("dates alone, without a clock", finding(anomalies=(dates(n_timed_sessions=0),)), False, "single_channel"),
        ("two dates alone", finding(anomalies=(dates(2, n_timed_sessions=0),)), False, None),
        ("another family alone", finding(anomalies=(anomaly(Family.AMOUNT, n_dates=9),)), True, None),
        ("one hub alone", finding(anomalies=(anomaly(Family.CONTROL, hub_alone=1),)), True, "one_hub"),
        ("nothing", finding(anomalies=()), True, None),
    ],
)
def test_admission(why, found, clock, rule):
    assert admission(ring(found), clock=clock) == rule, why


CERTAIN = anomaly(Family.PERSONAL, log10_p=0.0)
TIE = anomaly(Family.PERSONAL)


@pytest.mark.parametrize(
    ("why", "grade", "anomalies", "rule"),
    [
        ("a share and a tie", Grade.E2, (anomaly(Family.CONTROL), TIE), "personal_tie"),
        ("a tie alone", Grade.E2, (TIE,), None),
        ("two ties", Grade.E2, (TIE, anomaly(Family.PERSONAL, -4.0)), None),
        ("a roster excess alone", Grade.E2, (anomaly(Family.CONTROL, hub_alone=1),), None),
        ("shares and hours", Grade.E2, (anomaly(Family.CONTROL), anomaly(Family.TEMPO)), None),
        ("a dual-control breach alone", Grade.E1, (anomaly(Family.CONTRADICTION, log10_p=0.0),), None),
        ("a breach and a tie", Grade.E1, (anomaly(Family.CONTRADICTION, log10_p=0.0), TIE), "personal_tie"),
        ("money into his own account", Grade.E1, (CERTAIN,), "personal_contradiction"),
        ("what no chance explains, on no E1 record", Grade.E2, (CERTAIN,), None),
    ],
)
@pytest.mark.parametrize("kind", ["staff", "official"])
def test_staff_are_named_by_a_tie_of_their_own_alone(why, grade, anomalies, rule, kind):
    found = ring(finding("S", grade=grade, anomalies=anomalies, subject_type=kind))
    assert admission(found, clock=True) == rule, why


def test_a_process_is_named_by_a_breach():
    breach = finding("O", grade=Grade.E1, anomalies=(anomaly(Family.CONTRADICTION, 0.0),), subject_type="office")
    assert admission(ring(breach), clock=True) == "contradiction"


def test_an_own_account_needs_no_chance():
    weak = anomaly(Family.CONTROL, log10_p=-0.1)
    rows = (row("R1", 9000, who="S"),)
    own = finding("S", grade=Grade.E1, anomalies=(CERTAIN, weak), rows=rows, subject_type="staff")
    assert [s.admitted_by for s in score([ring(own)], 100, PARAMS, clock=True)] == ["personal_contradiction"]


def test_families_of_two_findings_add_up():
    one, other = finding(anomalies=(anomaly(Family.TEMPO),)), finding(code="T05", anomalies=(anomaly(),))
    assert admission(ring(one), clock=True) is None
    assert admission(ring(one, other), clock=True) == "two_families"


def test_money_is_counted_once_a_row_and_refunds_are_subtracted():
    one = finding(rows=(row("S1", 600), row("S2", 700)))
    other = finding(code="T05", rows=(row("S2", 700, who="B"), row("S3", -200)))
    assert amount(ring(one, other)) == Decimal(1100)


def test_small_money_is_no_lead():
    for yuan, n in ((999.99, 0), (1000, 1)):
        assert len(score([ring(finding(rows=(row("S1", yuan),)))], 1, PARAMS, clock=True)) == n


def test_what_a_member_of_staff_lets_pass_is_no_matter_of_money():
    rows = (row("F1", 0, who="S"),)
    own = finding("S", grade=Grade.E1, anomalies=(CERTAIN,), rows=rows, subject_type="staff")
    assert [s.admitted_by for s in score([ring(own)], 1, PARAMS, clock=True)] == ["personal_contradiction"]


def test_the_tail_is_the_best_family_times_the_families():
    """Of one family the anomaly that is most surprising once it is corrected."""
    several = (anomaly(log10_p=-8.0, n_tests=10_000), anomaly(log10_p=-5.5), anomaly(Family.TEMPO, -5.0))
    assert combined_tail(ring(finding(anomalies=several))) == pytest.approx(-5.5 + np.log10(2))
    assert combined_tail(ring(finding(anomalies=(anomaly(log10_p=-1.0, n_tests=1000),)))) == 0.0


@given(st.lists(st.floats(-9, 0), min_size=1, max_size=8), st.integers(0, 40))
def test_leads_are_those_of_the_step_up_procedure(tails, more):
    """Benjamini–Hochberg over all groups judged: find the last rank that passes, and take everybody up to it."""
    rings = [
        ring(finding(f"{i}ab", anomalies=(anomaly(log10_p=p), anomaly(Family.TEMPO, 0.0)), rows=(row(f"S{i}"),)))
        for i, p in enumerate(tails)
    ]
    n_groups = len(tails) + more
    leads = score(rings, n_groups, PARAMS, clock=True)
    ordered = sorted(combined_tail(r) for r in rings)
    limit = PARAMS.false_discovery_share * (1 + 1e-12)
    passing = [k for k, p in enumerate(ordered, 1) if 10.0**p <= limit * k / n_groups]
    assert len(leads) == (passing[-1] if passing else 0)
    assert all(0 < lead.q_value <= PARAMS.false_discovery_share * (1 + 1e-9) for lead in leads)


def test_the_score_is_the_sum_of_its_parts():
    found = finding(
        grade=Grade.E1, anomalies=(anomaly(log10_p=-30.0), anomaly(Family.TEMPO, -5.0, 10)), rows=(row("S1", 10_000),)
    )
    (lead,) = score([ring(found)], 1, PARAMS, clock=True)
    parts = {p.name: p.value * p.weight for p in lead.score.parts}
    assert parts == {"surprise_calendar": 12.0, "surprise_tempo": 4.0, "contradiction": 6.0, "amount": 8.0}
    assert lead.score.total == 30.0


def test_order_of_rings_changes_nothing_and_the_list_ends_at_the_top():
    rings = [ring(finding(f"{i}ab", rows=(row(f"S{i}", 1000 + i, house=f"I{i % 3}"),))) for i in range(9)]
    one, other = score(rings, 9, PARAMS, clock=True), score(rings[::-1], 9, PARAMS, clock=True)
    assert one == other
    assert score(rings, 9, replace(PARAMS, top=4), clock=True) == one[:4]


def scored(name, total, house):
    made = replace(ring(finding(rows=(row("S1", house=house),))), ring_id=name)
    return ScoredRing(made, Score((ScorePart("amount", total, 1.0, {}),)), 0.001, "two_families")


def test_a_house_that_was_named_goes_down_the_list():
    totals = (("a", 10.0, "I"), ("b", 9.9, "I"), ("c", 9.5, "J"), ("d", 8.5, "I"), ("e", 1.0, "K"))
    leads = [scored(*lead) for lead in totals]
    # b counts 9.9 × 0.9 = 8.91 after a; d counts 8.5 × 0.81
    assert [s.ring.ring_id for s in diversified(leads, PARAMS)] == list("acbde")
    assert [s.ring.ring_id for s in diversified(leads, replace(PARAMS, repeat_discount=1.0))] == list("abcde")


def test_equal_scores_are_ordered_by_identity():
    leads = [scored(name, 5.0, house) for name, house in (("c", "I"), ("a", "J"), ("b", "K"))]
    assert [s.ring.ring_id for s in diversified(leads, PARAMS)] == list("abc")


def test_the_main_house_has_most_rows():
    made = ring(finding(rows=(row("S1", house="J"), row("S2", house="I"), row("S3", house="J"))))
    assert main_house(made) == "J"
    assert main_house(ring(finding(rows=(row("S1", house="J"), row("S2", house="I"))))) == "I"
