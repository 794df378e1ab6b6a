"""Louvain modularity, by python-louvain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gangfinder.rings.partition.contract import Algorithm

if TYPE_CHECKING:
    from numpy.typing import NDArray


def split(adjacency: Any, seed: int) -> NDArray[np.int64]:  # noqa: ANN401 - scipy has no types
    """Return the communities of greatest modularity that Louvain finds.

    References
    ----------
    V. D. Blondel et al., "Fast unfolding of communities in large networks", J. Stat. Mech. (2008) P10008.
    """
    import community
    import networkx as nx

    graph = nx.from_scipy_sparse_array(adjacency)
    labels = community.best_partition(graph, weight="weight", random_state=seed)
    return np.array([labels[node] for node in range(adjacency.shape[0])], dtype=np.int64)


PARTITION = Algorithm("louvain", "Louvain modularity (python-louvain)", split)
