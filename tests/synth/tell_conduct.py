"""What rings and look-alikes do that shows in a single column: declared, each with its reason, and audited no further.

Every entry was measured without the exemption: what stayed below the limit is not declared (but for one look-alike that
comes too near it for towns that change with every commit), and what a group does not do itself was mended in the
generator instead.
"""

from __future__ import annotations

from collections.abc import Mapping

_MONEY = ("total_amount", "fund_amount", "pooled_amount", "cash_amount", "account_amount")
_BASKET = ("items.price", "items.count", "items.boxes", "items.traced", "items.days_supplied")
_AGENT = ("agent_name", "agent_phone", "agent_id_number")
_WARD = ("department", "doctor.department", "diagnosis_code")

_REASONS: Mapping[tuple[str, str], tuple[str, ...]] = {
    # (typology, reason): columns
    ("T02", "accounts are emptied: much is paid from them, and little is left"): ("account_amount", "account_balance"),
    ("T02", "many boxes of one dear product on one line, up to the cap of the fund"): (
        "total_amount", "fund_amount", "pooled_amount", *_BASKET,
    ),
    ("T02", "an electronic credential is scanned from afar"): ("credential_type",),
    ("T02", "the holders live, work and are insured elsewhere"): (
        "area_code", "patient.area_code", "patient.address", "patient.employer",
    ),
    ("T02", "only the employed have accounts that can be emptied, and their daily cap is another"): (
        "patient.insured_type", "cap_amount",
    ),
    ("T06", "the house waives what the recruits would have to pay"): ("cash_amount", "account_amount"),
    ("T07", "the houses ask nothing of people whom they hand on, so the fund's part of the bill is larger"): (
        "cash_amount", "account_amount", "fund_amount", "pooled_amount",
    ),
    ("T07", "nobody is handed on from house to house to give birth, as a child, or for a course of treatment"): _WARD,
    ("T07", "no child is handed on, and who goes out often cannot lie in hospital all year"): ("patient.age",),
    ("T10", "the cards of the dead are used, and the dead were old"): ("patient.age",),
    ("T11", "the entitlement is for the sake of costly drugs"): (*_MONEY, *_BASKET),
    ("T11", "the same people fetch at clinics and at shops, whose own customers are insured differently"): (
        "cap_amount",
    ),
    ("T11", "only adults are certified, and such as were hardly treated"): ("patient.age",),
    ("T11", "one disease that entitles to costly drugs is certified most often"): ("disease_code",),
    ("T11", "one or two agents file for the people they recruited"): _AGENT,
    ("T12", "the houses ask nothing of people whom they hand on"): ("cash_amount", "account_amount"),
    ("T12", "nobody is handed on from house to house to give birth, as a child, or for a course of treatment"): _WARD,
    ("T12", "no child is handed on, and who goes out often cannot lie in hospital all year"): ("patient.age",),
    ("T14", "a prescription is written for every sale"): ("prescription_id",),
    ("T14", "all are first visits online, written one after another for one sort of illness, and checked at once"): (
        "online", "first_visit", "diagnosis_code", "issued_at", "visited_at", "checked_at",
    ),
    ("T15", "half of the forged sales have no prescription"): ("prescription_id",),
    ("T15", "forged on paper, in the names of a few doctors of houses elsewhere who treat what the drug is for"): (
        "paper", "visited_at", "doctor_id", "institution_id", "diagnosis_code", "dual_channel",
    ),
    ("T16", "the laboratory finds what the drug needs, by the one test that opens the way to it"): (
        "result", "item_code",
    ),
    ("T16", "all of the drugs are prescribed and billed by one house"): (
        "institution_id", "institution_name", "invoice_no",
    ),
    ("T17", "agents hand in nearly all of the claims"): _AGENT,
    ("T18", "the second copies of the bills go through one agent"): _AGENT,
    ("T18", "injuries that another payer owes are injuries, and lie in orthopaedics"): _WARD,
    ("T19", "allowances follow the base, and the bases are raised"): ("total_amount", "fund_amount", "base_amount"),
    ("T19", "one agent enrols them and hands in for them"): _AGENT,
    ("T19", "they are let go once the benefit is paid"): ("valid_to",),
    ("T21", "the names of doctors who have left are still used"): ("doctor.active_to",),
    ("T24", "a register of villagers, children and all, is billed, not those who fall ill"): (
        "patient.age", "patient.insured_type", "cap_amount", "account_balance",
    ),
    ("T24", "one diagnosis stands on nearly all bills"): ("diagnosis_code",),
    ("T24", "one small basket and one small fee stand on nearly all bills"): (*_MONEY, *_BASKET),
}

