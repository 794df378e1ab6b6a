from __future__ import annotations

import datetime as dt
from decimal import Decimal

import duckdb
import pytest

from gangfinder.intake import casts
from gangfinder.model.tables import Kind


def cast(
    connection: duckdb.DuckDBPyConnection, kind: Kind, value: object, physical: str = "VARCHAR"
) -> object:
    connection.execute(f"CREATE OR REPLACE TABLE v (s {physical})")
    connection.execute("INSERT INTO v VALUES (?)", [value])
    if casts.keeps_native(kind, physical):
        sql = f"SELECT {casts.typed(kind, 's', physical)} FROM v"
    else:
        clean = casts.text("s", physical, identifier=kind in (Kind.ID, Kind.CODE))
        sql = f"SELECT {casts.typed(kind, 'r', 'VARCHAR')} FROM (SELECT {clean} AS r FROM v)"
    return connection.execute(sql).fetchall()[0][0]


TEN = dt.datetime(2024, 1, 5, 10, 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-01-05 10:00:00", TEN),
        ("2024-01-05T10:00:00", TEN),
        ("2024-01-05T10:00", TEN),
        ("2024-01-05 10:00:00.000", TEN),
        ("2024/1/5 10:00", TEN),
        ("2024.01.05 10:00:00", TEN),
        ("2024年1月5日 10:00", TEN),
        ("20240105100000", TEN),
        ("202401051000", TEN),
        ("20240105T100000", TEN),
        ("20240105 10:00:00", TEN),
        ("2024-01-05T02:00:00Z", TEN),
        ("2024-01-05T10:00:00+08:00", TEN),
        ("2024-01-04T21:00:00-0500", TEN),
        ("\t2024-01-05 10:00:00　", TEN),
        ("2024-01-05", dt.datetime(2024, 1, 5)),
        ("2024/01/05", dt.datetime(2024, 1, 5)),
        ("20240105", dt.datetime(2024, 1, 5)),
        ("45296", dt.datetime(2024, 1, 5)),  # an Excel serial
        ("45296.5", dt.datetime(2024, 1, 5, 12)),
        ("2024-02-30", None),
        ("20241301", None),
        ("2024-01-05 25:00:00", None),
        ("epoch", None),
        ("infinity", None),
        ("yesterday", None),
        ("123", None),
        ("", None),
    ],
)
def test_a_moment_is_read_however_it_is_written(
    connection: duckdb.DuckDBPyConnection, text: str, expected: dt.datetime | None
) -> None:
    assert cast(connection, Kind.INSTANT, text) == expected


def test_a_date_drops_the_time(connection: duckdb.DuckDBPyConnection) -> None:
    assert cast(connection, Kind.DATE, "20240105100000") == dt.date(2024, 1, 5)


def test_a_moment_with_a_zone_is_moved_to_shanghai(connection: duckdb.DuckDBPyConnection) -> None:
    value = dt.datetime(2024, 1, 5, 2, 0, tzinfo=dt.UTC)
    assert cast(connection, Kind.INSTANT, value, "TIMESTAMP WITH TIME ZONE") == TEN


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12.5", Decimal("12.50")),
        ("-12.345", Decimal("-12.35")),
        ("1,234,567.80", Decimal("1234567.80")),
        ("¥12", Decimal("12.00")),
        ("-￥3.10", Decimal("-3.10")),
        ("12.3元", Decimal("12.30")),
        ("1.5e3", Decimal("1500.00")),
        (" 12 ", Decimal("12.00")),
        ("1,23", None),
        ("12,5", None),
        ("0x10", None),
        ("1_000", None),
        ("nan", None),
        ("twelve", None),
        ("1e30", None),
    ],
)
def test_an_amount_is_read_exactly_or_not_at_all(
    connection: duckdb.DuckDBPyConnection, text: str, expected: Decimal | None
) -> None:
    assert cast(connection, Kind.MONEY, text) == expected


def test_a_float_column_rounds_like_its_text(connection: duckdb.DuckDBPyConnection) -> None:
    assert (
        cast(connection, Kind.MONEY, 1.005, "DOUBLE")
        == cast(connection, Kind.MONEY, "1.005")
        == Decimal("1.01")
    )
    assert cast(connection, Kind.MONEY, float("inf"), "DOUBLE") is None


@pytest.mark.parametrize(
    ("text", "expected"), [("3", 3), ("3.0", 3), ("3.7", None), ("1e2", 100), ("many", None)]
)
def test_a_count_is_whole(connection: duckdb.DuckDBPyConnection, text: str, expected: int | None) -> None:
    assert cast(connection, Kind.COUNT, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1", True), ("0", False), ("是", True), ("否", False), ("TRUE", True), ("n", False), ("2", None)],
)
def test_flags(connection: duckdb.DuckDBPyConnection, text: str, expected: bool | None) -> None:
    assert cast(connection, Kind.FLAG, text) is expected


@pytest.mark.parametrize(
    ("value", "physical", "expected"),
    [
        ("000123", "VARCHAR", "000123"),
        ("99010119900101001X", "VARCHAR", "99010119900101001X"),
        ("990101199001010018", "VARCHAR", "990101199001010018"),
        (990101199001010018, "BIGINT", "990101199001010018"),
        (12.0, "DOUBLE", "12"),
        (990101199001010000.0, "DOUBLE", "990101199001010000"),
        ("12.0", "VARCHAR", "12"),
        ('="0012"', "VARCHAR", "0012"),
        ("'990101", "VARCHAR", "990101"),
        ("\t0012\u3000", "VARCHAR", "0012"),
        ("NULL", "VARCHAR", None),
        ("\\N", "VARCHAR", None),
        ("  ", "VARCHAR", None),
        ("9.90101E+17", "VARCHAR", None),
        ("9E15", "VARCHAR", "9E15"),  # an id that merely looks like a number
        ("A.0", "VARCHAR", "A.0"),
        (12, "DECIMAL(18,2)", "12"),
    ],
)
def test_an_identifier_stays_what_it_was(
    connection: duckdb.DuckDBPyConnection, value: object, physical: str, expected: str | None
) -> None:
    assert cast(connection, Kind.ID, value, physical) == expected
