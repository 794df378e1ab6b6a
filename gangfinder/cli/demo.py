"""``gangfinder demo``."""

from __future__ import annotations

from pathlib import Path

import click

from gangfinder.cli._command import Command
from gangfinder.cli._output import json_option, lang_option, quiet_option, recorder, show_json, show_lead

PATIENTS, SEED = 6_000, 1


@click.command(cls=Command, short_help="Find and explain rings in a synthetic town.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo-out"),
    show_default=True,
    help="Folder of the town and its results.",
)
@lang_option
@json_option
@quiet_option
def command(out: Path, lang: str | None, as_json: bool, quiet: bool) -> None:  # noqa: FBT001 - by name
    """Make a synthetic town, find its rings, and explain the best lead; takes under a minute.

    The town is made up, and so is everybody in it. It is written to OUT/town, its leads to OUT.

    Example:
      gangfinder demo --out demo-out
    """
    from gangfinder import pipeline
    from gangfinder.cli._listing import lead_records, show_leads
    from gangfinder.leads.catalogue import translator
    from gangfinder.leads.reading import find_narrative
    from gangfinder.settings import read_settings
    from gangfinder.synth import TownSettings, build_town, write_town

    settings = read_settings(None, lang=lang)
    stages = recorder(quiet=quiet)
    with stages(f"making a town of {PATIENTS:,} people") as stage:
        town = build_town(TownSettings(patients=PATIENTS, seed=SEED, rings_per_typology=1))
        write_town(town, out / "town")
        stage.rows = sum(table.num_rows for table in town.tables.values())
    result = pipeline.run(out / "town", out, settings, stages=stages)
    if as_json:
        show_json(lead_records(result.leads))
        return
    show_leads(result.leads, result.record.skipped, out, settings.lang)
    if result.leads:
        click.echo("")
        show_lead(find_narrative(out, result.leads[0].lead_id), translator(settings.lang))
