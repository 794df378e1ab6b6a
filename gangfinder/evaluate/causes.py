"""Why a lead that found no ring is on the list."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from gangfinder.evaluate.reading import SHARE, Lead, Ring, shares, typed
from gangfinder.evaluate.verdict import FalseLead

_COVERED = 0.3  # a look-alike kind is named as a cause when it holds this share of a lead's core


class Causes:
    """Names the reason why a lead that found nothing is on the list."""

    def __init__(self, rings: list[Ring], lookalikes: Iterable[Mapping[str, Any]], found: set[str]) -> None:
        self._rings = rings
        self._found = found
        self._kinds: dict[tuple[str, str], set[str]] = defaultdict(set)
        for entry in lookalikes:
            # a house in which a look-alike happens explains a lead without patients, never one with them
            names = typed("staff", entry.get("staff", ()))
            names = names or typed("patient", [*entry["patients"], *entry["agents"]])
            for subject in names or typed("institution", entry["institutions"]):
                self._kinds[subject].add(entry["kind"])

    def explain(self, lead: Lead, in_top: bool) -> FalseLead:
        """Return the lead with its cause: a ring it touches, the look-alike that covers most, or chance."""
        cause, share = self._of_ring(lead)
        if not cause:
            cause, share = self._of_lookalike(lead)
        return FalseLead(
            lead.lead_id, lead.rank, lead.typologies, in_top, cause or "background", round(share, 3)
        )

    def _of_ring(self, lead: Lead) -> tuple[str, float]:
        best = max(self._rings, key=lambda ring: shares(ring, lead)[1], default=None)
        if best is None:
            return "", 0.0
        recall, share = shares(best, lead)
        if share < 0.5:
            return "", 0.0
        if best.ring_id in self._found:
            return f"duplicate of {best.ring_id} {best.typology}", share
        if recall >= SHARE and share >= SHARE:
            return f"rank of {best.ring_id} {best.typology}", share
        return f"partial {best.ring_id} {best.typology} ({recall:.0%} of it)", share

    def _of_lookalike(self, lead: Lead) -> tuple[str, float]:
        subjects = lead.patients or lead.core
        counts = Counter(
            kind for subject in sorted(subjects) for kind in sorted(self._kinds.get(subject, ()))
        )
        if not counts:
            return "", 0.0
        kind, number = min(counts.items(), key=lambda item: (-item[1], item[0]))
        share = number / len(subjects)
        return (f"look-alike {kind}", share) if share >= _COVERED else ("", 0.0)
