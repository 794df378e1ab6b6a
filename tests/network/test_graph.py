"""The network of links and its components, against networkx; peeling."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from gangfinder.network import Network
from gangfinder.network.graph import peel

NAMES = [f"p{i}" for i in range(12)]

one_link = st.tuples(
    st.sampled_from(NAMES), st.sampled_from(NAMES), st.sampled_from(("calendar", "attribute")), st.floats(0.1, 50)
)
links_between = st.lists(one_link.filter(lambda link: link[0] < link[1]), min_size=1, max_size=25)


def frame(links):
    return pd.DataFrame(links, columns=["source_id", "target_id", "family", "weight"])


@given(links_between)
def test_components_and_weights_against_networkx(links):
    network, graph = Network.from_links(frame(links)), nx.MultiGraph()
    for a, b, family, weight in links:
        graph.add_edge(a, b, family=family, weight=weight)
    assert network.ids == tuple(sorted(graph))
    parts = [set(network.names(part)) for part in network.components()]
    assert parts == sorted(map(set, nx.connected_components(graph)), key=min)
    assert set(network.matrices) == {family for _, _, family, _ in links}
    whole = network.adjacency()
    assert abs(whole - whole.T).max() == pytest.approx(0, abs=1e-9)
    assert np.allclose(whole.toarray(), nx.to_numpy_array(graph, nodelist=network.ids))


@given(links_between, st.randoms(use_true_random=False))
def test_order_of_links_changes_nothing(links, random):
    turned = list(links)
    random.shuffle(turned)
    one, other = Network.from_links(frame(links)), Network.from_links(frame(turned))
    assert one.ids == other.ids
    assert np.allclose(one.adjacency().toarray(), other.adjacency().toarray())


def test_no_links():
    assert Network((), {}).components() == []


def adjacency(n, pairs):
    dense = np.zeros((n, n))
    for i, j in pairs:
        dense[i, j] = dense[j, i] = 1.0
    return csr_matrix(dense)


@given(
    st.integers(2, 9).flatmap(
        lambda n: st.tuples(
            st.just(n),
            st.lists(st.lists(st.integers(0, n - 1), min_size=2, max_size=2, unique=True), max_size=30),
            st.lists(st.integers(0, n - 1), min_size=n, max_size=n),
        )
    ),
    st.integers(1, 4), st.sampled_from((0.0, 0.25, 0.6)),
)
def test_whoever_is_left_is_tied_to_enough(graph, least, share):
    n, pairs, units = graph
    matrix, unit = adjacency(n, pairs), np.array(units)
    left = peel(matrix, unit, least, share)
    assert left.tolist() == sorted(set(left.tolist()))
    need = max(least, int(np.ceil(share * (len(set(unit[left])) - 1)))) if left.size else 0
    for i in left:
        tied = {units[j] for j in left if matrix[i, j] and units[j] != units[i]}
        assert len(tied) >= need
    if share == 0.0:  # then the k-core is unique, and anybody who could stay does
        assert set(left) == largest_core(n, matrix, units, least)


def largest_core(n, matrix, units, least):
    """The plain fixed point: throw out everybody with too few, until nobody is thrown out."""
    left = set(range(n))
    while True:
        weak = {i for i in left if len({units[j] for j in left if matrix[i, j] and units[j] != units[i]}) < least}
        if not weak:
            return left
        left -= weak


def test_ties_inside_a_household_do_not_count():
    triangle = adjacency(3, [(0, 1), (0, 2), (1, 2)])
    assert peel(triangle, np.array([0, 1, 2]), 2, 0.0).tolist() == [0, 1, 2]
    assert peel(triangle, np.array([0, 1, 1]), 2, 0.0).tolist() == []


def test_a_tail_falls_off_a_sound_core():
    pairs = [(i, j) for i in range(5) for j in range(i + 1, 5)] + [(4, 5), (5, 6)]
    assert peel(adjacency(7, pairs), np.arange(7), 2, 0.25).tolist() == [0, 1, 2, 3, 4]
