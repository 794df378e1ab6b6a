"""Which days each weekly snapshot holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gangfinder.synth.settings import TownSettings

_WEEK = 7


@dataclass(frozen=True, slots=True)
class Calendar:
    """The weeks of a town: 1 is that of the first snapshot, those before it are 0, -1 and so on.

    Parameters
    ----------
    weeks, window
        Snapshots, and weeks of data that each of them holds.
    last
        Last day of the last snapshot, a Sunday, in days since 1970.
    """

    weeks: int
    window: int
    last: int

    @property
    def still(self) -> int:
        """Week in which nothing new is exported: its snapshot is the one before, byte for byte; 0 for none."""
        return self.weeks // 2 + 1 if self.weeks > 3 else 0  # noqa: PLR2004 - one of few weeks would be missed

    def monday(self, week: int) -> int:
        """Return the first day of a week, in days since 1970."""
        return self.last - _WEEK * (self.weeks - week + 1) + 1

    def span(self, week: int) -> tuple[int, int]:
        """Return the first and the last day of a snapshot."""
        seen = week - 1 if week == self.still else week
        return self.monday(seen - self.window + 1), self.monday(seen + 1) - 1

    def turns(self, low: int, high: int) -> list[int]:
        """Return the weeks from low to high in which something can turn: all but the still one."""
        return [week for week in range(low, high + 1) if week != self.still]


def calendar_of(settings: TownSettings) -> Calendar:
    """Return the calendar of a town: its last snapshot ends on the last Sunday of the period."""
    end = (np.datetime64(settings.start, "M") + settings.months).astype("datetime64[D]").astype(np.int64)
    last = int(end) - 1
    return Calendar(settings.weeks, settings.window_weeks, last - (last + 4) % _WEEK)
