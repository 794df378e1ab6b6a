"""Runs on disk: whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from leads.made import KEY, TEXTS, facts, impersonation, pool

from gangfinder.errors import ContractError, EngineError, OutputBusy, OutputError, Overtime
from gangfinder.export.contract import RunView
from gangfinder.export.publish import export_run, publication, write_sealed
from gangfinder.leads import build_leads
from gangfinder.settings import Settings

LEADS = build_leads([pool(), impersonation()], facts(), Settings(), KEY, TEXTS)
RUN = RunView("zh", TEXTS)


def publish(out: Path, run_id: str, leads=LEADS) -> None:
    with publication(out) as made:
        export_run(leads, made.folder, RUN)
        made.complete(run_id, "{}\n")


def seen(out: Path) -> set[str]:
    """Everything in OUT but the lock."""
    return {str(p.relative_to(out)) for p in out.rglob("*") if p.name != ".lock"}


def test_out_shows_the_run_through_latest(tmp_path):
    publish(tmp_path / "out", "r1")
    out = tmp_path / "out"
    assert os.readlink(out / "latest") == "runs/r1"
    assert os.readlink(out / "leads.csv") == "latest/leads.csv"
    assert (out / "leads.csv").read_bytes() == (out / "runs" / "r1" / "leads.csv").read_bytes()
    assert not (out / "sealed").exists()
    assert not (out / "rejects").is_symlink()


def test_everything_is_private(tmp_path):
    with publication(tmp_path / "out") as made:
        (made.folder / "rejects").mkdir(mode=0o755)
        (made.folder / "rejects" / "t.csv").write_text("x")
        made.complete("r1", "{}\n")
    for path in (tmp_path / "out").rglob("*"):
        if not path.is_symlink():
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert (tmp_path / "out" / "rejects" / "t.csv").exists()


def test_a_second_run_takes_the_place_of_the_first(tmp_path):
    publish(tmp_path, "r1")
    publish(tmp_path, "r2", LEADS[:1])
    assert os.readlink(tmp_path / "latest") == "runs/r2"
    assert (tmp_path / "leads.csv").read_text(encoding="utf-8").count("\n") == 2
    assert (tmp_path / "runs" / "r1" / "leads.csv").exists()


def test_equal_runs_give_equal_bytes(tmp_path):
    for name in ("a", "b"):
        publish(tmp_path / name, f"run-{name}")
    for name in ("leads.csv", "members.csv", "evidence.csv", "benign.csv", "latest/explain.jsonl"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_failed_run_leaves_the_old_one_and_nothing_else(tmp_path):
    publish(tmp_path, "r1")
    before = seen(tmp_path)
    broken = [LEADS[0], None]
    with pytest.raises(AttributeError):
        publish(tmp_path, "r2", broken)
    assert seen(tmp_path) == before


def test_a_run_that_is_not_declared_whole_is_not_shown(tmp_path):
    with pytest.raises(OutputError), publication(tmp_path) as made:
        export_run(LEADS, made.folder, RUN)
    assert seen(tmp_path) == {"runs"}


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES])
def test_a_disk_that_refuses_is_a_sentence(tmp_path, code: int):
    with pytest.raises(OutputError) as caught, publication(tmp_path):
        raise OSError(code, os.strerror(code))
    assert "--out" in str(caught.value.hint)
    assert seen(tmp_path) == {"runs"}


def test_other_system_errors_keep_their_name(tmp_path):
    with pytest.raises(ConnectionError), publication(tmp_path):
        raise ConnectionResetError


def test_foreign_files_are_not_overwritten(tmp_path):
    (tmp_path / "leads.csv").write_text("mine")
    with pytest.raises(OutputError, match="not of a gangfinder run"), publication(tmp_path):
        pass
    assert (tmp_path / "leads.csv").read_text() == "mine"


def test_out_that_is_a_file(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(OutputError), publication(tmp_path / "out"):
        pass


def test_what_a_killed_run_left_is_swept(tmp_path):
    left = tmp_path / "runs" / ".partial-dead"
    left.mkdir(parents=True)
    (left / "leads.csv").write_text("half")
    publish(tmp_path, "r1")
    assert not left.exists()


def test_a_second_run_leaves_with_a_clear_message(tmp_path):
    with publication(tmp_path) as slow:
        with pytest.raises(OutputBusy, match="another run is writing to") as caught:
            publish(tmp_path, "r1")
        assert "--wait" in str(caught.value.hint)
        assert slow.folder.exists()
        slow.complete("r2", "{}\n")
    assert os.readlink(tmp_path / "latest") == "runs/r2"


def test_a_second_run_waits_for_the_first(tmp_path):
    began, may_end = threading.Event(), threading.Event()

    def slow() -> None:
        with publication(tmp_path) as made:
            began.set()
            assert may_end.wait(30)
            made.complete("r1", "{}\n")

    first = threading.Thread(target=slow)
    first.start()
    assert began.wait(30)
    threading.Timer(0.3, may_end.set).start()
    with publication(tmp_path, wait=30) as made:
        assert os.readlink(tmp_path / "latest") == "runs/r1"
        made.complete("r2", "{}\n")
    first.join()
    assert os.readlink(tmp_path / "latest") == "runs/r2"


@pytest.mark.parametrize(
    ("error", "stays"),
    [(RuntimeError("x"), False), (OutputError("x"), False), (Overtime("x"), True), (EngineError("x"), True),
     (KeyboardInterrupt(), True)],
)
def test_checkpoints_outlive_an_interruption_and_nothing_else(tmp_path, error, stays):
    def fail() -> None:
        with publication(tmp_path) as made:
            made.work.mkdir()
            (made.work / "links").write_text("kept")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert (tmp_path / "runs" / ".work" / "links").exists() == stays
    publish(tmp_path, "r1")
    assert not (tmp_path / "runs" / ".work").exists()


def test_old_runs_go_and_who_opened_their_sealed_leads_stays_known(tmp_path):
    for number in range(4):
        with publication(tmp_path) as made:
            (made.folder / "sealed").mkdir()
            made.complete(f"r{number}", "{}\n")
        (tmp_path / "sealed" / "access.jsonl").write_text(f"{number}\n")
    with publication(tmp_path, keep=2) as made:
        (made.folder / "sealed").mkdir()
        made.complete("r4", "{}\n")
    assert sorted(p.name for p in (tmp_path / "runs").iterdir() if p.is_dir()) == ["r3", "r4"]
    assert (tmp_path / "sealed" / "access.jsonl").read_text() == "0\n1\n2\n"
    assert (tmp_path / "runs" / "r3" / "sealed" / "access.jsonl").read_text() == "3\n"


def test_leads_on_staff_are_kept_apart(tmp_path):
    insider = replace(LEADS[0], members=(replace(LEADS[0].members[0], entity_type="staff"),))
    with publication(tmp_path / "out") as made:
        export_run([LEADS[1]], made.folder, RUN)
        draft = tmp_path / "draft"
        draft.mkdir()
        write_sealed([insider], draft, made.folder / "sealed", Settings(), "{}\n")
        made.complete("r1", "{}\n")
    out = tmp_path / "out"
    assert insider.lead_id not in (out / "leads.csv").read_text(encoding="utf-8")
    assert insider.lead_id in (out / "sealed" / "leads.csv").read_text(encoding="utf-8")
    assert os.readlink(out / "sealed") == "latest/sealed"
    for path in (out / "runs" / "r1" / "sealed", *(out / "runs" / "r1" / "sealed").iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


@pytest.mark.parametrize("kind", ["staff", "official", "office"])
def test_an_open_lead_never_names_staff(tmp_path, kind):
    insider = replace(LEADS[0], members=(replace(LEADS[0].members[0], entity_type=kind),))
    with pytest.raises(ContractError):
        publish(tmp_path, "r1", [insider])
    assert seen(tmp_path) == {"runs"}


_FILL = """
import sys
import threading
sys.path[:0] = {path!r}
from pathlib import Path
from leads.made import KEY, TEXTS, facts, pool
from gangfinder.errors import ContractError, EngineError, OutputBusy, OutputError, Overtime
from gangfinder.export.contract import RunView
from gangfinder.export.publish import export_run, publication, write_sealed
from gangfinder.leads import build_leads
from gangfinder.settings import Settings

