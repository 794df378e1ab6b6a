"""A lock file: one process at a time; the system lets it go when the process ends, however it ends."""

from __future__ import annotations

import fcntl
import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

FOREVER = math.inf

_PATIENCE = 0.2
"""Seconds between two looks at a lock that somebody else holds."""


class Held(Exception):  # noqa: N818 - no error by itself: who asks says what it means
    """Somebody else holds the lock, and was not done in time."""


@contextmanager
def held(path: Path, wait: float = FOREVER) -> Iterator[None]:
    """Hold a lock for as long as the block lasts.

    Parameters
    ----------
    path
        The lock file; made with mode 0600, and left in place.
    wait
        Seconds to wait for somebody else.

    Raises
    ------
    Held
        If he is not done by then.
    """
    until = time.monotonic() + wait
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "wb") as file:
        while not _taken(file):
            left = until - time.monotonic()
            if left <= 0:
                raise Held
            time.sleep(min(_PATIENCE, left))
        yield


def _taken(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


__all__ = ["FOREVER", "Held", "held"]
