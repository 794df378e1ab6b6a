"""No split: a connected component is one community."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gangfinder.rings.partition.contract import Algorithm

if TYPE_CHECKING:
    from numpy.typing import NDArray


def split(adjacency: Any, seed: int) -> NDArray[np.int64]:  # noqa: ANN401, ARG001 - scipy has no types; nothing random
    """Return one label per connected component."""
    from scipy.sparse.csgraph import connected_components

    _, labels = connected_components(adjacency, directed=False)
    return np.asarray(labels, dtype=np.int64)


PARTITION = Algorithm("components", "Connected components, not split", split)
