"""T19: how many tests each of its anomalies is corrected for."""

from __future__ import annotations

import pandas as pd

from gangfinder.model.group import Group
from gangfinder.typologies.fake_eligibility import Params, confirm


def group(n_strangers, n_marked):
    """Twelve of a shell employer in a run of 600 hubs, of which so many have people who drew one benefit."""
    n = 12
    rows = pd.DataFrame({
        "subject_id": [f"P{i:02d}" for i in range(n)], "source_key": [f"R{i:02d}" for i in range(n)],
        "m_hubs": 600, "m_kinds": 4, "m_joined": 19, "m_expected": 1.4, "m_waited": 200, "m_hub": "E1",
        "m_hub_kind": "employer_id", "m_kind": "maternity", "m_high": 0, "m_based": 1, "m_run_high": 200,
        "m_run_based": 4000, "m_known_agent": [int(i < n_strangers) for i in range(n)],
        "m_stranger": [int(i < n_strangers) for i in range(n)], "m_run_strangers": 220, "m_run_agents": 3000,
        "m_left": 0, "m_ended": 400, "m_spells": 4000, "m_span_days": 400,
    })
    return Group("E1", tuple(rows["subject_id"]), rows, pd.DataFrame(), n_tests=n_marked)


def names(verdict):
    return [a.name for a in verdict.anomalies]


def test_what_is_looked_at_only_where_benefits_cluster_is_corrected_for_those_hubs_alone():
    assert names(confirm(group(5, 20), Params())) == ["soon_after_joining", "enrolled_by_stranger"]
    # near misses: two fewer enrolled by a stranger, or as many clusters as hubs and benefits
    assert names(confirm(group(3, 20), Params())) == ["soon_after_joining"]
    assert names(confirm(group(5, 2400), Params())) == ["soon_after_joining"]


def test_the_excess_is_corrected_for_every_hub_and_benefit():
    excess, stranger = confirm(group(5, 20), Params()).anomalies
    assert (excess.n_tests, stranger.n_tests) == (2400, 20)
