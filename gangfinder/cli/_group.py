"""The root command: finds commands by file, and turns errors into sentences and exit codes."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from pathlib import Path
from typing import Any

import click

from gangfinder import __version__
from gangfinder.cli._command import laid_out
from gangfinder.cli._failure import report


@cache
def _names() -> tuple[str, ...]:
    found = (info.name for info in pkgutil.iter_modules([str(Path(__file__).parent)]))
    return tuple(sorted(name for name in found if not name.startswith("_")))


class Commands(click.Group):
    """Commands as the modules of this package, imported when they are asked for."""

    def __init__(self, name: str | None = None, **attributes: Any) -> None:  # noqa: ANN401 - those of click
        super().__init__(name, **{**attributes, "help": laid_out(attributes.get("help"))})

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        del ctx
        return list(_names())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        del ctx
        if cmd_name not in _names():
            return None
        command = importlib.import_module(f"gangfinder.cli.{cmd_name}").command
        return command if isinstance(command, click.Command) else None

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - as click declares it
        """Run the chosen command; every error ends as one sentence and an exit code."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except (Exception, KeyboardInterrupt) as error:
            ctx.exit(report(error))


@click.group(
    name="gangfinder",
    cls=Commands,
    context_settings={
        "auto_envvar_prefix": "GANGFINDER",
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
    },
)
@click.version_option(__version__, prog_name="gangfinder")
def root() -> None:
    """Find organised medical-insurance fraud rings in a fund's tables; write explained case leads.

    Example:
      gangfinder demo

    Every option can be set in the environment: GANGFINDER_RUN_OUT=out stands for gangfinder run --out out.
    Exit codes: 0 done, with leads or without; 1 an error of ours; 2 bad usage or unusable input.
    """
