"""``gangfinder benign``."""

from __future__ import annotations

from typing import Any

import click

from gangfinder.cli._command import Command
from gangfinder.cli._output import json_option, quiet_option, show_json, show_table


@click.command(cls=Command, short_help="List the innocent explanations that are tested.")
@click.option(
    "--lang", type=click.Choice(["zh", "en"]), default="zh", show_default=True, help="Language of titles."
)
@json_option
@quiet_option
def command(lang: str, as_json: bool, quiet: bool) -> None:  # noqa: FBT001 - click passes options by name
    """List the innocent explanations that are tested before anything becomes a lead.

    Example:
      gangfinder benign --json
    """
    del quiet  # nothing here takes long enough to show progress
    from gangfinder.benign import explanations
    from gangfinder.cli._declared import needs, needs_text, params
    from gangfinder.leads.catalogue import translator

    say = translator(lang)
    rows: list[dict[str, Any]] = [
        {
            "code": e.code,
            "slug": e.slug,
            "title": say(e.title),
            "speaks_of": _speaks_of(e),
            "requires": needs(e.requires),
            "optional": needs(e.optional),
            "needs": needs_text(e.requires),
            "params": params(e.params),
        }
        for e in explanations().values()
    ]
    if as_json:
        show_json(rows)
        return
    for row in rows:
        row["works on"] = ", ".join(row["speaks_of"])
    headings = {"code": "code", "slug": "slug", "title": "title", "works on": "works on", "needs": "needs"}
    show_table(rows, headings)


def _speaks_of(explanation: object) -> list[str]:
    names = {"rows": "rows", "units": "people", "hubs": "hubs", "judge": "groups"}
    return [word for name, word in names.items() if getattr(explanation, name) is not None]
