"""Whether members keep, each for himself, to a regular interval between visits, and otherwise queue like people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gangfinder.benign._calendars import cycle_days
from gangfinder.benign._queueing import Queue, conspicuous, outings
from gangfinder.model.evidence import Judgement, Result

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from gangfinder.model.group import Group


@dataclass(frozen=True, slots=True)
class Cycle(Queue):
    """A regular interval of a person, and how people queue and pay.

    Parameters
    ----------
    cycle_low_days, cycle_high_days
        Shortest and longest interval that counts.
    cycle_slack_days
        Days by which an interval may miss the person's median.
    cycle_share
        Least share of the intervals that keep to it.
    """

    cycle_low_days: int = 25
    cycle_high_days: int = 35
    cycle_slack_days: float = 5.0
    cycle_share: float = 0.7


def judge_cycle(group: Group, slug: str, cycle: Cycle) -> Judgement:
    """Say which members' own regular interval explains the dates on which they met the others.

    Notes
    -----
    Reasons: ``holds_cycle``, ``partly_cycle``, ``fails_cycle`` (no regular interval), ``fails_run`` (regular, but in
    runs or with equal bills).
    """
    frame = outings(group)
    days = _days_of_each(frame)
    kept = (cycle.cycle_low_days, cycle.cycle_high_days, cycle.cycle_slack_days, cycle.cycle_share)
    regular = frozenset(m for m, d in days.items() if cycle_days(d, *kept) is not None)
    steps = np.concatenate([np.diff(d).astype(float) for d in days.values()]) if days else np.zeros(0)
    detail: dict[str, str | int | float] = {
        "n_core": len(group.members), "n_regular": len(regular),
        "gap_low": round(float(np.quantile(steps, .1))) if len(steps) else 0,
        "gap_high": round(float(np.quantile(steps, .9))) if len(steps) else 0,
    }
    if not regular:
        return Judgement(slug, Result.FAILS, (), "fails_cycle", {**detail, "n_covered": 0})
    hasty, equal = conspicuous(group, frame, cycle, detail)
    covered = regular - hasty - equal
    detail["n_covered"] = len(covered)
    chosen = tuple(sorted(covered))
    if covered and len(group.members) - len(covered) < 2:
        return Judgement(slug, Result.HOLDS, chosen, "holds_cycle", detail)
    if covered:
        return Judgement(slug, Result.PARTLY, chosen, "partly_cycle", detail)
    return Judgement(slug, Result.FAILS, (), "fails_run", detail)


def _days_of_each(frame: pd.DataFrame) -> dict[str, NDArray[np.int64]]:
    """Return each member's distinct days, ascending, in the order of the members."""
    outings: dict[str, set[int]] = {}
    for who, day in zip(frame["subject_id"].tolist(), frame["day"].tolist(), strict=True):
        outings.setdefault(who, set()).add(day)
    return {who: np.array(sorted(days), dtype=np.int64) for who, days in sorted(outings.items())}
