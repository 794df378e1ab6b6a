"""Bills the same to the fen: a fair bet, by simulation and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from gangfinder.network.amounts import bill_tail
from gangfinder.network.lockstep import sessions
from tests.network.made import group, strangers

DAYS = range(2, 92, 6)


def pool(price, members="ABCDEF"):
    return [(who, "I", day, 605 + k, price(k, n)) for n, day in enumerate(DAYS) for k, who in enumerate(members)]


def tail(visits):
    made = group(visits, strangers())
    return bill_tail(sessions(made, 60, 3), made)


def test_one_bill_today_and_another_tomorrow_is_surprising():
    log10_p, n_equal, n_compared = tail(pool(lambda k, n: 33.33 + n))
    assert (n_equal, n_compared) == (75, 75)
    assert log10_p < -40


def test_the_same_bill_always_is_not():
    assert tail(pool(lambda k, n: 33.33))[0] == 0.0
    assert tail(pool(lambda k, n: 33.33 + k))[0] == 0.0


def test_the_bet_by_hand():
    """Two people, two sessions, two bills of their own: p is a half, and q = .6 and .8 are bet on."""
    visits = [(who, "I", day, 600, yuan) for day, yuan in ((3, 500.5), (9, 600.6)) for who in "AB"]
    made = group(visits, strangers())
    found = bill_tail(sessions(made, 60, 2), made)
    won = [(max(q, 0.5) / 0.5) ** 2 for q in (0.2, 0.4, 0.6, 0.8)]
    assert found == (pytest.approx(-np.log10(np.mean(won))), 2, 2)


def test_the_tail_holds_for_bills_drawn_at_random():
    rng = np.random.default_rng(20250103)
    prices = 10.0 + (37 * np.arange(100) + 11 * 8) % 200
    tails = np.array([tail(pool(lambda k, n: float(rng.choice(prices[:12]))))[0] for _ in range(100)])
    for level in (0.1, 0.01):
        assert (tails <= np.log10(level)).mean() <= level + 0.02


def test_without_bills_or_others_nothing_is_said():
    made = group(pool(lambda k, n: 33.33 + n), strangers())
    found = sessions(made, 60, 3)
    found.rows["m_bill"] = np.nan
    assert bill_tail(found, made) is None
    alone = group(pool(lambda k, n: 33.33 + n))
    assert bill_tail(sessions(alone, 60, 3), alone) is None
