"""The benches measure what they say, and the baselines are written fairly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gangfinder.evaluate import evaluate
from gangfinder.settings import Settings
from gangfinder.synth import CORE_TYPOLOGIES, TownSettings, build_town, write_town
from tests.bench import tables
from tests.bench.baselines import components, covisit_louvain, self_join
from tests.bench.baselines.leads import write_leads
from tests.bench.founding import founding
from tests.bench.measure import CommandFailed, measured
from tests.bench.partition import summary
from tests.bench.speed import patients_for
from tests.bench.towns import by_typology, mean, town_settings

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    settings = TownSettings(patients=2_000, rings_per_typology=1, lookalikes_per_kind=1, months=3)
    return write_town(build_town(settings), tmp_path_factory.mktemp("bench") / "town")


def test_a_process_is_measured_by_itself():
    cost = measured(sys.executable, "-c", "x = bytearray(200_000_000); sum(range(3_000_000))")
    assert 190 <= cost.peak_mb <= 400
    assert 0 < cost.cpu_seconds <= cost.seconds + 1


def test_a_failed_command_is_no_figure():
    with pytest.raises(CommandFailed, match="exited with 3"):
        measured(sys.executable, "-c", "import sys; sys.exit(3)")


def test_the_founding_row_has_the_founding_detectors_and_what_they_name():
    chosen = founding(Settings())
    assert {one.code for one in chosen.typologies.values()} == set(CORE_TYPOLOGIES)
    assert set(chosen.explanations) == {slug for one in chosen.typologies.values() for slug in one.benign}


def visits(n=400, seed=1):
    """Return random visits, many of them within minutes of each other and across borders of buckets."""
    random = np.random.default_rng(seed)
    return pd.DataFrame({
        "patient_id": [f"P{i:02d}" for i in random.integers(0, 30, n)],
        "institution_id": [f"H{i}" for i in random.integers(0, 2, n)],
        "terminal_id": None,
        "settled_at": pd.Timestamp("2025-03-01 08:00") + pd.to_timedelta(random.integers(0, 115_200, n), unit="s"),
    })


def test_the_self_join_counts_every_pair_once(tmp_path):
    rows = visits()
    rows["terminal_id"] = "T" + rows["institution_id"]
    (tmp_path / "town").mkdir()
    rows.to_parquet(tmp_path / "town" / "settlements.parquet")
    cross = rows.merge(rows, on="terminal_id")
    near = (cross["settled_at_x"] - cross["settled_at_y"]).abs() <= pd.Timedelta(minutes=5)
    assert self_join.main(tmp_path / "town") == int((near & (cross["patient_id_x"] < cross["patient_id_y"])).sum())


def test_the_louvain_pipeline_ties_whom_a_slow_loop_ties():
    rows = visits()
    expected = {}
    for _, house in rows.groupby("institution_id"):
        for _, a in house.iterrows():
            for _, b in house.iterrows():
                if a.patient_id < b.patient_id and abs(a.settled_at - b.settled_at) <= covisit_louvain.WINDOW:
                    expected.setdefault((a.patient_id, b.patient_id), set()).add(
                        (a.institution_id, frozenset({a.settled_at.date(), b.settled_at.date()}))
                    )
    names = rows["patient_id"].astype("category").cat.categories
    found = {(names[t.low], names[t.high]) for t in covisit_louvain.tied(rows).itertuples()}
    assert found == {pair for pair, days in expected.items() if len(days) >= covisit_louvain.LEAST_DAYS}


def test_components_join_who_shares_a_value():
    patients = pd.DataFrame({
        "patient_id": ["a", "b", "c", "d", "e"],
        "phone": ["1", "1", "2", None, ""],
        "address": ["x", "y", "y", None, ""],
    })
    assert components.components(patients) == [["a", "b", "c"]]


@pytest.mark.parametrize("name", ["louvain", "covisit_louvain", "components"])
def test_a_baseline_writes_leads_that_can_be_judged(name, town, tmp_path):
    command = [sys.executable, "-m", f"tests.bench.baselines.{name}", str(town), str(tmp_path / "out")]
    subprocess.run(command, check=True, cwd=ROOT)
    assert evaluate(town, tmp_path / "out").leads > 0


def test_small_groups_are_no_leads(tmp_path):
    assert write_leads(tmp_path, [list("abcdef"), list("abcd"), list("ghijk")]) == 2


def test_a_mean_counts_a_silent_town_as_nothing():
    cells = [{"p": 1.0, "typology_recall": {"T01": 1.0}}, {"p": None, "typology_recall": {"T01": 0.0, "T05": 1.0}}]
    assert mean(cells, "p") == 0.5
    assert by_typology(cells) == {"T01": 0.5, "T05": 1.0}


def test_the_best_partition_is_listed_first():
    figures = {"precision_at_k": 1.0, "member_precision": 1.0, "member_recall": 1.0}
    rows = [{"algorithm": a, "recall_at_k": r, **figures} for a, r in (("x", 0.5), ("y", 0.9), ("x", 0.7))]
    assert [r["algorithm"] for r in summary(rows)] == ["y", "x"]


def test_clean_towns_differ_in_nothing_but_the_rings():
    with_rings, clean = (town_settings("standard", 7, clean=c).to_json() for c in (False, True))
    different = {name for name in with_rings if with_rings[name] != clean[name]}
    assert different == {"clean", "typologies"}


def test_sizes_and_growth():
    assert patients_for(1_000_000) > 100_000
    assert patients_for(1) == 2_000
    assert tables.exponent(1, 10, 10, 100) == pytest.approx(1)


def test_a_readme_is_filled_between_its_marks_and_nowhere_else():
    text = "a\n<!-- table: partition -->\nold\n<!-- end of table -->\nb\n"
    filled = tables.rendered(text)
    assert filled.startswith("a\n<!-- table: partition -->\n")
    assert filled.endswith("\n<!-- end of table -->\nb\n")
    assert "old" not in filled
    assert tables.rendered(filled) == filled
