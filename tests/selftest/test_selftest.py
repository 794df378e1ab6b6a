"""Rings planted in a private copy: what they are made of, what the columns decide, and that nothing else is touched."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from gangfinder.cli import root
from gangfinder.errors import OutputError
from gangfinder.pipeline import canonical_tables
from gangfinder.run import Stages
from gangfinder.selftest import SelfTest, planting, selftest, write_result
from gangfinder.selftest.sample import draw, instant_of
from gangfinder.settings import Settings
from gangfinder.synth import TownSettings, build_town, write_town

TOWN = TownSettings(patients=3_000, seed=2810, clean=True, lookalikes_per_kind=1, months=6)


@pytest.fixture(scope="module")
def town(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("selftest")
    write_town(build_town(TOWN), folder / "town")
    return folder / "town"


@pytest.fixture(scope="module")
def thin(tmp_path_factory) -> Path:
    """Five columns, dates only."""
    folder = tmp_path_factory.mktemp("thin")
    write_town(build_town(replace(TOWN, only_required=True, dates_only=True)), folder / "town")
    return folder / "town"


@pytest.fixture(scope="module")
def opened(town):
    with canonical_tables(town, Settings(), "duckdb", None, None, Stages(quiet=True)) as (work, tables, _):
        yield work, tables, draw(work, tables, 1, 20, 1_000)


@pytest.fixture(scope="module")
def rings(opened):
    return planting.cast(opened[2], 1, 1, frozenset())


def test_all_styles_are_cast_in_all_sizes_of_different_people(opened, rings):
    assert {r.style for r in rings} == {"cards", "tours", "lockstep", "waves", "star"}
    assert {r.size for r in rings} == set(planting.SIZES)
    everybody = [p for r in rings for p in r.people]
    assert len(everybody) == len(set(everybody)) == sum(r.size for r in rings)


def test_casting_is_decided_by_the_seed(opened, rings):
    work, tables, sample = opened
    assert draw(work, tables, 1, 20, 1_000) == sample
    assert planting.cast(sample, 1, 1, frozenset()) == rings
    assert planting.cast(sample, 1, 2, frozenset()) != rings


def test_people_of_real_leads_are_left_alone(opened, rings):
    taken = frozenset(rings[0].people)
    again = planting.cast(opened[2], 1, 1, taken)
    assert not taken & {p for r in again for p in r.people}


def test_planted_rows_are_the_users_own_rows_of_that_house(opened, rings):
    work, tables, _ = opened
    copy = planting.plant(work, tables, rings, 0)
    own, more = tables["settlements"], copy["settlements"]
    assert more.schema() == own.schema()
    before = {r["settlement_id"]: r for r in work.fetch(own).to_pylist()}
    after = {r["settlement_id"]: r for r in work.fetch(more).to_pylist()}
    assert {k: after[k] for k in before} == before, "an honest row was changed"
    new = [r for k, r in after.items() if k not in before]
    planned = [d for r in rings for d in r.rows if d.table == "settlements"]
    assert len(new) == len(planned)
    for name in ("institution_id", "fund_amount", "visit_type", "doctor_id", "department", "operator_id"):
        pairs = {(r["institution_id"], r[name]) for r in before.values()}
        assert {(r["institution_id"], r[name]) for r in new} <= pairs, name
    cards = {(r["patient_id"], r["card_id"]) for r in before.values()}
    assert {(r["patient_id"], r["card_id"]) for r in new} <= cards


def test_planted_baskets_hold_no_codes_of_other_boxes(opened, rings):
    work, tables, _ = opened
    copy = planting.plant(work, tables, rings, 0)
    items = copy["items"]
    lines = work.fetch(items.filter(items.settlement_id.startswith("selftest-"))).to_pylist()
    assert lines
    assert {line["trace_code"] for line in lines} == {None}


def test_card_sessions_are_minutes_apart_on_days_on_which_the_house_posts(opened, rings):
    _, _, sample = opened
    ring = next(r for r in rings if r.style == "cards" and r.size == 20)
    houses = {h.house_id: h for h in sample.visited}
    days = {}
    for row in ring.rows:
        assert row.at.date() in {instant_of(r).date() for r in houses[row.template["institution_id"]].rows}
        days.setdefault(row.at.date(), []).append(row.at)
    assert len(days) == 8
    assert all(max(d) - min(d) <= timedelta(minutes=60) for d in days.values())


def test_dates_stay_dates(thin):
    with canonical_tables(thin, Settings(), "duckdb", None, None, Stages(quiet=True)) as (work, tables, _):
        sample = draw(work, tables, 1, 20, 1_000)
        made = planting.cast(sample, 1, 1, frozenset())
        assert {r.style for r in made} == {"tours", "lockstep"}
        assert {d.at.time().isoformat() for r in made for d in r.rows} == {"00:00:00"}


def test_copies_keep_the_planted_share_small(rings):
    rows = sum(len(r.rows) for r in rings)
    assert len(planting.copies(rings, rows * 1_000)) == 1
    assert len(planting.copies(rings, rows * 25)) == 2
    assert len(planting.copies(rings, 10)) == planting.MOST_COPIES
    assert sum(len(c) for c in planting.copies(rings, 10)) == len(rings)


@pytest.fixture(scope="module", autouse=True)
def _few_copies():
    """Each copy costs a run; two show what four would."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planting, "MOST_COPIES", 2)
        yield


