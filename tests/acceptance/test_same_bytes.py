"""The same data give the same files, byte for byte, however they are written down and wherever they are read."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from gangfinder import pipeline
from gangfinder.batch.options import Batch
from gangfinder.settings import Settings

from . import towns

pytestmark = pytest.mark.slow

CSV_FORMS = {
    "csv": ("csv", "utf-8", ""),
    "csv_gb18030": ("csv", "gb18030", ""),
    "csv_gz": ("csv.gz", "utf-8", ", COMPRESSION gzip"),
}


@pytest.fixture
def rng() -> np.random.Generator:
    """Another seed each time; set GANGFINDER_TEST_SEED to the printed one to have it again."""
    seed = int(os.environ.get("GANGFINDER_TEST_SEED") or secrets.randbits(32))
    print(f"GANGFINDER_TEST_SEED={seed}")
    return np.random.default_rng(seed)


def shuffled(table: pa.Table, rng: np.random.Generator) -> pa.Table:
    """Rows and columns in another order."""
    return table.take(rng.permutation(table.num_rows)).select(list(rng.permutation(table.column_names)))


def in_parts(tables: towns.Tables, folder: Path, rng: np.random.Generator) -> Path:
    """Each table in one to four files; rows and columns stand anywhere."""
    parts = {}
    for name, table in tables.items():
        table = shuffled(table, rng)
        cuts = sorted(rng.integers(0, table.num_rows + 1, rng.integers(0, 4)).tolist())
        edges = [0, *cuts, table.num_rows]
        for number, (start, end) in enumerate(zip(edges, edges[1:], strict=False), start=1):
            parts[f"{name}-{number}"] = table.slice(start, end - start)
    return towns.write_parquet(parts, folder)


def as_text(table: pa.Table, path: Path, encoding: str, options: str) -> None:
    with duckdb.connect() as connection:
        connection.register("written", table)
        connection.execute(f"COPY (FROM written) TO '{path}' (FORMAT csv, HEADER{options})")
    if encoding != "utf-8":
        path.write_bytes(path.read_bytes().decode("utf-8").encode(encoding))


def as_workbook(table: pa.Table, path: Path) -> None:
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet("data")
    sheet.append(table.column_names)
    for row in zip(*(column.to_pylist() for column in table.columns), strict=True):
        sheet.append(row)
    book.save(path)


def in_formats(first: int) -> Callable[..., Path]:
    """Each table in another format than the one before; that every format gives the same table, tests/intake checks."""

    def write(tables: towns.Tables, folder: Path, rng: np.random.Generator) -> Path:
        del rng
        folder.mkdir()
        formats = [*CSV_FORMS.values(), ("xlsx", "", "")]
        for number, (name, table) in enumerate(sorted(tables.items()), start=first):
            suffix, encoding, options = formats[number % len(formats)]
            if suffix == "xlsx":
                as_workbook(table, folder / f"{name}.xlsx")
            else:
                as_text(table, folder / f"{name}.{suffix}", encoding, options)
        return folder

    return write


def in_database(tables: towns.Tables, folder: Path, rng: np.random.Generator) -> Path:
    del rng
    path = folder.with_suffix(".duckdb")
    with duckdb.connect(str(path)) as connection:
        for name, table in tables.items():
            connection.register("written", table)
            connection.execute(f"CREATE TABLE {name} AS FROM written")
            connection.unregister("written")
    return path


FORMS = {
    "split_in_parts": in_parts, "formats": in_formats(0), "other_formats": in_formats(2), "duckdb": in_database
}


def test_there_is_something_to_compare(finished, out):
    """An empty result would be the same, too."""
    found = {code for lead in finished.leads for code in lead.typologies}
    assert len(finished.leads) >= 4
    assert found >= {"T01", "T05", "T06", "T08", "T10", "T17"}
    assert all(text.count(b"\n") > 10 for name, text in towns.sheets(out).items() if name != "leads.csv")


@pytest.mark.parametrize("form", FORMS)
def test_form_of_the_input(form, finished, out, tables, tmp_path, rng):
    source = FORMS[form](tables, tmp_path / "town", rng)
    result = towns.run(source, tmp_path / "out")
    same_rows(result, finished)
    same(tmp_path / "out", out)


def test_a_second_run_into_the_same_folder(finished, out, town, tmp_path):
    first = towns.run(town, tmp_path / "out", threads=1)
    same(tmp_path / "out", out)
    second = pipeline.run(town, tmp_path / "out", Settings(threads=2), batch=Batch(again=True))
    assert first.folder != second.folder
    same(tmp_path / "out", out)
    assert (first.folder / "explain.jsonl").read_bytes() == (finished.folder / "explain.jsonl").read_bytes()


def test_other_surroundings(finished, out, town, tmp_path):
    """Another process, working folder, time zone, locale, hash seed, number of threads, relative paths."""
    here = tmp_path / "elsewhere"
    here.mkdir()
    (here / "input").symlink_to(town)
    surroundings = towns.environment(
        tmp_path, TZ="America/St_Johns", LC_ALL="C", LANG="tr_TR.UTF-8", PYTHONHASHSEED="4711", PYTHONUTF8="0"
    )
    done = subprocess.run(
        towns.command("run", "input", "--out", "made/out", "--threads", "1", "--quiet", "--json"),
        cwd=here, env=surroundings, capture_output=True, timeout=300, check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)) == len(finished.leads)
    same(here / "made" / "out", out)


def same_rows(result, finished):
    """Say that a format lost rows before saying that leads differ."""
    read = [{i.table: (i.rows, i.rejected) for i in r.record.inputs} for r in (result, finished)]
    assert read[0] == read[1]


def same(one: Path, other: Path):
    left, right = towns.sheets(one), towns.sheets(other)
    assert [name for name in left if left[name] != right[name]] == []
