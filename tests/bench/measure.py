"""Run commands one after the other, each in a process of its own, and say what it cost."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from gangfinder.synth import SYNTH_VERSION

RESULTS = Path(__file__).parent / "results"
GANGFINDER = (sys.executable, "-c", "from gangfinder.cli import main; main()")


@dataclass(frozen=True, slots=True)
class Cost:
    """What one process cost: wall and processor seconds, and the most memory it held at once, in megabytes."""

    seconds: float
    cpu_seconds: float
    peak_mb: int


class CommandFailed(RuntimeError):
    """A measured command did not end well; its output is the message."""


def measured(*command: str) -> Cost:
    """Run a command to its end.

    Raises
    ------
    CommandFailed
        If it does not exit with 0.
    """
    read, write_ = os.pipe()
    with os.fdopen(read) as answer:
        child = subprocess.Popen(
            [sys.executable, "-S", "-c", MONITOR, str(write_), *command],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, pass_fds=[write_],
        )
        os.close(write_)
        output = child.communicate()[0]
        status, seconds, cpu, kilobytes = json.loads(answer.read())
    if status != 0:
        raise CommandFailed(f"{command[:4]} exited with {status}\n{output[-4000:]}")
    return Cost(round(seconds, 2), round(cpu, 2), kilobytes // 1024)


MONITOR = """
import json, os, subprocess, sys, time
begin = time.perf_counter()
child = subprocess.Popen(sys.argv[2:])
_, status, usage = os.wait4(child.pid, 0)
child.returncode = os.waitstatus_to_exitcode(status)
figures = [child.returncode, time.perf_counter() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss]
os.write(int(sys.argv[1]), json.dumps(figures).encode())
"""
"""A small process starts the command: on Linux a child's ru_maxrss (kilobytes) is never below that of the process that
started it, and a test worker is large."""


def provenance(**settings: Any) -> dict[str, Any]:
    """Return what somebody needs to make the same figures again."""
    return {"version": version("gangfinder"), "synth_version": SYNTH_VERSION, **settings}


def machine() -> dict[str, Any]:
    """Return what the figures depend on and nobody can set: cores, Python, operating system."""
    return {"cores": len(os.sched_getaffinity(0)), "python": platform.python_version(), "system": platform.system()}


def write(name: str, document: Any) -> Path:
    """Write a result, so that equal figures are equal bytes."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return path


def read(name: str) -> Any | None:
    """Return a committed result, or None if it has not been measured."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
