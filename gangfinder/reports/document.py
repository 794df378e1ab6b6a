"""A report before it has a format: sections, tables and pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

Cell = str | int | float | None


class Kind(Enum):
    """What a column holds."""

    TEXT = "text"
    COUNT = "count"
    FEN = "fen"
    """Money in fen, shown in yuan."""
    SHARE = "share"
    """0 to 1, shown in per cent."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Parameters
    ----------
    name
        Key of its cells.
    title
        As it is printed.
    kind
        What it holds.
    wide
        Whether it holds sentences.
    """

    name: str
    title: str
    kind: Kind = Kind.TEXT
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Parameters
    ----------
    columns
        In order.
    rows
        Column name → cell; absent and ``None`` ones print as a dash.
    shown
        Rows that are printed where a reader scrolls (HTML, Markdown); spreadsheets hold all.
    more
        What is said where rows are left out, with ``{n}`` for how many.
    """

    columns: tuple[Column, ...]
    rows: tuple[Mapping[str, Cell], ...]
    shown: int = 200
    more: str = ""

    @property
    def cells(self) -> list[list[tuple[Column, Cell]]]:
        """All rows as (column, cell) pairs."""
        return [[(column, row.get(column.name)) for column in self.columns] for row in self.rows]


@dataclass(frozen=True, slots=True)
class Series:
    """One line or one layer of bars of a picture."""

    name: str
    title: str
    colour: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a table's columns.

    Parameters
    ----------
    name
        File name without suffix.
    title
        Said above it, and to those who cannot see it.
    kind
        ``stacked`` bars, ``lines``, or ``intervals`` (``point``, ``low``, ``high`` of 0 to 1).
    labels
        One for each place on the axis.
    values
        Series name → one value for each label.
    series
        What is drawn, in order.
    """

    name: str
    title: str
    kind: str
    labels: tuple[str, ...]
    values: Mapping[str, Sequence[float]]
    series: tuple[Series, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A titled part of a document.

    Parameters
    ----------
    title
        Heading, and name of the sheet.
    lines
        Sentences above the table.
    table, pictures
        What it shows.
    notes
        How its numbers are counted.
    """

    title: str
    lines: tuple[str, ...] = ()
    table: Table | None = None
    pictures: tuple[Picture, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fact:
    """A number of the head of a document, with what it says beside it."""

    title: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """A report.

    Parameters
    ----------
    name
        File name without suffix.
    lang
        ``zh`` or ``en``.
    title, subtitle
        Heading.
    facts
        The numbers one reads first.
    sections
        In reading order.
    made_at
        When the run was started of which it tells, ISO.
    """

    name: str
    lang: str
    title: str
    subtitle: str
    facts: tuple[Fact, ...]
    sections: tuple[Section, ...]
    made_at: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


def shown(column: Column, cell: Cell) -> str:
    """Return a cell as a reader sees it."""
    if cell is None or cell == "":
        return "—"
    if column.kind is Kind.FEN:
        return yuan(int(cell))
    if column.kind is Kind.SHARE:
        return f"{float(cell):.1%}"
    return f"{cell:,}" if column.kind is Kind.COUNT and isinstance(cell, int) else str(cell)


def yuan(fen: int) -> str:
    """Return money in yuan, to the fen."""
    sign, fen = ("−" if fen < 0 else ""), abs(fen)
    return f"{sign}¥{fen // 100:,}.{fen % 100:02d}"
