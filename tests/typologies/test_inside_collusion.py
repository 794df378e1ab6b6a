"""T20, T27, T28: tails against enumeration, what the detail says, and whom a lead must never name."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import comb, e, log10, prod

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gangfinder.model.evidence import Anomaly, Family, Grade
from gangfinder.model.tails import fisher
from gangfinder.typologies import typologies
from gangfinder.typologies._desk_tails import desk_anomalies, named, strata_tail, tie_anomalies, tied_tail, together
from gangfinder.typologies._office_desks import FLAGS, Params
from tests.contract import suite

SEALED = ("inside_collusion", "own_interest", "dual_control")


def by_counting(strata, k):
    """P(sum >= k), from every combination of counts, in exact fractions."""
    def mass(n, m, d, x):
        return Fraction(comb(m, x) * comb(n - m, d - x), comb(n, d)) if 0 <= d - x <= n - m else Fraction(0)

    parts = [[(x, mass(n, m, d, x)) for x in range(min(m, d) + 1)] for n, m, d in strata]
    total = Fraction(0)
    for chosen in product(*parts):
        if sum(x for x, _ in chosen) >= k:
            one = Fraction(1)
            for _, p in chosen:
                one *= p
            total += one
    return total


@pytest.mark.parametrize("strata", [[(20, 5, 6)], [(20, 5, 6), (12, 3, 4)], [(9, 9, 3), (30, 6, 5), (7, 1, 2)]])
def test_tail_of_strata_is_exact(strata):
    most = sum(min(m, d) for _, m, d in strata)
    for k in range(1, most + 1):
        assert strata_tail(strata, k) == pytest.approx(log10(by_counting(strata, k)), abs=1e-9)


def test_a_sole_handler_is_never_surprising():
    """Where all papers of the strata are his, all of the ring's are: the tail is one."""
    assert strata_tail([(40, 40, 12), (8, 8, 3)], 15) == pytest.approx(0.0, abs=1e-12)


def desk(n_own, n_other, slots=60, marked=14, **flags):
    """Papers of a ring in one stratum, as seen from the desk of S1."""
    rows = [
        {"m_role": "handler", "m_stratum": "a", "m_own": int(i < n_own), "m_slots": slots, "m_marked": marked,
         "m_tests": 10, "m_rostered": 1, "source_table": "reimbursements", "source_key": f"r{i}",
         "event_at": pd.Timestamp("2025-03-01") + pd.Timedelta(days=i),
         **{f"m_{f}": flags.get(f, 0) for f in FLAGS}, **{f"m_{f}_marked": flags.get(f"{f}_all", 0) for f in FLAGS}}
        for i in range(n_own + n_other)
    ]
    return pd.DataFrame(rows)


def test_a_share_says_what_its_tail_is_made_of():
    (share,) = desk_anomalies("S1", desk(12, 0), Params())
    assert share.name == "handler_share"
    assert share.family is Family.CONTROL
    strata = [tuple(int(x) for x in part.split("/")) for part in str(share.detail["strata"]).split()]
    assert strata == [(60, 14, 12)]
    assert strata_tail(strata, int(share.detail["n_own"])) == pytest.approx(share.log10_p)
    assert share.detail["expected"] == pytest.approx(12 * 14 / 60, abs=1e-4)


def test_a_share_that_the_roster_makes_says_nothing():
    assert desk_anomalies("S1", desk(12, 0, slots=60, marked=55), Params()) == ()
    assert desk_anomalies("S1", desk(4, 8), Params()) == ()


@pytest.mark.parametrize(
    ("flag", "family"),
    [("quick", Family.TEMPO), ("off", Family.CALENDAR), ("limit", Family.AMOUNT), ("changed", Family.CONTROL),
     ("passed", Family.CONTROL)],
)
def test_what_is_odd_about_his_papers(flag, family):
    """Twelve odd papers of twelve, where his forty hold fourteen, surprise; where all his are odd they do not."""
    rare = desk(12, 0, marked=40, **{flag: 1, f"{flag}_all": 14})
    found = {a.name: a for a in desk_anomalies("S1", rare, Params())}
    assert found[flag].family is family
    common = desk(12, 0, marked=40, **{flag: 1, f"{flag}_all": 40})
    assert flag not in {a.name for a in desk_anomalies("S1", common, Params())}


def tie(part="hub", contacts=4, circle=5, whole=5_000, rivals=1):
    return pd.DataFrame([{
        "m_part": part, "m_how": "household", "m_tied": "A1", "m_contacts": contacts, "m_people": circle,
        "m_houses": circle, **{f"m_n_{p}": contacts if p == part else 0 for p in ("member", "hub", "holder", "house")},
        "m_patients": whole, "m_institutions": whole, "m_staff_tied": rivals, "m_house_tied": rivals,
        "m_staff_all": 70,
        "source_table": "reimbursements", "source_key": "r0",
    }])


def test_a_rare_tie_is_told_and_a_common_one_is_not():
    (found,) = tie_anomalies("S1", tie(), Params())
    chance = 1 - Fraction(comb(4_995, 4), comb(5_000, 4))
    assert found.family is Family.PERSONAL
    assert found.log10_p == pytest.approx(log10(chance), abs=1e-9)
    assert tie_anomalies("S1", tie(contacts=400, circle=30), Params()) == ()


