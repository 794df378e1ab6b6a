"""Data with less in them: what cannot run is listed with its reason, and nothing raises."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from click.testing import CliRunner

from gangfinder import pipeline
from gangfinder.benign import explanations
from gangfinder.cli import root
from gangfinder.linking import linkers
from gangfinder.model.tables import MANDATORY, TABLES
from gangfinder.settings import Settings
from gangfinder.synth import TownSettings
from gangfinder.typologies import typologies

from . import towns

pytestmark = pytest.mark.slow

SMALL = TownSettings(patients=2_000, seed=1, rings_per_typology=1, lookalikes_per_kind=1, months=3)

BEYOND = {
    # detectors that need more than the five mandatory columns
    "absent_practitioners", "brokered_admission", "cycling_stays", "dialysis_padding", "double_reimbursement",
    "entitlement_collusion", "fake_eligibility", "fake_prescriptions", "flow_shift", "forged_bills", "ghost_beds",
    "goods_swap", "laboratory_results", "micro_claims", "outside_bills", "owner_rotation", "recycled_drugs",
    "remote_cashout", "shared_door", "special_drugs", "stock_balance",
}
WITHOUT = {"clock": BEYOND, "dates": BEYOND | {"impersonation"}}
"""Which detectors cannot run on the five mandatory columns, with a time of day and without."""

OPEN = {slug: t for slug, t in typologies().items() if not t.sealed}
SEALED = {*typologies()} - {*OPEN}
"""Of the typologies on fund staff the open record tells nothing; ``check`` does."""

LINKERS = {"co_admission", "control", "relay", "shared_attribute", "trace_code"}
EXPLANATIONS = {
    "busy_house", "care_home", "family", "house_staff", "lawful_layering", "local_agent", "mass_recertification",
    "multi_site",
    "outbreak", "outsourcing_firm", "planned_cycle", "public_health_round", "rare_disease", "referral_centre",
    "referral_down", "relocation", "renewal", "shared_login", "sole_expert", "stock_slip", "through_traffic",
    "trace_reuse",
}

GROUPS = {
    # optional columns of settlements that a data owner gives or withholds together
    "occurrence": ("occurred_at",),
    "kind_of_visit": ("visit_id", "visit_type"),
    "cards": ("card_id", "credential_type"),
    "counters": ("terminal_id", "operator_id"),
    "doctors": ("doctor_id", "department"),
    "diagnoses": ("diagnosis_code",),
    "stays": ("admitted_at", "discharged_at", "admission_way", "discharge_way", "bed_id"),
    "contacts": ("contact_phone", "agent_id_number", "agent_phone"),
    "funds": ("total_amount", "pooled_amount", "catastrophic_amount", "assistance_amount", "cap_amount"),
    "own_money": ("account_amount", "cash_amount", "mutual_aid_amount", "account_balance"),
    "places": ("area_code", "invoice_no"),
    "refunds": ("reversed", "reversed_settlement_id"),
    "prescriptions": ("prescription_id",),
}


@pytest.fixture(scope="module")
def small() -> dict[str, pa.Table]:
    return towns.town_tables(SMALL)


OPTIONAL_TABLES = (
    "cards", "contracts", "doctors", "enrolments", "filings", "institutions", "items", "lab_reports", "operators",
    "patients", "prescriptions", "reimbursements", "roster", "signals", "staff", "stock", "terminals", "ties",
)


Thing = tuple[str, str]
"""A table or a group of columns that is removed."""

THINGS: list[Thing] = [*(("table", name) for name in OPTIONAL_TABLES), *(("columns", name) for name in GROUPS)]


def read_by(plugin) -> set[Thing]:
    """Return which of the things a plug-in reads, needs them or not."""
    read = [pair for asked in (plugin.requires, getattr(plugin, "optional", {})) for pair in asked.items()]
    tables = {("table", name) for name, _ in read if name != MANDATORY}
    columns = {column for name, names in read if name == MANDATORY for column in names}
    return tables | {("columns", group) for group, names in GROUPS.items() if columns & {*names}}


def removed_together() -> list[list[Thing]]:
    """Return sets of things of which no plug-in reads two: each sees one of its own gone, and the town is run less."""
    readers = [read_by(p) for known in (typologies(), explanations(), linkers()) for p in known.values()]
    beside = {thing: set().union(*(read for read in readers if thing in read)) for thing in THINGS}
    sets: list[list[Thing]] = []
    for thing in sorted(THINGS, key=lambda one: (-len(beside[one]), one)):
        free = [group for group in sets if not beside[thing] & {*group}]
        if free:
            free[0].append(thing)
        else:
            sets.append([thing])
    return sets


def test_every_optional_table_and_column_of_the_town_is_removed_once(small):
    assert {MANDATORY, *OPTIONAL_TABLES} == set(small)
    grouped = [name for names in GROUPS.values() for name in names]
    assert sorted(grouped) == sorted(set(small[MANDATORY].column_names) - TABLES[MANDATORY].required)
    assert sorted(thing for group in removed_together() for thing in group) == sorted(THINGS)


@pytest.mark.parametrize("times", WITHOUT)
def test_a_town_of_the_mandatory_columns(times, tmp_path):
    """By the command line, as a first user would try it."""
    town, out = tmp_path / "town", tmp_path / "out"
    thinned = ["--only-required", *(["--dates-only"] if times == "dates" else [])]
    call("synth", town, "--patients", 2000, "--months", 6, "--seed", 1, "--quiet", *thinned)
    leads = json.loads(call("run", town, "--out", out, "--quiet", "--json"))
    record = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert leads, "an empty result proves nothing"
    assert skipped(record, "typology") == WITHOUT[times]
    assert skipped(record, "linker") == LINKERS
    assert skipped(record, "benign") == EXPLANATIONS
    consistent(record, leads)
    said = json.loads(call("check", town, "--quiet", "--json"))
    assert {s["slug"] for s in said["skipped"] if s["kind"] == "typology"} == WITHOUT[times] | SEALED


def call(*arguments: object) -> str:
    done = CliRunner().invoke(root, [str(a) for a in arguments])
    assert done.exit_code == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("gone", removed_together(), ids=lambda gone: "-".join(name for _, name in gone))
def test_without_a_table_or_a_group_of_columns(gone, small, tmp_path):
    tables = {name: table for name, table in small.items() if ("table", name) not in gone}
    columns = {column for kind, name in gone if kind == "columns" for column in GROUPS[name]}
    tables[MANDATORY] = tables[MANDATORY].drop_columns(sorted(columns))
    record = run(tables, tmp_path)
    gone_tables = {name for kind, name in gone if kind == "table"}
    assert skipped(record, "typology") == {
        t.slug
        for t in OPEN.values()
        if gone_tables & {*t.requires} or columns & t.requires.get(MANDATORY, frozenset())
    }


def run(tables: towns.Tables, tmp_path):
    town = towns.write_parquet(tables, tmp_path / "town")
    result = pipeline.run(town, tmp_path / "out", Settings(threads=2))
    record = json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))
    assert result.leads, "an empty result proves nothing"
    consistent(record, [{"typologies": "; ".join(lead.typologies)} for lead in result.leads])
    return record


def skipped(record, kind: str) -> set[str]:
    return {s["slug"] for s in record["skipped"] if s["kind"] == kind}


def consistent(record, leads):
    """Every typology ran or is listed with a reason, never both; no lead speaks of one that did not run."""
    gone = skipped(record, "typology")
    assert gone | set(record["n_tests"]) == set(OPEN)
    assert not gone & set(record["n_tests"])
    codes = {typologies()[slug].code for slug in gone}
    assert not [lead for lead in leads if any(code in lead["typologies"] for code in codes)]
    for part in record["skipped"]:
        if part["kind"] == "linker" and part["reason"] == "no detector that can run reads its links":
            continue
        assert "needs" in part["reason"]
        assert any(name in part["reason"] for name in (*TABLES, "time of day")), part
