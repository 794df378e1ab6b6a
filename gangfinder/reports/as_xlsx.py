"""A document as a workbook: one sheet for each section, numbers as numbers, pictures as charts of the workbook."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from gangfinder.export.cells import neutral
from gangfinder.reports.document import Cell, Column, Document, Fact, Kind, Picture, Section, Table

_FORBIDDEN = str.maketrans(dict.fromkeys("[]:*?/\\", " "))
_TITLE_CHARACTERS = 31
_WIDTHS = {Kind.TEXT: 14, Kind.COUNT: 10, Kind.FEN: 16, Kind.SHARE: 11}
_SENTENCE = 56
_HEAD_POINTS = 32
_FORMATS = {Kind.COUNT: "#,##0", Kind.FEN: "¥#,##0.00", Kind.SHARE: "0.0%"}
Sheet = Any  # xlsxwriter publishes no types
Book = Any


def workbook(document: Document) -> bytes:
    """Return the document as the bytes of an XLSX file.

    Texts are written as texts, never as formulas, links or numbers; what could start a formula when a reader edits the
    cell or saves it as CSV has an apostrophe in front, as everywhere (:mod:`gangfinder.export.cells`).
    """
    import xlsxwriter  # type: ignore[import-untyped]

    out = io.BytesIO()
    book = xlsxwriter.Workbook(
        out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    )
    book.set_properties({"title": neutral(document.title), "created": _made(document)})
    _head(book, document)
    sheets = [_sheet(book, section) for section in document.sections]
    pictures = [
        (sheet, section, picture)
        for sheet, section in zip(sheets, document.sections, strict=True)
        for picture in section.pictures
    ]
    for sheet, section, picture in pictures:
        chart = _chart(book, _page(book, picture.title), picture)
        below = len(section.lines) + 2 + len(section.table.rows if section.table else ())
        sheet.insert_chart(below + 17 * section.pictures.index(picture), 0, chart)
    book.close()
    return out.getvalue()


def _made(document: Document) -> datetime:
    """Return when the run was started: a workbook that bore the time of printing would differ each time."""
    return datetime.fromisoformat(document.made_at).replace(tzinfo=None) if document.made_at else datetime(2000, 1, 1)


def _head(book: Book, document: Document) -> None:
    sheet = _page(book, document.title)
    looks = ({"bold": 1, "font_size": 16}, {"bold": 1}, {"font_color": "#5d676e"})
    large, bold, soft = (book.add_format(look) for look in looks)
    sheet.set_column(0, 0, 30)
    sheet.set_column(1, 2, 24)
    sheet.write_string(0, 0, neutral(document.title), large)
    sheet.write_string(1, 0, neutral(document.subtitle), soft)
    for place, fact in enumerate(document.facts):
        _fact(sheet, 3 + place, fact, bold, soft)
    row = 4 + len(document.facts)
    for note in dict.fromkeys(note for section in document.sections for note in section.notes):
        sheet.write_string(row, 0, neutral(note), soft)
        row += 1


def _fact(sheet: Sheet, row: int, fact: Fact, bold: Any, soft: Any) -> None:  # noqa: ANN401
    sheet.write_string(row, 0, neutral(fact.title))
    if fact.value.isdecimal():
        sheet.write_number(row, 1, int(fact.value), bold)
    else:
        sheet.write_string(row, 1, neutral(fact.value), bold)
    sheet.write_string(row, 2, neutral(fact.note), soft)


def _sheet(book: Book, section: Section) -> Sheet:
    sheet = _page(book, section.title)
    for row, line in enumerate(section.lines):
        sheet.write_string(row, 0, neutral(line))
    if section.table is not None and section.table.rows:
        _table(book, sheet, section.table, len(section.lines))
    return sheet


def _page(book: Book, title: str) -> Sheet:
    """Return a new sheet that prints as wide as a page."""
    sheet = book.add_worksheet(_name(title))
    sheet.set_landscape()
    sheet.set_paper(9)  # A4
    sheet.fit_to_pages(1, 0)
    return sheet


def _name(title: str) -> str:
    return neutral(title.translate(_FORBIDDEN)).replace("'", "")[:_TITLE_CHARACTERS].strip()


def _table(book: Book, sheet: Sheet, table: Table, top: int) -> None:
    head = book.add_format({"bold": 1, "bg_color": "#f4f6f7", "bottom": 1, "text_wrap": 1, "valign": "top"})
    styles = {kind: book.add_format({"num_format": text, "valign": "top"}) for kind, text in _FORMATS.items()}
    text, wrapped = book.add_format({"valign": "top"}), book.add_format({"valign": "top", "text_wrap": 1})
    sheet.set_row(top, _HEAD_POINTS)
    for place, column in enumerate(table.columns):
        sheet.set_column(place, place, _SENTENCE if column.wide else _WIDTHS[column.kind])
        sheet.write_string(top, place, neutral(column.title), head)
    for row, cells in enumerate(table.cells, top + 1):
        for place, (column, cell) in enumerate(cells):
            style = styles.get(column.kind, wrapped if column.wide else text)
            _cell(sheet, row, place, column, cell, style)
    sheet.freeze_panes(top + 1, 0)
    sheet.autofilter(top, 0, top + len(table.rows), len(table.columns) - 1)
    sheet.repeat_rows(top)


def _cell(sheet: Sheet, row: int, place: int, column: Column, cell: Cell, style: Any) -> None:  # noqa: ANN401
    if cell is None or cell == "":
        sheet.write_blank(row, place, None, style)
    elif column.kind is Kind.FEN:
        sheet.write_number(row, place, int(cell) / 100, style)
    elif column.kind is Kind.TEXT:
        sheet.write_string(row, place, neutral(str(cell)), style)
    else:
        sheet.write_number(row, place, float(cell), style)


def _chart(book: Book, sheet: Sheet, picture: Picture) -> Any:  # noqa: ANN401
    """Return a picture as a chart of the cells of a sheet of its own."""
    kinds: Mapping[str, dict[str, str]] = {
        "stacked": {"type": "column", "subtype": "stacked"}, "lines": {"type": "line"}, "intervals": {"type": "bar"},
    }
    chart = book.add_chart(kinds[picture.kind])
    style = book.add_format({"num_format": _FORMATS[Kind.SHARE if picture.kind == "intervals" else Kind.COUNT]})
    labels, last = [neutral(label) for label in picture.labels], len(picture.labels)
    _column(sheet, 0, "", labels, None)
    bars = _bars(sheet, picture, style)
    for place, one in enumerate(picture.series, 1):
        _column(sheet, place, one.title, [float(value) for value in picture.values[one.name]], style)
        look = {"line": {"color": one.colour, "width": 2}} if picture.kind == "lines" else {}
        chart.add_series({
            "name": [sheet.name, 0, place], "categories": [sheet.name, 1, 0, last, 0],
            "values": [sheet.name, 1, place, last, place], "fill": {"color": one.colour}, **look, **bars,
        })
    chart.set_title({"name": picture.title, "name_font": {"size": 11}})
    chart.set_size({"width": 760, "height": 320})
    chart.set_legend({"position": "bottom"})
    if picture.kind == "intervals":
        chart.set_x_axis({"min": 0, "max": 1, "num_format": "0%"})
        chart.set_y_axis({"reverse": True})
    return chart


def _column(sheet: Sheet, place: int, title: str, values: Sequence[str | float], style: Any) -> None:  # noqa: ANN401
    sheet.set_column(place, place, 14)
    sheet.write_string(0, place, neutral(title))
    for row, value in enumerate(values, 1):
        (sheet.write_string if isinstance(value, str) else sheet.write_number)(row, place, value, style)


def _bars(sheet: Sheet, picture: Picture, style: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return the error bars of an interval; how far they reach stands in cells, for not every program reads numbers."""
    if picture.kind != "intervals":
        return {}
    from xlsxwriter.utility import xl_range_abs  # type: ignore[import-untyped]

    point, low, high = (list(picture.values[name]) for name in ("point", "low", "high"))
    above = [h - p for h, p in zip(high, point, strict=True)]
    below = [p - at for p, at in zip(point, low, strict=True)]
    cells = []
    for place, (title, values) in enumerate((("Δ+", above), ("Δ−", below)), 1 + len(picture.series)):
        _column(sheet, place, title, values, style)
        cells.append(f"='{sheet.name}'!{xl_range_abs(1, place, len(point), place)}")
    return {"y_error_bars": {"type": "custom", "plus_values": cells[0], "minus_values": cells[1]}}
