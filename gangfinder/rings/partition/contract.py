"""What a partition algorithm declares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One way of splitting a connected component.

    Parameters
    ----------
    slug
        The file's stem, and the value of the setting ``partition``.
    title
        In English.
    split
        ``split(adjacency, seed)``: symmetric CSR matrix → community number of every node. Same input and seed, same
        answer.
    """

    slug: str
    title: str
    split: Callable[[Any, int], NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class Partition:
    """Communities with everything needed to compute them again.

    Parameters
    ----------
    labels
        Community number of every node, 0 for the community of node 0, numbered in order of first appearance.
    algorithm, seed
        What computed them.
    quality
        Share of the link weight that stays inside communities.
    """

    labels: NDArray[np.int64]
    algorithm: str
    seed: int
    quality: float


def partition(algorithm: Algorithm, adjacency: Any, seed: int) -> Partition:  # noqa: ANN401 - scipy has no types
    """Split a component and number the communities canonically."""
    labels = np.asarray(algorithm.split(adjacency, seed), dtype=np.int64)
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))
    canonical = rank[inverse]
    links = adjacency.tocoo()
    total = float(links.data.sum())
    inside = float(links.data[canonical[links.row] == canonical[links.col]].sum())
    return Partition(canonical, algorithm.slug, seed, round(inside / total, 6) if total else 1.0)
