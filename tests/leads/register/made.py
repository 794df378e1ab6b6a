"""A small register made by hand: created, one run with one lead, two decisions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gangfinder.leads.register.entries import CREATED, RUN, packed
from gangfinder.leads.register.history import append
from gangfinder.leads.register.opening import Register, open_register


def decide(lead_id: str, **columns: Any) -> dict[str, Any]:
    return {"lead_id": lead_id, "run_id": "r1", **columns}


def a_run(run_id: str, lead_id: str = "L-AAAAAAAA") -> dict[str, Any]:
    tables = {
        "runs": [{
            "run_id": run_id, "started_at": "2026-01-05T02:00:00", "input_digest": "i", "settings_digest": "s",
            "version": "0", "window_from": "2025-01-01", "window_to": "2025-12-31", "n_leads": 1,
            "result_digest": "d", "known_seq": 1,
        }],
        "leads": [{"lead_id": lead_id, "first_run": run_id, "subject_type": "patient"}],
        "sightings": [{
            "run_id": run_id, "lead_id": lead_id, "status": "new", "rank": 1, "previous_rank": None, "score": 9.5,
            "q_value": 1e-9, "typologies": "T01", "amount_low_fen": 1, "amount_high_fen": 2, "first_seen": None,
            "last_seen": None, "headline": "疑似", "n_core": 2, "n_members": 2, "n_evidence": 2, "n_joined": 0,
            "n_left": 0, "n_new_evidence": 2, "n_gone_evidence": 0, "why": "", "members_run": run_id,
        }],
        "members": [
            {"run_id": run_id, "lead_id": lead_id, "entity_type": "patient", "entity_id": p, "role": "cardholder",
             "membership": "core", "subject": 1} for p in ("P1", "P2")
        ],
        "evidence": [
            {"run_id": run_id, "lead_id": lead_id, "key": k, "gone": 0, "subject": p, "event_on": "2025-03-02",
             "amount_fen": 100} for k, p in (("k1", "P1"), ("k2", "P2"))
        ],
    }
    return {name: packed(rows) for name, rows in tables.items()}


def filled(path: Path) -> Register:
    register = open_register(path, create=True)
    with register.writing() as connection:
        append(connection, "me", CREATED, {"kind": "open"})
        append(connection, "me", RUN, a_run("r1"))
    with register.writing() as connection:
        append(connection, "me", "dismiss", decide("L-AAAAAAAA", reason="regular customers of a buyer"))
        append(connection, "me", "note", decide("L-AAAAAAAA", reason="seen"))
    return register
