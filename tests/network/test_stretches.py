"""Occasions that keep an hour on neighbouring days, against plain loops."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gangfinder.network.stretches import STARTS_PER_WINDOW, best_hours, near_hours

WINDOW = 60

came = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 1439), st.integers(0, 5)), min_size=1, max_size=30)


def arrays(visits):
    day, minute, unit = (np.array(column) for column in zip(*sorted(visits), strict=True))
    return day, minute.astype(float), unit


def plain_best(day, minute, unit, slack, least):
    """The largest number of units that any occasion has."""
    step = WINDOW // STARTS_PER_WINDOW
    counts = [
        len({int(u) for d, m, u in zip(day, minute, unit, strict=True) if abs(d - middle) <= slack and b <= m < b + 60})
        for middle in range(-slack, 13 + slack) for b in range(-WINDOW, 1440, step)
    ]
    return max(counts) if max(counts) >= least else 0


@given(came, st.integers(0, 2), st.integers(2, 3))
def test_best_hours_against_a_plain_loop(visits, slack, least):
    day, minute, unit = arrays(visits)
    found = best_hours(day, minute, unit, slack, WINDOW, least)
    assert max((n for *_, n in found), default=0) == plain_best(day, minute, unit, slack, least)
    for middle, begin, rows, n in found:
        assert n >= least
        assert len(set(unit[rows].tolist())) == n
        inside = (np.abs(day - middle) <= slack) & (minute >= begin) & (minute < begin + WINDOW)
        assert np.flatnonzero(inside).tolist() == rows.tolist()


@given(came, st.integers(0, 2))
def test_occasions_do_not_overlap(visits, slack):
    found = best_hours(*arrays(visits), slack, WINDOW, 2)
    taken = [row for _, _, rows, _ in found for row in rows.tolist()]
    assert len(set(taken)) == len(taken)
    for (d, b, *_), (e, c, *_) in combinations(found, 2):
        assert abs(d - e) > 2 * slack or abs(b - c) >= WINDOW


def test_the_middle_is_the_day_on_which_most_come():
    day, minute, unit = np.array([4, 5, 5, 6]), np.full(4, 610.0), np.arange(4)
    assert [(d, n) for d, _, _, n in best_hours(day, minute, unit, 1, WINDOW, 3)] == [(5, 4)]
    assert best_hours(day, np.array([10.0, 300.0, 600.0, 900.0]), unit, 1, WINDOW, 2) == []


@given(
    st.dictionaries(st.tuples(st.integers(0, 3), st.integers(0, 9)), st.integers(0, 1439), min_size=2, max_size=20),
    st.integers(0, 2), st.sampled_from((0, 15, 60)),
)
def test_near_hours_against_a_plain_loop(visits, slack, window):
    days = np.unique([day for _, day in visits])
    minutes = np.full((4, len(days)), np.nan)
    for (who, day), minute in visits.items():
        minutes[who, np.searchsorted(days, day)] = 1440 * day + minute
    i, j = np.triu_indices(4, 1)

    def near(a, b):
        return sum(
            any(
                p == b and abs(day - e) <= slack and (window == 0 or abs(minute - m) <= window)
                for (p, e), m in visits.items()
            )
            for (who, day), minute in visits.items() if who == a
        )

    expected = [min(near(a, b), near(b, a)) for a, b in zip(i.tolist(), j.tolist(), strict=True)]
    assert near_hours(minutes, days, i, j, slack, window).tolist() == expected
