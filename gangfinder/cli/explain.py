"""``gangfinder explain``."""

from __future__ import annotations

from pathlib import Path

import click

from gangfinder.cli._command import Command
from gangfinder.cli._output import json_option, quiet_option, show_json, show_lead


@click.command(cls=Command, short_help="Explain one lead in words.")
@click.argument("out", type=click.Path(path_type=Path))
@click.argument("lead_id")
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh", show_default=True, help="Language.")
@json_option
@quiet_option
def command(out: Path, lead_id: str, lang: str, as_json: bool, quiet: bool) -> None:  # noqa: FBT001 - by name
    """Explain one lead: who, what, how surprising, what was tested, what would clear it, what to ask for.

    OUT is the folder of gangfinder run, or one run in OUT/runs. LEAD_ID is an id, its first characters, or a
    rank.

    Example:
      gangfinder explain out 1
    """
    del quiet  # nothing here takes long enough to show progress
    from gangfinder.leads.catalogue import translator
    from gangfinder.leads.reading import find_narrative

    narrative, say = find_narrative(out, lead_id), translator(lang)
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
