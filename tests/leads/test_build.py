"""From scored rings to leads: identity, members, amounts."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pandas as pd
import pytest

from gangfinder.errors import SettingsError
from gangfinder.leads import EntityFacts, build_leads
from gangfinder.leads.amounts import stake
from gangfinder.leads.facts import evidence_keys
from gangfinder.leads.identity import lead_ids
from gangfinder.leads.tokens import Key
from gangfinder.model.evidence import Grade
from gangfinder.model.lead import Lead
from gangfinder.settings import Settings
from leads.made import KEY, PEOPLE, TEXTS, facts, impersonation, pool


def leads(settings: Settings | None = None, key: Key = KEY) -> list[Lead]:
    return build_leads([pool(), impersonation()], facts(), settings or Settings(), key, TEXTS)


def test_order_is_rank_and_status_is_new():
    assert [(lead.rank, lead.status) for lead in leads()] == [(1, "new"), (2, "new")]


def test_headline_is_neutral_and_has_the_numbers():
    assert leads()[0].headline == (
        "疑似集中持卡结算，待核实：6 名参保人、1 家机构、1 名医师、1 名操作员；"
        "2025-03-02 至 2025-03-23；医保基金 ¥2,892.00"
    )


def test_headline_in_english_starts_with_a_capital():
    assert leads(Settings(lang="en"))[0].headline.endswith("2025-03-02 to 2025-03-23; fund money ¥2,892.00")


def test_low_amount_is_the_best_grade_and_refunds_are_subtracted():
    lead = leads()[1]
    assert (lead.amount_low, lead.amount_high) == (Decimal("100.00"), Decimal("200.50"))


def test_an_input_row_counts_once_in_its_best_grade():
    row = pool().ring.findings[0].evidence[0]
    made = stake([row, replace(row, grade=Grade.E1), row])
    assert (made.low, made.high, made.grade) == (row.amount, row.amount, Grade.E1)


def test_low_is_never_above_high():
    row = pool().ring.findings[0].evidence[0]
    refund = replace(row, source_key="R", amount=Decimal("-30"), grade=Grade.E3)
    made = stake([row, refund])
    assert made.low == Decimal("90.50")
    assert made.high == Decimal("120.50")


def test_no_rows_no_money():
    made = stake([])
    assert (made.low, made.high, made.first, made.last) == (Decimal(0), Decimal(0), None, None)


def test_window_is_the_rows():
    lead = leads()[0]
    assert (lead.first_seen, lead.last_seen) == (datetime(2025, 3, 2, 9, 30), datetime(2025, 3, 23, 9, 35))


def test_core_is_the_ring_and_its_hubs():
    core = {(m.entity_type, m.entity_id, m.role) for m in leads()[0].members if m.membership == "core"}
    assert core == {("patient", p, "cardholder") for p in PEOPLE} | {("terminal", "TM1", "terminal")}


def test_who_passes_by_once_is_not_named():
    beside = {(m.entity_type, m.entity_id) for m in leads()[0].members if m.membership == "associated"}
    assert ("doctor", "D1") in beside
    assert ("doctor", "D9") not in beside
    assert {("institution", "H1"), ("operator", "OP1"), ("card", "CP001")} <= beside


def test_phones_leave_as_tokens_with_a_masked_label():
    phone = next(m for m in leads()[0].members if m.entity_type == "phone")
    assert phone.entity_id.startswith("phone:")
    assert phone.label == "199****0001"


def test_thresholds_can_be_set():
    strict = Settings(overrides={"leads": {"least_rows": 1000}})
    beside = [m for m in leads(strict)[0].members if m.membership == "associated"]
    assert {m.entity_type for m in beside} == {"card"}


def test_unknown_threshold_names_the_nearest():
    with pytest.raises(SettingsError) as caught:
        leads(Settings(overrides={"leads": {"least_row": 2}}))
    assert "least_rows" in str(caught.value.hint)


def test_same_content_same_id_whatever_the_window():
    longer, shorter = pool(days=4), pool(days=3)
    assert lead_ids([longer.ring], KEY) == lead_ids([shorter.ring], KEY)


def test_other_people_other_id():
    assert len(set(lead_ids([pool().ring, pool(PEOPLE[1:]).ring], KEY))) == 2


def test_ids_of_equal_rings_are_lengthened_to_the_end_without_failing():
    first, second = lead_ids([pool().ring, pool().ring], KEY)
    assert first == second
    assert len(first) > 20


def test_id_of_secret_subjects_depends_on_the_key():
    ring = replace(pool().ring, subject_type="bank_account")
    assert lead_ids([ring], KEY) != lead_ids([ring], Key(b"1" * 64))


def test_patients_have_the_same_id_under_any_key():
    assert lead_ids([pool().ring], KEY) == lead_ids([pool().ring], Key(b"1" * 64))


def test_order_of_findings_and_rows_changes_nothing():
    one = pool()
    finding = one.ring.findings[0]
    turned = replace(one.ring, findings=(replace(finding, evidence=finding.evidence[::-1]),))
    again = build_leads([replace(one, ring=turned), impersonation()], facts(), Settings(), KEY, TEXTS)
    assert [(a.members, a.evidence) for a in again] == [(b.members, b.evidence) for b in leads()]


def test_leads_without_facts_still_name_the_institution():
    lead = build_leads([pool()], EntityFacts(), Settings(), KEY, TEXTS)[0]
    assert lead.count("institution") == 1


def test_evidence_keys_are_what_the_engine_is_asked_for():
    assert len(evidence_keys([pool(), impersonation()])["settlements"]) == 24


def test_an_account_written_in_two_ways_is_one_member():
    one = pool()
    (finding,) = one.ring.findings
    hub = ("bank_account", "6299 0001", "payee_account")
    ring = replace(one.ring, findings=(replace(finding, hubs=(hub,)),))
    rows = [{"source_key": row.source_key, "payee_account": "62990001"} for row in finding.evidence]
    seen = EntityFacts.of({"settlements": pd.DataFrame(rows)})
    (lead,) = build_leads([replace(one, ring=ring)], seen, Settings(), KEY, TEXTS)
    accounts = [(m.role, m.membership) for m in lead.members if m.entity_type == "bank_account"]
    assert accounts == [("payee_account", "core")]
