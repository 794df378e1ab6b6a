"""Independent random streams, one per named part: switching a part off leaves the others as they were."""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Streams:
    """The random streams of one town.

    Parameters
    ----------
    seed
        Root seed of the town.
    branch
        Names a family of streams apart from all others; empty at the root.
    """

    seed: int
    branch: str = ""

    def branched(self, branch: str) -> Streams:
        """Return the streams of a branch."""
        return Streams(self.seed, branch)

    def shared(self, *part: str | int) -> np.random.Generator:
        """Return the generator of a part that is the same in every branch."""
        return Streams(self.seed).rng(*part)

    def rng(self, *part: str | int) -> np.random.Generator:
        """Return the generator of a named part; the same name gives the same stream on every machine."""
        words = [crc32(str(word).encode()) for word in (*part, self.branch) if word != ""]
        return np.random.default_rng(np.random.SeedSequence([self.seed, *words]))


def spread(rng: np.random.Generator, low: int, high: int) -> int:
    """Return one integer from low to high, both included."""
    return int(rng.integers(low, high + 1))


def zipf_weights(size: int, exponent: float) -> Floats:
    """Return normalised Zipf weights of the given size."""
    weights = np.arange(1, size + 1, dtype=np.float64) ** -exponent
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def draw_rows(rng: np.random.Generator, cumulative: Floats, rows: Ints) -> Ints:
    """Draw one column for each given row of a matrix of cumulative row probabilities (last column 1).

    Notes
    -----
    Row r is lifted by r, which makes the flattened matrix sorted, so one binary search serves all draws.
    """
    n_rows, n_columns = cumulative.shape
    flat = (cumulative + np.arange(n_rows)[:, None]).ravel()
    found = np.searchsorted(flat, rows + rng.random(len(rows)) * (1 - 1e-9), side="right")
    return np.asarray(np.clip(found - rows * n_columns, 0, n_columns - 1), dtype=np.int64)
