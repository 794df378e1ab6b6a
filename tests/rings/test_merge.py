"""Findings on nearly the same people are one ring."""

from __future__ import annotations

import networkx as nx
from hypothesis import given
from hypothesis import strategies as st

from gangfinder.model.evidence import Judgement, Result
from gangfinder.rings.merge import OVERLAP, merge
from tests.scoring.made import finding


def cores(*findings, judgements=()):
    return [r.core for r in merge([(f, judgements) for f in findings])]


def test_half_of_the_smaller_core_is_enough():
    assert cores(finding("ABCDEFGH"), finding("GHXY", code="T05")) == [tuple("ABCDEFGHXY")]
    assert sorted(cores(finding("ABCDEFGH"), finding("HXYZ", code="T05"))) == [tuple("ABCDEFGH"), tuple("HXYZ")]


def test_chains_are_one_ring():
    assert cores(finding("ABCD"), finding("CDEF", code="T05"), finding("EFGH", code="T06")) == [tuple("ABCDEFGH")]


def test_subjects_of_another_type_are_other_subjects():
    assert len(cores(finding("ABC"), finding("ABC", subject_type="institution"))) == 2


def test_identity_is_typologies_and_core():
    one, same = merge([(finding("ABC"), ())])[0], merge([(finding("ABC", anomalies=()), ())])[0]
    other = merge([(finding("ABC", code="T05"), ())])[0]
    more = merge([(finding("ABCD"), ())])[0]
    assert one.ring_id == same.ring_id
    assert len({one.ring_id, other.ring_id, more.ring_id}) == 3


def test_the_kindest_judgement_stands():
    held, failed = (Judgement("family", r) for r in (Result.PARTLY, Result.FAILS))
    pairs = [(finding("ABC"), (failed,)), (finding("ABC", code="T05"), (held, Judgement("outbreak", Result.FAILS)))]
    for order in (pairs, pairs[::-1]):
        (made,) = merge(order)
        assert [(j.explanation, j.result) for j in made.judgements] == [
            ("family", Result.PARTLY), ("outbreak", Result.FAILS)
        ]


@given(st.lists(st.frozensets(st.sampled_from("ABCDEFGHIJ"), min_size=2, max_size=6), max_size=7), st.randoms())
def test_against_components_of_overlap(people, random):
    found = [finding("".join(sorted(p)), code=f"T{i:02}") for i, p in enumerate(people)]
    graph = nx.Graph()
    graph.add_nodes_from(range(len(people)))
    graph.add_edges_from(
        (i, j) for i in range(len(people)) for j in range(i)
        if len(people[i] & people[j]) >= OVERLAP * min(len(people[i]), len(people[j]))
    )
    wanted = sorted(tuple(sorted(set().union(*(people[k] for k in part)))) for part in nx.connected_components(graph))
    made = merge([(f, ()) for f in found])
    assert sorted(r.core for r in made) == wanted
    random.shuffle(found)
    assert merge([(f, ()) for f in found]) == made
