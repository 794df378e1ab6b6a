"""Groups shrink cleanly; scores are the sum of their parts."""

from __future__ import annotations

import dataclasses

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gangfinder.model.group import Group
from gangfinder.model.lead import Score, ScorePart

MEMBERS = tuple(f"P{i}" for i in range(8))


def group_of(pairs, units=None):
    return Group(
        group_id="g",
        members=MEMBERS,
        rows=pd.DataFrame({"subject_id": list(MEMBERS) * 2}),
        links=pd.DataFrame(pairs, columns=["source_id", "target_id"]),
        units=units or {},
    )


pairs = st.lists(st.tuples(st.sampled_from(MEMBERS), st.sampled_from(MEMBERS)))


@given(pairs, st.sets(st.sampled_from(MEMBERS)))
def test_nothing_of_the_covered_remains(links, covered):
    left = group_of(links).without(covered)
    assert set(left.members) == set(MEMBERS) - covered
    assert set(left.rows["subject_id"]) == set(left.members)
    assert not covered & (set(left.links["source_id"]) | set(left.links["target_id"]))
    kept = [p for p in links if not covered & set(p)]
    assert len(left.links) == len(kept)


@given(pairs, st.sets(st.sampled_from(MEMBERS)), st.sets(st.sampled_from(MEMBERS)))
def test_taking_out_twice_is_taking_out_the_union(links, first, second):
    once, twice = group_of(links).without(first | second), group_of(links).without(first).without(second)
    assert once.members == twice.members
    assert len(once.links) == len(twice.links)


def test_a_household_counts_once_and_a_stranger_as_himself():
    group = group_of([], {"P0": "home", "P1": "home", "P2": "other"})
    assert group.n_units() == 7
    assert group.n_units(["P0", "P1"]) == 1


def test_a_score_is_recomputable_from_its_parts():
    score = Score((ScorePart("surprise", 2.0, 0.5, {}), ScorePart("amount", 1.23456, 1.0, {})))
    assert score.total == 2.2346


def test_a_group_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        group_of([]).members = ()
