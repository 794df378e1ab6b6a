"""How what the explanations say is put together for a lead."""

from __future__ import annotations

import pytest

from benign.cases import Stage, as_table, load_cases, tables_of
from gangfinder.benign import explanations
from gangfinder.benign.application import (
    Coverage,
    explained_rows,
    judge_group,
    judgements_for_core,
    lacking,
    rows_taken,
    skipped,
)
from gangfinder.model.evidence import Judgement, Result
from gangfinder.model.tables import TABLES

ALL = {name: frozenset(spec.names) for name, spec in TABLES.items()}
REQUIRED = {"settlements": TABLES["settlements"].required}
CORE = ("A", "B", "C")


def one(slug, coverage=None, judged=None, available=ALL):
    (judgement,) = judgements_for_core(
        explanations(), [slug], CORE, coverage or Coverage(n_rows=9), judged or {}, available
    )
    filled = explanations()[slug].sentences[judgement.reason].format(**judgement.detail)
    assert "{" not in filled
    return judgement


def test_every_named_explanation_gets_a_result_and_a_sentence():
    for available in (ALL, REQUIRED):
        found = judgements_for_core(explanations(), explanations(), CORE, Coverage(n_rows=3), {}, available)
        assert [j.explanation for j in found] == sorted(explanations())
        for j in found:
            assert explanations()[j.explanation].sentences[j.reason].format(**j.detail)


def test_thin_data_leave_some_untestable():
    gone = {s.slug for s in skipped(explanations().values(), REQUIRED)}
    # what reads no more than who was where on which day can always be tested
    assert set(explanations()) - gone == {
        "checkup_day", "clinic_day", "dialysis_month", "refill_day", "serial_treatment",
    }
    assert one("family", available=REQUIRED).result is Result.UNTESTABLE
    assert lacking(explanations()["outbreak"], REQUIRED) == "settlements.diagnosis_code"
    assert lacking(explanations()["family"], {**REQUIRED, "ties": TABLES["ties"].required}) is None


def test_a_family_that_cannot_be_told_says_what_the_conduct_says():
    toured = Judgement("family", Result.FAILS, (), "fails_tours", {"n_core": 4, "n_dates": 9})
    judgement = one("family", judged={"family": toured}, available=REQUIRED)
    assert (judgement.result, judgement.reason, judgement.covered) == (Result.UNTESTABLE, "fails_tours", ())
    assert judgement.detail["n_core"] == len(CORE)
    assert "household_id" in str(judgement.detail["missing"])


def test_family_partly():
    units = {"A": ("H", "family"), "B": ("H", "family"), "C": ("K", "family")}
    judgement = one("family", Coverage(units=units, n_rows=9))
    assert (judgement.result, judgement.covered) == (Result.PARTLY, ("A", "B"))
    assert judgement.detail["n_units"] == 2
    assert one("care_home", Coverage(units=units, n_rows=9)).result is Result.FAILS


def test_family_holds_for_one_household():
    units = dict.fromkeys(CORE, ("H", "care_home+family"))
    assert one("family", Coverage(units=units, n_rows=9)).result is Result.HOLDS
    assert one("care_home", Coverage(units=units, n_rows=9)).result is Result.HOLDS


def test_rows_explain_partly_while_evidence_is_left():
    rows = {"refill_day": {"A": 2, "B": 1, "C": 4}}
    assert one("refill_day", Coverage(rows=rows, n_rows=9)).detail["n_rows"] == 7
    assert one("refill_day", Coverage(rows=rows, n_rows=9)).result is Result.PARTLY
    assert one("refill_day", Coverage(rows=rows, n_rows=0)).result is Result.HOLDS


def test_whom_a_judge_took_out_does_not_clear_the_rest():
    judged = {"refill_day": Judgement("refill_day", Result.PARTLY, ("X", "Y", "Z"), "partly_cycle", {"n_covered": 3})}
    found = one("refill_day", Coverage(rows={"refill_day": {"A": 1}}, n_rows=0), judged)
    assert found.result is Result.PARTLY


def test_hubs():
    bound = {("terminal", "T"): "shared_login", ("operator", "O"): "local_agent"}
    assert one("shared_login", Coverage(hubs=bound, n_rows=1)).result is Result.PARTLY
    assert one("shared_login", Coverage(hubs={("terminal", "T"): "shared_login"}, n_rows=1)).result is Result.HOLDS


def test_judge_group_takes_the_covered_out(duckdb_engine):
    case = next(c for c in load_cases("clinic_day") if c["name"].startswith("a visiting doctor"))
    group = Stage(duckdb_engine, tables_of(case)).group(["P*"])
    rest, judged = judge_group(explanations(), ["clinic_day", "family"], group, REQUIRED)
    assert judged["clinic_day"].result is Result.HOLDS
    assert rest.members == ()
    assert "family" not in judged


def test_a_family_judges_only_where_households_are_unknown(duckdb_engine):
    case = next(c for c in load_cases("family") if c["name"] == "households unknown, four people")
    group = Stage(duckdb_engine, tables_of(case)).group(["P*"])
    assert judge_group(explanations(), ["family"], group, ALL) == (group, {})
    rest, _ = judge_group(explanations(), ["family"], group, REQUIRED)
    assert not rest.members


@pytest.mark.parametrize("key", ["settlement", "stay"])
def test_rows_taken_names_the_people(duckdb_engine, key):
    slug = {"settlement": "refill_day", "stay": "outbreak"}[key]
    case = load_cases(slug)[0]
    stage = Stage(duckdb_engine, tables_of(case))
    explained = duckdb_engine.keep(
        "explained", explained_rows([explanations()[slug]], stage.canonical, stage.derived, stage.available)
    )
    counted = duckdb_engine.fetch(rows_taken(explained, **stage.derived)).to_pylist()
    assert {r["explanation"] for r in counted} == {slug}
    assert sum(r["n_rows"] for r in counted) == len(stage.rows(explanations()[slug]))


def test_no_settlements_at_all(duckdb_engine):
    stage = Stage(duckdb_engine, {"settlements": as_table("settlements", [])})
    found = explained_rows(explanations().values(), stage.canonical, stage.derived, stage.available)
    assert duckdb_engine.fetch(found).num_rows == 0
