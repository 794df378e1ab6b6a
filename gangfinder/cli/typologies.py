"""``gangfinder typologies``."""

from __future__ import annotations

from typing import Any

import click

from gangfinder.cli._command import Command
from gangfinder.cli._output import json_option, quiet_option, show_json, show_table


@click.command(cls=Command, short_help="List the typologies that are looked for.")
@click.option(
    "--lang", type=click.Choice(["zh", "en"]), default="zh", show_default=True, help="Language of titles."
)
@json_option
@quiet_option
def command(lang: str, as_json: bool, quiet: bool) -> None:  # noqa: FBT001 - click passes options by name
    """List the typologies: what each looks for, what data it needs, and which explanations it tests.

    Example:
      gangfinder typologies --json
    """
    del quiet  # nothing here takes long enough to show progress
    from gangfinder.cli._declared import needs, needs_text, params
    from gangfinder.leads.catalogue import translator
    from gangfinder.typologies import typologies

    say = translator(lang)
    rows: list[dict[str, Any]] = [
        {
            "code": t.code,
            "slug": t.slug,
            "title": say(t.title),
            "grade": t.grade.value,
            "subject": t.subject_type,
            "sealed": t.sealed,
            "requires": needs(t.requires),
            "optional": needs(t.optional),
            "needs_clock": t.needs_clock,
            "benign": list(t.benign),
            "provisions": [say(p) for p in t.provisions],
            "needs": needs_text(t.requires),
            "params": params(t.params),
        }
        for t in sorted(typologies().values(), key=lambda t: t.code)
    ]
    if as_json:
        show_json(rows)
        return
    headings = {"code": "code", "slug": "slug", "title": "title", "grade": "grade", "needs": "needs"}
    show_table(rows, headings)
