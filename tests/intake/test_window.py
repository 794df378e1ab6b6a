"""The window of ``--since``: older events are out, what belongs to those inside is whole."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gangfinder.errors import IntakeError, SettingsError
from gangfinder.intake.loading import canonical_tables
from gangfinder.intake.scope import Scope
from gangfinder.run import Stages
from gangfinder.settings import Settings, read_settings

JAN, FEB, MAR = datetime(2025, 1, 10, 9, 0), datetime(2025, 2, 10, 9, 0), datetime(2025, 3, 10, 9, 0)


def settlement(key: str, at: datetime, **more: object) -> dict[str, object]:
    own = {"settlement_id": key, "patient_id": "P1", "institution_id": "I1", "settled_at": at, "fund_amount": 10.0,
           "visit_id": None, "discharged_at": None, "prescription_id": None}
    return {**own, **more}


TABLES: dict[str, list[dict[str, object]]] = {
    "settlements": [
        settlement("S1", JAN), settlement("S2", FEB, prescription_id="R1"), settlement("S3", MAR),
        settlement("S4", JAN, visit_id="V1"), settlement("S5", FEB, visit_id="V1"),
        settlement("S6", JAN, discharged_at=FEB),
    ],
    "patients": [{"patient_id": "P1"}],
    "items": [
        {"item_code": "A", "settlement_id": "S1", "institution_id": "I1", "sold_at": None},
        {"item_code": "B", "settlement_id": "S4", "institution_id": "I1", "sold_at": None},
        {"item_code": "C", "settlement_id": None, "institution_id": "I1", "sold_at": JAN},
        {"item_code": "D", "settlement_id": None, "institution_id": "I1", "sold_at": MAR},
    ],
    "prescriptions": [
        {"prescription_id": "R1", "doctor_id": "D1", "patient_id": "P1", "issued_at": JAN},
        {"prescription_id": "R2", "doctor_id": "D1", "patient_id": "P1", "issued_at": JAN},
        {"prescription_id": "R3", "doctor_id": "D1", "patient_id": "P1", "issued_at": MAR},
    ],
    "filings": [{"filing_id": "F1", "patient_id": "P1", "kind": "chronic", "filed_at": JAN}],
    "stock": [
        {"institution_id": "I1", "item_code": "A", "month": "2025-01"},
        {"institution_id": "I1", "item_code": "A", "month": "2025-02"},
    ],
    "signals": [{"entity_type": "patient", "entity_id": "P1", "kind": "tip", "observed_on": date(2024, 1, 1)}],
    "actions": [
        {"staff_id": "T1", "action": "raised", "acted_at": JAN},
        {"staff_id": "T1", "action": "raised", "acted_at": MAR},
    ],
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for name, rows in TABLES.items():
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / f"{name}.parquet")
    return tmp_path


def left(source: Path, since: str | None, scope: Scope = Scope.ALL) -> tuple[dict[str, list[str]], list[str]]:
    """Return the first column of every table, and the notes."""
    settings = Settings(since=since, threads=1)
    with canonical_tables(source, settings, "duckdb", None, None, Stages(quiet=True), scope) as (work, tables, intake):
        rows = {name: work.fetch(t).to_pylist() for name, t in tables.items()}
    keys = {"settlements": "settlement_id", "items": "item_code", "prescriptions": "prescription_id", "stock": "month"}
    shown = {n: sorted(str(r[keys.get(n, next(iter(r)))]) for r in found) for n, found in rows.items()}
    return shown, [w.sentence for w in intake.warnings if w.code == "window"]


def test_everything_without_a_window(source):
    found, notes = left(source, None)
    assert {n: len(rows) for n, rows in found.items()} == {n: len(rows) for n, rows in TABLES.items()}
    assert notes == []


def test_older_events_are_out_and_what_belongs_to_the_others_is_whole(source):
    found, notes = left(source, "2025-02-01")
    assert found["settlements"] == ["S2", "S3", "S4", "S5", "S6"]
    assert found["items"] == ["B", "D"]
    assert found["prescriptions"] == ["R1", "R3"]
    assert found["stock"] == ["2025-02"]
    assert [len(found[n]) for n in ("patients", "filings", "signals", "actions")] == [1, 1, 1, 1]
    assert any(n.startswith("1 of 6 rows of table 'settlements' are older than the window") for n in notes)


def test_days_are_counted_back_from_the_last_settlements(source):
    assert left(source, "1d")[0]["settlements"] == ["S3"]
    assert left(source, "29d")[0]["settlements"] == left(source, "2025-02-10")[0]["settlements"]


def test_tables_on_staff_are_cut_by_the_day_alone(source):
    assert len(left(source, "2025-02-01", Scope.SEALED)[0]["actions"]) == 1
    assert len(left(source, "30d", Scope.SEALED)[0]["actions"]) == 2  # the pipeline gives the day


def test_a_window_after_everything_is_refused(source):
    with pytest.raises(IntakeError, match="no settlements since 2026-01-01"):
        left(source, "2026-01-01")


@pytest.mark.parametrize("wrong", ["yesterday", "0d", "2025-13-01", "7", "20250101", "-3d"])
def test_what_is_no_day_is_refused(wrong):
    with pytest.raises(SettingsError, match="since"):
        Settings(since=wrong)


def test_a_day_of_toml_is_one(tmp_path):
    (tmp_path / "s.toml").write_text("since = 2025-02-01\n")
    assert read_settings(tmp_path / "s.toml").since == "2025-02-01"
    assert Settings(since="2025-02-01").digest != Settings().digest
