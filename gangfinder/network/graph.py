"""The residual links as sparse matrices, one per family."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Network:
    """Ids as dense integers, and one symmetric sparse matrix of weights per link family.

    Parameters
    ----------
    ids
        Entity ids, sorted; position is the dense integer.
    matrices
        Family → scipy CSR matrix of shape (n, n), weights > 0.
    """

    ids: tuple[str, ...]
    matrices: Mapping[str, Any]

    @classmethod
    def from_links(cls, links: pd.DataFrame) -> Network:
        """Build the network of the given links (columns of ``LINK_SCHEMA``).

        Several links of one family between the same two entities add their weights.
        """
        from scipy.sparse import coo_matrix

        ids = np.unique(np.concatenate([links["source_id"].to_numpy(str), links["target_id"].to_numpy(str)]))
        matrices = {}
        for family, part in links.groupby("family", sort=True):
            i = np.searchsorted(ids, part["source_id"].to_numpy(str))
            j = np.searchsorted(ids, part["target_id"].to_numpy(str))
            w = part["weight"].to_numpy(float)
            shape = (len(ids), len(ids))
            both = coo_matrix((np.r_[w, w], (np.r_[i, j], np.r_[j, i])), shape=shape)
            matrices[str(family)] = both.tocsr()
        return cls(tuple(ids.tolist()), matrices)

    def adjacency(self) -> Any:  # noqa: ANN401 - scipy.sparse publishes no types
        """Return the sum of all families as one CSR matrix."""
        from scipy.sparse import csr_matrix

        total = csr_matrix((len(self.ids), len(self.ids)))
        for matrix in self.matrices.values():
            total = total + matrix
        return total

    def components(self) -> list[NDArray[np.int64]]:
        """Return the connected components as arrays of dense integers, ordered by their smallest member."""
        from scipy.sparse.csgraph import connected_components

        if not self.ids:
            return []
        n, labels = connected_components(self.adjacency(), directed=False)
        order = np.argsort(labels, kind="stable")
        parts = np.split(order, np.cumsum(np.bincount(labels, minlength=n))[:-1])
        return sorted((np.sort(p) for p in parts), key=lambda p: int(p[0]))

    def names(self, members: Iterable[int]) -> tuple[str, ...]:
        """Return the ids of dense integers, sorted."""
        return tuple(sorted(self.ids[int(m)] for m in members))


def peel(adjacency: Any, units: NDArray[np.int64], least: int, share: float) -> NDArray[np.int64]:  # noqa: ANN401
    """Drop members tied to few others, again and again, until everybody left is tied to enough.

    Parameters
    ----------
    adjacency
        Symmetric CSR matrix of a candidate group.
    units
        Unit (household …) number of every member; ties inside a unit do not count.
    least
        Fewest foreign units a member must be tied to.
    share
        Fewest foreign units as a share of the foreign units present.

    Returns
    -------
    ndarray
        Positions of the members left, ascending; maybe empty.
    """
    left = np.arange(adjacency.shape[0])
    while left.size:
        inner = adjacency[left][:, left].tocoo()
        foreign = units[left][inner.row] != units[left][inner.col]
        tied = {(int(r), int(u)) for r, u in zip(inner.row[foreign], units[left][inner.col[foreign]], strict=True)}
        degree = np.bincount(np.array([r for r, _ in tied], dtype=np.int64), minlength=left.size)
        need = max(least, int(np.ceil(share * (len(np.unique(units[left])) - 1))))
        weak = degree < need
        if not weak.any():
            break
        # the weakest go first: dropping all at once could empty a group whose core is sound
        left = left[~(weak & (degree == degree[weak].min()))]
    return left
