"""What T20 and T27 read: papers with their desks, and the registers of staff and people."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_DESKS = frozenset({"handler_id", "handled_at", "reviewer_id", "reviewed_at", "agent_id_number", "agent_phone"})

PAPERS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "reimbursements": _DESKS
        | {"fund_amount", "benefit_kind", "submitted_at", "institution_id", "payee_account", "payee_name", "decision"},
        "filings": _DESKS | {"institution_id", "decision"},
        "enrolments": frozenset({"employer_id", "handler_id", "agent_id_number", "agent_phone"}),
    }
)
"""Tables of papers, and the columns that say over whose desk they went."""

REGISTERS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "staff": frozenset({"id_number", "phone", "address", "bank_account", "office"}),
        "roster": frozenset({"valid_to", "office"}),
        "actions": frozenset({"target_type", "target_id"}),
        "patients": frozenset({"name", "id_number", "phone", "address", "household_id"}),
        "institutions": frozenset({"legal_rep_id_number"}),
        "ties": frozenset(),
    }
)
"""Registers that say when somebody was at his desk, and who and what is his."""

ONE_OF: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "reimbursements": frozenset({"handler_id", "reviewer_id", "payee_account"}),
        "filings": frozenset({"handler_id", "reviewer_id"}),
        "enrolments": frozenset({"handler_id"}),
    }
)
"""Papers that name a desk or who is paid; without any there is nothing to ask."""

__all__ = ["ONE_OF", "PAPERS", "REGISTERS"]
