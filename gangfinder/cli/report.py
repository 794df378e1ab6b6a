"""``gangfinder report``."""

from __future__ import annotations

import re
from pathlib import Path

import click

from gangfinder.cli._command import Command
from gangfinder.cli._output import quiet_option, recorder


@click.command(cls=Command, short_help="Write the weekly report and the ledger of a register.")
@click.argument("register", metavar="REG", type=click.Path(path_type=Path))
@click.option(
    "--out", metavar="DIR", type=click.Path(path_type=Path, file_okay=False), required=True, help="Where to write."
)
@click.option(
    "--week", metavar="WEEK", help="ISO week of the last day of the data, such as 2025-W10; default the last run's."
)
@click.option(
    "--lang", type=click.Choice(["zh", "en"]), default="zh", show_default=True, help="Language of the reports."
)
@quiet_option
def command(
    register: Path,
    out: Path,
    week: str | None,
    lang: str,
    quiet: bool,  # noqa: FBT001 - click passes options by name
) -> None:
    """Write the weekly report (what changed, what was decided, trends) and the ledger, as XLSX, HTML and Markdown.

    REG is the file that was --register of gangfinder run. A report tells of the last run whose data end in the week,
    and of what was decided until the next run.

    Example:
      gangfinder report leads.db --out reports
    """
    from gangfinder.leads.register.opening import open_register
    from gangfinder.reports.writing import write_reports

    if week is not None and not re.fullmatch(r"\d{4}-W\d{2}", week):
        msg = "--week is an ISO week, such as 2025-W10"
        raise click.UsageError(msg)
    with recorder(quiet=quiet)("writing the reports"):
        files = write_reports(open_register(register), out, week, lang)
    for path in files:
        if path.suffix != ".svg":
            click.echo(str(path))
