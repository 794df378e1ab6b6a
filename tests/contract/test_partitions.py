"""The contract of the partition algorithms, over the whole registry; see :mod:`tests.contract.suite_partitions`."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gangfinder.rings.partition import algorithms, partition
from tests.contract import suite_partitions as suite

EVERY = pytest.mark.parametrize("algorithm", algorithms().values(), ids=list(algorithms()))


@EVERY
def test_declaration(algorithm):
    suite.check_declaration(algorithm)


@EVERY
@settings(max_examples=40)
@given(adjacency=suite.graphs(), seed=st.integers(0, 2**31 - 1))
def test_random_graphs(algorithm, adjacency, seed):
    suite.check_every_node_has_a_label(algorithm, adjacency)
    suite.check_same_seed_same_labels(algorithm, adjacency, seed)
    suite.check_parts_stay_apart(algorithm, adjacency)


@settings(max_examples=60)
@given(adjacency=suite.graphs(), data=st.data())
def test_components_do_not_depend_on_numbering(adjacency, data):
    order = data.draw(st.permutations(range(adjacency.shape[0])))
    suite.check_relabelling(algorithms()["components"], adjacency, list(order))


@EVERY
@pytest.mark.parametrize("seed", range(5))
def test_clear_communities_do_not_depend_on_numbering(algorithm, seed):
    """Where the communities are beyond doubt, no algorithm may care for the numbers of the nodes."""
    adjacency = suite.cliques(6, 5, 8, bridges=((0, 6), (7, 12)))
    suite.check_relabelling(algorithm, adjacency, np.random.default_rng(seed).permutation(19).tolist())


@EVERY
def test_cliques(algorithm):
    suite.check_cliques(algorithm, splits=algorithm.slug != "components")


@EVERY
def test_all_inside_is_quality_one(algorithm):
    assert partition(algorithm, suite.cliques(4), seed=0).quality == 1.0
    assert partition(algorithm, suite.cliques(1), seed=0).quality == 1.0
