"""Which seeds today: they change with every commit, and are printed, so that a failure can be had again."""

from __future__ import annotations

import hashlib
import os
import subprocess
from datetime import date
from pathlib import Path

ROOT = Path(__file__).parents[2]


def rotation() -> str:
    """Return what the choice depends on: ``GANGFINDER_ROTATION``, else the commit, else (no repository) the day."""
    given = os.environ.get("GANGFINDER_ROTATION")
    if given:
        return given
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, timeout=10)
    except OSError:
        return date.today().isoformat()
    return done.stdout.strip() if done.returncode == 0 else date.today().isoformat()


def choose(what: str, n: int, count: int = 1) -> list[int]:
    """Return ``count`` different numbers 0 … n − 1 for a purpose."""
    found: list[int] = []
    turn = 0
    while len(found) < min(count, n):
        digest = hashlib.sha256(f"{rotation()} {what} {turn}".encode()).digest()
        number = int.from_bytes(digest[:8]) % n
        if number not in found:
            found.append(number)
        turn += 1
    return found
