"""How much fund money is at stake in a ring, and when: sums over the evidence rows, each input row once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from gangfinder.model.evidence import EvidenceRow, Grade


@dataclass(frozen=True, slots=True)
class Stake:
    """Money and time of a set of evidence rows.

    Parameters
    ----------
    low
        Yuan of the fund in the rows of the best grade, refunds subtracted.
    high
        The same over all rows; never below ``low``, also where weaker rows are refunds.
    first, last
        First and last instant of the rows; ``None`` where no row has one.
    grade
        The best grade among the rows.
    """

    low: Decimal
    high: Decimal
    first: datetime | None
    last: datetime | None
    grade: Grade


def stake(rows: Iterable[EvidenceRow]) -> Stake:
    """Sum the amounts of evidence rows.

    Parameters
    ----------
    rows
        Evidence rows of all findings of a ring; an input row that supports several counts once, in its best
        grade.
    """
    once: dict[tuple[str, str], tuple[Grade, Decimal]] = {}
    instants: list[datetime] = []
    for row in rows:
        place = (row.source_table, row.source_key)
        known = once.get(place)
        grade, amount = known or (row.grade, row.amount)
        once[place] = (min(grade, row.grade), max(amount, row.amount))
        if row.event_at is not None:
            instants.append(row.event_at)
    best = min((grade for grade, _ in once.values()), default=Grade.E3)
    high = _sum(amount for _, amount in once.values())
    low = _sum(amount for grade, amount in once.values() if grade == best)
    return Stake(
        min(low, high), max(low, high), min(instants, default=None), max(instants, default=None), best
    )


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal(0)).quantize(Decimal("0.01"))
