"""Amounts: the total differs between provinces, refunds must be traceable, and yuan are not fen."""

from __future__ import annotations

from gangfinder.intake.quality.probe import Check, Probe, finding
from gangfinder.intake.report import QualityFinding, Severity

TOLERANCE = 0.05
"""Yuan by which sums may differ through rounding."""
MOST = 0.8
"""Share of rows from which a rule counts as the habit of the export."""
FEN_MEDIAN = 10_000
"""Median settlement in yuan above which, with no cent anywhere, the unit is doubted."""


def more_than_total(probe: Probe) -> list[QualityFinding]:
    """Find rows on which the fund paid more than the bill."""
    found = []
    for table in ("settlements", "reimbursements"):
        if not probe.has(table, "total_amount"):
            continue
        n, of = probe.row(
            f"SELECT count(*) FILTER (WHERE abs(fund_amount) > abs(total_amount) + {TOLERANCE}), "
            f"count(total_amount) FROM main.{table}"
        )
        found += finding(
            "fund_above_total", Severity.WARNING, f"{table}.fund_amount", (n, of),
            f"on {{n}} rows of {table} the fund paid more than the whole bill ({{share}})",
            "check which columns were mapped to fund_amount and total_amount",
        )  # fmt: skip
    return found


def refunds(probe: Probe) -> list[QualityFinding]:
    """Find refund rows that do not say what they refund."""
    linked = probe.has("settlements", "reversed_settlement_id")
    link = "reversed_settlement_id" if linked else "CAST(NULL AS VARCHAR)"
    n, of = probe.row(
        f"SELECT count(*) FILTER (WHERE fund_amount < 0 AND {link} IS NULL), "
        "count(*) FILTER (WHERE fund_amount < 0) FROM main.settlements"
    )
    return finding(
        "refund_without_link", Severity.INFO, "settlements.reversed_settlement_id", (n, of),
        "{n} of {of} negative settlements do not name the settlement they refund",
        "sums stay right; supply the original's id so that refunded visits can be left out of behaviour",
    )  # fmt: skip


def account_in_fund(probe: Probe) -> list[QualityFinding]:
    """Tell whether the fund's total includes the personal account, as it does in some provinces."""
    if not probe.has("settlements", "pooled_amount", "account_amount"):
        return []
    components = ("pooled_amount", "catastrophic_amount", "assistance_amount")
    parts = [c for c in components if probe.has("settlements", c)]
    known = " + ".join(f"coalesce({c}, 0)" for c in parts)
    n, of = probe.row(f"""
        SELECT count(*) FILTER (WHERE abs(fund_amount - ({known}) - account_amount) <= {TOLERANCE}), count(*)
        FROM main.settlements WHERE account_amount > 0 AND pooled_amount IS NOT NULL""")
    if not of or n / of <= MOST:
        return []
    return finding(
        "fund_includes_account", Severity.WARNING, "settlements.fund_amount", (n, of),
        "on {share} of the rows paid from a personal account, fund_amount includes that account",
        "leads would count people's own money: map fund_amount to the sum of the fund's components",
    )  # fmt: skip


def unit(probe: Probe) -> list[QualityFinding]:
    """Doubt the unit when amounts are large and none has a cent."""
    n, cents, median = probe.row(
        "SELECT count(*), count(*) FILTER (WHERE fund_amount <> trunc(fund_amount)), "
        "median(abs(fund_amount)) FROM main.settlements WHERE fund_amount <> 0"
    )
    if n < 100 or cents or median < FEN_MEDIAN:
        return []
    return finding(
        "amount_in_fen", Severity.ERROR, "settlements.fund_amount", (n, n),
        f"no amount has a cent and half of them exceed {FEN_MEDIAN:,}: they seem to be in fen",
        "divide by 100 in the export; gangfinder reads yuan",
    )  # fmt: skip


CHECKS: tuple[Check, ...] = (more_than_total, refunds, account_in_fund, unit)
