"""What the user sees when something goes wrong: a sentence, a hint, an exit code."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from pathlib import Path

import click

from gangfinder.errors import GangfinderError

INTERRUPTED = 130


def report(error: BaseException) -> int:
    """Print an error on standard error and return the exit code.

    Parameters
    ----------
    error
        What a command raised. With ``GANGFINDER_DEBUG=1`` an unexpected one is printed with its traceback.
    """
    if isinstance(error, KeyboardInterrupt):
        click.echo("interrupted; no result was published", err=True)
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):
        # the reader of our output went away; nothing is left to say, and Python must not say it at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if isinstance(error, GangfinderError):
        return _ours(error)
    if os.environ.get("GANGFINDER_DEBUG") == "1":
        traceback.print_exception(error)
    return _unexpected(error)


def _ours(error: GangfinderError) -> int:
    click.echo(f"error: {error.message}", err=True)
    for line in error.details:
        click.echo(f"  - {line}", err=True)
    if error.hint:
        click.echo(f"hint: {error.hint}", err=True)
    return error.exit_code


def _unexpected(error: BaseException) -> int:
    click.echo(
        f"error: internal error of gangfinder ({type(error).__name__}); the result was not written", err=True
    )
    log = _log(error)
    where = (
        f"{log} says where it happened, without any value of your data" if log else "no log could be written"
    )
    click.echo(f"hint: {where}; please report it", err=True)
    return 1


def _log(error: BaseException) -> Path | None:
    """Write where it happened, but never the message: libraries quote the value that they could not read."""
    lines: list[str] = []
    current: BaseException | None = error
    while current is not None:
        lines += [
            f"{type(current).__module__}.{type(current).__name__}\n",
            *traceback.format_tb(current.__traceback__),
        ]
        current = current.__cause__ or current.__context__
    folder = _state_folder()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix="error-", suffix=".log", dir=folder)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.writelines(lines)
    except OSError:
        return None
    return Path(name)


def _state_folder() -> Path:
    home = os.environ.get("XDG_STATE_HOME")
    return (Path(home) if home else Path.home() / ".local" / "state") / "gangfinder"
