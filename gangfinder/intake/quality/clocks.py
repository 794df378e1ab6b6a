"""Whether times of day can be trusted: many systems post in batches, at night, or at the end of the month."""

from __future__ import annotations

from gangfinder.intake.quality.probe import Check, Probe, finding
from gangfinder.intake.report import QualityFinding, Severity

MIN_ROWS = 50
"""Settlements of one institution below which its habit cannot be told."""
ONE_HOUR_SHARE = 0.8
"""An open day has eight hours or more; nobody serves four patients in five within one of them."""
NIGHT_SHARE = 0.5
"""Share of settlements from midnight to five o'clock that means a batch and not patients."""
LATE_SHARE = 0.2
"""Share of settlements posted more than three days after the event."""


def dates_only(probe: Probe) -> list[QualityFinding]:
    """Name instant columns that hold dates alone."""
    found = []
    for table, report in sorted(probe.intake.tables.items()):
        for column, clock in report.has_clock.items():
            if clock or not report.rows_kept:
                continue
            filled = probe.row(f'SELECT count("{column}") FROM main."{table}"')[0]
            found += finding(
                "dates_only", Severity.WARNING, f"{table}.{column}", (filled, filled),
                f"{table}.{column} holds dates without a time of day ({{n}} values)",
                "minute-based detectors are skipped; export the time if the source has it",
            )  # fmt: skip
    return found


def _habits(probe: Probe, condition: str) -> tuple[int, int, int]:
    """Return how many institutions have a posting habit, of how many judged, and the rows concerned."""
    n, of, rows = probe.row(f"""
        WITH hours AS (
            SELECT institution_id, hour(settled_at) AS h, count(*) AS n,
                   count(*) FILTER (WHERE hour(settled_at) = 23 AND settled_at >= last_day(settled_at))
                       AS month_end
            FROM main.settlements GROUP BY institution_id, h
        ), habits AS (
            SELECT institution_id, sum(n) AS n, max(n) AS busiest, sum(month_end) AS month_end,
                   coalesce(sum(n) FILTER (WHERE h < 5), 0) AS night
            FROM hours GROUP BY institution_id HAVING sum(n) >= {MIN_ROWS}
        )
        SELECT count(*) FILTER (WHERE {condition}), count(*), sum(n) FILTER (WHERE {condition})
        FROM habits""")
    return n, of, rows


def posting_habits(probe: Probe) -> list[QualityFinding]:
    """Find institutions whose settlement times are posting times."""
    if not probe.clock("settlements", "settled_at"):
        return []
    tests = (
        ("posted_in_one_hour", f"busiest > {ONE_HOUR_SHARE} * n", "post nearly all rows in one hour"),
        ("posted_at_month_end", "month_end > 0.5 * n", "post most rows in the last hour of a month"),
        ("posted_at_night", f"night > {NIGHT_SHARE} * n", "post most rows between midnight and five o'clock"),
    )
    found = []
    for code, condition, what in tests:
        n, of, rows = _habits(probe, condition)
        found += finding(
            code, Severity.WARNING, "settlements.settled_at", (n, of),
            f"{{n}} of {{of}} institutions {what} ({rows:,} settlements): "
            "their clock does not tell when patients came",
            "supply occurred_at (fee_ocur_time or begntime) for them; minute-based findings there need care",
        )  # fmt: skip
    return found


def late_posting(probe: Probe) -> list[QualityFinding]:
    """Compare the posting time with the time of the event."""
    if not probe.has("settlements", "occurred_at"):
        return []
    late, early, both = probe.row("""
        SELECT count(*) FILTER (WHERE settled_at > occurred_at + INTERVAL 3 DAY),
               count(*) FILTER (WHERE settled_at < occurred_at - INTERVAL 1 DAY), count(occurred_at)
        FROM main.settlements""")
    found = finding(
        "settled_before_event", Severity.WARNING, "settlements.occurred_at", (early, both),
        "{n} settlements are more than a day older than the event they pay for ({share})",
        "check whether the two columns were swapped",
    )  # fmt: skip
    if both and late / both > LATE_SHARE:
        found += finding(
            "posted_late", Severity.INFO, "settlements.settled_at", (late, both),
            "{share} of the settlements were posted more than three days after the event",
            "nothing to do: occurred_at is used for behaviour",
        )  # fmt: skip
    return found


def stray_years(probe: Probe) -> list[QualityFinding]:
    """Find settlement dates in years that hold next to nothing: typing errors and test rows."""
    total = probe.row("SELECT count(*) FROM main.settlements")[0]
    stray = probe.row(f"""
        SELECT sum(n) FROM (SELECT year(settled_at) AS y, count(*) AS n FROM main.settlements GROUP BY y)
        WHERE n < {total / 1000} AND {total} >= 1000""")[0]
    return finding(
        "stray_years", Severity.WARNING, "settlements.settled_at", (stray, total),
        "{n} settlements lie in years with less than a thousandth of all rows",
        "check them: they are mostly typing errors or test rows",
    )  # fmt: skip


CHECKS: tuple[Check, ...] = (dates_only, posting_habits, late_posting, stray_years)
