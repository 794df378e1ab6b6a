"""Bad input: encodings, line ends, ragged lines, stray quotes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from gangfinder.errors import (
    GangfinderError,
    UnreadableFile,
)
from gangfinder.intake import Intake

from .inputs import csv_text, rejected, settlement, write_csv

Read = Callable[..., Intake]
SECRET = "990101199001010018"  # a synthetic identity that no message may hold


def everything_said(error: GangfinderError) -> str:
    return " ".join([str(error), error.message, error.hint or "", *error.details])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_either_encoding_is_recognised(
    read: Read, folder: Path, connection: duckdb.DuckDBPyConnection, encoding: str
) -> None:
    write_csv(
        folder / "settlements.csv", [settlement(n, department="测试内科㐂") for n in range(5)], encoding
    )
    report = read().tables["settlements"]
    assert connection.execute("SELECT DISTINCT department FROM settlements").fetchall() == [("测试内科㐂",)]
    assert report.encodings == {"settlements.csv": "gb18030" if encoding == "gb18030" else "utf-8"}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_a_wrong_encoding_is_named(read: Read, folder: Path, encoding: str) -> None:
    write_csv(folder / "settlements.csv", [settlement(n, department="测试") for n in range(5)], encoding)
    with pytest.raises(UnreadableFile, match="not a text table in UTF-8 or GB18030"):
        read()


def test_bytes_that_are_no_text_are_named(read: Read, folder: Path) -> None:
    rows = b"".join(b"S%d,\xff\xff\xff,H1,2024-01-05,10\n" % n for n in range(20))
    (folder / "settlements.csv").write_bytes(
        b"settlement_id,patient_id,institution_id,settled_at,fund_amount\n" + rows
    )
    with pytest.raises(UnreadableFile, match="neither UTF-8 nor GB18030"):
        read()


def test_files_of_both_encodings_in_one_folder(
    read: Read, folder: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    write_csv(
        folder / "settlements-1.csv", [settlement(n, department="测试内科") for n in range(5)], "gb18030"
    )
    write_csv(folder / "settlements-2.csv", [settlement(n, department="测试内科") for n in range(5, 9)])
    read()
    assert connection.execute("SELECT department, count(*) FROM settlements GROUP BY 1").fetchall() == [
        ("测试内科", 9)
    ]


@pytest.mark.parametrize(("main", "other"), [("utf-8", "gb18030"), ("gb18030", "utf-8")])
def test_both_encodings_in_one_file(
    read: Read, folder: Path, tmp_path: Path, connection: duckdb.DuckDBPyConnection, main: str, other: str
) -> None:
    rows = [settlement(n, department="测试骨科门诊") for n in range(40)]
    lines = csv_text(rows).splitlines(keepends=True)
    foreign = {4, 17, 18}
    body = b"".join(
        line.encode(other if number - 1 in foreign else main) for number, line in enumerate(lines)
    )
    (folder / "settlements.csv").write_bytes(body)
    report = read().tables["settlements"]
    assert {r["key"] for r in rejected(tmp_path)} == {f"S{n:05}" for n in foreign}
    assert {r["reasons"] for r in rejected(tmp_path)} == {"undecodable_bytes"}
    assert [int(r["row"]) for r in rejected(tmp_path)] == [n + 1 for n in sorted(foreign)]
    assert report.rows_kept == 37
    assert connection.execute("SELECT DISTINCT department FROM settlements").fetchall() == [("测试骨科门诊",)]


def test_short_chinese_words_of_a_gb18030_file_are_not_taken_for_utf8(read: Read, folder: Path) -> None:
    # each of these pairs is valid UTF-8 by accident, as "联通" famously nearly was
    names = ["摹", "摹模", "一摹", "测试"]
    rows = [settlement(n, department=names[n % 4]) for n in range(80)]
    write_csv(folder / "settlements.csv", rows, "gb18030")
    assert read().tables["settlements"].rows_kept == 80


def test_ragged_csv(read: Read, folder: Path, tmp_path: Path) -> None:
    lines = csv_text([settlement(n) for n in range(10)]).splitlines()
    lines[3] = lines[3] + ",extra"
    lines[6] = "S00005,0005"
    lines.insert(8, "")
    (folder / "settlements.csv").write_text("\n".join(lines) + "\n")
    report = read().tables["settlements"]
    assert {(r["key"], r["reasons"]) for r in rejected(tmp_path)} == {
        ("S00002", "too_many_fields"),
        ("S00005", "too_few_fields"),
    }
    assert (report.rows_read, report.rows_kept) == (10, 8)


def test_stray_quotes_cost_their_own_line_only(
    read: Read, folder: Path, tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    rows = [settlement(n, department="x") for n in range(30)]
    rows[4]["department"] = '"open'
    rows[9]["department"] = '"two\nlines"'
    rows[15]["department"] = '"a"b'
    rows[20]["department"] = '"open again'
    (folder / "settlements.csv").write_text(csv_text(rows))
    report = read().tables["settlements"]
    assert {r["key"] for r in rejected(tmp_path)} == {"S00004", "S00015", "S00020"}
    assert report.rows_kept == 27
    assert connection.execute(
        "SELECT department FROM settlements WHERE settlement_id = 'S00009'"
    ).fetchall() == [("two\nlines",)]


def test_stray_quotes_in_one_part_leave_the_other_parts_alone(
    read: Read, folder: Path, tmp_path: Path
) -> None:
    rows = [settlement(n, department="x") for n in range(30)]
    rows[4]["department"] = '"open'
    rows[25]["patient_id"] = ""
    for part in range(3):
        (folder / f"settlements-{part}.csv").write_text(csv_text(rows[part * 10 : part * 10 + 10]))
    assert read().tables["settlements"].rows_kept == 28
    assert [(r["file"], r["row"], r["key"]) for r in rejected(tmp_path)] == [
        ("settlements-0.csv", "5", "S00004"),
        ("settlements-2.csv", "6", "S00025"),
    ]


@pytest.mark.parametrize("ending", ["\r\n", "\r", "mixed"])
def test_any_line_ending(read: Read, folder: Path, ending: str) -> None:
    lines = csv_text([settlement(n) for n in range(10)]).splitlines()
    text = "".join(
        line + (ending if ending != "mixed" else "\r\n" if number % 3 else "\n")
        for number, line in enumerate(lines)
    )
    (folder / "settlements.csv").write_bytes(text.encode())
    assert read().tables["settlements"].rows_kept == 10
