"""``gangfinder explain``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gangfinder.cli._command import Command
from gangfinder.cli._output import json_option, quiet_option, show_json, show_lead

if TYPE_CHECKING:
    from gangfinder.leads.narrative import Narrative


@click.command(cls=Command, short_help="Explain one lead in words.")
@click.argument("out", type=click.Path(path_type=Path))
@click.argument("lead_id")
@click.option("--sealed", is_flag=True, allow_from_autoenv=False, help="Open a lead on fund staff; asks for a reason.")
@click.option("--reason", allow_from_autoenv=False, help="Why the sealed lead is opened; recorded with user and time.")
@click.option(
    "--identity", type=click.Path(path_type=Path), help="File with the age secret key, where OUT/sealed is encrypted."
)
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh", show_default=True, help="Language.")
@json_option
@quiet_option
def command(
    out: Path,
    lead_id: str,
    sealed: bool,  # noqa: FBT001 - click passes options by name
    reason: str | None,
    identity: Path | None,
    lang: str,
    as_json: bool,  # noqa: FBT001
    quiet: bool,  # noqa: FBT001
) -> None:
    """Explain one lead: who, what, how surprising, what was tested, what would clear it, what to ask for.

    OUT is the folder of gangfinder run, or one run in OUT/runs. LEAD_ID is an id, its first characters, or a
    rank.

    Example:
      gangfinder explain out 1

    A lead on fund staff is for discipline inspection alone, and opened for a reason alone; every request
    is recorded in OUT/sealed/access.jsonl before anything is shown.

    Sealed:
      gangfinder explain out 1 --sealed --reason "file 2026-14, asked by the inspection group"
    """
    del quiet  # nothing here takes long enough to show progress
    from gangfinder.leads.catalogue import translator

    if not sealed and (reason is not None or identity is not None):
        msg = "--reason and --identity go with --sealed"
        raise click.UsageError(msg)
    narrative, say = _found(out, lead_id, sealed, reason, identity), translator(lang)
    if not as_json:
        show_lead(narrative, say)
        return
    sections = [
        {"title": say.render(s.title), "lines": [say.render(line) for line in s.lines]}
        for s in narrative.sections
    ]
    show_json(
        {
            "lead_id": narrative.lead_id,
            "rank": narrative.rank,
            "status": narrative.status,
            "headline": say.render(narrative.headline),
            "sections": sections,
        }
    )


def _found(
    out: Path, lead_id: str, sealed: bool, reason: str | None, identity: Path | None  # noqa: FBT001
) -> Narrative:
    from gangfinder.leads.access import open_sealed
    from gangfinder.leads.reading import find_narrative

    return open_sealed(out, lead_id, reason or "", identity) if sealed else find_narrative(out, lead_id)
