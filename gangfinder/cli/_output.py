"""How commands print: tables for people, JSON for programs, words for leads."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from rich.console import Console

    from gangfinder.leads.catalogue import Translator
    from gangfinder.leads.narrative import Narrative
    from gangfinder.run import Stages

F = TypeVar("F", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
lang_option = click.option(
    "--lang",
    type=click.Choice(["zh", "en"]),
    default=None,
    help="Language of sentences; default zh, or the settings'.",
)


def quiet_option(command: F) -> F:
    """Add ``--quiet``: no progress, no log lines; errors are still printed."""
    return click.option("-q", "--quiet", is_flag=True, help="Show no progress and no log lines.")(command)


def log_format_option(command: F) -> F:
    """Add ``--log-format``: log lines for people, or one JSON object each for programs."""
    formats = click.Choice(["text", "json"])
    return click.option(
        "--log-format", type=formats, default="text", show_default=True,
        help="Log lines on standard error: a sentence, or a JSON object with rows, seconds and memory.",
    )(command)


def recorder(*, quiet: bool, log_format: str = "text") -> Stages:
    """Return a recorder of stages, and send our log lines to standard error unless quiet."""
    from gangfinder.run import JsonLines, Redaction, Stages

    logger = logging.getLogger("gangfinder")
    for old in [h for h in logger.handlers if getattr(h, "of_cli", False)]:
        logger.removeHandler(old)
    handler = logging.StreamHandler(sys.stderr)
    handler.of_cli = True  # type: ignore[attr-defined]
    handler.setFormatter(JsonLines() if log_format == "json" else logging.Formatter("%(message)s"))
    handler.addFilter(Redaction())  # records of child loggers pass the handler alone
    logger.addHandler(handler)
    logger.setLevel(logging.WARNING if quiet else logging.INFO)
    return Stages(quiet=quiet, terminal=False if log_format == "json" else None)


def show_json(value: Any) -> None:  # noqa: ANN401 - anything JSON can hold
    """Print a value as JSON, keys in the order given."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def show_table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], title: str = "") -> None:
    """Print rows as a table.

    Parameters
    ----------
    rows
        Records.
    columns
        Field → heading, in order. Headings that start with ``#`` are numbers, set to the right.
    title
        A line above the table.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    console = _console()
    if title:
        click.secho(title, bold=console.is_terminal)
    table = Table(box=box.SIMPLE_HEAD if console.is_terminal else None, pad_edge=False, show_edge=False)
    headings = list(columns.values())
    for heading in headings:
        numeric = heading.startswith("#")
        # an id that is broken over two lines cannot be copied: only the last column, words, may wrap
        words = heading is headings[-1]
        table.add_column(
            heading.lstrip("#"), justify="right" if numeric else "left", overflow="fold", no_wrap=not words
        )
    for row in rows:
        table.add_row(*(Text(_cell(row.get(name))) for name in columns))
    _print(console, table)


def show_lead(narrative: Narrative, say: Translator) -> None:
    """Print a lead in words: formatted on a terminal, plain text elsewhere."""
    from rich.text import Text

    from gangfinder.export.cells import visible
    from gangfinder.leads.phrases import phrase, status_title

    console = _console()
    place = phrase(
        "lead.title", lead_id=narrative.lead_id, rank=narrative.rank, status=status_title(narrative.status)
    )
    _print(console, Text(visible(say.line(place)), style="bold"))
    _print(console, Text(visible(say.line(narrative.headline)), style="bold yellow"))
    for section in narrative.sections:
        _print(console, Text(""))
        _print(console, Text(visible(say.render(section.title)), style="bold cyan"))
        for line in section.lines:
            _print(console, _bullet(visible(say.line(line)), terminal=console.is_terminal))


def _bullet(text: str, *, terminal: bool) -> Any:  # noqa: ANN401 - any rich renderable
    from rich.table import Table
    from rich.text import Text

    if not terminal:
        return Text(f"  - {text}")
    grid = Table.grid(padding=(0, 1, 0, 0))  # wrapped lines stay under their text, not under the bullet
    grid.add_column()
    grid.add_column(overflow="fold")
    grid.add_row(Text("  •"), Text(text))
    return grid


def _console() -> Console:
    from rich.console import Console

    # rich would cut a table that is piped into a file at 80 columns
    return Console(
        file=sys.stdout, highlight=False, soft_wrap=False, width=None if sys.stdout.isatty() else 4000
    )


def _print(console: Console, thing: Any) -> None:  # noqa: ANN401 - any rich renderable
    if console.is_terminal:
        console.print(thing)
        return
    with console.capture() as captured:
        console.print(thing)
    click.echo("\n".join(line.rstrip() for line in captured.get().rstrip("\n").split("\n")))


def _cell(value: Any) -> str:  # noqa: ANN401 - any cell
    from gangfinder.export.cells import visible

    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else visible(str(value))
