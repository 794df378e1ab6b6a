"""Leads and decisions as reviewers see them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gangfinder.leads.register.deciding import find
from gangfinder.leads.register.opening import Register
from gangfinder.leads.register.schema import decisions, members, sealings, sightings
from gangfinder.leads.register.state import GONE, merged_into
from gangfinder.leads.register.veil import opened_text

if TYPE_CHECKING:
    from sqlalchemy import Connection

_OPENED = ("reason", "document", "assignee")
"""Columns of a decision that the sealed register may hold encrypted."""

_SIGHTING = (
    "run_id", "status", "rank", "n_core", "n_evidence", "n_joined", "n_left", "n_new_evidence", "why",
)


def overview(register: Register, identity: Path | None = None, *, every: bool = False) -> list[dict[str, Any]]:
    """Return leads as records: those of the last run by rank, then dismissed ones; or every lead ever.

    Parameters
    ----------
    register
        Open or sealed.
    identity
        File with the secret key, where the sealed register is encrypted.
    every
        Also leads that are gone.
    """
    with register.reading() as connection:
        into = merged_into(connection)
        found = [_lead(connection, row, into, identity) for row in _last_sightings(connection)]
    shown = [one for one in found if every or one["status"] not in GONE]
    return sorted(shown, key=lambda one: (one["rank"] is None, one["rank"] or 0, one["lead_id"]))


def detail(register: Register, wanted: str, identity: Path | None = None) -> dict[str, Any]:
    """Return one lead as a record, with its members, its sightings and the decisions on it, oldest first.

    Raises
    ------
    RegisterError
        If there is no such lead.
    """
    from sqlalchemy import select

    with register.reading() as connection:
        lead_id = find(connection, wanted)
        (last,) = [row for row in _last_sightings(connection) if row.lead_id == lead_id]
        own = select(sightings).where(sightings.c.lead_id == lead_id).order_by(sightings.c.seq)
        seen = [{name: row._mapping[name] for name in _SIGHTING} for row in connection.execute(own)]  # noqa: SLF001
        return {
            **_lead(connection, last, merged_into(connection), identity),
            "members": _members(connection, lead_id, identity), "sightings": seen,
            "decisions": _decisions(connection, lead_id, identity),
        }


def _last_sightings(connection: Connection) -> list[Any]:
    from sqlalchemy import func, select

    newest = select(sightings.c.lead_id, func.max(sightings.c.seq).label("seq")).group_by(sightings.c.lead_id)
    last = newest.subquery()
    both = (sightings.c.lead_id == last.c.lead_id) & (sightings.c.seq == last.c.seq)
    return list(connection.execute(select(sightings).join(last, both)))


def _lead(
    connection: Connection, row: Any, into: Mapping[str, str], identity: Path | None  # noqa: ANN401 - a sighting
) -> dict[str, Any]:
    made = [d for d in _decisions(connection, row.lead_id, identity) if not d["revoked"] and d["kind"] != "revoke"]
    words = [d["kind"] for d in made if d["kind"] in ("dismiss", "confirm", "transfer")]
    assigned = [d["assignee"] for d in made if d["kind"] == "assign"]
    told = _told(connection, row, identity)
    return {
        "lead_id": row.lead_id, "rank": row.rank, "status": row.status, "decided": words[-1] if words else None,
        "assignee": assigned[-1] if assigned else None, "n_decisions": len(made), "n_core": row.n_core,
        "merged_into": into.get(row.lead_id), **told,
    }


def _told(connection: Connection, row: Any, identity: Path | None) -> dict[str, Any]:  # noqa: ANN401 - a sighting
    """Return what the register can say of a lead in words; of one that is gone, what it said last."""
    document = _document(connection, row.lead_id, identity)
    if document is not None:
        return {name: document[name] for name in ("typologies", "amount_low", "amount_high", "headline")}
    from sqlalchemy import select

    own = select(sightings).where(sightings.c.lead_id == row.lead_id, sightings.c.status.not_in(GONE))
    last = connection.execute(own.order_by(sightings.c.seq.desc()).limit(1)).one()
    return {
        "typologies": last.typologies.split(), "amount_low": _yuan(last.amount_low_fen),
        "amount_high": _yuan(last.amount_high_fen), "headline": last.headline,
    }


def _yuan(fen: int | None) -> str | None:
    return None if fen is None else f"{fen // 100}.{fen % 100:02d}"


def _document(connection: Connection, lead_id: str, identity: Path | None) -> Mapping[str, Any] | None:
    from sqlalchemy import select

    own = select(sealings.c.text).where(sealings.c.lead_id == lead_id).order_by(sealings.c.seq.desc()).limit(1)
    text = connection.execute(own).scalar_one_or_none()
    if text is None:
        return None
    plain: Mapping[str, Any] = json.loads(opened_text(text, identity))
    return plain


def _members(connection: Connection, lead_id: str, identity: Path | None) -> list[dict[str, Any]]:
    from sqlalchemy import select

    document = _document(connection, lead_id, identity)
    names = ("entity_type", "entity_id", "role", "membership")
    if document is not None:
        return [dict(zip(names, m, strict=False)) for m in document["members"]]
    last = select(sightings.c.members_run).where(sightings.c.lead_id == lead_id, sightings.c.members_run.is_not(None))
    where = connection.execute(last.order_by(sightings.c.seq.desc()).limit(1)).scalar_one_or_none()
    own = select(members).where(members.c.lead_id == lead_id, members.c.run_id == where)
    rows = connection.execute(own.order_by(members.c.membership.desc(), members.c.entity_type, members.c.entity_id))
    return [{name: row._mapping[name] for name in names} for row in rows]  # noqa: SLF001 - the public name of a row's mapping


def _decisions(connection: Connection, lead_id: str, identity: Path | None) -> list[dict[str, Any]]:
    from sqlalchemy import select

    own = select(decisions).where(decisions.c.lead_id == lead_id).order_by(decisions.c.seq)
    rows = [dict(row._mapping) for row in connection.execute(own)]  # noqa: SLF001 - the public name of a row's mapping
    revoked = {row["target_seq"] for row in rows if row["kind"] == "revoke"}
    for row in rows:
        row["revoked"] = row["seq"] in revoked
        row["amount"] = _yuan(row.pop("amount_fen"))
        row.update({name: opened_text(row[name], identity) for name in _OPENED})
    return rows


__all__ = ["detail", "overview"]
