"""What every partition algorithm must do, whoever wrote it: checks that anyone can run on his own plug-in.

Each check takes the declaration and a symmetric CSR matrix, and raises ``AssertionError`` when the contract is broken.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from gangfinder.rings.partition import Algorithm, partition


def matrix(n: int, links: list[tuple[int, int, float]]) -> Any:
    """Return the symmetric matrix of undirected links, each pair once."""
    dense = np.zeros((n, n))
    for i, j, weight in links:
        dense[i, j] = dense[j, i] = weight
    return csr_matrix(dense)


@st.composite
def graphs(draw: st.DrawFn, most_nodes: int = 14) -> Any:
    """Random undirected graphs with weights from 1 to 50, isolated nodes and several parts included."""
    n = draw(st.integers(1, most_nodes))
    pairs = [(i, j) for i in range(n) for j in range(i + 1, n)]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=40)) if pairs else []
    return matrix(n, [(i, j, draw(st.sampled_from((1.0, 2.5, 50.0)))) for i, j in chosen])


def cliques(*sizes: int, bridges: tuple[tuple[int, int], ...] = ()) -> Any:
    """Return complete graphs side by side, with single links between given nodes."""
    links, first = [(a, b, 1.0) for a, b in bridges], 0
    for size in sizes:
        links += [(first + i, first + j, 1.0) for i in range(size) for j in range(i + 1, size)]
        first += size
    return matrix(first, links)


def same(a: Any, b: Any) -> bool:
    """Say whether two labellings make the same communities."""
    return len(set(zip(a, b, strict=True))) == len(set(a)) == len(set(b))


def check_declaration(algorithm: Algorithm) -> None:
    """A slug that can be typed, and a title."""
    assert algorithm.slug.isidentifier()
    assert algorithm.slug == algorithm.slug.lower()
    assert algorithm.title.strip()
    assert (algorithm.split.__doc__ or "").strip()


def check_every_node_has_a_label(algorithm: Algorithm, adjacency: Any) -> None:
    """One label a node, numbered in order of first appearance; quality is a share."""
    found = partition(algorithm, adjacency, seed=1)
    assert found.labels.shape == (adjacency.shape[0],)
    seen = list(dict.fromkeys(found.labels.tolist()))
    assert seen == list(range(len(seen)))
    assert 0.0 <= found.quality <= 1.0
    assert (found.algorithm, found.seed) == (algorithm.slug, 1)


def check_same_seed_same_labels(algorithm: Algorithm, adjacency: Any, seed: int) -> None:
    """A second time, and on a copy whose entries stand in another order of storage, nothing changes."""
    first = partition(algorithm, adjacency, seed)
    again = partition(algorithm, csr_matrix(adjacency.toarray()), seed)
    assert first.labels.tolist() == again.labels.tolist()
    assert first.quality == again.quality


def check_parts_stay_apart(algorithm: Algorithm, adjacency: Any) -> None:
    """No community reaches across parts that no link connects."""
    labels = partition(algorithm, adjacency, seed=3).labels
    part = connected_components(adjacency, directed=False)[1]
    assert all(len(set(part[labels == label])) == 1 for label in set(labels.tolist()))


def check_relabelling(algorithm: Algorithm, adjacency: Any, order: list[int]) -> None:
    """The same communities however the nodes are numbered (for what makes no random choice)."""
    plain = partition(algorithm, adjacency, seed=1).labels
    turned = partition(algorithm, adjacency[order][:, order], seed=1).labels
    assert same(plain[order], turned)


def check_cliques(algorithm: Algorithm, *, splits: bool) -> None:
    """A complete graph is one community; two of them with one link between are two, where the algorithm splits."""
    assert set(partition(algorithm, cliques(7), seed=1).labels.tolist()) == {0}
    labels = partition(algorithm, cliques(7, 6, bridges=((0, 7),)), seed=1).labels.tolist()
    assert labels == ([0] * 7 + [1] * 6 if splits else [0] * 13)
