"""A run that is killed at any moment: the next one goes on from it, and no reader ever sees half a result.

``GANGFINDER_KILLS=30`` kills as often as the acceptance of batch life asks for; every moment is drawn from the seed.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from . import towns

KILLS = int(os.environ.get("GANGFINDER_KILLS", "5"))
SEED = int(os.environ.get("GANGFINDER_KILL_SEED", "1"))

FILES = (*towns.SHEETS, "changes.json", "explain.jsonl")


def result(out: Path) -> dict[str, bytes]:
    """Every file of the run that is shown, but its records, which hold the clock."""
    folder = (out / "latest").resolve(strict=True)
    files = (p for p in folder.rglob("*") if p.is_file() and p.name != "run.json")
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}


class Reader(threading.Thread):
    """Reads the shown run again and again, as a program that picks up results does."""

    def __init__(self, out: Path, allowed: list[dict[str, bytes]]) -> None:
        super().__init__(daemon=True)
        self.out, self.allowed, self.looks = out, allowed, 0
        self.wrong: list[str] = []
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.wait(0.01):
            if not (self.out / "latest").exists():
                continue
            seen = result(self.out)
            self.looks += 1
            if seen not in self.allowed:
                self.wrong.append(f"{sorted(seen)} is no whole result")
            json.loads((self.out / "run.json").read_text(encoding="utf-8"))
            if any(not (self.out / name).exists() for name in FILES[:1]):
                self.wrong.append("a link leads nowhere")


@contextmanager
def reading(out: Path, allowed: list[dict[str, bytes]]) -> Iterator[Reader]:
    reader = Reader(out, allowed)
    reader.start()
    try:
        yield reader
    finally:
        reader.done.set()
        reader.join(60)
    assert reader.wrong == []


def start(source: Path, out: Path, home: Path, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        towns.command("run", source, "--out", out, "--threads", "1", *more), env=towns.environment(home),
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )


def kill(running: subprocess.Popen[str], after: float) -> bool:
    """Kill a run after some seconds; return whether it was still at it."""
    try:
        running.communicate(timeout=after)
    except subprocess.TimeoutExpired:
        running.send_signal(signal.SIGKILL)
        running.communicate(timeout=60)
    return running.returncode == -signal.SIGKILL


@pytest.fixture(scope="module")
def undisturbed(town, tmp_path_factory) -> tuple[dict[str, bytes], float]:
    """The result of a run that nobody kills, and the seconds it takes."""
    home = tmp_path_factory.mktemp("undisturbed")
    began = time.monotonic()
    running = start(town, home / "out", home)
    _, said = running.communicate(timeout=600)
    assert running.returncode == 0, said
    return result(home / "out"), time.monotonic() - began


def test_killed_at_random_moments(town, undisturbed, tmp_path):
    """One run is killed again and again: it comes to its end, with the bytes of one that was not."""
    wanted, seconds = undisturbed
    rng, out, killed, ended = random.Random(SEED), tmp_path / "out", 0, 0
    moments = [rng.uniform(0.2, seconds) for _ in range(KILLS)]
    print("seed", SEED, "moments", [round(m, 2) for m in moments])
    with reading(out, [wanted]) as reader:
        for moment in moments:
            if kill(start(town, out, tmp_path, "--again"), moment):
                killed += 1
                left = [p.name for p in out.iterdir()] if out.exists() else []
                assert set(left) <= {"runs"} or (out / "latest").exists()
            else:
                ended += 1
        last = start(town, out, tmp_path, "--again")
        _, said = last.communicate(timeout=600)
        assert last.returncode == 0, said
    assert killed >= KILLS // 3
    assert reader.looks
    assert result(out) == wanted
    assert not (out / "runs" / ".work").exists()
    assert not list((out / "runs").glob(".partial-*"))
    # what killed runs left in the temporary folder is gone, too
    assert not list((tmp_path / "tmp").glob("gangfinder-run-*"))
