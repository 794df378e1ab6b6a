"""Ids that lead nowhere: the partner in another table is absent. Reported, never rejected."""

from __future__ import annotations

from gangfinder.intake.casts import named
from gangfinder.intake.quality.probe import Check, Probe, finding
from gangfinder.intake.report import QualityFinding, Severity
from gangfinder.model.tables import TABLES, Kind

TARGETS = {
    "patient_id": "patients", "institution_id": "institutions", "doctor_id": "doctors", "card_id": "cards",
    "terminal_id": "terminals", "operator_id": "operators", "settlement_id": "settlements",
    "prescription_id": "prescriptions", "handler_id": "staff", "reviewer_id": "staff", "staff_id": "staff",
}  # fmt: skip
"""Which table explains an id column of that name."""
_KEYS = {"handler_id": "staff_id", "reviewer_id": "staff_id"}
GRAVE_SHARE = 0.5
"""Share of orphans from which the two tables do not seem to belong together."""


def _pairs(probe: Probe) -> list[tuple[str, str, str, str]]:
    return [
        (table, column.name, target, key)
        for table, spec in TABLES.items()
        for column in spec.columns
        if column.kind is Kind.ID and (target := TARGETS.get(column.name)) and target != table
        and (key := _KEYS.get(column.name, column.name))
        and probe.has(table, column.name) and probe.has(target, key)
    ]  # fmt: skip


def orphans(probe: Probe) -> list[QualityFinding]:
    """Count ids without a partner, per pair of tables."""
    found = []
    for table, column, target, key in _pairs(probe):
        n, of = probe.row(f"""
            SELECT sum(n) FILTER (WHERE id NOT IN (SELECT {named(key)} FROM main.{named(target)}
                                                   WHERE {named(key)} IS NOT NULL)), sum(n)
            FROM (SELECT {named(column)} AS id, count(*) AS n FROM main.{named(table)}
                  WHERE {named(column)} IS NOT NULL GROUP BY 1)""")
        severity = Severity.WARNING if of and n / of >= GRAVE_SHARE else Severity.INFO
        found += finding(
            "orphan_id", severity, f"{table}.{column}", (n, of),
            f"{{n}} rows of {table} ({{share}}) name a {column} that is not in table {target}",
            f"check that {target} was exported whole and for the same period",
        )  # fmt: skip
    return found


def lost_refunds(probe: Probe) -> list[QualityFinding]:
    """Count refunds of settlements that are not in the data."""
    if not probe.has("settlements", "reversed_settlement_id"):
        return []
    n, of = probe.row("""
        SELECT count(*) FILTER (WHERE o.settlement_id IS NULL), count(*)
        FROM main.settlements r LEFT JOIN main.settlements o ON o.settlement_id = r.reversed_settlement_id
        WHERE r.reversed_settlement_id IS NOT NULL""")
    return finding(
        "refund_of_unknown", Severity.INFO, "settlements.reversed_settlement_id", (n, of),
        "{n} refunds name a settlement that is not in the data ({share})",
        "usual at the edges of the exported period",
    )  # fmt: skip


CHECKS: tuple[Check, ...] = (orphans, lost_refunds)
