"""Around a run: a scratch folder that is cleaned after killed runs, a limit of time, plain words for a full engine."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from gangfinder.errors import EngineError, Overtime, SettingsError

if TYPE_CHECKING:
    from types import FrameType

    from gangfinder.batch.options import Batch

P = ParamSpec("P")
T = TypeVar("T")

_INSISTENCE = 5.0
"""Seconds between two attempts to stop a run whose time is over."""

_AFTER_THE_SIGNAL = 0.2
"""Seconds from the signal to the interruption: one that came first would look like a fault of the engine."""

_PREFIX, _LOCK = "gangfinder-run-", ".lock"


def told_in_time(work: Callable[P, T]) -> Callable[P, T]:
    """Let a function that has :func:`surroundings` inside raise :class:`Overtime` wherever the end of its time strikes.

    It may strike on the way out of the surroundings, too, before they can see it.
    """

    @wraps(work)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return work(*args, **kwargs)
        except TimeIsUp as late:
            raise _stopped(late) from None

    return run


@contextmanager
def surroundings(batch: Batch) -> Iterator[None]:
    """Run what is inside within its limits.

    Raises
    ------
    Overtime
        If it takes longer than it may.
    EngineError
        If memory or temporary disk space was not enough.
    SettingsError
        If the temporary folder cannot be used.
    """
    with _limited(batch.timeout), _scratch(batch.temp_dir), _engine_errors():
        yield


@contextmanager
def _limited(seconds: float | None) -> Iterator[None]:
    if seconds is None:
        yield
        return
    if threading.current_thread() is not threading.main_thread():
        msg = "a time limit can be set in the main thread alone"
        raise SettingsError(msg, hint="leave the timeout out")

    def over(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise TimeIsUp(seconds)

    before, done = signal.signal(signal.SIGALRM, over), threading.Event()
    threading.Thread(target=_interrupt, args=(seconds, done), daemon=True).start()
    # an error that strikes while an object is finalised is lost: it is raised again until the run has ended
    signal.setitimer(signal.ITIMER_REAL, seconds, _INSISTENCE)
    try:
        yield
    except BaseException as error:
        late = overtime(error)
        if late is None:
            raise
        raise _stopped(late) from None
    finally:
        done.set()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _interrupt(seconds: float, done: threading.Event) -> None:
    """Stop the engine when the time is over, so that it lets Python see the signal."""
    from gangfinder.engine.duckdb import interrupt_all

    wait = seconds + _AFTER_THE_SIGNAL
    while not done.wait(wait):
        interrupt_all()
        wait = _INSISTENCE


class TimeIsUp(BaseException):  # noqa: N818 - as KeyboardInterrupt: who catches every error must not go on
    """Stops a run whose time is over; becomes :class:`Overtime` when it has left everything.

    Parameters
    ----------
    seconds
        How long the run might take.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


def _stopped(late: TimeIsUp) -> Overtime:
    """Return the error that is told; a statement that was left in its middle would hold up whoever uses its engine."""
    from gangfinder.engine.duckdb import interrupt_all

    interrupt_all()
    msg = f"the run was stopped: it took longer than {late.seconds:g} s"
    return Overtime(msg, hint="start it again: it goes on from its last checkpoint; or raise --timeout")


def overtime(error: BaseException) -> TimeIsUp | None:
    """Return the end of the time behind an error: a library that it interrupts may raise an error of its own."""
    current: BaseException | None = error
    while current is not None and not isinstance(current, TimeIsUp):
        current = current.__cause__ or current.__context__
    return current


@contextmanager
def _scratch(parent: Path | None) -> Iterator[None]:
    """Let every temporary file of this process stand in one folder, and remove those that killed runs left.

    What spills there are rows of the input; a killed run cannot remove them itself.
    """
    above = Path(parent or tempfile.gettempdir())
    try:
        _sweep(above)
        own = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=above))  # mode 0700
    except OSError as error:
        msg = f"the temporary folder {above} cannot be used: {error.strerror}"
        raise SettingsError(msg, hint="give another with --temp-dir") from error
    before = tempfile.tempdir
    with os.fdopen(os.open(own / _LOCK, os.O_RDWR | os.O_CREAT, 0o600), "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        tempfile.tempdir = str(own)
        try:
            yield
        finally:
            tempfile.tempdir = before
            shutil.rmtree(own, ignore_errors=True)


def _sweep(above: Path) -> None:
    for left in above.glob(f"{_PREFIX}*"):
        # one whose lock is free belongs to a run that was killed; one without a lock may be starting
        with suppress(OSError), os.fdopen(os.open(left / _LOCK, os.O_RDWR), "wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)


@contextmanager
def _engine_errors() -> Iterator[None]:
    """Say in our words that memory or temporary space was not enough; the engine's own may quote values."""
    try:
        yield
    except Exception as error:
        what = _lacking(error)
        if what is None:
            raise
        msg = f"the engine ran out of {what}"
        hint = "raise --memory, free space in the temporary folder, or give another with --temp-dir"
        raise EngineError(msg, hint=hint) from None


def _lacking(error: Exception) -> str | None:
    import duckdb

    if isinstance(error, MemoryError):
        return "memory"
    if isinstance(error, duckdb.OutOfMemoryException):
        return "memory or temporary disk space"
    if isinstance(error, duckdb.IOException) and os.strerror(errno.ENOSPC) in str(error):
        return "temporary disk space"
    return None


__all__ = ["TimeIsUp", "overtime", "surroundings", "told_in_time"]
