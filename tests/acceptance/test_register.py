"""A register through whole runs: crash and replay, decisions, and a run over what is known already."""

from __future__ import annotations

import csv
import io
import json
import shutil
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from gangfinder.cli import root
from gangfinder.leads.register.history import head
from gangfinder.leads.register.opening import open_register, sealed_path
from gangfinder.leads.register.verification import verify
from gangfinder.pipeline import RunResult
from gangfinder.settings import Settings

from . import towns

pytestmark = pytest.mark.slow


def sheet(folder: Path, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((folder / f"{name}.csv").read_text(encoding="utf-8"))))


def run(source: Path, out: Path, register: Path) -> RunResult:
    from gangfinder import pipeline

    return pipeline.run(source, out, Settings(threads=2), register=register)


def files(folder: Path) -> dict[str, bytes]:
    """All files of a run but its records."""
    found = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    return {name: data for name, data in found.items() if not name.endswith("run.json")}


def seq(register: Path) -> int:
    with open_register(register).reading() as connection:
        return head(connection).seq


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("register")


@pytest.fixture(scope="module")
def register(home) -> Path:
    return home / "office" / "leads.db"


@pytest.fixture(scope="module")
def crashed(town, home, register) -> tuple[int, dict[str, bytes]]:
    """A run that died when it was recorded and not yet shown; what it had written."""
    from gangfinder.export import publish

    written = {}

    def dies(made):
        written.update(files(made.folder))
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(publish, "_show", dies)
        with pytest.raises(KeyboardInterrupt):
            run(town, home / "out", register)
    assert not (home / "out" / "latest").exists()
    return seq(register), written


@pytest.fixture(scope="module")
def first(town, home, register, crashed) -> RunResult:
    return run(town, home / "out", register)


def test_the_first_run_lists_what_a_run_without_register_lists(first, finished):
    assert towns.sheets(first.folder) == towns.sheets(finished.folder)
    assert {lead.status for lead in first.leads} == {"new"}


def test_a_run_that_died_before_it_was_shown_is_shown_by_the_next(first, crashed, register, home):
    before, written = crashed
    assert seq(register) == before
    assert files(first.folder) == written
    assert first.record.register["seq"] == before
    verify(register, [home / "out"])
    verify(sealed_path(register))


def test_a_run_over_what_is_known_ends_at_once(first, town, home, register):
    before, started = seq(register), time.monotonic()
    again = run(town, home / "out", register)
    assert again.unchanged
    assert again.folder == first.folder
    assert seq(register) == before
    assert len(list((home / "out" / "runs").glob("2*"))) == 1
    assert time.monotonic() - started < sum(s.seconds for s in first.record.stages)


@pytest.fixture(scope="module")
def decided(first, town, home, register) -> tuple[RunResult, str, str]:
    """Of the leads one was dismissed, one was confirmed, and a terminal or operator ties nobody; then another run."""
    kept = home / "first"
    shutil.copytree(first.folder, kept)
    gone, case = first.leads[0].lead_id, first.leads[1].lead_id
    value = next(
        f"{m['entity_type']}:{m['entity_id'].removeprefix(m['entity_type'] + ':')}" for m in sheet(kept, "members")
        if m["entity_type"] in ("phone", "agent", "bank_account", "terminal")
    )
    for more in (
        (gone, "dismiss", "--reason", "a buying office"), (case, "confirm"),
        (case, "never-link", "--value", value, "--reason", "the number of a help line"),
        (case, "never-link", "--pair", "P1", "P2", "--reason", "man and wife"),
    ):
        done = CliRunner().invoke(root, ["review", str(register), *more])
        assert done.exit_code == 0, done.stderr
    return run(town, home / "out", register), gone, case


def test_a_dismissed_lead_is_in_no_file(decided, home):
    result, gone, _ = decided
    assert gone not in {lead.lead_id for lead in result.leads}
    assert gone.encode() not in b"".join(files(result.folder).values())
    assert [lead.rank for lead in result.leads] == list(range(1, len(result.leads) + 1))
    assert result.record.register["n_dismissed"] == 1
    assert result.record.register["never_linked"]["rows"] > 0


def test_the_others_keep_their_ids(decided, first):
    result, gone, _ = decided
    before = {lead.lead_id for lead in first.leads} - {gone}
    assert len({lead.lead_id for lead in result.leads} & before) >= len(before) - 1
    assert not [lead for lead in result.leads if lead.status == "new"]


def test_members_of_a_confirmed_lead_are_known_cases(decided):
    result, _, case = decided
    (lead,) = [lead for lead in result.leads if lead.lead_id == case]
    assert lead.scored.proximity is not None
    assert lead.scored.proximity.n_known + lead.scored.proximity.n_known_houses > 0


def test_changes_are_told_in_both_languages(decided):
    told = json.loads((decided[0].folder / "changes.json").read_text(encoding="utf-8"))
    assert sum(told["counts"].values()) >= len(decided[0].leads)
    assert all(one["status"] != "unchanged" and set(one["words"]) == {"zh", "en"} for one in told["changes"])


def test_history_and_runs_agree(decided, register, home):
    assert verify(register, [home / "out"]).n_anchors >= 3
    listed = json.loads(CliRunner().invoke(root, ["review", str(register), "--json"]).stdout)
    assert {one["lead_id"] for one in listed if one["status"] == "dismissed"} == {decided[1]}
    assert next(one for one in listed if one["lead_id"] == decided[2])["decided"] == "confirm"
