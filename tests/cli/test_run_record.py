"""The record of a run, its stages, and redaction."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from datetime import datetime

import pytest

from gangfinder.run import InputDigest, Redaction, RunRecord, SkippedPart, Stages, new_run_id, redacted
from gangfinder.settings import Settings

AT = datetime(2026, 11, 22, 10, 15)
RECORD = RunRecord("r", "town", "duckdb", Settings(), AT)


def test_run_id_sorts_by_time_and_tells_content_apart():
    one = new_run_id(AT, Settings())
    assert one.startswith("20261122T101500-")
    assert one == new_run_id(AT, Settings())
    assert len({one, new_run_id(AT, Settings(seed=2)), new_run_id(AT, Settings(), ("a",))}) == 3


def test_record_is_json_with_everything_needed_to_run_again():
    full = replace(
        RECORD,
        finished_at=AT,
        inputs=(InputDigest("settlements", 10, 1, "00"),),
        skipped=(SkippedPart("typology", "x", "needs y"),),
        n_tests={"T05": 1, "T01": 2},
    )
    plain = json.loads(full.to_json())
    assert plain["seed"] == 1
    assert plain["settings_digest"] == Settings().digest
    assert plain["skipped"] == [{"kind": "typology", "slug": "x", "reason": "needs y"}]
    assert list(plain["n_tests"]) == ["T01", "T05"]
    assert plain["version"]


def test_stages_are_recorded_in_order():
    stages = Stages(quiet=True)
    with stages("a") as stage:
        stage.rows = 3
        stage.step("part")
    with stages("b"):
        pass
    assert [(r.name, r.rows) for r in stages.records] == [("a", 3), ("b", None)]
    assert all(r.seconds >= 0 and r.peak_mb > 0 for r in stages.records)


def test_a_failed_stage_is_not_recorded():
    stages = Stages(quiet=True)
    with pytest.raises(ValueError, match="x"), stages("a"):
        raise ValueError("x")
    assert stages.records == ()


def test_elsewhere_than_on_a_terminal_a_stage_is_one_line(caplog):
    with caplog.at_level(logging.INFO, "gangfinder"), Stages(terminal=False)("linking") as stage:
        stage.rows = 12_345
    assert [r.message for r in caplog.records] == ["linking: 0.0 s, 12,345 rows"]


def test_on_a_terminal_a_stage_spins(capsys):
    with Stages(terminal=True)("linking") as stage:
        stage.step("phones")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "secret", ["19900001234", "990101199001011234", "99010119900101123X", "6222000011112222"]
)
def test_numbers_that_could_be_a_person_never_reach_a_log(caplog, secret: str):
    with caplog.at_level(logging.INFO, "gangfinder"):
        logging.getLogger("gangfinder").info("value %s refused", secret)
    assert secret not in caplog.text
    record = logging.LogRecord("gangfinder.x", logging.INFO, "", 0, "phone=%s", (secret,), None)
    Redaction().filter(record)
    assert secret not in record.getMessage()


def test_counts_dates_and_ids_stay():
    text = "12,345,678 rows on 2026-11-22 in run 20261122T101500-ab12cd34"
    assert redacted(text) == text
