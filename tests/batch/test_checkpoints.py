"""Checkpoints: right ones are used, all others are as if they were not there."""

from __future__ import annotations

import errno
import os
import pickle
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest

from gangfinder.batch.checkpoints import Checkpoints, NoMemory
from gangfinder.engine import DuckDBEngine
from gangfinder.leads.tokens import Key
from gangfinder.run import Stages

KEY = Key(b"0123456789abcdef" * 2)
ROWS = pa.table({"id": ["b", "a"], "n": [1, 2]})


@dataclass(frozen=True, slots=True)
class Plugin:
    """A plug-in as they are: with a function that cannot be stored."""

    slug: str
    detect: Callable[[], int]


PLUGIN = Plugin("one", lambda: 7)


@pytest.fixture
def engine():
    made = DuckDBEngine()
    yield made
    made.close()


def memory(folder: Path, engine: DuckDBEngine, fingerprint: str = "f", key: Key = KEY) -> Checkpoints:
    return Checkpoints(folder, lambda text: key.mark("checkpoint", text), fingerprint, engine, {"typology one": PLUGIN})


def never() -> None:
    raise AssertionError


def test_a_step_is_remembered_with_its_tables_and_plugins(tmp_path, engine):
    def step():
        with stages("linking") as stage:
            stage.rows = 2
        return {"rows": engine.put("links", ROWS), "by": PLUGIN, "n": [1, 2]}

    stages, again = Stages(quiet=True), Stages(quiet=True)
    memory(tmp_path / "w", engine).recall("links", stages, step)
    other = DuckDBEngine()
    kept = memory(tmp_path / "w", other)
    assert kept.has("groups", "links")
    found = kept.recall("links", again, never)
    assert found["by"] is PLUGIN
    assert found["n"] == [1, 2]
    assert other.fetch(found["rows"]).sort_by("id").equals(ROWS.sort_by("id"))
    assert [(r.name, r.rows, r.resumed) for r in again.records] == [("linking", 2, True)]
    other.close()


def test_it_stands_in_a_private_folder(tmp_path, engine):
    memory(tmp_path / "w", engine).recall("links", Stages(quiet=True), lambda: engine.put("links", ROWS))
    for path in (tmp_path / "w", *(tmp_path / "w").rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


@pytest.mark.parametrize("other", ["fingerprint", "key"])
def test_of_another_input_or_hand_it_is_removed(tmp_path, engine, other):
    memory(tmp_path, engine).recall("groups", Stages(quiet=True), lambda: 1)
    changed = {"fingerprint": "g"} if other == "fingerprint" else {"key": Key(b"x" * 32)}
    kept = memory(tmp_path, engine, **changed)
    assert not kept.has("groups")
    assert not (tmp_path / "groups").exists()
    assert kept.recall("groups", Stages(quiet=True), lambda: 2) == 2


@pytest.mark.parametrize("damage", ["value", "links.parquet", "signature", "more", "half"])
def test_of_other_bytes_it_is_never_loaded(tmp_path, engine, damage):
    memory(tmp_path, engine).recall("links", Stages(quiet=True), lambda: engine.put("links", ROWS))
    own = tmp_path / "links"
    if damage == "more":
        (own / "more").write_text("x")
    elif damage == "half":
        (own / "value").unlink()
    elif damage == "value":
        (own / "value").write_bytes(pickle.dumps(Evil()))
    else:
        (own / damage).write_bytes((own / damage).read_bytes()[:-1])
    assert memory(tmp_path, engine).recall("links", Stages(quiet=True), lambda: "again") == "again"
    assert Evil.woken == 0


class Evil:
    """What somebody who can write into the folder may hope to have loaded."""

    woken = 0

    def __reduce__(self):
        return Evil.wake, ()

    @staticmethod
    def wake() -> None:
        Evil.woken += 1


def test_one_name_is_not_another(tmp_path, engine):
    memory(tmp_path, engine).recall("groups", Stages(quiet=True), lambda: 1)
    (tmp_path / "groups").rename(tmp_path / "rings")
    assert not memory(tmp_path, engine).has("rings")


def test_a_full_disk_costs_the_checkpoints_and_not_the_run(tmp_path, engine, monkeypatch, caplog):
    def full(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    caplog.set_level("INFO", logger="gangfinder")
    monkeypatch.setattr(Path, "write_bytes", full)
    kept = memory(tmp_path, engine)
    assert kept.recall("groups", Stages(quiet=True), lambda: 1) == 1
    monkeypatch.undo()
    assert kept.recall("findings", Stages(quiet=True), lambda: 2) == 2
    assert list(tmp_path.iterdir()) == []
    assert "No space left" in caplog.text


def test_what_cannot_be_stored_costs_no_run(tmp_path, engine):
    expression = engine.put("links", ROWS).filter(pa.scalar(1).as_py() == 1)
    kept = memory(tmp_path, engine)
    assert kept.recall("links", Stages(quiet=True), lambda: expression) is expression
    assert kept.recall("groups", Stages(quiet=True), lambda: (lambda: 1)) is not None
    assert list(tmp_path.iterdir()) == []


def test_without_memory_every_step_runs():
    assert NoMemory().recall("groups", Stages(quiet=True), lambda: 3) == 3
    assert not NoMemory().has("groups")
