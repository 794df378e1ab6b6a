"""Bounds of tails, against the exact ones."""

from __future__ import annotations

from math import comb, log10

import numpy as np
import pytest
from scipy.stats import poisson

from gangfinder.model.tails import (
    log10_binomials_tail,
    log10_choose,
    log10_poisson_binomial_tail,
    log10_poisson_tail,
)


@pytest.mark.parametrize("seed", range(8))
def test_the_bound_is_above_the_exact_tail_and_near_it(seed):
    rng = np.random.default_rng(seed)
    p = rng.uniform(0.001, 0.3, 40)
    for k in (0, 1, 8, 20, 35, 40):
        exact, bound = log10_poisson_binomial_tail(k, p), log10_binomials_tail(k, p)
        assert exact <= bound + 1e-6
        assert bound <= exact + 1.5


def test_corners_of_the_bound():
    assert log10_binomials_tail(3, [0.1, 0.1]) == float("-inf")
    assert log10_binomials_tail(2, [0.1, 0.01]) == pytest.approx(-3)
    assert log10_binomials_tail(1, [0.9, 0.9]) == 0.0
    assert log10_binomials_tail(400, np.full(500, 1e-4)) < -1000


def test_poisson_tail():
    k, mean = np.array([0, 1, 3, 9, 30]), np.array([0.2, 0.2, 0.01, 2.0, 5.0])
    expected = np.log10(poisson.sf(k - 1, mean))
    assert log10_poisson_tail(k, mean) == pytest.approx(expected, abs=1e-6)
    assert -3000 < float(log10_poisson_tail(400, 1e-4)) < -2000


def test_choices():
    assert log10_choose(40, 7) == pytest.approx(log10(comb(40, 7)))
    assert (log10_choose(5, 0), log10_choose(5, 5), log10_choose(5, 9)) == (0.0, 0.0, 0.0)
