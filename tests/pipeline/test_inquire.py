"""The whole inquiry on a tiny town: what every scored ring must carry, and what must not change it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from gangfinder.benign import explanations
from gangfinder.engine import DuckDBEngine
from gangfinder.model.evidence import Grade
from gangfinder.model.tables import TABLES
from gangfinder.pipeline import Plugins, inquire
from gangfinder.run import Stages
from gangfinder.settings import Settings
from gangfinder.synth import TownSettings, build_town
from gangfinder.typologies import typologies

SMALL = TownSettings(patients=2_000, seed=3, rings_per_typology=1, lookalikes_per_kind=1, months=6)


def inquiry(tables, settings=Settings()):  # noqa: B008 - frozen
    engine = DuckDBEngine(threads=2)
    try:
        canonical = {name: engine.put(name, table) for name, table in tables.items()}
        return inquire(engine, canonical, settings, Stages(quiet=True), Plugins.tuned(settings))
    finally:
        engine.close()


@pytest.fixture(scope="module")
def town():
    return build_town(SMALL)


@pytest.fixture(scope="module")
def found(town):
    return inquiry(town.tables)


def test_planted_rings_are_found(town, found):
    planted = {p for ring in town.truth.rings for p in ring.patients}
    assert found.scored
    assert any(set(s.ring.core) & planted for s in found.scored)


def keys_of(name, table):
    """The keys of a table's rows as evidence names them: the columns of a key of several side by side."""
    columns = [table[c].to_pylist() for c in TABLES[name].key]
    return {"|".join("" if v is None else str(v) for v in row) for row in zip(*columns, strict=True)}


def test_every_ring_carries_its_defence_and_its_evidence(town, found):
    by_code = {t.code: t for t in typologies().values()}
    keys = {n: keys_of(n, t) for n, t in town.tables.items() if TABLES[n].key}
    for scored in found.scored:
        ring = scored.ring
        asked = {slug for f in ring.findings for slug in by_code[f.typology].benign}
        assert {j.explanation for j in ring.judgements} == asked
        for judgement in ring.judgements:
            template = explanations()[judgement.explanation].sentences[judgement.reason]
            assert template.format(**judgement.detail)
        assert 0 < scored.q_value <= 0.01
        assert scored.admitted_by in {"contradiction", "two_families", "single_channel", "one_hub"}
        for finding in ring.findings:
            assert finding.anomalies
            assert set(finding.core) <= set(ring.core)
            assert finding.grade in Grade
            assert finding.minimum_met_by >= by_code[finding.typology].minimum_subjects
            assert all(e.source_key in keys[e.source_table] for e in finding.evidence)


def test_money_is_that_of_the_source_rows(town, found):
    """No evidence row claims more than its settlement or claim paid, or its stay's bills together."""
    bills = {r["settlement_id"]: r for r in town.tables["settlements"].to_pylist()}
    for scored in found.scored:
        for row in (e for f in scored.ring.findings for e in f.evidence if e.source_table == "settlements"):
            bill = bills[row.source_key]
            if not bill["visit_id"]:
                assert row.amount <= bill["fund_amount"]


def test_a_second_inquiry_says_the_same(town, found):
    same = inquiry(town.tables) == found  # a comparison outside the assert: its diff would take minutes
    assert same


def test_shuffled_rows_change_nothing(town, found):
    turned = {
        name: table.take(pa.array(range(table.num_rows - 1, -1, -1), pa.int64())) for name, table in town.tables.items()
    }
    same = inquiry(turned) == found
    assert same


def test_an_isolated_patient_changes_no_lead(town, found):
    """He lives alone, goes once to a house that nobody else knows, and ties nobody.

    The same rings in the same order, for the same rows. A tail against "everybody else's rate" may move in its last
    digits, because he is one of everybody.
    """
    person = {
        "settlements": {
            "settlement_id": "zz-s", "patient_id": "zz-p", "institution_id": "zz-i", "fund_amount": Decimal("12.00"),
            "settled_at": datetime(2025, 3, 5, 10, 20), "visit_type": "11",
        },
        "patients": {"patient_id": "zz-p", "household_id": "zz-h"},
    }
    tables = {**town.tables}
    for name, row in person.items():
        one = pa.table({f.name: pa.array([row.get(f.name)], f.type) for f in tables[name].schema})
        tables[name] = pa.concat_tables([tables[name], one])
    more = inquiry(tables).scored
    assert [outline(s) for s in more] == [outline(s) for s in found.scored]
    assert tails(more) == pytest.approx(tails(found.scored), rel=0.001)


def outline(scored):
    """Everything but numbers that are counted over the whole population."""
    ring = scored.ring
    evidence = sorted({(e.source_table, e.source_key, e.amount, e.shows) for f in ring.findings for e in f.evidence})
    named = sorted((f.typology, f.core, a.name) for f in ring.findings for a in f.anomalies)
    judged = [(j.explanation, j.result, j.covered) for j in ring.judgements]
    return ring.ring_id, ring.core, scored.admitted_by, named, judged, evidence


def tails(scored):
    return [a.log10_p for s in scored for f in s.ring.findings for a in f.anomalies]


def test_what_cannot_run_is_listed(town):
    thin = town.tables["settlements"].select(
        ["settlement_id", "patient_id", "institution_id", "settled_at", "fund_amount"]
    )
    skipped = inquiry({"settlements": thin}).skipped
    gone = {(part.kind, part.slug) for part in skipped}
    assert {("typology", "forged_bills"), ("linker", "trace_code"), ("benign", "care_home")} <= gone
    assert all(part.reason for part in skipped)


def test_a_clean_town_has_no_lead():
    clean = build_town(TownSettings(patients=2_000, seed=4, clean=True, lookalikes_per_kind=1, months=6))
    assert inquiry(clean.tables).scored == ()
