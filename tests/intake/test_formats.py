"""The same table in every form an export can take gives the same canonical table."""

from __future__ import annotations

import datetime as dt
import gzip
import tempfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gangfinder.intake import Intake, read_input
from gangfinder.intake.casts import PHYSICAL
from gangfinder.intake.stage import faults
from gangfinder.model.tables import TABLES, Kind

from .inputs import contents, csv_text, settlement, write_csv

Read = Callable[..., Intake]

# what a CSV can carry without loss: no control characters, no blanks at the ends, no word that means nothing
_LETTERS = st.characters(
    exclude_categories=("C", "Z", "M"), max_codepoint=0xFFFF, exclude_characters="=\"'\u200b\ufeff"
)
_TEXT = st.text(st.one_of(_LETTERS, st.sampled_from("测试内科骨摹")), min_size=1, max_size=12).filter(
    lambda s: s.lower() not in {"null", "none", "nan", "nat", "n/a"} and s.isprintable()
)
_ID = st.one_of(
    st.from_regex(r"[0-9]{1,18}", fullmatch=True),
    st.from_regex(r"[0-9]{17}X", fullmatch=True),
    st.from_regex(r"[A-Z]{1,3}[0-9]{1,12}", fullmatch=True),
)
_MOMENT = st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2090, 1, 1)).map(
    lambda t: t.replace(microsecond=0)
)
_MONEY = st.decimals(-(10**7), 10**7, places=2, allow_nan=False)

ROW = st.fixed_dictionaries(
    {
        "patient_id": _ID,
        "institution_id": _ID,
        "settled_at": _MOMENT,
        "fund_amount": _MONEY,
        "total_amount": st.none() | _MONEY,
        "card_id": st.none() | _ID,
        "department": st.none() | _TEXT,
        "admitted_at": st.none() | _MOMENT.map(lambda t: t.replace(hour=0, minute=0, second=0)),
        "reversed": st.none() | st.booleans(),
    }
)
ROWS = st.lists(ROW, min_size=1, max_size=25).map(
    lambda rows: [{"settlement_id": f"S{n}", **dict(sorted(row.items()))} for n, row in enumerate(rows)]
)
TYPES = {c.name: PHYSICAL[c.kind] for c in TABLES["settlements"].columns}


def as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(value)


def quoted_csv(rows: list[dict[str, Any]]) -> str:
    import csv
    import io

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(rows[0])
    writer.writerows([as_text(v) for v in row.values()] for row in rows)
    return out.getvalue()


def as_table(rows: list[dict[str, Any]], database: str = ":memory:") -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(database)
    columns = ", ".join(f"{name} {TYPES[name]}" for name in rows[0])
    connection.execute(f"CREATE TABLE settlements ({columns})")
    connection.executemany(
        f"INSERT INTO settlements VALUES ({', '.join('?' * len(rows[0]))})", [list(r.values()) for r in rows]
    )
    return connection


def write(rows: list[dict[str, Any]], folder: Path, form: str) -> Path:
    if form in ("utf-8", "gb18030", "utf-8-sig"):
        (folder / "settlements.csv").write_bytes(quoted_csv(rows).encode(form))
    elif form == "csv.gz":
        (folder / "settlements.csv.gz").write_bytes(gzip.compress(quoted_csv(rows).encode()))
    elif form == "crlf, parts":
        for part in range(0, len(rows), 7):
            text = quoted_csv(rows[part : part + 7]).replace("\n", "\r\n")
            (folder / f"settlements_part{part}.csv").write_bytes(text.encode())
    elif form == "xlsx":
        book = openpyxl.Workbook()
        book.active.append(list(rows[0]))
        for row in rows:
            book.active.append([float(v) if isinstance(v, Decimal) else v for v in row.values()])
        book.save(folder / "settlements.xlsx")
    elif form == "parquet":
        as_table(rows).execute(f"COPY settlements TO '{folder}/settlements.parquet'")
    elif form == "parquet, parts":
        (folder / "settlements").mkdir()
        for number, half in enumerate((rows[::2], rows[1::2])):
            if half:
                as_table(half).execute(f"COPY settlements TO '{folder}/settlements/{number}.parquet'")
    else:
        as_table(rows, str(folder / "base.duckdb")).close()
        return folder / "base.duckdb"
    return folder


