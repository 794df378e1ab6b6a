"""Fixed calendars: a group's weekday, market cycle or days of the month, and a person's own cycle."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gangfinder.model.tails import log10_binomial_tail

Days = NDArray[np.int64]

_DAYS_PER_MONTH = 30.4
_WEEKDAYS = ("一", "二", "三", "四", "五", "六", "日")


@dataclass(frozen=True, slots=True)
class Calendar:
    """A rule that says on which days something happens.

    Parameters
    ----------
    label
        In Chinese, for the sentence.
    modulus, phase
        Days since 1970 whose remainder is ``phase`` (0 for rules by day of month).
    first, last
        Days of the month, both included (0 for cycles).
    """

    label: str
    modulus: int = 0
    phase: int = 0
    first: int = 0
    last: int = 0

    @property
    def chance(self) -> float:
        """Share of all days that fulfil the rule."""
        return 1 / self.modulus if self.modulus else (self.last - self.first + 1) / _DAYS_PER_MONTH

    def fits(self, days: Days, month_days: Days) -> NDArray[np.bool_]:
        """Return which of the days (since 1970, and their days of the month) fulfil the rule."""
        if self.modulus:
            return np.asarray(days % self.modulus == self.phase)
        return np.asarray((month_days >= self.first) & (month_days <= self.last))


def days_of_month(days: Days) -> Days:
    """Return the day of the month of days since 1970."""
    dates = days.astype("datetime64[D]")
    return np.asarray((dates - dates.astype("datetime64[M]")).astype(np.int64) + 1)


def _all() -> tuple[Calendar, ...]:
    # 1970-01-01 was a Thursday
    weekly = [Calendar(f"每周{_WEEKDAYS[(r + 3) % 7]}", 7, r) for r in range(7)]
    market = [Calendar(f"每 {m} 天一集", m, r) for m in (5, 10) for r in range(m)]
    biweekly = [Calendar("隔周固定一天", 14, r) for r in range(14)]
    monthly = [Calendar(f"每月 {d}–{d + w} 日", first=d, last=d + w) for w in (2, 4) for d in range(1, 29 - w)]
    return (*weekly, *market, *biweekly, *monthly)


CALENDARS = _all()


def keeps_to(days: Iterable[int], least_share: float, log10_p: float) -> Calendar | None:
    """Return the calendar that the days keep to, or ``None``.

    Parameters
    ----------
    days
        Distinct days since 1970.
    least_share
        Least share of the days that fulfil the rule.
    log10_p
        Largest chance (log10, corrected for the number of rules tried) that random days keep so well to some rule.
    """
    at = np.array(sorted(set(days)), dtype=np.int64)
    if len(at) < 3:
        return None
    month_days = days_of_month(at)
    hits = np.array([c.fits(at, month_days).sum() for c in CALENDARS])
    tails = log10_binomial_tail(hits, len(at), np.array([c.chance for c in CALENDARS]))
    tails = np.where(hits >= least_share * len(at), tails, 0.0) + np.log10(len(CALENDARS))
    best = int(np.argmin(tails))
    return CALENDARS[best] if tails[best] <= log10_p else None


def cycle_days(days: Iterable[int], low: int, high: int, slack_days: float, least_share: float) -> float | None:
    """Return the length of the personal cycle that a person's days keep, or ``None``.

    Parameters
    ----------
    days
        Days since 1970 on which the person came.
    low, high
        Shortest and longest cycle that counts.
    slack_days
        How far an interval may be from the person's median interval; a missed turn (twice the interval) also counts.
    least_share
        Least share of the intervals that keep the cycle, out of at least three.
    """
    at = np.array(sorted(set(days)), dtype=np.int64)
    gaps = np.diff(at).astype(float)
    if len(gaps) < 3:
        return None
    median = float(np.median(gaps))
    if not low <= median <= high:
        return None
    kept = (np.abs(gaps - median) <= slack_days) | (np.abs(gaps - 2 * median) <= slack_days)
    return median if kept.mean() >= least_share else None
