"""``gangfinder check``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gangfinder.cli._command import Command
from gangfinder.cli._output import json_option, lang_option, quiet_option, recorder, show_json, show_table

if TYPE_CHECKING:
    from gangfinder.leads.catalogue import Translator
    from gangfinder.pipeline import CheckReport


@click.command(cls=Command, short_help="Report on the data, and which detectors can run.")
@click.argument("source", metavar="INPUT", type=click.Path(path_type=Path))
@click.option("--settings", "settings_file", type=click.Path(path_type=Path), help="Settings file (TOML).")
@click.option(
    "--profile", type=click.Path(path_type=Path), help="Mapping profile (TOML) for other column names."
)
@lang_option
@json_option
@quiet_option
def command(
    source: Path,
    settings_file: Path | None,
    profile: Path | None,
    lang: str | None,
    as_json: bool,  # noqa: FBT001 - click passes options by name
    quiet: bool,  # noqa: FBT001
) -> None:
    """Report what is in the data, what is wrong with it, and which detectors can run on it.

    INPUT is a folder of Parquet, CSV or XLSX files, or a .duckdb file. Nothing is written.

    Example:
      gangfinder check town
    """
    from gangfinder import pipeline
    from gangfinder.leads.catalogue import translator
    from gangfinder.settings import read_settings

    settings = read_settings(settings_file, lang=lang)
    report = pipeline.check(source, settings, profile=profile, stages=recorder(quiet=quiet))
    if as_json:
        show_json(_record(report, translator(settings.lang)))
    else:
        _show(report, translator(settings.lang))


def _record(report: CheckReport, say: Translator) -> dict[str, Any]:
    from gangfinder.intake import to_rows

    return {
        "source": report.intake.source,
        "tables": report.intake.to_rows(),
        "findings": to_rows(tuple(report.findings)),
        "ignored": list(report.intake.ignored),
        "runnable": [{"code": t.code, "slug": t.slug, "title": say(t.title)} for t in report.runnable],
        "skipped": [{"kind": s.kind, "slug": s.slug, "reason": s.reason} for s in report.skipped],
    }


def _show(report: CheckReport, say: Translator) -> None:
    record = _record(report, say)
    tables = {
        "table": "table",
        "rows_read": "#rows read",
        "rows_kept": "#kept",
        "rows_identical": "#identical",
        "rows_rejected": "#rejected",
        "rows_void": "#void",
        "columns": "#columns",
        "profile": "profile",
    }
    show_table(record["tables"], tables, f"Tables of {record['source']}")
    click.echo("")
    _show_findings(record["findings"])
    if record["ignored"]:
        click.echo(f"Ignored, because they belong to no table: {', '.join(record['ignored'])}")
        click.echo("")
    show_table(
        record["runnable"], {"code": "code", "slug": "slug", "title": "title"}, "Detectors that can run"
    )
    if record["skipped"]:
        click.echo("")
        show_table(
            record["skipped"],
            {"kind": "kind", "slug": "slug", "reason": "why"},
            "What cannot run on these data",
        )


def _show_findings(findings: list[dict[str, Any]]) -> None:
    if not findings:
        click.echo("Quality: nothing to report.\n")
        return
    click.secho("Quality, the gravest first", bold=True)
    for found in findings:
        place = ".".join(part for part in (found["table"], found["column"]) if part) or "input"
        share = "" if found["share"] is None else f", {found['share']:.1%}"
        click.echo(f"  [{found['severity']}] {place} ({found['count']:,}{share}): {found['sentence']}")
        if found["action"]:
            click.echo(f"      → {found['action']}")
    click.echo("")
