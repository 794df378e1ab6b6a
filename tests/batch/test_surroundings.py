"""Limits of time and space around a run."""

from __future__ import annotations

import fcntl
import os
import tempfile
import threading
import time
from pathlib import Path

import duckdb
import pytest

from gangfinder.batch.options import Batch
from gangfinder.batch.surroundings import TimeIsUp, surroundings, told_in_time
from gangfinder.engine import DuckDBEngine
from gangfinder.errors import EngineError, Overtime, SettingsError


def test_a_run_gives_up_in_time():
    with pytest.raises(Overtime, match="longer than 0.2 s"), surroundings(Batch(timeout=0.2)):
        time.sleep(30)


ENDLESS = "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range * b.range = 7"


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("attempt", range(3))
def test_the_engine_is_stopped(threads, attempt):
    """An engine that waits for its own threads sees no signal: one run in three went on without an end."""
    del attempt
    engine = DuckDBEngine(threads=threads)

    @told_in_time
    def run() -> None:
        with surroundings(Batch(timeout=0.3)):
            engine.connection.sql(ENDLESS).fetchall()

    with pytest.raises(Overtime, match="longer than 0.3 s"):
        run()
    assert engine.connection.sql("SELECT 1").fetchall() == [(1,)]
    engine.close()


def test_what_runs_beside_is_stopped_too():
    engine = DuckDBEngine(threads=2)
    endless = [_endless(engine), _endless(engine)]

    @told_in_time
    def run() -> None:
        with surroundings(Batch(timeout=0.5)):
            list(engine.fetch_each(endless))

    with pytest.raises(Overtime):
        run()
    engine.close()


def _endless(engine: DuckDBEngine):
    engine.connection.execute(f"CREATE OR REPLACE VIEW endless AS {ENDLESS}")
    return engine.table("endless")


def test_a_limit_that_strikes_where_errors_are_lost_strikes_again(monkeypatch):
    monkeypatch.setattr("gangfinder.batch.surroundings._INSISTENCE", 0.3)
    lost = []

    def swallow() -> None:
        try:
            time.sleep(30)
        except TimeIsUp as error:
            lost.append(error)

    def run() -> None:
        with surroundings(Batch(timeout=0.2)):
            swallow()
            time.sleep(30)

    with pytest.raises(Overtime):
        run()
    assert len(lost) == 1


def test_who_catches_every_error_does_not_catch_the_end_of_the_time():
    def run() -> None:
        with surroundings(Batch(timeout=0.2)):
            try:
                time.sleep(30)
            except Exception:  # noqa: BLE001 - as a library may
                time.sleep(30)

    with pytest.raises(Overtime):
        run()


def test_a_run_in_time_goes_undisturbed():
    with surroundings(Batch(timeout=0.2)):
        pass
    time.sleep(0.3)


def test_no_limit_outside_the_main_thread():
    raised: list[BaseException] = []

    def limited() -> None:
        try:
            with surroundings(Batch(timeout=1)):
                pass
        except SettingsError as error:
            raised.append(error)

    other = threading.Thread(target=limited)
    other.start()
    other.join()
    assert len(raised) == 1


def test_temporary_files_stand_in_one_private_folder(tmp_path):
    before = tempfile.gettempdir()
    with surroundings(Batch(temp_dir=tmp_path)), tempfile.TemporaryDirectory() as made:
        assert Path(made).parent.parent == tmp_path
        assert Path(made).parent.stat().st_mode & 0o777 == 0o700
    assert list(tmp_path.iterdir()) == []
    assert tempfile.gettempdir() == before


def test_what_a_killed_run_left_is_removed_and_a_living_one_is_not(tmp_path):
    for name in ("dead", "alive", "starting"):
        (tmp_path / f"gangfinder-run-{name}").mkdir()
    for name in ("dead", "alive"):
        (tmp_path / f"gangfinder-run-{name}" / ".lock").touch()
    with os.fdopen(os.open(tmp_path / "gangfinder-run-alive" / ".lock", os.O_RDWR), "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with surroundings(Batch(temp_dir=tmp_path)):
            pass
    assert sorted(p.name for p in tmp_path.iterdir()) == ["gangfinder-run-alive", "gangfinder-run-starting"]


def test_a_temporary_folder_that_is_none(tmp_path):
    with pytest.raises(SettingsError, match="temporary folder"), surroundings(Batch(temp_dir=tmp_path / "none")):
        pass


@pytest.mark.parametrize(
    "error",
    [
        duckdb.OutOfMemoryException("Out of Memory Error: 110101199001011234"), MemoryError(),
        duckdb.IOException("IO Error: Could not write all bytes to file: No space left on device"),
    ],
)
def test_a_full_engine_is_a_sentence_without_values(error):
    with pytest.raises(EngineError, match="ran out of") as caught, surroundings(Batch()):
        raise error
    assert "--memory" in str(caught.value.hint)
    assert "110101" not in str(caught.value)
    assert caught.value.resumable


def test_other_errors_of_the_engine_keep_their_name():
    with pytest.raises(duckdb.IOException), surroundings(Batch()):
        raise duckdb.IOException("IO Error: something else")
