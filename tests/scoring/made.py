"""Findings and rings made of a few numbers."""

from __future__ import annotations

from decimal import Decimal

from gangfinder.model.evidence import Anomaly, EvidenceRow, Family, Finding, Grade
from gangfinder.model.lead import Ring
from gangfinder.rings.merge import merge


def row(key: str, yuan: float = 1000, house: str = "I", who: str = "A", grade: Grade = Grade.E2) -> EvidenceRow:
    return EvidenceRow("patient", who, house, "settlements", key, None, Decimal(str(yuan)), grade, "session")


def anomaly(family: Family = Family.CALENDAR, log10_p: float = -20.0, n_tests: int = 1, **detail: int) -> Anomaly:
    return Anomaly(family, f"same_{family.value}", log10_p, n_tests, detail)


def finding(
    core: str = "ABCDE", *, code: str = "T01", grade: Grade = Grade.E2, anomalies: tuple[Anomaly, ...] | None = None,
    rows: tuple[EvidenceRow, ...] | None = None, subject_type: str = "patient",
) -> Finding:
    found = (anomaly(), anomaly(Family.TEMPO)) if anomalies is None else anomalies
    own = tuple(row(f"S{who}", who=who) for who in core) if rows is None else rows
    return Finding(code, tuple(sorted(core)), subject_type, grade, found, own, (), len(core))


def ring(*findings: Finding) -> Ring:
    (made,) = merge([(f, ()) for f in findings], overlap=0.0)
    return made
