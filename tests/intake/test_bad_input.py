"""The line "Bad input, each with a test" of the acceptance list, as far as it is the intake's."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from gangfinder.errors import (
    GangfinderError,
    IntakeError,
    MissingColumn,
    MissingTable,
    TooManyRejects,
    UnreadableFile,
)
from gangfinder.intake import Intake

from .inputs import csv_text, rejected, settlement, write_csv

Read = Callable[..., Intake]
SECRET = "990101199001010018"  # a synthetic identity that no message may hold


def everything_said(error: GangfinderError) -> str:
    return " ".join([str(error), error.message, error.hint or "", *error.details])


def test_empty_file(read: Read, folder: Path) -> None:
    (folder / "settlements.csv").touch()
    with pytest.raises(UnreadableFile, match="'settlements.csv' is empty") as raised:
        read()
    assert raised.value.exit_code == 2


def test_empty_parquet_file(read: Read, folder: Path) -> None:
    (folder / "settlements.parquet").touch()
    with pytest.raises(UnreadableFile, match="is empty"):
        read()


def test_empty_folder(read: Read) -> None:
    with pytest.raises(MissingTable, match="no table 'settlements'"):
        read()


def test_header_only(read: Read, folder: Path) -> None:
    write_csv(folder / "settlements.csv", [settlement(1)])
    text = (folder / "settlements.csv").read_text().splitlines()[0]
    for ending in ("", "\n"):
        (folder / "settlements.csv").write_text(text + ending)
        with pytest.raises(IntakeError, match="has a header but no rows") as raised:
            read()
        assert raised.value.exit_code == 2


def test_header_only_is_fine_for_an_optional_table(read: Read, folder: Path) -> None:
    write_csv(folder / "settlements.csv", [settlement(1)])
    (folder / "signals.csv").write_text("entity_type,entity_id,kind,observed_on\n")
    assert read().tables["signals"].rows_read == 0


def test_missing_mandatory_column_names_the_nearest_and_the_cure(read: Read, folder: Path) -> None:
    rows = [{("pateint_id" if k == "patient_id" else k): v for k, v in settlement(1).items()}]
    write_csv(folder / "settlements.csv", rows)
    with pytest.raises(MissingColumn, match="lacks column 'patient_id'; found 'pateint_id'") as raised:
        read()
    assert 'patient_id = "pateint_id"' in (raised.value.hint or "")
    assert raised.value.exit_code == 2


def test_all_problems_are_told_at_once(read: Read, folder: Path) -> None:
    write_csv(folder / "settlements.csv", [{"settlement_id": "S1", "fund": "1"}])
    write_csv(folder / "patients.csv", [{"who": "1"}])
    (folder / "doctors.csv").touch()
    with pytest.raises(IntakeError) as raised:
        read()
    said = everything_said(raised.value)
    assert all(
        word in said for word in ("'patient_id'", "'settled_at'", "'doctors.csv' is empty", "'patients.csv'")
    )


def test_a_file_without_header_is_not_quoted(read: Read, folder: Path) -> None:
    (folder / "settlements.csv").write_text(f"S1,{SECRET},H1,2024-01-05,10\nS2,{SECRET},H1,2024-01-06,11\n")
    with pytest.raises(MissingColumn, match="has no header row") as raised:
        read()
    assert SECRET not in everything_said(raised.value)


BREAKS: dict[str, dict[str, str]] = {
    "missing:patient_id": {"patient_id": " "},
    "missing:settlement_id": {"settlement_id": "NULL"},
    "unreadable:settled_at": {"settled_at": "31/31/2024"},
    "unreadable:fund_amount": {"fund_amount": "twelve"},
    "amount_out_of_range:fund_amount": {"fund_amount": "1e12"},
    "date_out_of_range:settled_at": {"settled_at": "1900-01-01"},
    "exponent_form:patient_id": {"patient_id": "9.90101E+17"},
}


def test_ten_percent_broken_rows_are_quarantined_with_their_keys_and_nothing_else(
    read: Read, folder: Path, tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    rows = [settlement(n) for n in range(1000)]
    expected = {}
    for place, number in enumerate(range(0, 1000, 10)):
        reason, change = list(BREAKS.items())[place % len(BREAKS)]
        rows[number] = settlement(number, **change)
        expected[number + 1] = ("" if "settlement_id" in change else f"S{number:05}", reason)
    write_csv(folder / "settlements.csv", rows)
    report = read().tables["settlements"]
    assert {int(r["row"]): (r["key"], r["reasons"]) for r in rejected(tmp_path)} == expected
    kept = {r[0] for r in connection.execute("SELECT settlement_id FROM settlements").fetchall()}
    assert kept == {f"S{n:05}" for n in range(1000) if n % 10}
    assert (report.rows_read, report.rows_kept, report.rows_rejected) == (1000, 900, 100)
    assert sum(report.rejected.values()) == 100
    for reject in rejected(tmp_path):  # the row itself is kept, word for word
        source = rows[int(reject["row"]) - 1]
        assert json.loads(reject["raw"])["institution_id"] == source["institution_id"]


def test_over_the_limit(read: Read, folder: Path, tmp_path: Path) -> None:
    rows = [settlement(n, **({"patient_id": ""} if n % 10 == 0 else {})) for n in range(100)]
    rows[0]["fund_amount"] = SECRET
    write_csv(folder / "settlements.csv", rows)
    with pytest.raises(TooManyRejects, match="'settlements': 10 of 100 rows") as raised:
        read(reject_share=0.05)
    assert raised.value.exit_code == 2
    said = everything_said(raised.value)
    assert "missing:patient_id" in said
    assert "settlements.csv" in said
    assert SECRET not in said
    assert len(rejected(tmp_path)) == 10
    assert read(reject_share=0.10).tables["settlements"].rows_kept == 90


def test_duplicate_keys(
    read: Read, folder: Path, tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    rows = [settlement(n) for n in range(20)]
    rows += [settlement(3), settlement(3)]  # copies
    rows += [settlement(7, fund_amount="99")]  # the same key on another row
    rows += [settlement(8, patient_id="")]  # a broken row does not take the good one along
    write_csv(folder / "settlements.csv", rows)
    report = read().tables["settlements"]
    assert [r["key"] for r in rejected(tmp_path)] == ["S00007", "S00007", "S00008"]
    assert report.rejected == {"missing:patient_id": 1, "same_key_different_row": 2}
    assert (report.rows_read, report.rows_kept, report.rows_identical, report.rows_rejected) == (24, 19, 2, 3)
    kept = [r[0] for r in connection.execute("SELECT settlement_id FROM settlements").fetchall()]
    assert sorted(kept) == [f"S{n:05}" for n in range(20) if n != 7]


def test_items_without_line_number_are_never_duplicates(
    read: Read, folder: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    write_csv(folder / "settlements.csv", [settlement(1)])
    box = {"item_code": "X1", "settlement_id": "S00001", "quantity": "1", "line_no": ""}
    write_csv(folder / "items.csv", [box, box, {**box, "line_no": "1"}, {**box, "line_no": "1"}])
    report = read().tables["items"]
    assert (report.rows_kept, report.rows_identical) == (3, 1)


def test_tables_without_key_lose_identical_rows_only(read: Read, folder: Path) -> None:
    write_csv(folder / "settlements.csv", [settlement(1)])
    act = {"staff_id": "9", "action": "account_changed", "acted_at": "2024-01-05 10:00:00", "target_id": "1"}
    write_csv(folder / "actions.csv", [act, act, {**act, "target_id": "2"}])
    report = read().tables["actions"]
    assert (report.rows_kept, report.rows_identical, report.rows_rejected) == (2, 1, 0)


@pytest.mark.parametrize(
    "text", ["1900-01-01", "1899-12-30", "0001-01-01", "2099-01-01", "2099-12-31", "9999-12-31 23:59:59"]
)
def test_a_required_date_in_1900_or_2099_is_no_date(
    read: Read, folder: Path, tmp_path: Path, text: str
) -> None:
    write_csv(folder / "settlements.csv", [settlement(1), settlement(2, settled_at=text)])
    assert read().tables["settlements"].rows_kept == 1
    assert rejected(tmp_path)[0]["reasons"] == "date_out_of_range:settled_at"


def test_an_optional_date_in_1900_or_2099_becomes_null(
    read: Read, folder: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    write_csv(folder / "settlements.csv", [settlement(1)])
    base = {"institution_id": "H1", "valid_from": "2020-01-01"}
    write_csv(
        folder / "contracts.csv",
        [
            {**base, "valid_to": "2099-12-31"},
            {**base, "valid_from": "2021-01-01", "valid_to": "9999-12-31"},
            {**base, "valid_from": "2022-01-01", "valid_to": "1900-01-01"},
            {**base, "valid_from": "2023-01-01", "valid_to": "2024-05-01"},
        ],
    )
    intake = read()
    found = connection.execute("SELECT valid_to FROM contracts ORDER BY valid_from").fetchall()
    assert found == [(None,), (None,), (None,), (dt.date(2024, 5, 1),)]
    codes = {(w.code, w.count) for w in intake.warnings if w.table == "contracts"}
    assert codes == {("value_open_end", 2), ("value_date_out_of_range", 1)}


def test_huge_amounts(
    read: Read, folder: Path, tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    rows = [
        settlement(1, fund_amount="1000000000"),
        settlement(2, fund_amount="1000000000.01"),
        settlement(3, fund_amount="-1000000000.01"),
        settlement(4, fund_amount="123456789012345678901234567890"),
        settlement(5, total_amount="1e15"),
    ]
    write_csv(folder / "settlements.csv", rows)
    intake = read()
    assert [(r["key"], r["reasons"]) for r in rejected(tmp_path)] == [
        ("S00002", "amount_out_of_range:fund_amount"),
        ("S00003", "amount_out_of_range:fund_amount"),
        ("S00004", "unreadable:fund_amount"),
    ]
    assert connection.execute("SELECT total_amount FROM settlements").fetchall() == [(None,), (None,)]
    assert [w.code for w in intake.warnings] == ["value_amount_out_of_range"]
    assert read(amount_limit=100).tables["settlements"].rows_kept == 1


def test_refunds_are_kept(read: Read, folder: Path, connection: duckdb.DuckDBPyConnection) -> None:
    rows = [settlement(1, reversed="1"), settlement(2, fund_amount="-1.50", reversed_settlement_id="S00001")]
    write_csv(folder / "settlements.csv", rows)
    read()
    found = connection.execute(
        "SELECT fund_amount, reversed, reversed_settlement_id FROM settlements ORDER BY 1"
    ).fetchall()
    assert [(float(a), r, s) for a, r, s in found] == [(-1.5, None, "S00001"), (1.5, True, None)]


def test_an_unreadable_optional_value_costs_the_value_not_the_row(
    read: Read, folder: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    rows = [settlement(1, occurred_at="soon", reversed="maybe", total_amount="x"), settlement(2)]
    write_csv(folder / "settlements.csv", rows)
    intake = read()
    assert intake.tables["settlements"].rows_kept == 2
    assert {w.column: w.count for w in intake.warnings} == {
        "occurred_at": 1,
        "reversed": 1,
        "total_amount": 1,
    }
    assert SECRET not in "".join(w.sentence for w in intake.warnings)


def test_an_id_rounded_by_a_workbook_is_an_error_in_the_report(read: Read, folder: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    book.active.append(list(settlement(1)))
    book.active.append(["S1", 990101199001010018, "H1", dt.datetime(2024, 1, 5, 10), 12.5])
    book.active.append(["S2", 12, "H1", dt.datetime(2024, 1, 5), 12])
    book.save(folder / "settlements.xlsx")
    intake = read()
    warning = next(w for w in intake.warnings if w.code == "id_rounded_by_spreadsheet")
    assert (warning.table, warning.column, warning.count) == ("settlements", "patient_id", 1)


@pytest.mark.parametrize(
    "name", ["settlements.parquet", "settlements.xlsx", "settlements.csv.gz", "base.duckdb"]
)
def test_a_damaged_file_is_named(read: Read, folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"PAR1 but not really \x1f\x8b " + SECRET.encode())
    with pytest.raises(UnreadableFile, match=name) as raised:
        read(folder / name if name.endswith(".duckdb") else None)
    assert SECRET not in everything_said(raised.value)


def test_a_cut_off_gzip_file_is_named(read: Read, folder: Path) -> None:
    body = gzip.compress(csv_text([settlement(n) for n in range(500)]).encode())
    (folder / "settlements.csv.gz").write_bytes(body[: len(body) // 2])
    with pytest.raises(UnreadableFile, match="damaged or cut-off gzip"):
        read()


def test_the_same_table_in_two_formats_is_refused(read: Read, folder: Path) -> None:
    write_csv(folder / "settlements.csv", [settlement(1)])
    (folder / "settlements.xlsx").write_bytes(b"x")
    with pytest.raises(IntakeError, match="given twice"):
        read()


def test_an_input_that_is_not_there(read: Read, folder: Path) -> None:
    with pytest.raises(UnreadableFile, match="does not exist") as raised:
        read(folder.parent / "inptu")
    assert "'input'" in (raised.value.hint or "")


def test_a_database_address_is_refused_with_the_way_out(read: Read) -> None:
    with pytest.raises(IntakeError, match="postgresql") as raised:
        read("postgresql://user:geheim@host/db")  # type: ignore[arg-type]
    assert "geheim" not in everything_said(raised.value)
    assert "Parquet" in (raised.value.hint or "")
