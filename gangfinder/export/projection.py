"""A lead as rows of sheets: the only place that says what a field of an export holds (DESIGN §5)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING

from gangfinder.leads.members import CORE
from gangfinder.leads.narrative import covered, narrate, reason
from gangfinder.leads.phrases import phrase
from gangfinder.model.evidence import Result

if TYPE_CHECKING:
    from gangfinder.leads.catalogue import Translator
    from gangfinder.leads.texts import Texts
    from gangfinder.model.lead import Lead

Cell = str | int | Decimal
"""A number keeps its sign; a text is neutralised by the formats that need it."""

Row = Mapping[str, Cell]

FIELDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "leads": (
            "lead_id",
            "rank",
            "status",
            "score",
            "q_value",
            "typologies",
            "n_patients",
            "n_institutions",
            "n_doctors",
            "amount_low",
            "amount_high",
            "first_seen",
            "last_seen",
            "headline",
        ),
        "members": ("lead_id", "entity_type", "entity_id", "role", "membership", "grade", "label"),
        "evidence": (
            "lead_id",
            "finding_id",
            "typology",
            "grade",
            "source_table",
            "source_key",
            "event_at",
            "amount",
            "shows",
        ),
        "benign": ("lead_id", "explanation", "result", "members_covered", "residual"),
        "narrative": ("line",),
    }
)
"""Sheet → every field it can have.

``n_patients`` counts the core, the other counts everybody named. ``members_covered`` is a count; ``residual``
says in words who remains and why. ``shows`` and ``headline`` are in the language of the run. ``line`` is a
narrative as JSON.
"""


def project(sheet: str, lead: Lead, texts: Texts, say: Translator) -> Iterator[Row]:
    """Yield the rows of one sheet for a lead, sorted."""
    return _SHEETS[sheet](lead, texts, say)


def instant(at: datetime | None) -> str:
    """Return ``2025-03-02T09:30:00``; microseconds only where there are some; empty for none."""
    return "" if at is None else at.isoformat()


def share(value: float) -> str:
    """Return a probability in scientific notation of fixed length (``1.250e-09``), equal on every machine.

    Parameters
    ----------
    value
        From 0 to 1.
    """
    return f"{value:.3e}" if math.isfinite(value) else ""


def _lead(lead: Lead, texts: Texts, say: Translator) -> Iterator[Row]:
    del texts, say
    core_patients = sum(1 for m in lead.members if m.entity_type == "patient" and m.membership == CORE)
    yield {
        "lead_id": lead.lead_id,
        "rank": lead.rank,
        "status": lead.status,
        "score": Decimal(f"{lead.scored.score.total:.4f}"),
        "q_value": share(lead.scored.q_value),
        "typologies": " ".join(lead.typologies),
        "n_patients": core_patients,
        "n_institutions": lead.count("institution"),
        "n_doctors": lead.count("doctor"),
        "amount_low": lead.amount_low,
        "amount_high": lead.amount_high,
        "first_seen": instant(lead.first_seen),
        "last_seen": instant(lead.last_seen),
        "headline": lead.headline,
    }


def _members(lead: Lead, texts: Texts, say: Translator) -> Iterator[Row]:
    del texts, say
    for member in sorted(
        lead.members, key=lambda m: (m.membership != CORE, m.entity_type, m.entity_id, m.role)
    ):
        yield {
            "lead_id": lead.lead_id,
            "entity_type": member.entity_type,
            "entity_id": member.entity_id,
            "role": member.role,
            "membership": member.membership,
            "grade": member.grade.value,
            "label": member.label,
        }


def _evidence(lead: Lead, texts: Texts, say: Translator) -> Iterator[Row]:
    rows = [
        {
            "lead_id": lead.lead_id,
            "finding_id": one.finding_id,
            "typology": one.typology,
            "grade": one.row.grade.value,
            "source_table": one.row.source_table,
            "source_key": one.row.source_key,
            "event_at": instant(one.row.event_at),
            "amount": one.row.amount.quantize(Decimal("0.01")),
            "shows": say.render(texts.sentence(one.typology, one.row.shows, {})),
        }
        for one in lead.evidence
    ]
    order = ("finding_id", "event_at", "source_table", "source_key", "grade", "shows", "amount")
    yield from sorted(rows, key=lambda row: tuple(str(row[name]) for name in order))


def _benign(lead: Lead, texts: Texts, say: Translator) -> Iterator[Row]:
    for judgement in sorted(lead.scored.ring.judgements, key=lambda j: (j.explanation, j.result, j.reason)):
        n_covered, n_left = covered(judgement, lead)
        why = reason(judgement, lead, texts)
        tested = judgement.result in (Result.FAILS, Result.PARTLY)
        words = phrase("benign.residual", n_left=n_left, reason=why) if tested else why
        yield {
            "lead_id": lead.lead_id,
            "explanation": judgement.explanation,
            "result": judgement.result.value,
            "members_covered": n_covered,
            "residual": say.render(words),
        }


def _narrative(lead: Lead, texts: Texts, say: Translator) -> Iterator[Row]:
    del say
    yield {"line": narrate(lead, texts).to_line()}


_SHEETS: Mapping[str, Callable[[Lead, Texts, Translator], Iterator[Row]]] = {
    "leads": _lead,
    "members": _members,
    "evidence": _evidence,
    "benign": _benign,
    "narrative": _narrative,
}