FORMS = (
    "utf-8",
    "utf-8-sig",
    "gb18030",
    "csv.gz",
    "crlf, parts",
    "xlsx",
    "parquet",
    "parquet, parts",
    "duckdb",
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows=ROWS, seed=st.randoms(use_true_random=False))
@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_table(form: str, rows: list[dict[str, Any]], seed: Any) -> None:
    shuffled = rows[:]
    seed.shuffle(shuffled)
    with tempfile.TemporaryDirectory() as name, duckdb.connect() as connection:
        intake = read_input(write(shuffled, Path(name), form), connection, reject_share=1)
        with as_table(rows) as expected:
            assert contents(connection) == contents(expected)
        report = intake.tables["settlements"]
        assert (report.rows_kept, report.rows_rejected, report.rows_identical) == (len(rows), 0, 0)
        assert [w for w in intake.warnings if w.table] == []


def test_types_are_the_declared_ones(read: Read, folder: Path, connection: duckdb.DuckDBPyConnection) -> None:
    for name, spec in TABLES.items():
        values = {Kind.INSTANT: "2024-01-05 10:00:00", Kind.DATE: "2024-01-05", Kind.FLAG: "1"}
        write_csv(folder / f"{name}.csv", [{c.name: values.get(c.kind, "1") for c in spec.columns}])
    intake = read()
    assert set(intake.tables) == set(TABLES)
    for name, spec in TABLES.items():
        found = {r[0]: r[1] for r in connection.execute(f"DESCRIBE main.{name}").fetchall()}
        assert found == {c.name: PHYSICAL[c.kind] for c in spec.columns}
        assert intake.tables[name].rows_kept == 1
        assert intake.tables[name].columns == spec.names


def test_faults_of_every_table_fit_a_64_bit_mask() -> None:
    for spec in TABLES.values():
        assert all(len(faults(spec, required=required)) <= 62 for required in (True, False))


