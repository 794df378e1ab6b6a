"""Dates alone: attendance of a group at its occasions, with all choices paid for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gangfinder.network.cohort import StepParams, cohort
from gangfinder.network.lockstep import pair_tails, sessions
from gangfinder.network.occasions import concert, goes_around, hour_weights
from gangfinder.network.stretches import best_days, near_days
from tests.network.made import group, strangers

DAYS = (3, 14, 27, 41, 55, 68, 80, 93)
HOUSES = "IJK"


def dated(visits, others=(), **known):
    made = group([(w, h, d, 0, y) for w, h, d, _, y in visits], [(w, h, d, 0, y) for w, h, d, _, y in others], window=0,
                 closeness=1.0, trusted=False)
    shared = {(a, b): 40 for a in HOUSES for b in HOUSES if a < b}
    places = {h: {**facts, "n_people": 100.0} for h, facts in made.places.items()}
    return replace(made, clock=False, n_houses=50, shared=shared, places=places, **known)


def everybody():
    return [visit for house in HOUSES for visit in strangers(house)]


def round_trip(members="ABCDEF", days=DAYS, late=lambda who, n: 0, comes=lambda who, n: True):
    return [
        (who, HOUSES[n % 3], day + late(k, n), 0, 20.0 + 7 * ((n + k) % 5))
        for n, day in enumerate(days) for k, who in enumerate(members) if comes(k, n)
    ]


def test_a_group_that_goes_around_is_surprising_beyond_its_pairs():
    found = cohort(dated(round_trip(), everybody(), n_tests=10**7), StepParams())
    tails = {a.name: a.log10_p for a in found.anomalies}
    assert found.core == tuple("ABCDEF")
    assert tails["same_occasions"] < -15
    detail = next(a.detail for a in found.anomalies if a.name == "same_occasions")
    assert tails["same_occasions"] == pytest.approx(detail["log10_fixed"] + detail["log10_choices"], abs=1e-3)


def test_days_of_tolerance_find_a_crew_that_comes_early_and_late():
    visits = round_trip(
        "ABCDEFGHIJKLMNOPQRST", late=lambda k, n: (0, 1, 0, -1)[(k + n) % 4], comes=lambda k, n: (k * 3 + n) % 5 < 3
    )
    found = cohort(dated(visits, everybody()), StepParams())
    assert len(found.core) >= 16
    assert {a.detail["slack_days"] for a in found.anomalies if a.name == "same_occasions"} == {1}


def test_one_house_is_no_round_trip():
    visits = [(who, "I", day, 0, 20.0) for day in DAYS for who in "ABCDEF"]
    found = cohort(dated(visits, everybody()), StepParams())
    assert "same_occasions" not in {a.name for a in found.anomalies}


def test_a_house_and_its_successor_are_no_round_trip():
    visits = [(who, "I" if n < 4 else "J", day, 0, 20.0) for n, day in enumerate(DAYS) for who in "ABCDEF"]
    made = dated(visits, everybody())
    assert not goes_around(sessions(made, 60, 3))
    assert goes_around(sessions(dated(round_trip(), everybody()), 60, 3))


def test_without_facts_on_the_town_nothing_is_said():
    made = dated(round_trip(), everybody())
    assert concert(made, sessions(made, 60, 3), 0) is not None
    assert concert(replace(made, n_houses=0), sessions(made, 60, 3), 0) is None
    assert concert(replace(made, clock=True), sessions(made, 60, 3), 0) is None


def test_the_tail_holds_for_groups_at_random():
    """Whoever is drawn at random is never surprising once the choices are paid for."""
    rng = np.random.default_rng(20250101)
    for _ in range(20):
        visits = [
            (who, HOUSES[int(rng.integers(3))], int(rng.integers(100)), 0, 20.0) for who in "ABCDEFGH" for _ in range(6)
        ]
        made = dated(visits, everybody())
        for slack in (0, 1):
            found = concert(made, sessions(made, 60, 2, slack_days=slack), slack)
            assert found is None or found.log10_p > -2


def slow_pool(members="ABCDEFGHIJKLMNOP", n_days=18):
    """Two fifths come each time, half of them a day early or late, always at the hour of the day; bills of the day."""
    rng = np.random.default_rng(20250105)
    return [
        (who, "I", 16 * n + 4 + int(rng.choice([-1, 0, 0, 1])), 540 + 37 * n % 400 + int(rng.integers(20)), 61.5 + n)
        for n in range(n_days) for who in members if rng.random() < 0.4
    ]


def at_hours(visits, **known):
    made = group(visits, strangers(days=300), closeness=0.1, **known)
    places = {h: {**facts, "n_people": 1000.0} for h, facts in made.places.items()}
    return replace(made, n_houses=50, places=places)


def test_a_slow_pool_that_comes_early_and_late_is_found_at_its_hours():
    made = at_hours(slow_pool(), n_tests=10**7)
    found = cohort(made, StepParams())
    tails = {a.name: a.log10_p for a in found.anomalies}
    assert len(found.core) >= 12
    assert tails["same_occasions"] < -4
    assert "same_minutes" not in tails, "minutes are part of the occasions"
    assert {"same_amounts", "same_bills"} & set(tails)


def test_neighbours_who_keep_their_hours_are_not_near_by_design():
    """Each comes every few days at an hour of his own; the hours are near each other, and the days are bound to be."""
    rng = np.random.default_rng(20250107)
    visits = [
        (who, "I", int(day), 500 + 12 * k, 33.0 + k)
        for k, who in enumerate("ABCDEF") for day in np.sort(rng.choice(300, 70, replace=False))
    ]
    tails = pair_tails(at_hours(visits), tuple("ABCDEF"), 1)[2]
    assert tails.min() > -3


def test_without_the_days_of_tolerance_it_is_lost():
    made = at_hours(slow_pool(), n_tests=10**7)
    found = cohort(made, StepParams(slack_days=0))
    assert found is None or len(found.families) < 2


def test_a_habit_of_the_hour_is_tested_by_its_dates_alone():
    made = group(slow_pool(), strangers())
    begins, own = np.array([480.0, 600.0]), np.full(50, 610.0)
    assert hour_weights(made, "I", own, begins, 60).tolist() == pytest.approx([0.1, 1.0], abs=0.03)
    assert hour_weights(made, "I", np.array([]), begins, 60) == pytest.approx([0.1, 0.1], abs=0.03)
    posted = replace(made, places={"I": {**made.places["I"], "trusted": 0.0}})
    assert hour_weights(posted, "I", own, begins, 60).tolist() == [1.0, 1.0]


def test_the_hourly_tail_holds_for_groups_at_random():
    rng = np.random.default_rng(20250102)
    for _ in range(20):
        visits = [
            (who, "I", int(rng.integers(100)), int(rng.integers(480, 1050)), 20.0)
            for who in "ABCDEFGH" for _ in range(8)
        ]
        made = at_hours(visits)
        found = concert(made, sessions(made, 60, 2, slack_days=1), 1)
        assert found is None or found.log10_p > -2


def test_best_days_do_not_overlap():
    day, unit = np.array([1, 2, 2, 3, 4, 9]), np.array([0, 1, 2, 3, 0, 1])
    found = best_days(day, unit, 1, 2)
    assert [(middle, n) for middle, _, n in found] == [(2, 4)]
    assert best_days(day, unit, 1, 5) == []


def test_near_days_count_the_smaller_side():
    present = np.array([[True, False, False, True], [False, True, True, False]])
    days = np.array([1, 2, 3, 9])
    pair = np.array([0]), np.array([1])
    assert near_days(present, days, *pair, 0).tolist() == [0]
    assert near_days(present, days, *pair, 1).tolist() == [1]
