"""Exact tails of sums of independent hypergeometric counts: one person-pair, several houses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gangfinder.model.tails import log10_hypergeometric_tail

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

CHUNK = 10_000
"""Pairs convolved at once; bounds memory."""

FLOOR = -300.0
"""Smallest log10 tail of a convolved sum: masses below 1e-300 leave double precision."""


def log10_hypergeometric_sum_tail(group: Ints, slots: Floats, marked: Floats, drawn: Floats, observed: Ints) -> Floats:
    """Return log10 P(Σ Xᵢ ≥ observed) for every group of independent hypergeometric counts.

    Parameters
    ----------
    group
        Dense group number of every term, ascending from 0.
    slots, marked, drawn
        Parameters of every term; see :func:`gangfinder.model.tails.log10_hypergeometric_tail`.
    observed
        Observed sum of every group, indexed by group number.

    Notes
    -----
    Groups of one term use the log-gamma tail. Others convolve the probability masses, exactly, and are floored at
    1e-300.
    """
    if len(observed) == 0:
        return np.zeros(0)
    group = np.asarray(group, dtype=np.int64)
    sizes = np.bincount(group, minlength=len(observed))
    starts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    out = np.zeros(len(observed))
    single = np.flatnonzero(sizes == 1)
    rows = starts[single]
    out[single] = log10_hypergeometric_tail(observed[single], slots[rows], marked[rows], drawn[rows])
    several = np.flatnonzero(sizes > 1)
    support = np.add.reduceat(np.minimum(marked, drawn), starts)
    several = several[np.argsort(support[several], kind="stable")]
    for begin in range(0, len(several), CHUNK):
        chunk = several[begin : begin + CHUNK]
        out[chunk] = _convolved(chunk, starts, sizes, slots, marked, drawn, observed, int(support[chunk].max()))
    return out


def _convolved(
    chunk: Ints, starts: Ints, sizes: Ints, slots: Floats, marked: Floats, drawn: Floats, observed: Ints, support: int
) -> Floats:
    total = np.zeros((len(chunk), support + 1))
    total[:, 0] = 1.0
    for term in range(int(sizes[chunk].max())):
        live = np.flatnonzero(sizes[chunk] > term)
        rows = starts[chunk[live]] + term
        mass = _masses(slots[rows], marked[rows], drawn[rows])
        old = total[live]
        new = np.zeros_like(old)
        for x in range(mass.shape[1]):
            new[:, x:] += old[:, : support + 1 - x] * mass[:, x : x + 1]
        total[live] = new
    beyond = np.arange(support + 1)[None, :] >= np.asarray(observed)[chunk][:, None]
    tail = np.where(beyond, total, 0.0).sum(axis=1)
    with np.errstate(divide="ignore"):
        return np.asarray(np.clip(np.log10(tail), FLOOR, 0.0))


def _masses(slots: Floats, marked: Floats, drawn: Floats) -> Floats:
    """P(X = x) for x = 0 … the largest support, one row per term."""
    from scipy.special import gammaln

    n, m, d = (np.rint(v)[:, None] for v in (slots, marked, drawn))
    n = np.maximum(n, np.maximum(m, d))
    x = np.arange(int(np.minimum(m, d).max()) + 1)[None, :]
    possible = (x <= np.minimum(m, d)) & (x >= m + d - n)
    safe = np.where(possible, x, np.maximum(0, m + d - n))
    log_mass = (
        gammaln(m + 1) - gammaln(safe + 1) - gammaln(m - safe + 1)
        + gammaln(n - m + 1) - gammaln(d - safe + 1) - gammaln(n - m - d + safe + 1)
        - gammaln(n + 1) + gammaln(d + 1) + gammaln(n - d + 1)
    )
    return np.where(possible, np.exp(log_mass), 0.0)
