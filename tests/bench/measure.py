"""Run commands one after the other, each in a process of its own, and say what it cost."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
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
    begin = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    output = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - begin
    child.stdout.close()
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise CommandFailed(f"{command[:4]} exited with {child.returncode}\n{output[-4000:]}")
    # Linux counts ru_maxrss in kilobytes
    return Cost(round(seconds, 2), round(usage.ru_utime + usage.ru_stime, 2), usage.ru_maxrss // 1024)


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
