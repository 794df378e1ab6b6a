"""Tails against exact integer arithmetic and against scipy.stats; corrections against scipy and by their properties."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from gangfinder.model import tails

LN10 = math.log(10)


def log10_of(probability):
    """Return log10 of an exact fraction, far below the smallest double too."""
    if probability == 0:
        return -math.inf
    return math.log10(probability.numerator) - math.log10(probability.denominator)


def hypergeometric(k, population, marked, drawn):
    ways = sum(math.comb(marked, x) * math.comb(population - marked, drawn - x) for x in range(max(k, 0), drawn + 1))
    return log10_of(Fraction(ways, math.comb(population, drawn)))


@st.composite
def draws(draw):
    population = draw(st.integers(1, 400))
    marked, drawn = draw(st.integers(0, population)), draw(st.integers(0, population))
    return draw(st.integers(-1, min(marked, drawn) + 2)), population, marked, drawn


@given(draws())
def test_hypergeometric_is_exact(case):
    expected = hypergeometric(*case)
    assert float(tails.log10_hypergeometric_tail(*case)) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    "case", [(20, 365, 25, 24), (9, 10_000, 30, 40), (3, 10**7, 5, 12), (200, 4000, 220, 260), (60, 365, 60, 60)]
)
def test_hypergeometric_far_below_the_smallest_double(case):
    assert float(tails.log10_hypergeometric_tail(*case)) == pytest.approx(hypergeometric(*case), rel=1e-7)


def test_hypergeometric_against_scipy():
    cases = np.array(list(product((1, 2, 4), (60, 365), (6, 20), (5, 20))), dtype=float).T
    expected = stats.hypergeom.logsf(cases[0] - 1, cases[1], cases[2], cases[3]) / LN10
    np.testing.assert_allclose(tails.log10_hypergeometric_tail(*cases), expected, rtol=1e-8)


def test_hypergeometric_broadcasts_and_rounds():
    grid = tails.log10_hypergeometric_tail(np.array([[1], [2], [3]]), 100, np.array([10, 20]), 10)
    assert grid.shape == (3, 2)
    assert float(tails.log10_hypergeometric_tail(2, 99.6, 9.7, 10.2)) == pytest.approx(hypergeometric(2, 100, 10, 10))


def test_hypergeometric_of_a_population_too_small_for_its_parts():
    """It is widened, never an error: a calendar can be thinner than one person's visits."""
    assert float(tails.log10_hypergeometric_tail(2, 3, 5, 4)) == pytest.approx(hypergeometric(2, 5, 5, 4))


def binomial(k, n, p):
    p = Fraction(p)
    return log10_of(sum(math.comb(n, x) * p**x * (1 - p) ** (n - x) for x in range(max(k, 0), n + 1)))


