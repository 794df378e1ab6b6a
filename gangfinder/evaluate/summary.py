"""The verdict in a few lines of plain text."""

from __future__ import annotations

from gangfinder.evaluate.verdict import Evaluation


def summary(evaluation: Evaluation) -> str:
    """Return the verdict as a few lines of plain text."""
    e = evaluation
    if not e.k:
        lines = [f"clean town: {e.leads} leads (0 expected)"]
    else:
        lines = [
            f"rings {e.k}, leads {e.leads}, found in the first {e.k}: {e.found}",
            f"recall@k {_percent(e.recall_at_k)}   precision@k {_percent(e.precision_at_k)}",
            f"members: precision {_percent(e.member_precision)}, recall {_percent(e.member_recall)}",
            f"rows: precision {_percent(e.evidence_precision)}, recall {_percent(e.evidence_recall)}",
            "recall by typology: " + ", ".join(f"{t} {_percent(v)}" for t, v in e.typology_recall.items()),
        ]
        lines += [
            f"  missed {r.ring_id} {r.typology}: {r.best_lead or 'no lead'} holds {_percent(r.best_share)}"
            for r in e.rings
            if r.lead_id is None
        ]
    if e.staff.planted or e.staff.wrong:
        lines.append(f"staff: {e.staff.right} of {e.staff.planted} insiders named, {e.staff.wrong} others")
    lines += [
        f"  false lead {f.lead_id} (rank {f.rank}{'' if f.in_top else ', below k'}; {f.typologies}): "
        f"{f.cause}, {_percent(f.share)}"
        for f in e.false_leads
    ]
    return "\n".join(lines)


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"
