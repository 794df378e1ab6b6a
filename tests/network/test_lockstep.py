"""The statistics of a group in step, against scipy, simulation and plain loops."""

from __future__ import annotations

from datetime import timedelta
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, chi2, hypergeom

from gangfinder.model.tails import fisher
from gangfinder.network import visits as arrays
from gangfinder.network.amounts import amount_bins, amount_tails
from gangfinder.network.cohort import interval_days
from gangfinder.network.lockstep import (
    Sessions,
    joint_days,
    outside_dates,
    pair_tails,
    sessions,
    tempo_tails,
)
from tests.network.made import START, group, strangers


@given(st.lists(st.floats(-12, 0), min_size=1, max_size=20))
def test_fisher_against_chi_squared(tails):
    """-2 Σ ln p is chi-squared with 2n degrees of freedom."""
    statistic = -2 * np.log(10.0) * sum(tails)
    wanted = chi2.logsf(statistic, 2 * len(tails)) / np.log(10.0)
    assert fisher(np.array(tails)) == pytest.approx(wanted, rel=1e-9, abs=1e-9)


def test_fisher_of_uniform_tails_is_uniform():
    random = np.random.default_rng(11)
    combined = np.array([fisher(np.log10(random.uniform(size=6))) for _ in range(4000)])
    for level in (0.05, 0.2, 0.5):
        assert (10.0**combined <= level).mean() == pytest.approx(level, abs=0.03)


def test_fisher_of_nothing():
    assert fisher(np.zeros(0)) == 0.0
    assert fisher(np.zeros(3)) == 0.0


def one_session(k, span):
    table = {"institution_id": ["I"], "on": [START], "n_units": [k], "n_members": [k], "span_minutes": [span]}
    return Sessions(pd.DataFrame(), pd.DataFrame(table))


@pytest.mark.parametrize(("k", "span"), [(2, 4.0), (3, 9.0), (4, 14.0), (6, 29.0)])
def test_tempo_against_simulation(k, span):
    """The chance that k instants in an hour, drawn at random, span a minute more than observed or less."""
    random = np.random.default_rng(13)
    drawn = random.uniform(0, 60, (400_000, k))
    simulated = (np.ptp(drawn, axis=1) <= span + 1).mean()
    found = 10.0 ** tempo_tails(one_session(k, span), group([("A", "I", 0, 0, 1.0)]), 60)[0]
    assert found == pytest.approx(simulated, rel=0.05)


def test_tempo_of_a_whole_window_is_no_evidence():
    assert tempo_tails(one_session(5, 59.0), group([("A", "I", 0, 0, 1.0)]), 60).tolist() == [0.0]
    assert tempo_tails(one_session(5, 200.0), group([("A", "I", 0, 0, 1.0)]), 60).tolist() == [0.0]


def test_tempo_needs_a_trusted_clock():
    assert tempo_tails(one_session(5, 1.0), group([("A", "I", 0, 0, 1.0)], trusted=False), 60).size == 0


@given(
    st.integers(2, 5).flatmap(
        lambda n: st.lists(
            st.lists(st.none() | st.integers(0, 200), min_size=n, max_size=n), min_size=1, max_size=6
        )
    ),
    st.sampled_from((0, 5, 60)),
)
def test_joint_days_against_a_plain_loop(days, window):
    minutes = np.array(days, dtype=float).T  # members × days, None becomes NaN
    i, j = np.triu_indices(len(minutes), 1)
    wanted = [
        sum(None not in (day[a], day[b]) and (window == 0 or abs(day[a] - day[b]) <= window) for day in days)
        for a, b in zip(i, j, strict=True)
    ]
    assert joint_days(minutes, i, j, window).tolist() == wanted


VISITS = st.lists(
    st.tuples(st.sampled_from("ABCDE"), st.sampled_from("IJ"), st.integers(0, 3), st.integers(0, 300)),
    min_size=1, max_size=30,
)


@settings(max_examples=60)
@given(VISITS, st.integers(1, 3))
def test_sessions_against_a_plain_loop(visits, least):
    """First visits of a house and day in order; a pause of more than an hour begins anew."""
    made = group([(*v, 10.0) for v in visits], units={"A": "H", "B": "H"})
    first = {}
    for who, house, day, minute in visits:
        first[house, day, who] = min(first.get((house, day, who), minute), minute)
    wanted = []
    for house, day in sorted({key[:2] for key in first}):
        run = []
        for minute, who in sorted((m, w) for (h, d, w), m in first.items() if (h, d) == (house, day)):
            if run and minute - run[-1][0] > 60:
                wanted.append((house, day, run))
                run = []
            run.append((minute, who))
        wanted.append((house, day, run))
    unit = {"A": "H", "B": "H"}
    wanted = [
        (house, START + timedelta(days=day), len({unit.get(w, w) for _, w in run}), len(run), run[-1][0] - run[0][0])
        for house, day, run in wanted
        if len({unit.get(w, w) for _, w in run}) >= least
    ]
    table = sessions(made, 60, least).table
    columns = ["institution_id", "on", "n_units", "n_members", "span_minutes"]
    assert sorted(table[columns].itertuples(index=False, name=None)) == sorted(wanted)


