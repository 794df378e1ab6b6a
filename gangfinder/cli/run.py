"""``gangfinder run``."""

from __future__ import annotations

from pathlib import Path

import click

from gangfinder.cli._command import Command
from gangfinder.cli._output import json_option, lang_option, log_format_option, quiet_option, recorder, show_json
from gangfinder.cli._sizes import DURATION, SIZE


@click.command(cls=Command, short_help="Find rings and write ranked leads.")
@click.argument("source", metavar="INPUT", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the results."
)
@click.option("--settings", "settings_file", type=click.Path(path_type=Path), help="Settings file (TOML).")
@click.option(
    "--profile", type=click.Path(path_type=Path), help="Mapping profile (TOML) for other column names."
)
@click.option(
    "--register", type=click.Path(path_type=Path, dir_okay=False),
    help="Register of all leads and decisions (SQLite); made where there is none.",
)
@click.option("--engine", type=click.Choice(["duckdb", "spark"]), default="duckdb", show_default=True)
@click.option("--seed", type=click.IntRange(min=0), help="Root of random choices; default 1.")
@click.option(
    "--threads", type=click.IntRange(min=1), help="Worker threads; default all cores. Changes no result."
)
@click.option(
    "--memory", "--memory-gb", "memory_gb", type=SIZE, metavar="SIZE",
    help="Memory of the engine, for example 1GB; default 4GB. What does not fit is spilled.",
)
@click.option(
    "--temp-dir", type=click.Path(path_type=Path, file_okay=False, exists=True, writable=True),
    help="Folder for what is spilled; default the system's.",
)
@click.option(
    "--wait", type=DURATION, metavar="TIME", default=0.0,
    help="How long to wait for another run into OUT or the register, for example 10m; default not at all.",
)
@click.option(
    "--since", metavar="DATE|DAYS",
    help="Look at what happened since a day, 2025-01-01, or 365d before the last settlements; default everything.",
)
@click.option("--timeout", type=DURATION, metavar="TIME", help="Give up after so long, for example 6h.")
@click.option("--keep", type=click.IntRange(min=1), help="Runs that stay in OUT/runs; default all.")
@click.option("--again", is_flag=True, help="Run although nothing has changed since the last run.")
@click.option("--no-resume", is_flag=True, help="Neither write checkpoints nor go on from those of a killed run.")
@click.option("--top", type=click.IntRange(min=1), help="Most leads listed; default 200.")
@lang_option
@json_option
@log_format_option
@quiet_option
def command(
    source: Path,
    out: Path,
    settings_file: Path | None,
    profile: Path | None,
    register: Path | None,
    engine: str,
    seed: int | None,
    threads: int | None,
    memory_gb: float | None,
    temp_dir: Path | None,
    since: str | None,
    wait: float,
    timeout: float | None,
    keep: int | None,
    again: bool,  # noqa: FBT001 - click passes options by name
    no_resume: bool,  # noqa: FBT001
    top: int | None,
    lang: str | None,
    as_json: bool,  # noqa: FBT001
    log_format: str,
    quiet: bool,  # noqa: FBT001
) -> None:
    """Find rings in a fund's tables and write them as ranked, explained leads.

    INPUT is a folder of Parquet, CSV or XLSX files, or a .duckdb file; only the table settlements is
    mandatory.

    Example:
      gangfinder run town --out out --register leads.db

    With a register leads keep their ids from run to run, the list says what is new, grown or reopened
    (OUT/changes.json too), and dismissed leads stay out of it until they grow; gangfinder review decides.
    A run over an input that the last run has seen ends at once.

    Leads on fund staff are written to OUT/sealed alone, which is always there; nothing else tells whether
    there are any, nor whether the tables on staff could be read (gangfinder check does).

    Unattended runs: one run at a time writes to OUT; a reader of OUT sees the last whole run until the next is
    whole. A run that was killed goes on from its last checkpoint (OUT/runs/.work) when it is started again with
    the same input and settings, and its result is the same. Over an unchanged input a run ends at once.

    Example:
      gangfinder run /data/week --out /srv/gf --register /srv/gf.db --wait 10m --timeout 6h --keep 12

    Exit codes: 0 done, with leads or without, or nothing to do; 1 another run was not done in time, the time
    was over, disk or memory were full, an error of ours; 2 bad usage or unusable input. In all but the first
    case the last result stays.

    Settings file: seed, threads, memory_gb, reject_share (0 to 1), minimum_amount (yuan), top, lang, since,
    key_file, sealed_recipient (age1… encrypts OUT/sealed), and sections [typologies.<slug>],
    [benign.<slug>], [linking.<slug>], [rings], [scoring], [leads], [register].
    """
    from gangfinder import pipeline
    from gangfinder.batch.options import Batch
    from gangfinder.cli._listing import lead_records, show_changes, show_leads
    from gangfinder.settings import read_settings

    settings = read_settings(
        settings_file, seed=seed, threads=threads, memory_gb=memory_gb, top=top, lang=lang, since=since
    )
    stages = recorder(quiet=quiet, log_format=log_format)
    batch = Batch(wait=wait, keep=keep, temp_dir=temp_dir, timeout=timeout, again=again, resume=not no_resume)
    result = pipeline.run(
        source, out, settings, engine=engine, profile=profile, stages=stages, register=register, batch=batch
    )
    if result.unchanged:
        click.echo(f"Nothing is new: run {result.record.run_id} has seen this input; see {out / 'leads.csv'}", err=True)
    elif as_json:
        show_json(lead_records(result.leads))
    else:
        show_leads(result.leads, result.record.skipped, out, settings.lang)
        if register is not None:
            show_changes(result.leads, result.departures)
