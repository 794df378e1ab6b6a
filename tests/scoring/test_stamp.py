"""What a lead can lose before it falls: each part of the stamp against rings of which the answer is known."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gangfinder.model.evidence import Anomaly, Family
from gangfinder.model.group import Verdict
from gangfinder.model.lead import Score, ScoredRing
from gangfinder.rings.groups import GroupParams
from gangfinder.rings.merge import merge
from gangfinder.rings.partition import algorithms
from gangfinder.scoring.grouping import Grouped
from gangfinder.scoring.judging import judge_groups
from gangfinder.scoring.ranking import ScoringParams
from gangfinder.scoring.stamp import StampParams, neighbour, stamped
from gangfinder.typologies import typologies
from tests.network.made import group

FOUND = (Anomaly(Family.CALENDAR, "same_dates", -9.0), Anomaly(Family.TEMPO, "same_minutes", -9.0))


COLUMNS = ["kind", "family", "source_id", "target_id", "weight"]


@dataclass(frozen=True)
class Inner:
    minutes: int = 60


@dataclass(frozen=True)
class Needs:
    rows: int = 5
    share: float = 0.5
    name: str = "x"
    on: bool = True
    inner: Inner = field(default_factory=Inner)


def confirming(g, params):
    """Met by so many rows, at two houses if there are two."""
    return Verdict(g.members, FOUND) if len(g.rows) >= params.rows else None


def stamp_of(visits, needs, links=(), algorithm="leiden", seed=1):
    one = replace(
        typologies()["card_pooling"], confirm=confirming, params=Needs(rows=needs), benign=(), minimum_subjects=3,
        grouping="links" if links else "hub", links=tuple(links),
    )
    judged = judge_groups(one, [group(visits)], {}, {})
    rings = merge([(j.finding, j.judgements) for j in judged])
    scored = [ScoredRing(r, Score(()), 0.0, "two_families") for r in rings]
    frame = pd.DataFrame(columns=COLUMNS)
    if links:
        people = sorted({v[0] for v in visits})
        pairs = [(links[0], "behaviour", a, b, 1.0) for i, a in enumerate(people) for b in people[i + 1 :]]
        frame = pd.DataFrame(pairs, columns=COLUMNS)
    grouped = Grouped({}, frame, {}, algorithms()[algorithm], GroupParams())
    (found,) = stamped(scored, judged, grouped, ScoringParams(), StampParams(), clock=True, seed=seed)
    return found.stamp


def visits(*houses, days=4, people="ABCDE"):
    return [(who, house, day, 600, 1000.0) for who in people for house in houses for day in range(1, days + 1)]


@pytest.mark.parametrize(("needs", "survives"), [(2, 0.5), (12, 0.3), (17, 0.1), (20, 0.0)])
def test_the_largest_deletion_that_the_ring_survives(needs, survives):
    """Twenty rows: what is left of them after a half, three tenths or a tenth is lost is known."""
    assert stamp_of(visits("I"), needs).deletion_survived == survives


def test_neighbouring_parameters_far_from_the_limit_change_nothing_and_at_the_limit_they_do():
    assert stamp_of(visits("I"), 4).neighbours_survived == 5
    assert stamp_of(visits("I"), 20).neighbours_survived < 5


def test_the_weakest_bridge_is_the_house_without_which_the_ring_falls():
    rows = [*visits("I", days=6), *visits("J", days=1)]
    bridge = stamp_of(rows, 10).bridge
    assert (bridge.entity_id, bridge.n_rows, bridge.stands) == ("I", 30, False)


def test_a_ring_that_can_spare_each_house_says_so():
    bridge = stamp_of(visits("I", "J"), 10).bridge
    assert bridge.stands
    assert bridge.n_rows == 20


def test_no_random_step_no_seeds():
    assert stamp_of(visits("I"), 4).seeds == 0


def test_other_seeds_draw_the_same_group_where_everybody_is_tied():
    found = stamp_of(visits("I"), 4, links=("co_presence",))
    assert (found.seeds_survived, found.seeds) == (3, 3)


def test_the_stamp_is_the_same_again_and_another_seed_may_draw_other_rows():
    assert stamp_of(visits("I"), 13) == stamp_of(visits("I"), 13)


@given(seed=st.integers(0, 2**31), rows=st.integers(0, 1000), share=st.floats(-10, 10))
def test_neighbours_keep_kinds_and_stay_near(seed, rows, share):
    moved = neighbour(Needs(rows=rows, share=share), 0.2, np.random.default_rng(seed))
    assert isinstance(moved.rows, int)
    assert isinstance(moved.inner.minutes, int)
    assert abs(moved.rows - rows) <= 0.2 * rows + 0.5
    assert abs(moved.share - share) <= 0.2 * abs(share) + 1e-9
    assert (moved.name, moved.on) == ("x", True)
    assert 48 <= moved.inner.minutes <= 72
