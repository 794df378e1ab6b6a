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
@click.option(
    "--sealed", is_flag=True, allow_from_autoenv=False, help="Report on leads on fund staff; asks for a reason."
)
@click.option("--reason", help="Why sealed leads are reported on; it is recorded.")
@click.option("--identity", type=click.Path(path_type=Path), help="File with the age secret key of sealed leads.")
@quiet_option
def command(  # noqa: PLR0913 - one parameter an option
    register: Path,
    out: Path,
    week: str | None,
    lang: str,
    sealed: bool,  # noqa: FBT001 - click passes options by name
    reason: str | None,
    identity: Path | None,
    quiet: bool,  # noqa: FBT001
) -> None:
    """Write the weekly report (what changed, what was decided, trends) and the ledger, as XLSX, HTML and Markdown.

    REG is the file that was --register of gangfinder run. A report tells of the last run whose data end in the week,
    and of what was decided until the next run.

    Example:
      gangfinder report leads.db --out reports

    Sealed leads are for discipline inspection alone: --sealed writes reports on them and nothing else, and asks for
    a --reason, which is recorded in REG.sealed/access.jsonl before anything is read.

    Sealed:
      gangfinder report leads.db --out reports --sealed --reason "file 2026-14"
    """
    from gangfinder.leads.register.opening import open_register
    from gangfinder.leads.register.unsealing import open_sealed_register
    from gangfinder.reports.writing import write_reports

    if not sealed and (reason is not None or identity is not None):
        msg = "--reason and --identity go with --sealed"
        raise click.UsageError(msg)

    if week is not None and not re.fullmatch(r"\d{4}-W\d{2}", week):
        msg = "--week is an ISO week, such as 2025-W10"
        raise click.UsageError(msg)
    book = open_sealed_register(register, "report", reason or "") if sealed else open_register(register)
    with recorder(quiet=quiet)("writing the reports"):
        files = write_reports(book, out, week, lang, sealed=sealed, identity=identity)
    for path in files:
        if path.suffix != ".svg":
            click.echo(str(path))
