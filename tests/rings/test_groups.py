"""Candidate groups: which links count, which communities are taken, and what a group carries."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gangfinder.rings.groups import (
    GroupParams,
    Surroundings,
    communities,
    foreign_links,
    hub_groups,
    linked_groups,
    parted,
)
from gangfinder.rings.partition import algorithms

EVERY = pytest.mark.parametrize("algorithm", algorithms().values(), ids=list(algorithms()))

COLUMNS = ["source_id", "target_id", "family", "weight"]


def links(*pairs):
    return pd.DataFrame([(min(p), max(p), "calendar", 2.0) for p in pairs], columns=COLUMNS)


def clique(names):
    return [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]


def found(pairs, algorithm="leiden", units=None, **params):
    return communities(links(*pairs), units or {}, algorithms()[algorithm], GroupParams(**params), 1)


def test_links_inside_a_unit_do_not_count():
    kept = foreign_links(links("AB", "AC", "BC", "CD"), {"A": "H", "B": "H", "D": "C"})
    assert list(zip(kept["source_id"], kept["target_id"], strict=True)) == [("A", "C"), ("B", "C")]


@EVERY
def test_a_tail_and_a_pair_are_no_community(algorithm):
    pairs = [*clique("ABCDE"), "EX", "XY", "PQ"]
    assert found(pairs, algorithm.slug) == [tuple("ABCDE")]


@EVERY
def test_two_groups_with_one_acquaintance_are_two_where_the_algorithm_splits(algorithm):
    got = found([*clique("ABCDEFG"), *clique("PQRSTUV"), "AP"], algorithm.slug)
    whole = algorithm.slug == "components"
    assert got == ([tuple("ABCDEFGPQRSTUV")] if whole else [tuple("ABCDEFG"), tuple("PQRSTUV")])


def test_small_or_dense_components_are_not_split():
    pairs = [*clique("ABCD"), *clique("EFGH"), "AE", "BF"]
    assert found(pairs) == [tuple("ABCDEFGH")]
    assert found(pairs, split_above_members=7, split_below_density=0.1) == [tuple("ABCDEFGH")]
    assert found(pairs, split_above_members=7) == [tuple("ABCDEFGH")], "half of the pairs are linked: dense enough"
    assert found(pairs, split_above_members=7, split_below_density=0.6) == [tuple("ABCD"), tuple("EFGH")]


def test_a_member_needs_ties_to_several_households():
    assert found(clique("ABCD"), units={"B": "H", "C": "H", "D": "H"}) == []
    assert found(clique("ABCD"), units={"C": "H", "D": "H"}) == [tuple("ABCD")]


def test_no_links_no_communities():
    assert found([]) == []


NAMES = [f"p{i:02}" for i in range(16)]
random_pairs = st.lists(st.lists(st.sampled_from(NAMES), min_size=2, max_size=2, unique=True), max_size=60)


@settings(max_examples=50)
@given(random_pairs, st.sampled_from(sorted(algorithms())))
def test_communities_are_apart_and_tied(pairs, slug):
    pairs = list({tuple(sorted(p)) for p in pairs})
    got = found(pairs, slug)
    everybody = [m for members in got for m in members]
    assert len(set(everybody)) == len(everybody)
    for members in got:
        assert len(members) >= 3
        for m in members:
            assert sum(m in p and set(p) <= set(members) for p in pairs) >= 2


@settings(max_examples=50)
@given(random_pairs, st.sampled_from(sorted(algorithms())), st.randoms(use_true_random=False))
def test_order_of_links_and_a_pair_apart_change_nothing(pairs, slug, random):
    pairs = sorted({tuple(sorted(p)) for p in pairs})
    turned = [*pairs, ("zz1", "zz2")]
    random.shuffle(turned)
    assert found(pairs, slug) == found(turned, slug)


# what a group carries


def rows(*visits, hub=None):
    frame = pd.DataFrame(visits, columns=["subject_id", "institution_id", "event_at", "source_key"])
    frame["event_at"] = pd.to_datetime(frame["event_at"])
    return frame.assign(group_id=hub, source_table="settlements", subject_type="patient")


AROUND = Surroundings(
    units={"A": "H", "Z": "H"}, places={"I": {"n_days": 9.0}, "J": {"n_days": 3.0}},
    calendar={h: (np.array([20_000]), np.array([4.0])) for h in "IJ"},
    amounts={}, desks={(h, "operator"): {"O1": 3} for h in "IJ"}, clock=True,
)


def test_a_linked_group_has_its_own_rows_links_and_houses():
    every = rows(("B", "I", "2025-01-03", "S2"), ("A", "I", "2025-01-02", "S1"), ("Z", "J", "2025-01-01", "S0"))
    (group,) = linked_groups(every, links("AB", "AZ", "BZ"), [("A", "B")], 77, AROUND)
    assert (group.group_id, group.members, group.n_tests, group.clock) == ("A", ("A", "B"), 77, True)
    assert group.rows["source_key"].tolist() == ["S1", "S2"]
    assert list(zip(group.links["source_id"], group.links["target_id"], strict=True)) == [("A", "B")]
    assert group.units == {"A": "H"}
    assert set(group.places) == {"I"}
    assert set(group.calendar) == {"I"}
    assert set(group.desks) == {("I", "operator")}
    assert not group.amounts


def test_members_without_rows_make_no_group():
    assert linked_groups(rows(("A", "I", "2025-01-02", "S1")), links("PQ"), [("P", "Q")], 1, AROUND) == []


def test_hubs_make_groups_unless_explained():
    every = pd.concat([
        rows(("B", "I", "2025-01-03", "S2"), ("A", "I", "2025-01-02", "S1"), ("A", "I", "2025-01-04", "S3"), hub="h1"),
        rows(("C", "I", "2025-01-03", "S4"), hub="h2"),
    ])
    groups = hub_groups(every, links(), frozenset({"h2"}), 5, AROUND)
    assert [(g.group_id, g.members, len(g.rows)) for g in groups] == [("h1", ("A", "B"), 3)]
    assert groups[0].rows["source_key"].tolist() == ["S1", "S2", "S3"]
    assert [g.group_id for g in hub_groups(every, links(), frozenset(), 5, AROUND)] == ["h1", "h2"]


def test_rows_that_differ_only_in_what_they_show_stand_in_one_order():
    bill = ("A", "I", "2025-01-03", "S1")
    both = rows(("B", "I", "2025-01-02", "S0"), bill, bill, ("A", "I", "2025-01-04", "S2"), hub="h1")
    both = both.assign(shows=["template", "template", "in_hospital", "template"], grade=["E2", "E2", "E1", None])
    for every in (both, both.iloc[::-1], both.iloc[[2, 0, 3, 1]]):
        (group,) = hub_groups(every, links(), frozenset(), 5, AROUND)
        assert group.rows["source_key"].tolist() == ["S0", "S1", "S1", "S2"]
        assert group.rows["shows"].tolist() == ["template", "in_hospital", "template", "template"]


def test_a_hub_whose_people_stand_apart_makes_a_group_for_each_part():
    every = rows(
        ("A", "I", "2025-01-03", "S1"), ("B", "I", "2025-01-03", "S2"), ("C", "J", "2025-01-03", "S3"), hub="h1"
    )
    whole = hub_groups(every, links(), frozenset(), 5, AROUND)
    groups = parted(whole, lambda _: [{"A"}, {"C"}])
    # B is in no part: both are compared with him
    assert [(g.group_id, g.members, g.n_tests) for g in groups] == [("h1/A", ("A", "B"), 6), ("h1/C", ("B", "C"), 6)]
    assert groups[0].rows["source_key"].tolist() == ["S1", "S2"]


def test_one_part_leaves_a_hub_whole():
    whole = hub_groups(rows(("A", "I", "2025-01-03", "S1"), hub="h1"), links(), frozenset(), 5, AROUND)
    assert parted(whole, lambda _: [{"A"}]) == whole
    assert parted(whole, lambda _: []) == whole