@pytest.fixture(scope="module")
def result(thin) -> SelfTest:
    return selftest(thin, Settings(), rings=1)


@pytest.mark.slow
def test_what_the_columns_cannot_show_is_reported_with_the_reason(result):
    by_style = {s.style: s for s in result.styles}
    assert "dates only" in by_style["cards"].untestable
    assert "admitted_at" in by_style["waves"].untestable
    assert "reimbursements" in by_style["star"].untestable
    assert not by_style["lockstep"].untestable
    assert all(s.planted for s in by_style["lockstep"].sizes)


@pytest.mark.slow
def test_large_rings_are_seen_and_nothing_else_is_new(result):
    lockstep = next(s for s in result.styles if s.style == "lockstep")
    assert lockstep.sizes[-1].recall == 1.0
    assert lockstep.smallest is not None
    assert lockstep.smallest <= 12
    assert (result.precision or 0) >= 0.9
    assert result.background_leads == 0, "the town is clean"


@pytest.mark.slow
def test_the_command_says_the_same_and_leaves_nothing_but_its_two_files(thin, result, tmp_path, monkeypatch):
    scratch, out = tmp_path / "scratch", tmp_path / "own"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    before = {p: p.read_bytes() for p in sorted(thin.iterdir())}
    done = CliRunner().invoke(root, ["selftest", str(thin), "--rings", "1", "--out", str(out), "--json", "--quiet"])
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout) == json.loads((out / "selftest.json").read_text(encoding="utf-8"))
    assert json.loads(done.stdout) == result.to_json(), "the same seed says the same"
    assert "L-" not in done.stdout
    assert list(scratch.iterdir()) == []
    assert sorted(p.name for p in out.iterdir()) == ["selftest.csv", "selftest.json"]
    assert stat.S_IMODE(os.stat(out).st_mode) == 0o700
    assert {stat.S_IMODE(os.stat(p).st_mode) for p in out.iterdir()} == {0o600}
    assert {p: p.read_bytes() for p in sorted(thin.iterdir())} == before


def test_results_never_stand_beside_real_ones(tmp_path):
    (tmp_path / "leads.csv").write_text("", encoding="utf-8")
    with pytest.raises(OutputError, match="beside"):
        write_result(SelfTest(1, (), 0, (), 0), tmp_path)
    done = CliRunner().invoke(root, ["selftest", "town", "--out", str(tmp_path)])
    assert done.exit_code == 1
    assert "folder of its own" in done.stderr


def test_absent_input_is_a_sentence(tmp_path):
    done = CliRunner().invoke(root, ["selftest", str(tmp_path / "no"), "--quiet"])
    assert done.exit_code == 2
    assert "Traceback" not in done.stderr
