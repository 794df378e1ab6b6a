"""What the sealed register holds apart, put back into the rows of the queries for those who may see it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gangfinder.leads.register.veil import opened_text
from gangfinder.reports.pages import Matter
from gangfinder.reports.queries import Period, Record, texts

if TYPE_CHECKING:
    from sqlalchemy import Connection

_WRITTEN = ("reason", "document", "assignee")
"""What reviewers write, which is encrypted where there is a recipient."""

_HOUSES = ("institution", "office")

Documents = Mapping[str, Sequence[tuple[int, Mapping[str, Any]]]]
"""Lead → what could be read of it, by history entry, oldest first."""


def unveiled(matter: Matter, connection: Connection, identity: Path | None) -> Matter:
    """Return the matter of a sealed register with everything that can be read.

    Parameters
    ----------
    matter
        As the queries found it: ids of members and codes of typologies are tokens, money is missing.
    connection
        The same that it was gathered with.
    identity
        File with the secret key, where the register is encrypted.

    Raises
    ------
    LeadError
        If it is encrypted and the identity is missing or does not fit.
    """
    documents = _documents(connection, matter.at, identity)
    leads = [_lead(one, documents[one["lead_id"]], identity) for one in matter.leads]
    return replace(
        matter, leads=leads, changes=[_change(one, documents[one["lead_id"]]) for one in matter.changes],
        decisions=[_opened(one, identity) for one in matter.decisions],
        trend=[_run(one, documents) for one in matter.trend],
        houses={lead: _houses(told[-1][1]) for lead, told in documents.items()}, sealed=True,
    )


def _documents(connection: Connection, at: Period, identity: Path | None) -> Documents:
    found: dict[str, list[tuple[int, Mapping[str, Any]]]] = {}
    for row in texts(connection, at):
        plain = json.loads(opened_text(row["text"], identity))
        found.setdefault(row["lead_id"], []).append((row["seq"], plain))
    return found


def _opened(row: Record, identity: Path | None) -> Record:
    return {**row, **{name: opened_text(row[name], identity) for name in _WRITTEN if row.get(name)}}


def _lead(row: Record, told: Sequence[tuple[int, Mapping[str, Any]]], identity: Path | None) -> Record:
    return {**_opened(row, identity), **_readable(told[-1][1])}


def _readable(document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "typologies": " ".join(document["typologies"]), "headline": document["headline"],
        "amount_low_fen": _fen(document["amount_low"]), "amount_high_fen": _fen(document["amount_high"]),
    }


def _fen(yuan: str) -> int:
    return int((Decimal(yuan) * 100).to_integral_value())


def _change(row: Record, told: Sequence[tuple[int, Mapping[str, Any]]]) -> Record:
    """Return a change in words; of a lead that is gone, with what it was last."""
    before = [document for seq, document in told if seq < row["seq"]]
    (now, *_) = [document for seq, document in told if seq == row["seq"]] or before[-1:]
    previous = _fen(before[-1]["amount_high"]) if before else None
    return {**row, **_readable(now), "before_fen": previous, "last_headline": now["headline"]}


def _run(row: Record, documents: Documents) -> Record:
    """Return a run with the money of the leads that it listed; in the sealed register all that it saw are told."""
    listed = set(str(row["listed_ids"] or "").split())
    amounts = [
        _fen(document["amount_high"])
        for lead in listed for seq, document in documents[lead] if seq == row["seq"]
    ]
    return {**row, "amount_fen": sum(amounts) if amounts else None}


def _houses(document: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one[1] for one in document["members"] if one[0] in _HOUSES))
