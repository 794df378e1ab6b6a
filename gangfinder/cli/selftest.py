"""``gangfinder selftest``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gangfinder.cli._command import Command
from gangfinder.cli._output import json_option, quiet_option, recorder, show_json, show_table

if TYPE_CHECKING:
    from gangfinder.selftest import SelfTest


@click.command(cls=Command, short_help="Plant rings in a copy of the data; count those seen.")
@click.argument("source", metavar="INPUT", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for selftest.csv and selftest.json."
)
@click.option(
    "--rings", type=click.IntRange(1, 20), default=2, show_default=True, help="Rings of each style and size."
)
@click.option("--settings", "settings_file", type=click.Path(path_type=Path), help="Settings file (TOML).")
@click.option(
    "--profile", type=click.Path(path_type=Path), help="Mapping profile (TOML) for other column names."
)
@click.option("--seed", type=click.IntRange(min=0), help="Root of random choices; default 1.")
@json_option
@quiet_option
def command(
    source: Path,
    out: Path | None,
    rings: int,
    settings_file: Path | None,
    profile: Path | None,
    seed: int | None,
    as_json: bool,  # noqa: FBT001 - click passes options by name
    quiet: bool,  # noqa: FBT001
) -> None:
    """Plant rings in a private copy of the data, and say how many of them are seen, and how small.

    INPUT is a folder of Parquet, CSV or XLSX files, or a .duckdb file. Rings of several styles and sizes
    are made of its own patients, houses and rows, so that its columns and posting habits decide what can
    be seen. The copy is private and gone afterwards; INPUT is not changed, and no lead is shown.

    Example:
      gangfinder selftest town --rings 1

    Each copy costs the time of a run. Precision counts new leads alone: those of the untouched data are
    taken off.
    """
    from gangfinder.selftest import selftest, write_result
    from gangfinder.selftest.writing import check_folder
    from gangfinder.settings import read_settings

    if out is not None:
        check_folder(out)
    settings = read_settings(settings_file, seed=seed)
    result = selftest(source, settings, rings=rings, profile=profile, stages=recorder(quiet=quiet))
    if out is not None:
        write_result(result, out)
    if as_json:
        show_json(result.to_json())
    else:
        _show(result)


def _show(result: SelfTest) -> None:
    from gangfinder.selftest.report import share

    columns = {"style": "style", "size": "#people", "planted": "#planted", "found": "#found", "recall": "#recall"}
    show_table(result.rows(), columns, "Planted rings and those seen")
    click.echo("")
    styles = [
        {"style": s.style, "recall": share(s.recall), "precision": share(s.precision), "title": s.title}
        for s in result.styles if not s.untestable
    ]
    show_table(styles, {"style": "style", "recall": "#recall", "precision": "#precision", "title": "what it is"})
    click.echo("")
    for one in result.styles:
        if one.untestable:
            click.echo(f"Not testable: {one.title}: {one.untestable}.")
        for note in one.notes:
            click.echo(f"Note on {one.title}: {note}.")
    shares = ", ".join(f"{c.share:.1%}" for c in result.copies)
    click.echo(
        f"Planted: {sum(c.rings for c in result.copies)} rings in {len(result.copies)} private copies; "
        f"share of planted rows in each: {shares or '–'}."
    )
    click.echo(f"Leads on the untouched copy, not counted: {result.background_leads}.")
    click.secho(result.smallest, bold=True)