@given(st.integers(-1, 60), st.integers(0, 60), st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_binomial_is_exact(k, n, p):
    assert float(tails.log10_binomial_tail(k, n, p)) == pytest.approx(binomial(k, n, p), rel=1e-8, abs=1e-8)


def rising(start, steps):
    return math.prod((start + i for i in range(steps)), start=Fraction(1))


def beta_binomial(k, n, a, b):
    """Sum the mass as rising factorials of rational parameters: no gamma function and no rounding."""
    a, b = Fraction(a), Fraction(b)
    ways = sum(math.comb(n, x) * rising(a, x) * rising(b, n - x) for x in range(max(k, 0), n + 1))
    return log10_of(ways / rising(a + b, n))


@given(st.integers(-1, 42), st.integers(0, 40), st.integers(1, 400), st.integers(1, 4000))
def test_beta_binomial_is_exact(k, n, a, b):
    got = float(tails.log10_beta_binomial_tail(k, n, a / 8, b / 8))
    assert got == pytest.approx(beta_binomial(k, n, Fraction(a, 8), Fraction(b, 8)), rel=1e-7, abs=1e-8)


@pytest.mark.parametrize(("k", "n", "a", "b"), [(300, 400, 8, 1600), (40, 2000, 1000, 10**6), (5, 5, 1, 1)])
def test_beta_binomial_of_large_houses(k, n, a, b):
    assert float(tails.log10_beta_binomial_tail(k, n, a, b)) == pytest.approx(beta_binomial(k, n, a, b), rel=1e-6)


def test_beta_binomial_against_scipy():
    cases = np.array(list(product((1, 4, 12), (40, 600), (0.5, 8.0, 60.0), (30.0, 900.0)))).T
    # its sf is one minus the sum from below, which far out is nothing but rounding
    expected = [np.log10(stats.betabinom.pmf(np.arange(k, n + 1), n, a, b).sum()) for k, n, a, b in cases.T]
    np.testing.assert_allclose(tails.log10_beta_binomial_tail(*cases), expected, rtol=1e-6, atol=1e-9)


def test_beta_binomial_has_the_longer_tail_and_ends_in_the_binomial():
    shapes = np.array([2.0, 8.0, 1e3, 1e5])
    found = tails.log10_beta_binomial_tail(20, 400, shapes, shapes * 99)
    binomials = float(tails.log10_binomial_tail(20, 400, 0.01))
    assert np.all(np.diff(found) < 0)
    assert found[-1] == pytest.approx(binomials, rel=1e-3)
    assert np.all(found > binomials)


@pytest.mark.parametrize(("k", "n", "p"), [(0, 3, 0.0), (1, 3, 0.0), (3, 3, 1.0), (0, 3, 1.0)])
def test_binomial_of_certain_and_impossible_trials(k, n, p):
    assert float(tails.log10_binomial_tail(k, n, p)) == binomial(k, n, p)


@pytest.mark.parametrize(("k", "n", "p"), [(4, 3, 1.0), (0, 0, 0.0)])
def test_binomial_at_the_corners(k, n, p):
    assert float(tails.log10_binomial_tail(k, n, p)) == binomial(k, n, p)


@given(st.integers(0, 30), st.integers(0, 30), st.floats(0.01, 0.99))
def test_binomial_against_scipy(k, n, p):
    if k > n:
        assert tails.log10_binomial_tail(k, n, p) == -math.inf
    else:
        expected = stats.binom.logsf(k - 1, n, p) / LN10
        assert float(tails.log10_binomial_tail(k, n, p)) == pytest.approx(expected, rel=1e-7, abs=1e-9)


@given(st.integers(-1, 9), st.lists(st.floats(0, 1), max_size=7))
def test_poisson_binomial_against_all_outcomes(k, probabilities):
    total = 0.0
    for outcome in product((0, 1), repeat=len(probabilities)):
        if sum(outcome) >= k:
            total += math.prod(p if hit else 1 - p for hit, p in zip(outcome, probabilities, strict=True))
    got = tails.log10_poisson_binomial_tail(k, probabilities)
    assert 10**got == pytest.approx(total, abs=1e-12)


@given(st.integers(0, 40), st.integers(0, 40), st.floats(0.01, 0.99))
def test_poisson_binomial_of_equal_trials_is_binomial(k, n, p):
    expected = float(tails.log10_binomial_tail(k, n, p))
    assert tails.log10_poisson_binomial_tail(k, [p] * n) == pytest.approx(expected, rel=1e-6, abs=1e-9)


@given(st.integers(1, 20), st.integers(30, 300), st.integers(1, 30), st.integers(1, 30))
def test_one_more_coincidence_is_never_less_surprising(k, population, marked, drawn):
    more, fewer = (float(tails.log10_hypergeometric_tail(x, population, marked, drawn)) for x in (k + 1, k))
    assert more <= fewer <= 0


def test_correction_multiplies_and_stops_at_one():
    assert tails.log10_corrected(-9, 1000) == pytest.approx(-6)
    assert tails.log10_corrected(-2, 1000) == 0
    assert tails.log10_corrected(-2, 0) == -2


logs = st.lists(st.floats(-40, 0), min_size=1, max_size=30)


@given(logs)
def test_benjamini_hochberg_against_scipy(log10_p):
    expected = stats.false_discovery_control(10.0 ** np.array(log10_p))
    np.testing.assert_allclose(10.0 ** tails.benjamini_hochberg(log10_p), expected, rtol=1e-9)


@given(logs, st.integers(0, 100))
def test_tests_that_were_not_carried_to_the_end_count_as_certain(log10_p, more):
    everything = tails.benjamini_hochberg([*log10_p, *[0.0] * more])[: len(log10_p)]
    np.testing.assert_allclose(tails.benjamini_hochberg(log10_p, len(log10_p) + more), everything, atol=1e-9)


@settings(max_examples=50)
@given(logs, st.randoms())
def test_benjamini_hochberg_does_not_depend_on_order(log10_p, random):
    order = list(range(len(log10_p)))
    random.shuffle(order)
    shuffled = tails.benjamini_hochberg([log10_p[i] for i in order])
    np.testing.assert_allclose(shuffled, tails.benjamini_hochberg(log10_p)[order])


def test_no_tests_no_values():
    assert tails.benjamini_hochberg([]).size == 0