def test_an_untrusted_clock_makes_one_session_of_a_day():
    visits = [("A", "I", 0, 0, 1.0), ("B", "I", 0, 600, 1.0), ("C", "I", 0, 1200, 1.0)]
    assert len(sessions(group(visits, trusted=False), 60, 3).table) == 1
    assert len(sessions(group(visits), 60, 3).table) == 0


def test_pairs_against_the_hypergeometric_tail():
    """With others spread evenly over the days, slots are days over closeness."""
    days = (3, 17, 40, 66, 90)
    visits = [(who, "I", day, 605 + k, 50.0) for day in days for k, who in enumerate("AB")]
    made = group([*visits, ("C", "I", 8, 600, 9.0)], strangers())
    i, j, tails = pair_tails(made, made.members)
    assert list(zip(i, j, strict=True)) == list(combinations(range(3), 2))
    weights = outside_dates(made, "I", arrays.visits(made).day)
    assert weights.sum() == pytest.approx(1)
    assert len(weights) == 100
    slots = 1 / (0.2 * (weights**2).sum())
    assert slots == pytest.approx(500, rel=0.02)
    assert tails[0] == pytest.approx(np.log10(hypergeom.sf(4, round(slots), 5, 5)), abs=1e-6)
    assert tails[1] == tails[2] == 0


def test_days_on_which_everybody_comes_tie_less():
    """The same five dates, once among ordinary days and once on market days: a hundred times less surprising."""
    days = (3, 17, 40, 66, 90)
    visits = [(who, "I", day, 605 + k, 50.0) for day in days for k, who in enumerate("AB")]
    market = [(f"M{day}-{n}", "I", day, 480 + n, 30.0) for day in days for n in range(200)]
    plain, crowded = group(visits, strangers()), group(visits, [*strangers(), *market])
    assert pair_tails(plain, plain.members)[2][0] < -10
    assert pair_tails(crowded, crowded.members)[2][0] > pair_tails(plain, plain.members)[2][0] + 2


def test_slots_bound_the_chance_on_an_uneven_calendar():
    """Two people who choose five days apart, market days eleven times as likely, meet no more often than slots say."""
    random = np.random.default_rng(17)
    weights = np.r_[np.full(5, 11.0), np.full(95, 1.0)] / 150
    chosen = np.zeros((2, 100_000, 100), dtype=bool)
    for person in chosen:
        best = np.argpartition(-(np.log(weights) + random.gumbel(size=person.shape)), 5, axis=1)[:, :5]
        np.put_along_axis(person, best, values=True, axis=1)
    joint = (chosen[0] & chosen[1]).sum(axis=1)
    slots = round(1 / (weights**2).sum())
    for k in (1, 2, 3, 4):
        assert (joint >= k).mean() <= hypergeom.sf(k - 1, slots, 5, 5)


def test_the_group_does_not_explain_itself():
    """A ring that is most of a house's visitors keeps its ties: its own visits are left out of the calendar."""
    days = (3, 17, 40, 66, 90)
    ring = [f"R{n}" for n in range(20)]
    visits = [(who, "I", day, 600 + k, 50.0) for day in days for k, who in enumerate(ring)]
    made = group(visits, strangers(hours=(9,)))
    assert pair_tails(made, made.members)[2].max() < -7


@given(st.lists(st.floats(1, 5000), min_size=1, max_size=30))
def test_amounts_in_one_bin_are_within_five_percent(amounts):
    bins = amount_bins(np.array(amounts))
    for (a, i), (b, j) in combinations(zip(amounts, bins, strict=True), 2):
        if i == j:
            assert abs(np.log(a / b)) <= 0.05 + 1e-9
        if a < b:
            assert i <= j


def test_equal_amounts_against_the_binomial_tail():
    equal = [(who, "I", 3, 600 + k, 150.0) for k, who in enumerate("ABCD")]
    made = group(equal, strangers())
    found = sessions(made, 60, 2)
    (tail,) = amount_tails(found, made)
    paid = np.array([yuan for *_, yuan in strangers()])
    bins = np.unique(amount_bins(np.floor(paid) + 0.5), return_counts=True)
    others = dict(zip(*bins, strict=True))
    share = np.array([others.get(b, 0) + 0.5 for b in sorted({*others, int(amount_bins(np.array([150.5]))[0])})])
    share = share / share.sum()
    assert tail == pytest.approx(np.log10(binom.sf(3, 4, share).sum()), abs=1e-6)


def test_different_amounts_are_no_evidence():
    own = [("A", "I", 3, 600, 20.0), ("B", "I", 3, 601, 75.0), ("C", "I", 3, 602, 150.0)]
    made = group(own, strangers())
    assert amount_tails(sessions(made, 60, 2), made).tolist() == [0.0]


def test_too_few_others_say_nothing_of_amounts():
    made = group([("A", "I", 3, 600, 20.0), ("B", "I", 3, 601, 20.0)], strangers(days=2))
    assert amount_tails(sessions(made, 60, 2), made).size == 0


def test_pauses_between_dates():
    visits = [(who, "I", day, 600, 1.0) for day in (0, 4, 30) for who in "AB"]
    assert interval_days(sessions(group(visits), 60, 2)) == (4, 26)
    assert interval_days(sessions(group(visits[:2]), 60, 2)) == (0, 0)
