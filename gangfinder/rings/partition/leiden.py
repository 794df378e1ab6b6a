"""Leiden with the constant Potts model, by graspologic-native."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gangfinder.rings.partition.contract import Algorithm

if TYPE_CHECKING:
    from numpy.typing import NDArray

RESOLUTION = 0.3
"""Density that a community must exceed: pairs in it are linked more often than this (no resolution limit)."""


def split(adjacency: Any, seed: int) -> NDArray[np.int64]:  # noqa: ANN401 - scipy has no types
    """Return the communities that are denser than the resolution, and more so than their surroundings.

    Links count as present or absent: how surprising a link is says little about who belongs together.

    References
    ----------
    V. A. Traag, L. Waltman, N. J. van Eck, "From Louvain to Leiden: guaranteeing well-connected communities",
    Sci. Rep. 9 (2019) 5233; constant Potts model: Phys. Rev. E 84 (2011) 016114.
    """
    import graspologic_native as native

    links = adjacency.tocoo()
    upper = links.row < links.col
    edges = [(f"{i:09d}", f"{j:09d}", 1.0) for i, j in zip(links.row[upper], links.col[upper], strict=True)]
    labels = np.arange(adjacency.shape[0], dtype=np.int64)
    if not edges:
        return labels
    _, found = native.leiden(
        edges=edges, starting_communities=None, resolution=RESOLUTION, randomness=0.001, iterations=5,
        use_modularity=False, seed=seed, trials=3,
    )
    for node, label in found.items():
        labels[int(node)] = label + adjacency.shape[0]
    return labels


PARTITION = Algorithm("leiden", "Leiden, constant Potts model (graspologic-native)", split)
