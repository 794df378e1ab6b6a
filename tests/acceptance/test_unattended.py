"""Runs that nobody watches: nothing done twice, one at a time, in time, and logged for programs."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from . import towns
from .test_killed_runs import result


def call(source: Path, out: Path, home: Path, *more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        towns.command("run", source, "--out", out, "--threads", "2", *more), env=towns.environment(home),
        capture_output=True, text=True, timeout=600, check=False,
    )


@pytest.fixture
def mine(finished, out, tmp_path) -> Path:
    """The finished run of the shared town, in a folder of one's own."""
    shutil.copytree(out, tmp_path / "out", symlinks=True)
    return tmp_path / "out"


def test_over_an_unchanged_input_a_run_ends_at_once_and_says_so(town, mine, tmp_path):
    shown, before = (mine / "latest").readlink(), result(mine)
    began = time.monotonic()
    done = call(town, mine, tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert f"Nothing is new: run {shown.name} has seen this input" in done.stderr
    assert "reading input" not in done.stderr
    assert time.monotonic() - began < 30
    assert (mine / "latest").readlink() == shown
    assert result(mine) == before
    assert [p.name for p in (mine / "runs").iterdir() if p.is_dir()] == [shown.name]


@pytest.mark.parametrize("change", ["settings", "staff", "damage", "table"])
def test_any_changed_byte_makes_a_run(town, mine, tmp_path, monkeypatch, change):
    """Also one in a table on staff, and one in the result."""
    from gangfinder import pipeline

    class Begun(Exception):  # noqa: N818 - it only says that a run was made
        pass

    def begin(*_: object, **__: object) -> None:
        raise Begun

    source = shutil.copytree(town, tmp_path / "town")
    if change in ("staff", "table"):
        table = pq.read_table(source / f"{'staff' if change == 'staff' else 'ties'}.parquet")
        pq.write_table(table.slice(1), source / f"{'staff' if change == 'staff' else 'ties'}.parquet")
    elif change == "damage":
        with (mine / "leads.csv").open("a") as file:
            file.write("x")
    monkeypatch.setattr(pipeline, "canonical_tables", begin)
    with pytest.raises(Begun):
        towns.run(source, mine, **({"top": 7} if change == "settings" else {}))
    if change in ("staff", "table"):
        assert towns.run(town, mine).unchanged


def test_more_memory_or_threads_is_no_change(town, mine):
    assert towns.run(town, mine, threads=1, memory_gb=1.0).unchanged


def test_the_second_of_two_runs_leaves_or_waits(town, tmp_path, finished, out):
    mine = tmp_path / "out"
    first = subprocess.Popen(
        towns.command("run", town, "--out", mine), env=towns.environment(tmp_path / "first"),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    try:
        while not list(mine.glob("runs/.partial-*")):
            assert first.poll() is None
            time.sleep(0.02)
        leaves = call(town, mine, tmp_path / "second")
        assert leaves.returncode == 1
        assert f"another run is writing to {mine}" in leaves.stderr
        assert "--wait" in leaves.stderr
        waits = call(town, mine, tmp_path / "third", "--wait", "10m")
        assert waits.returncode == 0
        assert "Nothing is new" in waits.stderr
        assert first.wait(60) == 0
    finally:
        first.kill()
        first.wait(60)
    assert towns.sheets(mine) == towns.sheets(out)


def test_a_run_that_takes_too_long_stops_and_goes_on_later(town, finished, out, tmp_path):
    mine = tmp_path / "out"
    late = call(town, mine, tmp_path, "--timeout", "4s")
    assert late.returncode == 1
    assert "it took longer than 4 s" in late.stderr
    assert not (mine / "latest").exists()
    done = call(town, mine, tmp_path, "--timeout", "1h")
    assert done.returncode == 0, done.stderr
    assert towns.sheets(mine) == towns.sheets(out)
    assert not list((tmp_path / "tmp").iterdir())


def test_log_lines_for_programs(town, finished, tmp_path):
    done = call(town, tmp_path / "out", tmp_path, "--log-format", "json", "--memory", "500MB", "--json")
    assert done.returncode == 0, done.stderr
    json.loads(done.stdout)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    stages = [line for line in lines if "stage" in line]
    assert [s["stage"] for s in stages] == [s.name for s in finished.record.stages]
    for line in stages:
        assert set(line) == {"at", "level", "message", "stage", "rows", "seconds", "peak_mb", "resumed"}
        assert line["seconds"] >= 0
        assert line["peak_mb"] > 0
        assert line["resumed"] is False


def test_old_runs_are_removed(town, mine, tmp_path):
    for _ in range(2):
        assert towns.run(town, mine, top=150 + _).leads
    from gangfinder.batch.options import Batch
    from gangfinder.pipeline import run
    from gangfinder.settings import Settings

    last = run(town, mine, Settings(threads=2), batch=Batch(keep=2))
    left = sorted(p.name for p in (mine / "runs").iterdir() if p.is_dir())
    assert len(left) == 2
    assert left[-1] == last.folder.name


def test_stopped_by_the_system_it_goes_on(town, finished, out, tmp_path):
    """systemd stops a service by SIGTERM; it ends at once, as by SIGKILL."""
    mine = tmp_path / "out"
    running = subprocess.Popen(
        towns.command("run", town, "--out", mine), env=towns.environment(tmp_path),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    while not list(mine.glob("runs/.work/links")):
        assert running.poll() is None
        time.sleep(0.02)
    running.send_signal(signal.SIGTERM)
    assert running.wait(60) == -signal.SIGTERM
    done = call(town, mine, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "linking" in done.stderr
    assert "done before the run was killed" in done.stderr
    assert towns.sheets(mine) == towns.sheets(out)
