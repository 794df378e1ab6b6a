"""Items: trace codes that repeat for innocent reasons, and drugs without one."""

from __future__ import annotations

from gangfinder.intake.quality.probe import Check, Probe, finding
from gangfinder.intake.report import QualityFinding, Severity

SHELF_LABEL_SALES = 20
"""Sales of one trace code beyond which it is a shelf label or a dummy and not a box."""


def trace_codes(probe: Probe) -> list[QualityFinding]:
    """Count trace codes that were sold more than once."""
    if not probe.has("items", "trace_code"):
        return []
    flags = [c for c in ("split_pack", "returned") if probe.has("items", c)]
    whole = " AND ".join(["trace_code IS NOT NULL", *(f"NOT coalesce({c}, FALSE)" for c in flags)])
    again, dummies, of = probe.row(f"""
        SELECT count(*) FILTER (WHERE n > 1), count(*) FILTER (WHERE n >= {SHELF_LABEL_SALES}), count(*)
        FROM (SELECT count(*) AS n FROM main.items WHERE {whole} GROUP BY trace_code)""")
    missing = [c for c in ("split_pack", "returned") if c not in flags]
    caveat = f" ({' and '.join(missing)} unknown)" if missing else ""
    found = finding(
        "trace_code_repeated", Severity.INFO, "items.trace_code", (again, of),
        f"{{n}} trace codes were sold more than once{caveat}, {{share}} of all",
        "split packs, returns and repeated uploads do this innocently: supply split_pack and returned",
    )  # fmt: skip
    return found + finding(
        "trace_code_dummy", Severity.WARNING, "items.trace_code", (dummies, of),
        f"{{n}} trace codes stand on {SHELF_LABEL_SALES} or more sales each: shelf labels or dummies",
        "correct them at the source; as links they would tie strangers together",
    )  # fmt: skip


CHECKS: tuple[Check, ...] = (trace_codes,)
