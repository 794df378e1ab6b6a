"""``gangfinder synth``."""

from __future__ import annotations

from pathlib import Path

import click

from gangfinder.cli._command import Command
from gangfinder.cli._output import quiet_option, recorder


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
    quiet: bool,  # noqa: FBT001
) -> None:
    """Write a synthetic town with planted rings and innocent look-alikes, and the truth about both.

    Nobody in it exists: identity numbers are of a region that does not exist, phones of a reserved block.

    Example:
      gangfinder synth town --patients 6000 --seed 1
    """
    from gangfinder.synth import TownSettings, build_town, write_town

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
    )
    with recorder(quiet=quiet)(f"making a town of {patients:,} people") as stage:
        town = build_town(settings)
        write_town(town, out)
        stage.rows = sum(table.num_rows for table in town.tables.values())
    n_rings, n_innocent = len(town.truth.rings), len(town.truth.lookalikes)
    click.echo(
        f"{stage.rows:,} rows in {len(town.tables)} tables, {n_rings} rings, {n_innocent} look-alikes: {out}"
    )
