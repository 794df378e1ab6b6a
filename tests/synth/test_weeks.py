"""Weekly snapshots: nothing of the future, nothing lost, and labels that a recount of the rows bears out."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from gangfinder.errors import SettingsError
from gangfinder.synth import TownSettings, build_weeks, write_weeks
from gangfinder.synth.settings import STORIES
from gangfinder.synth.weekly.calendar import Calendar, calendar_of
from gangfinder.synth.weekly.labels import LABELS
from gangfinder.synth.weekly.stories import life

WEEKS = TownSettings(patients=6_000, seed=5, weeks=6, window_weeks=14, months=6, rings_per_typology=1)
PLANNED = {"contracts.valid_to", "filings.valid_to", "filings.valid_from", "roster.valid_to", "items.expires_on"}


@pytest.fixture(scope="module")
def snapshots():
    return list(build_weeks(WEEKS))


def _day(number: int) -> pd.Timestamp:
    return pd.Timestamp(np.datetime64(number, "D"))


def _settlements(snapshot) -> pd.DataFrame:
    return snapshot.town.tables["settlements"].to_pandas().drop_duplicates("settlement_id").set_index("settlement_id")


def test_snapshots_end_on_sundays_a_week_apart_and_the_still_week_repeats_the_one_before(snapshots):
    ends = [_day(s.span[1]) for s in snapshots if not s.still]
    assert {end.day_of_week for end in ends} == {6}
    assert ends[-1] <= pd.Timestamp("2025-06-30") < ends[-1] + pd.Timedelta(days=7)
    assert all(s.span[1] - s.span[0] + 1 == 7 * WEEKS.window_weeks for s in snapshots)
    (place,) = [i for i, s in enumerate(snapshots) if s.still]
    before, still = snapshots[place - 1], snapshots[place]
    assert still.town == before.town
    assert {s.label for s in still.states} == {"unchanged"}


def test_the_same_settings_give_the_same_snapshots(snapshots):
    again = list(build_weeks(WEEKS))
    assert all(a.town == b.town and a.states == b.states for a, b in zip(snapshots, again, strict=True))


def test_no_snapshot_knows_what_happens_later(snapshots):
    for snapshot in snapshots:
        later = _day(snapshot.span[1]) + pd.Timedelta(days=1)
        for name, table in snapshot.town.tables.items():
            for column in table.schema:
                is_date = str(column.type).startswith(("timestamp", "date"))
                if is_date and f"{name}.{column.name}" not in PLANNED:
                    seen = pd.to_datetime(table[column.name].to_pandas()).dropna()
                    assert (seen < later).all(), (name, column.name)


def test_rows_in_the_window_stay_as_they_were_until_they_are_taken_back(snapshots):
    for before, after in zip(snapshots, snapshots[1:], strict=False):
        old, new = _settlements(before), _settlements(after)
        still_there = old[old["settled_at"] >= _day(after.span[0])]
        assert still_there.index.isin(new.index).all()
        assert new[new["settled_at"] < _day(before.span[1] + 1)].index.isin(old.index).all()
        same = new.loc[still_there.index].drop(columns="reversed")
        pd.testing.assert_frame_equal(same, still_there.drop(columns="reversed"))
        turned = still_there.index[new.loc[still_there.index, "reversed"] & ~still_there["reversed"]]
        refunds = new[new["reversed_settlement_id"].isin(turned)]
        assert set(refunds["reversed_settlement_id"]) == set(turned)
        assert (refunds["settled_at"] > _day(before.span[1])).all()


def test_items_prescriptions_and_stock_fit_the_settlements(snapshots):
    for snapshot in snapshots:
        tables, settled = snapshot.town.tables, _settlements(snapshot)
        assert set(tables["items"]["settlement_id"].to_pylist()) <= set(settled.index)
        written = set(tables["prescriptions"]["prescription_id"].to_pylist())
        assert settled["prescription_id"].dropna().isin(written).all()
        months = pd.PeriodIndex(sorted(set(tables["stock"]["month"].to_pylist())), freq="M")
        assert (months.start_time >= _day(snapshot.span[0])).all()
        assert (months.end_time < _day(snapshot.span[1] + 1)).all()
        back = tables["items"].to_pandas().query("returned")["settlement_id"]
        assert settled.loc[back, "reversed"].all()


def _standing(snapshot) -> dict[str, tuple[set[str], set[str]]]:
    """Recount people and rows of every ring from the tables."""
    settled = _settlements(snapshot)
    stands = settled[settled["reversed_settlement_id"].isna() & ~settled["reversed"]]["patient_id"]
    claims = snapshot.town.tables["reimbursements"].to_pandas().set_index("reimbursement_id")["patient_id"]
    who = pd.concat([stands, claims])
    found = {}
    for ring in snapshot.town.truth.rings:
        keys = [*ring.settlements, *ring.reimbursements]
        assert pd.Index(keys).isin(who.index).all(), "a ring has a row that does not stand"
        found[ring.group_id] = (set(who.loc[keys]), set(keys))
        assert found[ring.group_id][0] == set(ring.patients)
    return found


def test_labels_are_those_of_a_recount(snapshots):
    last: dict[str, tuple[set[str], set[str]]] = {}
    for snapshot in snapshots:
        now = _standing(snapshot)
        first = _day(snapshot.span[0])
        rows = pd.concat([_settlements(snapshot)["settled_at"]])
        for state in snapshot.states:
            assert state.label in LABELS
            people, keys = now.get(state.identity, (set(), set()))
            if state.label in {"vanished", "merged"}:
                assert not keys
            elif state.label in {"new", "split", "reopened"}:
                assert keys
            else:
                old_people, old_keys = last[state.identity]
                if people - old_people:
                    assert state.label == "grown"
                elif state.label == "shrunk":
                    assert old_people - people
                else:
                    assert (state.label == "grown") == bool(keys - old_keys)
        assert first <= rows.min()
        last |= now


def test_every_story_is_told(snapshots):
    told: dict[tuple[str, str], list[str]] = {}
    story = {}
    for snapshot in snapshots:
        for state in snapshot.states:
            story[state.ring.group_id] = state.ring.life.story
            told.setdefault((state.ring.group_id, state.identity[8:]), []).append(state.label)
    assert set(story.values()) == set(STORIES)
    for ring, own in story.items():
        main, second = told[ring, ""], told.get((ring, "-b"), [])
        turns = [label for label in main if label not in {"unchanged", "grown"}]
        assert main[0] == "new"
        assert turns == {
            "shrinks": ["new", "shrunk"], "splits": ["new", "shrunk"], "fades": ["new", "vanished"],
            "returns": ["new", "vanished", "reopened"],
        }.get(own, ["new"])  # of a worn ring, too: rows that leave the window are no shrinking
        assert own not in {"grows", "merges"} or "grown" in main
        assert own != "quiet" or "grown" not in main
        assert [label for label in second if label not in {"unchanged", "grown"}] == {
            "merges": ["new", "merged"], "splits": ["split"],
        }.get(own, [])


def test_no_identity_is_two_rings_and_every_still_living_one_is_in_the_truth(snapshots):
    for snapshot in snapshots:
        names = [state.identity for state in snapshot.states]
        assert len(names) == len(set(names))
        living = {s.identity for s in snapshot.states if s.label not in {"vanished", "merged"}}
        assert living == {ring.group_id for ring in snapshot.town.truth.rings}


def test_written_snapshots_are_input_folders_of_their_own(tmp_path):
    told = write_weeks(WEEKS, tmp_path)
    on_disk = json.loads((tmp_path / "changes.json").read_text(encoding="utf-8"))
    assert on_disk == told
    assert [week["folder"] for week in told["weeks"]] == [f"week-{n:02d}" for n in range(1, 7)]
    still = next(week for week in told["weeks"] if week["still"])["week"]
    one, other = (tmp_path / f"week-{n:02d}" for n in (still - 1, still))
    for path in sorted(one.iterdir()):
        assert path.read_bytes() == (other / path.name).read_bytes(), path.name
    truth = json.loads((one / "truth.json").read_text(encoding="utf-8"))
    ring = truth["rings"][0]
    assert ring["patients"] == next(
        r["members"] for r in told["weeks"][still - 2]["rings"] if r["identity"] == ring["ring_id"]
    )
    assert "life" not in ring


def test_lives_need_weeks_and_weeks_need_room():
    with pytest.raises(SettingsError):
        TownSettings(typologies=("weekly_pool",))
    with pytest.raises(SettingsError):
        TownSettings(weeks=12, months=6)
    with pytest.raises(SettingsError):
        TownSettings(weeks=12, window_weeks=8)
    with pytest.raises(SettingsError):
        TownSettings(weeks=12, only_required=True)
    with pytest.raises(SettingsError):
        next(build_weeks(TownSettings()))
    assert "weeks" not in TownSettings().to_json()


def test_nothing_turns_in_the_still_week():
    calendar = calendar_of(WEEKS)
    assert calendar.still not in calendar.turns(1, calendar.weeks)
    assert calendar.monday(1) - calendar.monday(0) == 7


@pytest.mark.parametrize("weeks", range(1, 8))
def test_few_weeks_are_enough_for_every_story(weeks):
    """Found by running the example of ``synth --help``: of four weeks one is still, and no middle is left."""
    calendar = Calendar(weeks, 14, calendar_of(WEEKS).last)
    for story in STORIES:
        plan = life(story, calendar, np.random.default_rng(weeks))
        assert plan.acts
        assert max(plan.corrected, *(act.week for act in plan.acts)) <= weeks
