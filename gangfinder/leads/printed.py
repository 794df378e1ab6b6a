"""The numbers behind a lead's sentences, as its files keep them: enough to recompute every tail."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gangfinder.model.evidence import Finding
from gangfinder.model.lead import Lead

DIGITS = 10
"""Significant digits of a stored tail: far finer than anybody judges by, and equal on every machine."""


@dataclass(frozen=True, slots=True)
class PrintedAnomaly:
    """One surprising fact as printed.

    Parameters
    ----------
    name
        Key of its sentence.
    family
        Family of evidence.
    log10_p
        Base-10 logarithm of the tail before correction; 0 where no chance is computed.
    n_tests
        Tests of this kind that the run made.
    """

    name: str
    family: str
    log10_p: float
    n_tests: int


@dataclass(frozen=True, slots=True)
class PrintedFinding:
    """A finding of a lead: its core, and its anomalies in the order of the sentences."""

    finding_id: str
    typology: str
    core: tuple[str, ...]
    anomalies: tuple[PrintedAnomaly, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain values; a tail of zero, whose logarithm JSON cannot hold, is null."""
        return {
            "finding_id": self.finding_id,
            "typology": self.typology,
            "core": list(self.core),
            "anomalies": [
                {
                    "name": a.name,
                    "family": a.family,
                    "log10_p": a.log10_p if math.isfinite(a.log10_p) else None,
                    "n_tests": a.n_tests,
                }
                for a in self.anomalies
            ],
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> PrintedFinding:
        """Read what :meth:`to_json` returned."""
        anomalies = tuple(
            PrintedAnomaly(a["name"], a["family"], _tail(a["log10_p"]), int(a["n_tests"]))
            for a in plain["anomalies"]
        )
        return cls(plain["finding_id"], plain["typology"], tuple(plain["core"]), anomalies)


def _tail(stored: float | None) -> float:
    return -math.inf if stored is None else float(stored)


def printed(lead: Lead) -> tuple[PrintedFinding, ...]:
    """Return the findings of a lead with their numbers, sorted by typology and id.

    Two findings of one typology on the same subjects, at two hubs, bear the same id; then their order is kept.
    """
    rows: dict[tuple[str, str], set[object]] = {}
    for one in lead.evidence:
        rows.setdefault((one.typology, one.finding_id), set()).add(one.row)
    found = [_printed(finding, rows) for finding in lead.scored.ring.findings]
    return tuple(sorted(found, key=lambda f: (f.typology, f.finding_id)))


def _printed(finding: Finding, rows: Mapping[tuple[str, str], set[object]]) -> PrintedFinding:
    own = set(finding.evidence)
    # a lead holds no other tie between a finding and its id than the rows: the closest set that holds them all
    ids = [(len(held), name) for (typology, name), held in rows.items() if typology == finding.typology and own <= held]
    anomalies = tuple(
        PrintedAnomaly(a.name, a.family.value, float(f"{a.log10_p:.{DIGITS}g}"), a.n_tests)
        for a in finding.anomalies
    )
    return PrintedFinding(min(ids, default=(0, ""))[1], finding.typology, finding.core, anomalies)
