"""Each trap is found where it was laid, and not where it was not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from gangfinder.intake import Intake, QualityFinding, Severity, quality_report, to_rows
from gangfinder.intake.quality import CHECKS, Probe
from gangfinder.intake.quality.identities import judge_id_number, judge_uscc

from .inputs import settlement, write_csv

Rows = list[dict[str, str]]
Report = Callable[..., dict[str, QualityFinding]]


@pytest.fixture
def report(read: Callable[..., Intake], folder: Path, connection: duckdb.DuckDBPyConnection) -> Report:
    """Write the tables, read them, and return the findings by code."""

    def _report(settlements: Rows | None = None, **tables: Rows) -> dict[str, QualityFinding]:
        for name, rows in {"settlements": settlements or [settlement(1)], **tables}.items():
            write_csv(folder / f"{name}.csv", rows)
        return {f.code: f for f in quality_report(read(), connection)}

    return _report


def person(number: int) -> str:
    """A synthetic identity number: region 990101, valid check digit."""
    from stdnum.cn import ric

    body = f"990101{1950 + number % 60}0101{number % 1000:03}"
    return body + ric.calc_check_digit(body + "0")


def test_sound_data_has_no_finding(report: Report) -> None:
    rows = [
        settlement(
            n,
            patient_id=f"P{n % 60}",
            settled_at=f"2024-03-{n % 28 + 1:02} {8 + n % 9:02}:{n % 60:02}:00",
            total_amount="5000",
            bed_id=f"B{n % 50}",
            contact_phone=f"1990000{n % 60 + 1:04}",
        )
        for n in range(300)
    ]
    patients = [
        {
            "patient_id": f"P{n}",
            "id_number": person(n),
            "phone": f"1990000{n + 1:04}",
            "household_id": f"F{n // 3}",
            "address": f"测试路{n}号",
        }
        for n in range(60)
    ]
    found = report(rows, patients=patients)
    assert set(found) <= {"id_number_unknown_region"}  # region 99 exists nowhere, on purpose


def test_every_check_stands_the_bare_minimum_and_empty_tables(
    read: Callable[..., Intake], folder: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    from gangfinder.model.tables import TABLES

    write_csv(folder / "settlements.csv", [settlement(1)])
    probe = Probe(connection, read())
    assert [f for check in CHECKS for f in check(probe)] == []
    for name, spec in TABLES.items():
        (folder / f"{name}.csv").write_text(",".join(spec.names) + "\n")
    write_csv(folder / "settlements.csv", [dict.fromkeys(TABLES["settlements"].names, "1") | settlement(1)])
    probe = Probe(connection, read())
    for check in CHECKS:
        check(probe)


@pytest.mark.parametrize(
    ("number", "verdict"),
    [
        ("99010119900101001X", None),
        (person(7), "unknown_region"),
        (person(7)[:-1] + ("1" if person(7)[-1] != "1" else "2"), "check_digit"),
        ("990101900101001", "old_form"),
        ("99010119901301001", "malformed"),
        ("护照123", "malformed"),
        ("", "malformed"),
    ],
)
def test_identity_numbers(number: str, verdict: str | None) -> None:
    assert judge_id_number(number) == (verdict or judge_id_number(number))
    assert judge_id_number(number.lower()) == judge_id_number(number)


def test_an_impossible_birth_date_is_seen() -> None:
    from stdnum.cn import ric

    body = "990101199013010010"
    assert judge_id_number(body[:17] + ric.calc_check_digit(body)) == "birth_date"


def test_credit_codes() -> None:
    assert judge_uscc("99990101MA00000000") == "malformed"
    from stdnum.cn import uscc

    body = "91990101MA0000000"
    assert judge_uscc(body + uscc.calc_check_digit(body)) == "ok"


def test_identity_columns_are_counted_by_kind_of_fault(report: Report) -> None:
    numbers = [person(1), person(2)[:-1] + ("0" if person(2)[-1] != "0" else "1"), "990101900101001", "x1"]
    found = report(
        patients=[{"patient_id": f"P{n}", "id_number": i, "household_id": "1"} for n, i in enumerate(numbers)]
    )
    for code in ("check_digit", "old_form", "malformed", "unknown_region"):
        assert found[f"id_number_{code}"].count == 1
        assert found[f"id_number_{code}"].share == 0.25
    assert found["id_number_old_form"].severity is Severity.INFO


def test_identifiers_cut_by_a_spreadsheet(report: Report) -> None:
    patients = [{"patient_id": f"{990101199001010000 + n * 1000}", "household_id": "1"} for n in range(30)]
    found = report(patients=patients)
    assert found["id_rounded"].severity is Severity.ERROR
    assert (found["id_rounded"].table, found["id_rounded"].column) == ("patients", "patient_id")


def test_phones(report: Report) -> None:
    fakes = ["13800000000", "0", "11111111111", "13900000000", "12345678901"]
    patients = [{"patient_id": f"P{n}", "household_id": str(n), "phone": fakes[n % 5]} for n in range(10)]
    patients += [{"patient_id": f"Q{n}", "household_id": str(n), "phone": "19900001234"} for n in range(30)]
    patients += [
        {"patient_id": f"R{n}", "household_id": str(n), "phone": f"1990000{n + 1:04}"} for n in range(60)
    ]
    found = report(
        [settlement(1, contact_phone="19900009999")],
        patients=patients,
        institutions=[{"institution_id": "H99010100001", "phone": "19900009999"}],
    )
    assert (found["phone_placeholder"].count, found["phone_placeholder"].share) == (10, 0.1)
    assert found["phone_switchboard"].count == 1
    assert found["contact_is_institution"].count == 1
    assert not any("19900001234" in f.sentence for f in found.values())


def test_villages_are_no_houses_and_missing_households_are_said(report: Report) -> None:
    patients = [{"patient_id": f"P{n}", "address": "测试村"} for n in range(200)]
    found = report(patients=patients)
    assert found["address_coarse"].count == 200
    assert found["household_unknown"].count == 200


@pytest.mark.parametrize(
    ("code", "moment"),
    [
        ("posted_in_one_hour", "2024-03-{day:02} 16:{n:02}:00"),
        ("posted_at_month_end", "2024-0{month}-{last} 23:{n:02}:00"),
        ("posted_at_night", "2024-03-{day:02} 0{hour}:{n:02}:00"),
    ],
)
def test_posting_habits(report: Report, code: str, moment: str) -> None:
    rows = []
    for n in range(60):
        month = n % 3 + 1
        at = moment.format(day=n % 28 + 1, n=n, month=month, last=(31, 29, 31)[month - 1], hour=n % 5)
        rows.append(settlement(n, settled_at=at, institution_id="H1"))
        rows.append(settlement(100 + n, settled_at=f"2024-03-{n % 28 + 1:02} {8 + n % 9:02}:{n:02}:00"))
    found = report(rows)
    assert (found[code].count, found[code].share) == (1, 0.5)
    assert "60 settlements" in found[code].sentence


def test_dates_without_clock(report: Report) -> None:
    found = report([settlement(n, settled_at="2024-03-01") for n in range(60)])
    assert found["dates_only"].column == "settled_at"
    assert "posted_at_night" not in found  # midnight is no night shift


def test_events_and_their_posting(report: Report) -> None:
    rows = [settlement(n, occurred_at="2024-02-01 10:00:00") for n in range(5)]
    rows.append(settlement(9, occurred_at="2024-04-20 10:00:00"))
    found = report(rows)
    assert found["posted_late"].count == 5
    assert found["settled_before_event"].count == 1


def test_stray_years(report: Report) -> None:
    rows = [settlement(n) for n in range(1200)] + [settlement(5000, settled_at="2042-03-01 10:00:00")]
    assert report(rows)["stray_years"].count == 1


def test_stays(report: Report) -> None:
    rows = [
        settlement(n, admitted_at="2024-03-01", discharged_at="2024-02-01", bed_id="1") for n in range(20)
    ]
    rows += [settlement(50, admitted_at="2024-06-01", discharged_at="2024-06-09", diagnosis_code="I10")]
    found = report(rows)
    assert found["discharged_before_admitted"].count == 20
    assert found["settled_before_admission"].count == 1
    assert found["bed_constant"].count == 1
    assert found["diagnosis_missing"].count == 20


def test_amounts(report: Report) -> None:
    rows = [settlement(1, fund_amount="100", total_amount="50")]
    rows += [
        settlement(2, fund_amount="-10", total_amount="-10"),
        settlement(3, fund_amount="-10", total_amount="-10", reversed_settlement_id="S99999"),
    ]
    found = report(rows)
    assert found["fund_above_total"].count == 1
    assert (found["refund_without_link"].count, found["refund_without_link"].share) == (1, 0.5)
    assert found["refund_of_unknown"].count == 1


@pytest.mark.parametrize(("fund", "expected"), [("130", True), ("100", False)])
def test_the_personal_account_inside_the_fund(report: Report, fund: str, expected: bool) -> None:
    rows = [
        settlement(n, fund_amount=fund, pooled_amount="80", catastrophic_amount="20", account_amount="30")
        for n in range(10)
    ]
    assert ("fund_includes_account" in report(rows)) is expected


def test_fen_instead_of_yuan(report: Report) -> None:
    assert "amount_in_fen" in report([settlement(n, fund_amount=str(12345 + n)) for n in range(100)])


def test_agents_that_are_a_default(report: Report) -> None:
    rows = [settlement(n, agent_id_number=person(1)) for n in range(20)]
    rows += [settlement(100 + n, institution_id="H2", agent_id_number=person(n)) for n in range(20)]
    assert (report(rows)["agent_constant"].count, report(rows)["agent_constant"].share) == (1, 0.5)


def test_trace_codes(report: Report) -> None:
    items = [{"item_code": "X", "trace_code": "81000000000000000001"} for _ in range(25)]
    items += [
        {"item_code": "X", "trace_code": f"{n:020}", "split_pack": "1" if n < 5 else "0"} for n in range(75)
    ]
    items += items[25:35]
    found = report(items=items)
    assert found["trace_code_dummy"].count == 1
    assert found["trace_code_repeated"].count == 6  # the dummy and five; the split packs do not count


def test_orphans_are_reported_not_rejected(report: Report, connection: duckdb.DuckDBPyConnection) -> None:
    found = report([settlement(n, patient_id=f"P{n}") for n in range(10)], patients=[{"patient_id": "P1"}])
    assert (found["orphan_id"].count, found["orphan_id"].severity) == (9, Severity.WARNING)
    assert connection.execute("SELECT count(*) FROM settlements").fetchall() == [(10,)]


def test_rows_for_rendering(report: Report) -> None:
    findings = list(
        report([settlement(n, settled_at="2024-03-01", total_amount="0.01") for n in range(5)]).values()
    )
    rows = to_rows(findings)
    assert set(rows[0]) == {"code", "severity", "table", "column", "count", "share", "sentence", "action"}
    assert all(row["sentence"] and row["action"] for row in rows)


def test_no_word_of_guilt(report: Report) -> None:
    found = report([settlement(n, bed_id="1", settled_at="2024-03-01") for n in range(60)])
    text = " ".join(f.sentence + f.action for f in found.values()).lower()
    assert not any(word in text for word in ("fraud", "guilt", "criminal", "suspect"))
