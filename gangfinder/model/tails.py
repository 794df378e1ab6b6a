"""Exact tail probabilities in base-10 logarithms, and corrections for many tests.

Everything that a lead prints as a tail is computed here, and can be recomputed from the numbers in its ``detail``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

_LN10 = float(np.log(10.0))


def log10_hypergeometric_tail(
    k: ArrayLike, population: ArrayLike, marked: ArrayLike, drawn: ArrayLike
) -> NDArray[np.float64]:
    """Return log10 P(X ≥ k) for X hypergeometric: ``drawn`` of ``population`` slots, of which ``marked`` count.

    Parameters
    ----------
    k
        Observed number of marked slots drawn.
    population, marked, drawn
        Parameters of the distribution; real numbers are rounded to the nearest integer, and the population is at least
        ``max(marked, drawn)``.

    Returns
    -------
    ndarray of float64
        Same shape as the broadcast arguments; 0 where ``k <= 0``, ``-inf`` where the event cannot happen.

    Notes
    -----
    The probability mass is computed by log-gamma and summed upward from ``k``; no approximation is made, so tails far
    below the smallest double are still right.

    References
    ----------
    R. A. Fisher, *The Design of Experiments* (1935), chapter II (the exact test).
    """
    from scipy.special import gammaln

    k_, n_, m_, d_ = np.broadcast_arrays(*(np.rint(np.asarray(a, dtype=float)) for a in (k, population, marked, drawn)))
    n_ = np.maximum(n_, np.maximum(m_, d_))
    low = np.maximum(np.maximum(k_, 0.0), m_ + d_ - n_)
    high = np.minimum(m_, d_)

    def log_pmf(x: NDArray[np.float64]) -> NDArray[np.float64]:
        out: NDArray[np.float64] = (
            gammaln(m_ + 1) - gammaln(x + 1) - gammaln(m_ - x + 1)
            + gammaln(n_ - m_ + 1) - gammaln(d_ - x + 1) - gammaln(n_ - m_ - d_ + x + 1)
            - gammaln(n_ + 1) + gammaln(d_ + 1) + gammaln(n_ - d_ + 1)
        )
        return out

    possible = low <= high
    start = np.where(possible, low, high)
    result = _sum_upward(start, high, log_pmf)
    result = np.where(possible, np.minimum(result, 0.0), -np.inf)
    return np.asarray(np.where(k_ <= 0, 0.0, result / _LN10))


def _sum_upward(start: Floats, high: Floats, log_pmf: Callable[[Floats], Floats]) -> Floats:
    """Sum exp(log_pmf) from start to high in logarithms, stopping when terms no longer matter."""
    if start.size == 1:
        return np.reshape(_sum_one(float(start.item()), float(high.item()), log_pmf), start.shape)
    total = log_pmf(start)
    x = start.copy()
    for _ in range(int(np.max(high - start, initial=0.0))):
        x = x + 1
        live = x <= high
        if not live.any():
            break
        term = np.where(live, log_pmf(np.where(live, x, start)), -np.inf)
        total = np.logaddexp(total, term)
        if np.all(~live | (term < total - 40)):
            break
    return total


_BLOCK = 64
"""Terms computed at once: for a single sum they cost together hardly more than one."""


def _sum_one(start: float, high: float, log_pmf: Callable[[Floats], Floats]) -> float:
    """Return a single sum as :func:`_sum_upward` does, term by term in the same order."""
    x, total = start, float(log_pmf(np.array([start])).item())
    while x < high:
        block = np.arange(x + 1.0, min(high, x + _BLOCK) + 1.0)
        terms = log_pmf(block).ravel()
        sums = np.logaddexp.accumulate(np.append(total, terms))[1:]
        enough = np.flatnonzero(terms < sums - 40)
        if enough.size:
            return float(sums[enough[0]])
        x, total = float(block[-1]), float(sums[-1])
    return total


def log10_binomial_tail(k: ArrayLike, n: ArrayLike, p: ArrayLike) -> NDArray[np.float64]:
    """Return log10 P(X ≥ k) for X binomial with ``n`` trials of probability ``p``.

    Returns
    -------
    ndarray of float64
        0 where ``k <= 0``, ``-inf`` where the event cannot happen.

    Notes
    -----
    Exact: log-gamma mass summed upward from ``k``.
    """
    from scipy.special import gammaln

    k_, n_, p_ = np.broadcast_arrays(*(np.asarray(a, dtype=float) for a in (k, n, p)))
    k_, n_ = np.rint(k_), np.rint(n_)
    certain = p_ >= 1
    possible = (k_ <= n_) & (p_ > 0) & (k_ > 0)
    inner = np.where(possible & ~certain, p_, 0.5)  # any value where the answer is known without it
    log_p, log_q = np.log(inner), np.log1p(-inner)

    def log_pmf(x: NDArray[np.float64]) -> NDArray[np.float64]:
        out: NDArray[np.float64] = (
            gammaln(n_ + 1) - gammaln(x + 1) - gammaln(n_ - x + 1) + x * log_p + (n_ - x) * log_q
        )
        return out

    start = np.where(possible, k_, n_)
    result = np.where(certain, 0.0, np.minimum(_sum_upward(start, n_, log_pmf), 0.0))
    result = np.where(possible, result, -np.inf)
    return np.asarray(np.where(k_ <= 0, 0.0, result / _LN10))


def log10_beta_binomial_tail(k: ArrayLike, n: ArrayLike, a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """Return log10 P(X ≥ k) for X binomial with ``n`` trials of a probability that itself is beta-distributed.

    Parameters
    ----------
    k, n
        Observed number and trials; rounded to the nearest integer.
    a, b
        Parameters of the beta distribution, above 0: its mean is ``a / (a + b)``, and for a small mean its coefficient
        of variation is about ``1 / sqrt(a)``.

    Returns
    -------
    ndarray of float64
        0 where ``k <= 0``, ``-inf`` where the event cannot happen.

    Notes
    -----
    Exact: the mass ``C(n, x) B(x + a, n - x + b) / B(a, b)`` by log-gamma, summed upward from ``k``. For ``a`` and
    ``b`` growing at a fixed ratio it is the binomial; until then its tail is longer, for units that are not all alike.

    References
    ----------
    J. G. Skellam, J. R. Stat. Soc. B 10 (1948) 257–261; D. A. Williams, Biometrics 31 (1975) 949–952.
    """
    from scipy.special import betaln, gammaln

    k_, n_, a_, b_ = np.broadcast_arrays(*(np.asarray(x, dtype=float) for x in (k, n, a, b)))
    k_, n_ = np.rint(k_), np.rint(n_)
    possible = (k_ <= n_) & (k_ > 0)

    def log_pmf(x: NDArray[np.float64]) -> NDArray[np.float64]:
        out: NDArray[np.float64] = (
            gammaln(n_ + 1) - gammaln(x + 1) - gammaln(n_ - x + 1) + betaln(x + a_, n_ - x + b_) - betaln(a_, b_)
        )
        return out

    start = np.where(possible, k_, n_)
    result = np.where(possible, np.minimum(_sum_upward(start, n_, log_pmf), 0.0), -np.inf)
    return np.asarray(np.where(k_ <= 0, 0.0, result / _LN10))


def log10_poisson_binomial_tail(k: int, probabilities: ArrayLike) -> float:
    """Return log10 P(X ≥ k) for X a sum of independent Bernoulli trials with the given probabilities.

    Notes
    -----
    Exact by convolution of the probability masses; O(n·k).
    """
    p = np.asarray(probabilities, dtype=float)
    if k <= 0:
        return 0.0
    if k > p.size:
        return float("-inf")
    # mass[j] = P(exactly j so far), j < k; what reaches k is absorbed in `done`
    mass = np.zeros(k)
    mass[0] = 1.0
    done = 0.0
    for q in p:
        done += mass[-1] * q
        mass[1:] = mass[1:] * (1 - q) + mass[:-1] * q
        mass[0] *= 1 - q
    return float(np.log10(done)) if done > 0 else float("-inf")


def log10_binomials_tail(k: int, probabilities: ArrayLike) -> float:
    """Return an upper bound of log10 P(X ≥ k) for X a sum of Bernoulli trials, independent or negatively associated.

    Notes
    -----
    Chernoff's bound: the least over t ≥ 0 of ``Σ log(1 + p (e^t − 1)) − t k``. It never leaves double precision, and
    negative association keeps it.

    References
    ----------
    H. Chernoff, Ann. Math. Stat. 23 (1952) 493–507; K. Joag-Dev, F. Proschan, Ann. Stat. 11 (1983) 286–295.
    """
    p = np.asarray(probabilities, dtype=float).ravel()
    p = p[p > 0]
    if k <= p.sum():
        return 0.0
    if k > p.size:
        return float("-inf")
    if k == p.size:
        return float(np.log10(p).sum())
    low, high = 0.0, 60.0
    for _ in range(60):  # the bound is convex in t: halve the interval in which its slope changes sign
        t = (low + high) / 2
        grown = p * np.exp(t)
        low, high = (t, high) if (grown / (1.0 - p + grown)).sum() < k else (low, t)
    bound = float(np.log1p(p * np.expm1(low)).sum()) - low * k
    return min(0.0, bound / _LN10)


def log10_poisson_tail(k: ArrayLike, mean: ArrayLike) -> NDArray[np.float64]:
    """Return log10 P(X ≥ k) for X Poisson with the given mean; 0 where ``k <= 0``.

    Notes
    -----
    The regularised incomplete gamma function; where it leaves double precision, the bound
    ``e^-m m^k / k! · 1 / (1 - m / (k + 1))`` on the sum of the mass from k upward.
    """
    from scipy.special import gammainc, gammaln

    k_, m_ = np.broadcast_arrays(np.asarray(k, dtype=float), np.maximum(np.asarray(mean, dtype=float), 1e-300))
    shape = np.maximum(k_, 1.0)
    with np.errstate(divide="ignore"):
        exact = np.log10(gammainc(shape, m_))
    ratio = np.maximum(1.0 - m_ / (shape + 1.0), 1e-3)
    bound = (shape * np.log(m_) - m_ - gammaln(shape + 1.0) - np.log(ratio)) / _LN10
    out = np.where(np.isfinite(exact) & (exact > -280.0), exact, bound)
    return np.asarray(np.where(k_ <= 0, 0.0, np.minimum(out, 0.0)))


def log10_choose(n: float, k: float) -> float:
    """Return log10 of the number of ways to choose k of n; 0 where there is but one."""
    from scipy.special import gammaln

    if k <= 0 or k >= n:
        return 0.0
    return float(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)) / _LN10


def fisher(log10_p: Floats) -> float:
    """Return the log10 of the combined tail of independent tests.

    Notes
    -----
    ``-2 Σ ln p`` is chi-squared with ``2n`` degrees of freedom; for an even number the upper tail at ``2h`` is the
    finite sum ``exp(-h) Σ h^k / k!`` over ``k < n``, summed here in logarithms.

    References
    ----------
    R. A. Fisher, *Statistical Methods for Research Workers*, 4th ed. (1932), §21.1.
    """
    from scipy.special import gammaln, logsumexp

    half = -np.log(10.0) * float(log10_p.sum())
    if log10_p.size == 0 or half <= 0:
        return 0.0
    k = np.arange(log10_p.size)
    return float((logsumexp(k * np.log(half) - gammaln(k + 1)) - half) / np.log(10.0))


def log10_corrected(log10_p: float, n_tests: int) -> float:
    """Return the Bonferroni-corrected tail, log10 of ``min(1, n_tests · p)``."""
    return min(0.0, log10_p + float(np.log10(max(1, n_tests))))


def benjamini_hochberg(log10_p: ArrayLike, n_tests: int | None = None) -> NDArray[np.float64]:
    """Return log10 q-values of a family of tests by the step-up procedure.

    Parameters
    ----------
    log10_p
        Tails of the tests that were carried to the end.
    n_tests
        Size of the whole family; tests not passed in count as ``p = 1``. Default: as many as are passed.

    Returns
    -------
    ndarray of float64
        One q-value per tail, in the order given.

    References
    ----------
    Y. Benjamini, Y. Hochberg, "Controlling the false discovery rate", J. R. Stat. Soc. B 57 (1995) 289–300.
    """
    p = np.asarray(log10_p, dtype=float)
    if p.size == 0:
        return p
    m = max(p.size, n_tests or 0)
    order = np.argsort(p, kind="stable")
    ranked = p[order] + np.log10(m) - np.log10(np.arange(1, p.size + 1))
    q = np.minimum.accumulate(ranked[::-1])[::-1]
    out = np.empty_like(p)
    out[order] = np.minimum(q, 0.0)
    return out