def test_a_house_at_which_many_worked_ties_nobody():
    assert tie_anomalies("S1", tie("house", contacts=1, circle=1, whole=300), Params())
    assert tie_anomalies("S1", tie("house", contacts=1, circle=1, whole=300, rivals=20), Params()) == ()


def test_all_three_are_sealed_and_the_process_names_nobody():
    known = typologies()
    assert all(known[slug].sealed for slug in SEALED)
    assert known["dual_control"].subject_type == "office"
    cases = suite.cases_of("dual_control")
    for row in suite.evidence(suite.outcome(known["dual_control"], cases)):
        assert not {"S1", "S2", "V1"} & {str(value) for value in row.values()}


def test_nobody_is_named_without_a_tie():
    """Every verdict of T20 has, for everybody it names, a desk that stands out and a tie of his own."""
    known = typologies()["inside_collusion"]
    for case in suite.cases_of("inside_collusion"):
        if "find" not in case["expect"]:
            continue
        for verdict in suite.runner.run(known, suite.tables_of(case)).verdicts.values():
            for staff in verdict.core:
                families = {a.family for a in verdict.anomalies if a.detail["staff"] == staff}
                assert Family.PERSONAL in families
                assert families - {Family.PERSONAL}


def shown(role, log10_p, desks=4):
    return (Anomaly(Family.CONTROL, f"{role}_share", log10_p, desks, {"n_desks": desks}),)


def bound(log10_p):
    return (Anomaly(Family.PERSONAL, "tie_house", log10_p, 1, {"chances": f"{10**log10_p}", "chance_holder": 0.0}),)


def test_a_handler_and_a_reviewer_are_named_by_what_both_show():
    """Neither is surprising enough alone; that both have a tie of their own is."""
    desk, ties = {"S1": shown("handler", -2.3), "S2": shown("reviewer", -2.3)}, {"S1": bound(-1.5), "S2": bound(-1.5)}
    alone = together(desk["S1"], ties["S1"], Params())
    assert Params().person_log10_p < alone < Params().second_log10_p
    assert named({"S1": desk["S1"]}, ties, Params()) == {}
    found = named(desk, ties, Params())
    assert set(found) == {"S1", "S2"}
    half = -2 * alone / log10(e)  # half of a chi-squared value with four degrees of freedom: its tail is a finite sum
    assert found["S1"] == found["S2"] == pytest.approx(log10(1 + half) + 2 * alone)


@given(
    st.lists(st.floats(1e-5, 0.2), min_size=1, max_size=3), st.floats(-8, -0.1),
    st.integers(0, 2),
)
def test_desk_and_tie_together_are_no_more_surprising_than_they_are(chances, desk, which):
    """Against the sum over all ways to be tied: the desk's tail is uniform, a tie's is the chance of any as rare."""
    def tail(chance):
        return sum(w for w in chances if w <= chance)

    seen = chances[which % len(chances)]
    tie = Anomaly(Family.PERSONAL, "tie_hub", log10(min(1.0, tail(seen))), 1,
                  {"chances": " ".join(repr(w) for w in chances), "chance_holder": 0.0})
    both = 10 ** (desk + tie.log10_p)
    exact = 0.0
    for met in product([False, True], repeat=len(chances)):
        ways = [w for w, yes in zip(chances, met, strict=True) if yes]
        mass = prod(w if yes else 1 - w for w, yes in zip(chances, met, strict=True))
        exact += mass * min(1.0, both / min(1.0, tail(min(ways)))) if ways else 0.0
    assert 10 ** tied_tail(desk, tie) >= exact * (1 - 1e-9)
    assert tied_tail(desk, tie) <= fisher(np.array([desk, tie.log10_p])) + 1e-12


@pytest.mark.parametrize("second", ["handler", "untied"])
def test_two_of_one_role_or_one_without_a_tie_are_no_pair(second):
    desk = {"S1": shown("handler", -2.3), "S2": shown("handler" if second == "handler" else "reviewer", -2.3)}
    ties = {"S1": bound(-1.5)} if second == "untied" else {"S1": bound(-1.5), "S2": bound(-1.5)}
    assert named(desk, ties, Params()) == {}


def test_whoever_is_named_alone_is_named_by_his_own_tail():
    desk = {"S1": shown("handler", -9.0), "S2": shown("reviewer", -2.3), "S3": shown("reviewer", -1.2)}
    ties = {one: bound(-1.5) for one in desk}
    assert named(desk, ties, Params()) == {one: together(desk[one], ties[one], Params()) for one in ("S1", "S2")}


def test_own_interest_is_a_contradiction_about_the_person():
    found = suite.outcome(typologies()["own_interest"], suite.cases_of("own_interest"))
    for verdict in found.verdicts.values():
        assert all(a.family is Family.PERSONAL and a.log10_p == 0.0 for a in verdict.anomalies)
    assert {row["grade"] for row in suite.evidence(found)} == {Grade.E1.value}