def test_nothing_but_the_canonical_tables_is_left_behind(
    read: Read, folder: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    write_csv(folder / "settlements.csv", [settlement(1), settlement(2, patient_id="")])
    read()
    assert connection.execute("SELECT table_name FROM duckdb_tables()").fetchall() == [("settlements",)]


def test_absent_columns_are_absent_and_unknown_ones_reported(
    read: Read, folder: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    write_csv(folder / "settlements.csv", [settlement(1, colour="red")])
    (folder / "truth.json").write_text("{}")
    (folder / "notes").mkdir()
    intake = read()
    assert intake.tables["settlements"].unknown == ("colour",)
    assert intake.ignored == ("notes", "truth.json")
    assert not intake.has("settlements", "colour")
    assert intake.has("settlements", "patient_id", "settled_at")
    assert not intake.has("patients")


def test_parts_with_different_columns_are_united(
    read: Read, folder: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    write_csv(folder / "settlements-2023.csv", [settlement(1)])
    write_csv(folder / "settlements-2024.csv", [settlement(2, card_id="0001")])
    intake = read()
    assert connection.execute("SELECT settlement_id, card_id FROM settlements ORDER BY 1").fetchall() == [
        ("S00001", None),
        ("S00002", "0001"),
    ]
    assert intake.tables["settlements"].files == ("settlements-2023.csv", "settlements-2024.csv")


def test_numbers_in_identifier_columns_of_a_workbook(
    read: Read, folder: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    book = openpyxl.Workbook()
    book.active.append([*settlement(1), "card_id"])
    book.active.append([1.0, 20, "0003", dt.datetime(2024, 1, 5, 10), "12.5", 123456789012345])
    book.active.append([2, 21, "0003", dt.date(2024, 1, 5), 12, "0042"])
    book.active.append([3, 22, "0003", 45296.5, 1_234_567.1, None])
    book.save(folder / "settlements.xlsx")
    read()
    assert connection.execute("SELECT * FROM settlements ORDER BY 1").fetchall() == [
        ("1", "20", "0003", dt.datetime(2024, 1, 5, 10), Decimal("12.50"), "123456789012345"),
        ("2", "21", "0003", dt.datetime(2024, 1, 5), Decimal("12.00"), "0042"),
        ("3", "22", "0003", dt.datetime(2024, 1, 5, 12), Decimal("1234567.10"), None),
    ]


def test_sheets_that_continue_the_first_are_read_and_others_are_not(read: Read, folder: Path) -> None:
    book = openpyxl.Workbook()
    for number, title in enumerate(("结算1", "结算2")):
        sheet = book.active if number == 0 else book.create_sheet()
        sheet.title = title
        sheet.append(list(settlement(1)))
        sheet.append(list(settlement(number).values()))
    book.create_sheet("notes").append(["made by", "测试"])
    book.save(folder / "settlements.xlsx")
    report = read().tables["settlements"]
    assert report.rows_kept == 2
    assert report.files == ("settlements.xlsx#结算1", "settlements.xlsx#结算2")


def test_columns_stored_as_other_physical_types(
    read: Read, folder: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    connection.execute(f"""COPY (
        SELECT 17 AS settlement_id, 990101199001010018::BIGINT AS patient_id, 5.0::DOUBLE AS institution_id,
               20240105::INTEGER AS settled_at, 12.345::DOUBLE AS fund_amount, 1::TINYINT AS reversed,
               DATE '2024-01-01' AS admitted_at, TIMESTAMPTZ '2024-01-05 02:00:00+00' AS occurred_at,
               21 AS visit_type
    ) TO '{folder}/settlements.parquet'""")
    read()
    found = connection.execute(
        "SELECT settlement_id, patient_id, institution_id, settled_at, fund_amount, reversed, admitted_at, "
        "occurred_at, visit_type FROM settlements"
    ).fetchall()
    assert found == [
        (
            "17",
            "990101199001010018",
            "5",
            dt.datetime(2024, 1, 5),
            Decimal("12.35"),
            True,
            dt.datetime(2024, 1, 1),
            dt.datetime(2024, 1, 5, 10),
            "21",
        ),
    ]


@pytest.mark.parametrize("delimiter", ["\t", ";", "|"])
def test_other_separators(read: Read, folder: Path, delimiter: str) -> None:
    text = csv_text([settlement(n) for n in range(3)]).replace(",", delimiter)
    (folder / "settlements.csv").write_text(text)
    assert read().tables["settlements"].rows_kept == 3


@pytest.mark.parametrize("name", ["[a]*", "it's", "数据 夹", "a?b"])
def test_odd_folder_names(read: Read, tmp_path: Path, name: str) -> None:
    odd = tmp_path / name
    odd.mkdir()
    write_csv(odd / "settlements.csv", [settlement(1)])
    duckdb.sql("SELECT 'P1' AS patient_id").write_parquet(str(tmp_path / "p.parquet"))
    (tmp_path / "p.parquet").rename(odd / "patients.parquet")
    assert read(odd).tables["patients"].rows_kept == 1


def test_a_single_file_is_an_input(read: Read, folder: Path) -> None:
    write_csv(folder / "patients.csv", [{"patient_id": "1"}])
    path = write_csv(folder / "settlements.csv", [settlement(1)])
    assert set(read(path).tables) == {"settlements"}


def test_digests_are_those_of_the_files(read: Read, folder: Path) -> None:
    import hashlib

    path = write_csv(folder / "settlements.csv", [settlement(1, department="测试")], "gb18030")
    assert read().digests == {"settlements.csv": hashlib.sha256(path.read_bytes()).hexdigest()}


def test_a_clock_is_recognised_per_column(read: Read, folder: Path) -> None:
    write_csv(folder / "settlements.csv", [settlement(n, admitted_at="2024-03-01") for n in range(3)])
    assert read().tables["settlements"].has_clock == {"settled_at": True, "admitted_at": False}
    write_csv(folder / "settlements.csv", [settlement(n, settled_at="2024-03-01 00:00:00") for n in range(3)])
    assert read().tables["settlements"].has_clock == {"settled_at": False}


def test_progress_names_each_step_and_settings_are_put_back(folder: Path) -> None:
    from contextlib import contextmanager

    steps: list[str] = []

    @contextmanager
    def progress(step: str) -> Any:
        steps.append(step)
        yield

    write_csv(folder / "settlements.csv", [settlement(1)])
    with duckdb.connect() as connection:
        connection.execute("SET preserve_insertion_order = false")
        read_input(folder, connection, progress=progress)
        assert connection.execute("SELECT current_setting('preserve_insertion_order')").fetchall() == [
            (False,)
        ]
    assert steps == ["opening input", "reading settlements"]


def test_a_duckdb_file_with_schemas_and_other_tables(read: Read, folder: Path) -> None:
    path = folder / "base.duckdb"
    with as_table(
        [
            {
                "settlement_id": "S1",
                "patient_id": "1",
                "institution_id": "H",
                "settled_at": dt.datetime(2024, 1, 1),
                "fund_amount": Decimal(1),
            }
        ],
        str(path),
    ) as base:
        base.execute(
            "CREATE SCHEMA basinfocent_db; CREATE TABLE basinfocent_db.PSN_INFO_B AS SELECT 'P' AS PSN_NO"
        )
        base.execute("CREATE TABLE scratch AS SELECT 1 AS x")
    intake = read(path)
    assert set(intake.tables) == {"settlements", "patients"}
    assert intake.tables["patients"].files == ("basinfocent_db.PSN_INFO_B",)
    assert intake.ignored == ("scratch",)
    assert list(intake.digests) == ["base.duckdb"]
    assert read(path).tables["settlements"].rows_kept == 1  # the file was let go of
