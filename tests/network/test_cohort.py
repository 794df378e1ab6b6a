"""The part of a group that moves in step, and what is surprising about it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gangfinder.model.evidence import Family
from gangfinder.network.cohort import StepParams, cohort
from tests.network.made import START, group, strangers

DAYS = (3, 11, 24, 40, 57, 66, 81, 92)
PRICES = (17.0, 31.0, 52.0, 76.0, 104.0, 139.0, 188.0)


def pool(members="ABCDEF", days=DAYS, house="I", gap=1, yuan=None):
    """The members swipe in turn, at another hour every time."""
    return [
        (who, house, day, 500 + 37 * n + gap * k, yuan or PRICES[(n + 3 * k) % 7])
        for n, day in enumerate(days) for k, who in enumerate(members)
    ]


def names(found):
    return {a.name for a in found.anomalies}


def test_a_pool_is_found_with_its_numbers():
    found = cohort(group(pool(yuan=150.0), strangers()), StepParams())
    assert found.core == tuple("ABCDEF")
    assert (found.n_units, found.found.dates, found.found.houses, found.tours) == (6, 8, 1, 0)
    assert names(found) == {"same_dates", "same_minutes", "same_amounts"}
    assert found.families == {Family.CALENDAR, Family.TEMPO, Family.AMOUNT}
    detail = found.anomalies[0].detail
    assert (detail["n_core"], detail["n_units"], detail["n_dates"], detail["n_sessions"]) == (6, 6, 8, 8)
    assert (detail["shortest_days"], detail["longest_days"]) == (8, 17)


def test_what_everybody_pays_is_no_anomaly():
    assert names(cohort(group(pool(), strangers()), StepParams())) == {"same_dates", "same_minutes"}


def test_a_passer_by_is_not_in_the_core():
    """He was there twice; that is no step."""
    visits = pool() + [("Z", "I", day, 502 + 37 * n, 20.0) for n, day in enumerate(DAYS) if n in (1, 4)]
    assert cohort(group(visits, strangers()), StepParams()).core == tuple("ABCDEF")


@pytest.mark.parametrize(
    ("why", "visits", "units"),
    [
        ("one family", pool(), dict.fromkeys("ABCDEF", "H")),
        ("two families", pool(), {**dict.fromkeys("ABC", "H"), **dict.fromkeys("DEF", "G")}),
        ("two people", pool("AB"), {}),
        ("two dates", pool(days=DAYS[:2]), {}),
        ("hours apart", pool(gap=90), {}),
    ],
)
def test_no_cohort(why, visits, units):
    assert cohort(group(visits, strangers(), units=units), StepParams()) is None, why


def test_many_tests_need_more_surprise():
    few, many = (cohort(group(pool(days=DAYS[:3]), strangers(), n_tests=n), StepParams()) for n in (1, 10**9))
    assert "same_dates" in names(few)
    assert "same_dates" not in names(many)


def test_tours_are_dates_with_two_houses():
    visits = pool() + [(who, "J", day, minute + 30, yuan) for who, _, day, minute, yuan in pool()]
    found = cohort(group(visits, [*strangers(), *strangers("J")]), StepParams())
    assert (found.tours, found.found.houses) == (len(DAYS), 2)


def test_one_terminal_of_four():
    visits = pool()
    made = group(visits, strangers(), terminals=dict.fromkeys(range(len(visits)), "K2"))
    made = replace(made, desks={("I", "terminal"): {f"K{n}": 300 for n in range(4)}})
    found = cohort(made, StepParams())
    (desk,) = [a for a in found.anomalies if a.family is Family.CONTROL]
    assert desk.name == "same_terminal"
    assert (desk.detail["desk_sessions"], desk.detail["desk_of"]) == (8, 8)
    assert desk.detail["desk_share"] == pytest.approx(0.22, abs=0.02)


def test_it_is_computed_once_and_not_passed_on():
    made = group(pool(), strangers())
    assert cohort(made, StepParams()) is cohort(made, StepParams())
    assert cohort(made, StepParams(least_dates=9)) is None
    assert cohort(made.without("AB"), StepParams()).core == tuple("CDEF")


def test_names_and_order_change_nothing():
    """Other names in another order, and rows as they come."""
    other = dict(zip("ABCDEF", "ZQXMTB", strict=True))
    turned = [(other[who], *rest) for who, *rest in reversed(pool())]
    one, two = (cohort(group(v, strangers()), StepParams()) for v in (pool(), turned))
    assert two.core == tuple(sorted(other.values()))
    numbers = [[(a.name, round(a.log10_p, 9)) for a in found.anomalies] for found in (one, two)]
    assert numbers[0] == numbers[1]


def test_visits_elsewhere_of_one_member_change_nothing():
    alone = [("A", "J", day, 700, 40.0) for day in range(0, 90, 9)]
    found = cohort(group(pool() + alone, [*strangers(), *strangers("J")]), StepParams())
    assert found.core == tuple("ABCDEF")
    assert set(found.found.table["institution_id"]) == {"I"}
    assert found.found.table["on"].min() == START + timedelta(days=3)