leads = build_leads([pool()], facts(), Settings(), KEY, TEXTS)
out = Path({out!r})
with publication(out) as made:
    export_run(leads, made.folder, RunView("zh", TEXTS))
    made.complete("r1", "{{}}\\n")
before = sorted(str(p) for p in out.rglob("*"))
try:
    with publication(out) as made:
        export_run(leads * 5000, made.folder, RunView("zh", TEXTS))
        made.complete("r2", "{{}}\\n")
except OutputError as error:
    assert "No space" in error.message, error.message
    assert sorted(str(p) for p in out.rglob("*")) == before
    assert (out / "leads.csv").read_text(encoding="utf-8").count("\\n") == 2
    print("full")
"""


def test_full_disk(tmp_path):
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not installed, so no small file system can be mounted")
    mount = tmp_path / "small"
    mount.mkdir()
    script = tmp_path / "fill.py"
    script.write_text(_FILL.format(path=[str(Path(__file__).parent.parent)], out=str(mount / "out")))
    inside = f"mount -t tmpfs -o size=2m tmpfs '{mount}' && exec '{sys.executable}' '{script}'"
    done = subprocess.run(["unshare", "-rm", "sh", "-c", inside], capture_output=True, text=True, timeout=120)
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no small file system can be mounted here: {done.stderr.strip()}")
    assert (done.returncode, done.stdout.strip()) == (0, "full"), done.stderr
