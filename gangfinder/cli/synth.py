"""``gangfinder synth``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gangfinder.cli._command import Command
from gangfinder.cli._output import quiet_option, recorder

if TYPE_CHECKING:
    from gangfinder.synth import TownSettings


@click.command(cls=Command, short_help="Write a synthetic town.")
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option("--patients", type=int, default=20_000, show_default=True, help="Insured people of the town.")
@click.option("--seed", type=int, default=1, show_default=True, help="Root of every random choice.")
@click.option(
    "--difficulty",
    type=click.IntRange(0, 3),
    default=1,
    show_default=True,
    help="How well rings hide: attendance 1 / .8 / .6 / .4, jitter none / 1 min / 5 min / 1 day, "
    "camouflage visits 0 / 1 / 3 / 5 per ring visit.",
)
@click.option("--clean", is_flag=True, help="Plant no ring; the look-alikes stay.")
@click.option(
    "--typology", "typologies", multiple=True, help="Plant this typology only, for example T01; repeatable."
)
@click.option("--months", type=int, default=12, show_default=True, help="Length of the period, in months.")
@click.option(
    "--only-required", is_flag=True, help="Settlements with the five mandatory columns, nothing else."
)
@click.option("--dates-only", is_flag=True, help="Cut every instant to midnight.")
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["parquet", "csv", "xlsx"]),
    default="parquet",
    show_default=True,
    help="File format of the tables.",
)
@click.option(
    "--encoding",
    type=click.Choice(["utf-8", "gb18030"]),
    default="utf-8",
    show_default=True,
    help="Encoding of CSV files.",
)
@click.option("--offices", is_flag=True, help="Show the fund's offices: staff, rosters, actions, and insiders (T20).")
@click.option(
    "--weeks", type=int, default=0, show_default=True,
    help="Write so many weekly snapshots (OUT/week-01 …) of a town whose rings come, grow, merge, split and fade, "
    "and what is to be said of them each week (OUT/changes.json).",
)
@click.option(
    "--window-weeks", type=int, default=26, show_default=True, help="Weeks of data in each weekly snapshot."
)
@quiet_option
def command(
    out: Path,
    patients: int,
    seed: int,
    difficulty: int,
    clean: bool,  # noqa: FBT001 - click passes options by name
    typologies: tuple[str, ...],
    months: int,
    only_required: bool,  # noqa: FBT001
    dates_only: bool,  # noqa: FBT001
    file_format: str,
    encoding: str,
    offices: bool,  # noqa: FBT001
    weeks: int,
    window_weeks: int,
    quiet: bool,  # noqa: FBT001
) -> None:
    """Write a synthetic town with planted rings and innocent look-alikes, and the truth about both.

    Nobody in it exists: identity numbers are of a region that does not exist, phones of a reserved block.

    Example:
      gangfinder synth town --patients 6000 --seed 1
      gangfinder synth weekly --patients 6000 --months 6 --weeks 4 --window-weeks 14
    """
    from gangfinder.synth import TownSettings

    settings = TownSettings(
        patients=patients,
        seed=seed,
        difficulty=difficulty,
        clean=clean,
        typologies=typologies or None,
        months=months,
        only_required=only_required,
        dates_only=dates_only,
        file_format=file_format,
        encoding=encoding,
        offices=offices,
        weeks=weeks,
        window_weeks=window_weeks,
    )
    (_write_weeks if weeks else _write_once)(settings, out, quiet)


def _write_once(settings: TownSettings, out: Path, quiet: bool) -> None:  # noqa: FBT001
    from gangfinder.synth import build_town, write_town

    patients = settings.patients
    with recorder(quiet=quiet)(f"making a town of {patients:,} people") as stage:
        town = build_town(settings)
        write_town(town, out)
        stage.rows = sum(table.num_rows for table in town.tables.values())
    n_rings, n_innocent = len(town.truth.rings), len(town.truth.lookalikes)
    click.echo(
        f"{stage.rows:,} rows in {len(town.tables)} tables, {n_rings} rings, {n_innocent} look-alikes: {out}"
    )


def _write_weeks(settings: TownSettings, out: Path, quiet: bool) -> None:  # noqa: FBT001
    from gangfinder.synth import write_weeks

    with recorder(quiet=quiet)(f"making {settings.weeks} weeks of a town of {settings.patients:,} people"):
        changes = write_weeks(settings, out)
    said = sum(len(week["rings"]) for week in changes["weeks"])
    click.echo(f"{settings.weeks} weekly snapshots, {said} labels of rings in changes.json: {out}")