CONDUCT: Mapping[tuple[str, str], str] = {
    (typology, column): reason for (typology, reason), columns in _REASONS.items() for column in columns
}
"""(typology, column) → why the column is the ring's conduct and not a tell."""

OF_ALIKE = frozenset(
    {
        "patient.age", "patient.insured_type", "patient.employer", "patient.address", "cap_amount", "account_balance",
        "items.split", "items.returned", *_MONEY, *_BASKET, *_AGENT, *_WARD, "settled_at", "occurred_at", "issued_at",
        "visited_at", "checked_at",
    }
)
"""Columns by which look-alikes are what they are: who falls ill of what, is given what, and when, and who helps.

A look-alike is a group of one age, illness or calendar; in a ring the same columns are audited.
"""

_ALIKE_REASONS: Mapping[tuple[str, str], tuple[str, ...]] = {
    # (kinds, reason): columns; the result of a new assay alone was measured at 0.55 to 0.59
    ("assay_change", "a laboratory's new assay finds other values than the old one did"): ("result",),
    ("assisted_ward", "assistance pays the poor their share"): ("assistance_amount",),
    ("child_account family", "relatives pay by mutual aid"): ("mutual_aid_amount",),
    ("station_pharmacy hospital_outsiders tourist_season season_elders migrant_dormitory", "insured elsewhere"): (
        "area_code", "patient.area_code",
    ),
    ("migrant_dormitory", "who works far from home pays with the telephone"): ("credential_type",),
    ("resold_return", "what is brought back is refunded"): (
        "is_refund", "reversed", "reversed_settlement_id", "upload_delay",
    ),
    ("consortium staged_rehabilitation", "patients are sent on to another house, and their stays end so"): (
        "discharge_way",
    ),
    ("multi_site_doctor reading_centre", "licensed for several houses, one after another"): (
        "doctor.multi_site", "doctor.active_from",
    ),
    ("department_account", "the account is a department's, not a person's"): ("doctor.name", "doctor.id_number"),
    ("sole_expert", "one expert certifies one disease"): ("disease_code",),
    ("mass_recertification", "many certificates are renewed at once"): (
        "filed_at", "handled_at", "reviewed_at", "valid_from", "valid_to",
    ),
    ("record_migration", "many records are written at once, by one hand"): ("filed_at", "handled_at", "doctor_id"),
    ("flu_peak online_follow_up paper_entry prescriber_account repeat_prescriptions",
     "every sale has its prescription, renewals or first visits all of them"): (
        "prescription_id", "renewal_of", "first_visit", "online", "long_term",
    ),
    ("paper_entry", "paper is typed in later"): ("paper",),
    ("broken_line", "special drugs are sold while the line is down"): ("dual_channel",),
    ("rare_disease", "one specialist of one house prescribes the special drug, again and again"): (
        "dual_channel", "institution_id", "doctor_id", "renewal_of", "first_visit",
    ),
    ("referral_centre", "patients were chosen before they were tested, and for one test"): ("result", "item_code"),
    ("referral_centre sole_specialist chain_pharmacy clinic_off_line", "one house or chain sees all of them"): (
        "institution_name", "invoice_no",
    ),
    ("central_server", "the server's operators stand on the bills of all its houses"): ("operator_id", "terminal_id"),
    ("seasonal_farm", "hired for the season"): ("valid_to",),
}

ALIKE_CONDUCT: Mapping[tuple[str, str], str] = {
    (kind, column): reason
    for (kinds, reason), columns in _ALIKE_REASONS.items()
    for kind in kinds.split()
    for column in columns
}
"""(kind of look-alike, column) → why it shows there."""
