"""A run as one entry of the history: its leads, what is new about each, and what became of those that are gone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from gangfinder.leads.members import CORE
from gangfinder.leads.register.comparing import Compared, Seen, Window
from gangfinder.leads.register.entries import RUN, Row, packed
from gangfinder.leads.register.history import Head, append, canonical
from gangfinder.leads.register.state import State
from gangfinder.leads.register.veil import Veil

if TYPE_CHECKING:
    from sqlalchemy import Connection

WHO = "gangfinder"
"""Who writes what no person decided."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a run is made of: equal facts over an equal register give equal results.

    Parameters
    ----------
    input_digest
        SHA-256 over the digests of the input tables.
    settings_digest
        Of all settings that can change a lead.
    version
        Of gangfinder.
    window
        Of the data.
    """

    input_digest: str
    settings_digest: str
    version: str
    window: Window = Window()  # noqa: RUF009 - frozen

    def same_as(self, row: Any) -> bool:  # noqa: ANN401 - a row of runs
        """Return whether a recorded run was made of the same."""
        stored = (row.input_digest, row.settings_digest, row.version)
        return stored == (self.input_digest, self.settings_digest, self.version)


Tables = dict[str, list[Row]]


def tables_of(run_id: str, facts: RunFacts, compared: Compared, state: State, veil: Veil) -> Tables:
    """Return the rows that a run writes, by table, all but those of ``runs`` and ``sealings``."""
    made: Tables = {"leads": [], "sightings": [], "members": [], "evidence": [], "relations": []}
    for one in compared.seen:
        if one.lead.lead_id not in state.leads:
            own = {"lead_id": one.lead.lead_id, "first_run": run_id, "subject_type": one.trace.subject_type}
            made["leads"].append(own)
        members = _members(one, veil)
        same = one.before is not None and one.before.members == frozenset(members)
        where = one.before.members_run if one.before is not None and same else run_id
        made["sightings"].append(_sighting(run_id, one, len(members), where, veil))
        if not same:
            made["members"] += [dict(zip(_MEMBER, (run_id, one.lead.lead_id, *m), strict=True)) for m in members]
        made["evidence"] += _evidence(run_id, one)
        made["relations"] += [_tie(run_id, one.lead.lead_id, "split_from", other) for other in _split(one)]
    for gone in compared.departures:
        made["sightings"].append(_departed(run_id, gone.lead_id, gone.status, state))
        if gone.merged_into:
            made["relations"].append(_tie(run_id, gone.lead_id, "merged_into", gone.merged_into))
    return made


_MEMBER = ("run_id", "lead_id", "entity_type", "entity_id", "role", "membership", "subject")


def _members(one: Seen, veil: Veil) -> list[tuple[str, str, str, str, int]]:
    kind, found = one.trace.subject_type, []
    for m in one.lead.members:
        name = veil.name(m.entity_type, m.entity_id)
        known = int(m.entity_type == kind and m.membership == CORE and name in one.trace.core)
        found.append((m.entity_type, name, m.role, m.membership, known))
    return sorted(found)


def _sighting(run_id: str, one: Seen, n_members: int, members_run: str | None, veil: Veil) -> Row:
    lead, change = one.lead, one.lead.change
    assert change is not None  # noqa: S101 - compare() gives every lead one
    shown = not veil.sealed
    return {
        "run_id": run_id, "lead_id": lead.lead_id, "status": lead.status, "rank": lead.rank or None,
        "previous_rank": change.previous_rank, "score": lead.scored.score.total, "q_value": lead.scored.q_value,
        "typologies": " ".join(sorted(one.trace.typologies)),
        "amount_low_fen": _fen(lead.amount_low) if shown else None,
        "amount_high_fen": _fen(lead.amount_high) if shown else None,
        "first_seen": lead.first_seen.isoformat() if shown and lead.first_seen else None,
        "last_seen": lead.last_seen.isoformat() if shown and lead.last_seen else None,
        "headline": lead.headline if shown else "",
        "n_core": len(one.trace.core), "n_members": n_members, "n_evidence": len(one.trace.evidence),
        "n_joined": len(change.joined), "n_left": len(change.left), "n_new_evidence": change.n_new_evidence,
        "n_gone_evidence": change.n_gone_evidence, "why": change.reopened_because, "members_run": members_run,
    }


def _fen(amount: Decimal) -> int:
    return int((amount * 100).to_integral_value())


def _departed(run_id: str, lead_id: str, status: str, state: State) -> Row:
    known = state.leads[lead_id]
    counts = dict.fromkeys(("n_core", "n_members", "n_evidence", "n_joined", "n_new_evidence", "n_gone_evidence"), 0)
    return {
        "run_id": run_id, "lead_id": lead_id, "status": status, "rank": None, "previous_rank": known.rank,
        "score": None, "q_value": None, "typologies": " ".join(sorted(known.trace.typologies)),
        "amount_low_fen": None, "amount_high_fen": None, "first_seen": None, "last_seen": None, "headline": "",
        **counts, "n_left": len(known.trace.core), "why": "", "members_run": None,
    }


def _evidence(run_id: str, one: Seen) -> list[Row]:
    lead_id, now = one.lead.lead_id, one.trace
    old = one.before.trace if one.before is not None else now
    made = []
    for gone, keys, trace in ((0, one.new_keys, now), (1, one.gone_keys, old)):
        for key in keys:
            on = trace.evidence[key]
            made.append({
                "run_id": run_id, "lead_id": lead_id, "key": key, "gone": gone, "subject": trace.subjects[key],
                "event_on": None if on is None else on.isoformat(), "amount_fen": one.amounts_fen.get(key, 0),
            })
    return made


def _split(one: Seen) -> Sequence[str]:
    return one.lead.change.split_from if one.lead.change is not None else ()


def _tie(run_id: str, lead_id: str, kind: str, other: str) -> Row:
    return {"run_id": run_id, "lead_id": lead_id, "kind": kind, "other": other}


def result_digest(facts: RunFacts, compared: Compared, state: State, veil: Veil) -> str:
    """Return a digest of what a run would write, whatever its id: equal results have equal digests."""
    own = tables_of("", facts, compared, state, veil)
    return hashlib.sha256(canonical(own).encode("ascii")).hexdigest()


def record(
    connection: Connection, run_id: str, started_at: str, facts: RunFacts, compared: Compared, state: State, veil: Veil
) -> Head:
    """Write a run into the transaction that is open, and the dismissals that parts of dismissed leads inherit.

    Parameters
    ----------
    connection
        A writing one.
    run_id, started_at
        As in ``run.json``.
    facts
        What the run is made of.
    compared
        What came of it.
    state
        What it was compared with.
    veil
        How the register names things.
    """
    first, last = facts.window.first, facts.window.last
    run = {
        "run_id": run_id, "started_at": started_at, "input_digest": facts.input_digest,
        "settings_digest": facts.settings_digest, "version": facts.version,
        "window_from": first and first.isoformat(), "window_to": last and last.isoformat(),
        "n_leads": len(compared.leads), "result_digest": result_digest(facts, compared, state, veil),
        "known_seq": state.seq,
    }
    tables: Mapping[str, list[Row]] = {"runs": [run], **tables_of(run_id, facts, compared, state, veil)}
    texts = [(one.lead.lead_id, veil.document(_document(one))) for one in compared.seen]
    sealings = [{"run_id": run_id, "lead_id": lead_id, "text": text} for lead_id, text in texts if text]
    payload = {name: packed(rows) for name, rows in {**tables, "sealings": sealings}.items() if rows}
    head = append(connection, WHO, RUN, payload)
    for one in compared.seen:
        if one.inherited is not None:
            head = append(connection, WHO, "dismiss", _inherited(connection, run_id, one.lead.lead_id, one.inherited))
    return head


def _document(one: Seen) -> dict[str, Any]:
    """Return what can be read of a lead, for the sealed register."""
    lead = one.lead
    return {
        "headline": lead.headline, "typologies": list(lead.typologies), "subject_type": one.trace.subject_type,
        "amount_low": str(lead.amount_low), "amount_high": str(lead.amount_high),
        "first_seen": lead.first_seen and lead.first_seen.isoformat(),
        "last_seen": lead.last_seen and lead.last_seen.isoformat(),
        "members": [[m.entity_type, m.entity_id, m.role, m.membership, m.label] for m in lead.members],
    }


def _inherited(connection: Connection, run_id: str, lead_id: str, seq: int) -> Row:
    from sqlalchemy import select

    from gangfinder.leads.register.schema import decisions

    own = connection.execute(select(decisions).where(decisions.c.seq == seq)).one()
    return {
        "run_id": run_id, "lead_id": lead_id, "reason": own.reason, "expires_on": own.expires_on, "target_seq": seq,
    }


__all__ = ["WHO", "RunFacts", "record", "result_digest", "tables_of"]
