"""Stays and diagnoses: impossible intervals, bed fields that mean nothing, missing diagnoses."""

from __future__ import annotations

from gangfinder.intake.quality.probe import Check, Probe, finding
from gangfinder.intake.report import QualityFinding, Severity

CONSTANT_BED_SHARE = 0.5
CONSTANT_BED_STAYS = 20
"""A bed on more than this share of at least so many stays of a house is a default, not a bed."""
MISSING_DIAGNOSIS_SHARE = 0.5


def intervals(probe: Probe) -> list[QualityFinding]:
    """Find stays that end before they begin."""
    found = []
    for table in ("settlements", "reimbursements"):
        if not probe.has(table, "admitted_at", "discharged_at"):
            continue
        n, of = probe.row(
            "SELECT count(*) FILTER (WHERE CAST(discharged_at AS DATE) < CAST(admitted_at AS DATE)), "
            f"count(*) FILTER (WHERE admitted_at IS NOT NULL AND discharged_at IS NOT NULL) FROM main.{table}"
        )
        found += finding(
            "discharged_before_admitted", Severity.WARNING, f"{table}.discharged_at", (n, of),
            f"{{n}} stays in {table} end before they begin ({{share}})",
            "correct them at the source; they take part in no test on overlapping stays",
        )  # fmt: skip
    return found


def settled_outside_stay(probe: Probe) -> list[QualityFinding]:
    """Find settlements of a stay dated before it began."""
    if not probe.has("settlements", "admitted_at"):
        return []
    n, of = probe.row(
        "SELECT count(*) FILTER (WHERE CAST(settled_at AS DATE) < CAST(admitted_at AS DATE)), "
        "count(admitted_at) FROM main.settlements"
    )
    return finding(
        "settled_before_admission", Severity.WARNING, "settlements.settled_at", (n, of),
        "{n} settlements are older than the admission they pay for ({share})",
        "check the mapping of the two columns",
    )  # fmt: skip


def constant_beds(probe: Probe) -> list[QualityFinding]:
    """Find institutions where the bed field holds one value."""
    if not probe.has("settlements", "bed_id"):
        return []
    n, of, rows = probe.row(f"""
        WITH beds AS (SELECT institution_id, bed_id, count(*) AS n FROM main.settlements
                      WHERE bed_id IS NOT NULL GROUP BY ALL),
             houses AS (SELECT institution_id, sum(n) AS n, max(n) AS top FROM beds GROUP BY institution_id)
        SELECT count(*) FILTER (WHERE top > {CONSTANT_BED_SHARE} * n), count(*),
               sum(n) FILTER (WHERE top > {CONSTANT_BED_SHARE} * n)
        FROM houses WHERE n >= {CONSTANT_BED_STAYS}""")
    return finding(
        "bed_constant", Severity.WARNING, "settlements.bed_id", (n, of),
        f"{{n}} of {{of}} institutions write the same bed on most stays ({rows:,} rows)",
        "bed collisions there mean nothing; ask for the real bed",
    )  # fmt: skip


def missing_diagnoses(probe: Probe) -> list[QualityFinding]:
    """Say when most settlements have no diagnosis."""
    if not probe.has("settlements", "diagnosis_code"):
        return []
    n, of = probe.row("SELECT count(*) - count(diagnosis_code), count(*) FROM main.settlements")
    if not of or n / of <= MISSING_DIAGNOSIS_SHARE:
        return []
    return finding(
        "diagnosis_missing", Severity.WARNING, "settlements.diagnosis_code", (n, of),
        "{share} of the settlements have no diagnosis",
        "usual for pharmacies; explanations that rest on a diagnosis cannot be tested for these rows",
    )  # fmt: skip


CHECKS: tuple[Check, ...] = (intervals, settled_outside_stay, constant_beds, missing_diagnoses)
