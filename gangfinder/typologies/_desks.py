"""Which desk of a house served a group, against its share of everybody's settlements there."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gangfinder.model.evidence import Anomaly, Family
from gangfinder.model.tails import log10_corrected, log10_hypergeometric_tail

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from gangfinder.model.group import Group

KINDS = ("operator", "terminal", "doctor")


@dataclass(frozen=True, slots=True)
class Desk:
    """The desk at which a group's rows gather, and how surprising that is.

    Parameters
    ----------
    kind
        ``operator``, ``terminal`` or ``doctor``.
    desk
        Its id.
    anomaly
        The test.
    """

    kind: str
    desk: str
    anomaly: Anomaly


def busiest_desk(own: pd.DataFrame, group: Group, n_tests: int, surprise_log10_p: float) -> Desk | None:
    """Return the desk at which more of the rows were settled than its share of the house explains.

    Parameters
    ----------
    own
        Rows with ``source_key`` and any of ``m_operator_id``, ``m_terminal_id``, ``m_doctor_id``.
    group
        Has ``desks``: everybody's settlements by desk.
    n_tests
        Houses tested; every desk that any row names is a test more.
    surprise_log10_p
        Largest corrected tail.

    Notes
    -----
    Hypergeometric: of all settlements of the house so many were the desk's; so many of the group's are.
    """
    if not group.desks:
        return None
    rows = own.drop_duplicates("source_key")
    named = [kind for kind in KINDS if f"m_{kind}_id" in rows.columns]
    tests = n_tests * max(1, sum(int(rows[f"m_{kind}_id"].nunique()) for kind in named))
    best: Desk | None = None
    for kind in named:
        found = _of_kind(rows, group.desks, kind, tests)
        if found is not None and (best is None or found.anomaly.log10_p < best.anomaly.log10_p):
            best = found
    if best is None or log10_corrected(best.anomaly.log10_p, tests) > surprise_log10_p:
        return None
    return best


def _of_kind(
    rows: pd.DataFrame, desks: Mapping[tuple[str, str], Mapping[str, int]], kind: str, n_tests: int
) -> Desk | None:
    known = rows[f"m_{kind}_id"].dropna()
    every: Counter[str] = Counter()
    for (_, of_kind), counted in desks.items():
        every.update(counted if of_kind == kind else {})
    if known.empty or not every:
        return None
    counts = known.value_counts().sort_index()
    desk = str(counts.idxmax())
    k, here, house = int(counts.max()), int(every.get(desk, counts.max())), every.total()
    tail = float(log10_hypergeometric_tail(k, max(house, len(known)), max(here, k), len(known)))
    detail: dict[str, str | int | float] = {
        "n_desk": k,
        "n_known": len(known),
        "n_desk_all": max(here, k),
        "n_house": max(house, len(known)),
    }
    return Desk(kind, desk, Anomaly(Family.CONTROL, "one_desk", tail, n_tests, detail))
