"""Write a town to a folder."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from gangfinder.errors import OutputError
from gangfinder.synth.town import Town

_EXCEL_ROWS = 1_048_575


def write_town(town: Town, folder: str | Path) -> Path:
    """Write ``<table>.<format>`` for every table, and ``truth.json``.

    Parameters
    ----------
    town
        A built town.
    folder
        Where to write; made when absent, with mode 0700.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    OutputError
        If the folder cannot be written, or a table is too long for a spreadsheet.
    """
    target = Path(folder)
    settings = town.truth.settings
    try:
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, table in town.tables.items():
            _write_table(table, target / f"{name}.{settings.file_format}", settings.encoding)
        text = json.dumps(town.truth.to_json(), ensure_ascii=False, indent=1, sort_keys=True)
        _replace(target / "truth.json", (text + "\n").encode())
    except OSError as error:
        message = "The town cannot be written"
        raise OutputError(message, hint="choose a folder with room that you may write to") from error
    return target


def _write_table(table: pa.Table, path: Path, encoding: str) -> None:
    partial = path.with_name(path.name + ".part")
    if path.suffix == ".parquet":
        pq.write_table(table, partial, compression="zstd")
    elif path.suffix == ".csv":
        _write_csv(table, partial, encoding)
    else:
        _write_xlsx(table, partial)
    partial.chmod(0o600)
    os.replace(partial, path)


def _write_csv(table: pa.Table, path: Path, encoding: str) -> None:
    for position, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):  # whole seconds, as exports have them
            table = table.set_column(position, field.name, table[field.name].cast(pa.timestamp("s"), safe=False))
    pacsv.write_csv(table, path)
    if encoding != "utf-8":
        recoded = path.with_name(path.name + ".recoded")
        with (
            path.open(encoding="utf-8", newline="") as source,
            recoded.open("w", encoding=encoding, newline="") as sink,
        ):
            for block in iter(lambda: source.read(1 << 20), ""):
                sink.write(block)
        os.replace(recoded, path)


def _write_xlsx(table: pa.Table, path: Path) -> None:
    from openpyxl import Workbook

    if table.num_rows > _EXCEL_ROWS:
        message = "A table has more rows than a spreadsheet holds"
        raise OutputError(message, hint="write parquet or csv instead")
    book = Workbook(write_only=True)
    sheet = book.create_sheet("data")
    sheet.append(table.column_names)
    for batch in table.to_batches(max_chunksize=20_000):
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            sheet.append(row)
    book.save(path)


def _replace(path: Path, data: bytes) -> None:
    partial = path.with_name(path.name + ".part")
    partial.write_bytes(data)
    partial.chmod(0o600)
    os.replace(partial, path)
