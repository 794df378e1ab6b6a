"""Six weeks of a small town through one register: ids, labels, dismissals, a week without news (bench: 12 of 20 k)."""

from __future__ import annotations

import pytest

from gangfinder.synth import TownSettings
from tests.bench.weeks import measure, report

TOWN = TownSettings(patients=8_000, seed=6201, weeks=6, window_weeks=14, months=6, rings_per_typology=1)


@pytest.mark.slow
def test_rings_keep_their_ids_and_are_told_of_as_they_are(tmp_path):
    score, truth = measure(TOWN, tmp_path)
    figures = report(score, truth)
    assert figures["survivors"] >= 18
    assert figures["kept_share"] >= 0.97
    assert figures["ids_reused"] == []
    assert figures["still_week_changed_nothing"]
    # a town this small hides a few rings; of each label there are too few for a bound on each
    right, due = (sum(pair[n] for pair in figures["labels"].values()) for n in (0, 1))
    assert score.missed <= 0.15 * due, score.wrong
    assert right >= 0.9 * (due - score.missed), score.wrong
    assert figures["dismissed"] >= 5
    assert figures["came_back_unchanged"] == 0
    assert figures["came_back_with_reason"] == figures["dismissed_and_grown"]
