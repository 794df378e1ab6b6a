"""``gangfinder verify``."""

from __future__ import annotations

from pathlib import Path

import click

from gangfinder.cli._command import Command
from gangfinder.cli._output import json_option, quiet_option, show_json


@click.command(cls=Command, short_help="Check the integrity of a register.")
@click.argument("register", metavar="REG", type=click.Path(path_type=Path))
@click.option(
    "--out", "outs", multiple=True, type=click.Path(path_type=Path),
    help="Folder of gangfinder run, whose run.json files know how the register was; may be given more than once.",
)
@json_option
@quiet_option
def command(register: Path, outs: tuple[Path, ...], as_json: bool, quiet: bool) -> None:  # noqa: FBT001 - by click
    """Check that a register is what its history says, and that nobody has cut off or rewritten its history.

    REG is the file that was --register of gangfinder run; its sealed part is checked with it.

    Example:
      gangfinder verify leads.db --out out

    Checked: the file; the chain of hashes over all entries; every table against the entries; the end of the
    history against REG.head and, with --out, against what every run wrote into its run.json. Findings name
    entries by their number and no value. Exit code 3 if something does not agree.
    """
    del quiet  # nothing here takes long enough to show progress
    from gangfinder.leads.register.opening import sealed_path
    from gangfinder.leads.register.verification import verify

    found = verify(register, outs)
    beside = sealed_path(register)
    if beside.exists():
        verify(beside)
    if as_json:
        show_json({"sound": True, "entries": found.head.seq, "head": found.head.hash, "heads_outside": found.n_anchors})
    else:
        click.echo(f"{register} is sound: {found.head.seq:,} entries, {found.n_anchors} heads outside agree")
