"""A document as Markdown, with its pictures in files beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gangfinder.export.cells import visible
from gangfinder.reports.document import Cell, Column, Document, Kind, Section, Table, shown

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!&])")
"""Characters that Markdown could read as something else than themselves."""


def markdown(document: Document) -> str:
    """Return the document as Markdown (with the tables of GitHub's dialect)."""
    parts = [f"# {_plain(document.title)}", _plain(document.subtitle), "\n".join(_facts(document))]
    for section in document.sections:
        parts += _section(document, section)
    return "\n\n".join(part for part in parts if part) + "\n"


def picture_file(document: Document, name: str) -> str:
    """Return the name of the file that a picture of a document stands in."""
    return f"{document.name}-{name}.svg"


def _facts(document: Document) -> Iterator[str]:
    for fact in document.facts:
        note = f" ({_plain(fact.note)})" if fact.note else ""
        yield f"- {_plain(fact.title)}: **{_plain(fact.value)}**{note}"


def _section(document: Document, section: Section) -> Iterator[str]:
    yield f"## {_plain(section.title)}"
    yield from map(_plain, section.lines)
    for picture in section.pictures:
        yield f"![{_plain(picture.title)}]({picture_file(document, picture.name)})"
        yield " · ".join(f"{_plain(one.title)} `{one.colour}`" for one in picture.series)
    if section.table is not None and section.table.rows:
        yield "\n".join(_table(section.table))
        hidden = len(section.table.rows) - section.table.shown
        yield section.table.more.format(n=hidden) if hidden > 0 else ""
    yield "\n".join(f"- {_plain(note)}" for note in section.notes)


def _table(table: Table) -> Iterator[str]:
    yield _row([_plain(column.title) for column in table.columns])
    yield _row(["---" if column.kind is Kind.TEXT else "---:" for column in table.columns])
    for cells in table.cells[: table.shown]:
        yield _row([_cell(column, cell) for column, cell in cells])


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(column: Column, cell: Cell) -> str:
    return _plain(shown(column, cell))


def _plain(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", visible(text))
