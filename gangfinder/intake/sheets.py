"""Workbooks (XLSX) → text tables in the scratch folder.

A workbook is at most a million rows, so it may pass through Python. Cells keep what a person sees:
identifiers without ``.0`` or exponent, dates as dates.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from gangfinder.errors import UnreadableFile
from gangfinder.intake.sources import Relation, scan_csv, unique_header

if TYPE_CHECKING:
    from python_calamine import CalamineSheet

ROW_LIMIT = 1_048_576
_EXACT = 10**15  # a spreadsheet keeps 15 significant digits


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f").removesuffix(".0")
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ")
    return "" if value is None else str(value)


def _write(rows: Iterable[list[object]], header: list[str], target: Path, lossy: dict[str, int]) -> None:
    width = len(header)
    with target.open("w", encoding="utf-8", newline="") as stream:
        out = csv.writer(stream, lineterminator="\n")
        out.writerow(header)
        for row in rows:
            cells = row[:width] + [""] * (width - len(row))
            for name, value in zip(header, cells, strict=True):
                if isinstance(value, float) and abs(value) >= _EXACT:
                    lossy[name] = lossy.get(name, 0) + 1
            # an empty row becomes a line of separators: it is counted and rejected, not silently skipped
            out.writerow([_cell(value) for value in cells])


def _split(sheet: CalamineSheet) -> tuple[list[str], Iterator[list[object]]]:
    """Return header and rows of a sheet; an empty sheet has no header."""
    rows: Iterator[list[object]] = iter(sheet.iter_rows())  # type: ignore[arg-type]
    header = [_cell(v) for v in next(rows, [])]
    while header and not header[-1].strip():
        header.pop()
    return header, rows


def sheet_relations(path: Path, name: str, scratch: Path) -> list[tuple[str, Relation]]:
    """Open the first sheet that has a header, and its continuations (sheets with the same header).

    Parameters
    ----------
    path
        The workbook.
    name
        What to call it in messages.
    scratch
        Folder for the text copies.

    Returns
    -------
    list of (sheet, relation)
        The sheet name is empty when there is one sheet only.

    Raises
    ------
    UnreadableFile
        If it is damaged, protected by a password, or empty.
    """
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        workbook = CalamineWorkbook.from_path(path)
        found: list[tuple[str, list[str], Path, dict[str, int]]] = []
        for title in workbook.sheet_names:
            header, rows = _split(workbook.get_sheet_by_name(title))
            if not header or (found and header != found[0][1]):
                continue
            target, lossy = scratch / f"{len(list(scratch.iterdir()))}.csv", dict[str, int]()
            _write(rows, header, target, lossy)
            found.append((title, header, target, lossy))
    except (CalamineError, ValueError):
        message = f"file {name!r} is no readable workbook"
        raise UnreadableFile(
            message, hint="it may be damaged or protected by a password; save it again"
        ) from None
    if not found:
        message = f"file {name!r} is empty"
        raise UnreadableFile(message, hint="export the table again, or remove the file")
    relations = []
    for title, fields, target, lossy in found:
        header = unique_header(fields)
        relation = Relation(
            sql=scan_csv(target, header, ","),
            columns={h: f"c{n}" for n, h in enumerate(header)},
            types=dict.fromkeys(header, "VARCHAR"),
            delimiter=",",
            line_rejects=True,
            path=target,
        )
        relations.append((title if len(found) > 1 else "", replace(relation, lossy=lossy)))
    return relations
