"""T20: the exact tails of one desk in one ring, and of the ties of whoever sits there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gangfinder.linking.convolution import log10_hypergeometric_sum_tail
from gangfinder.model.evidence import Anomaly, Family
from gangfinder.model.tails import log10_corrected, log10_hypergeometric_tail
from gangfinder.typologies._circle import HOLDER, HOUSE, HUB, MEMBER
from gangfinder.typologies._office_desks import FLAGS, Params

if TYPE_CHECKING:
    import pandas as pd

_FAMILIES = {
    "quick": Family.TEMPO, "off": Family.CALENDAR, "limit": Family.AMOUNT, "changed": Family.CONTROL,
    "passed": Family.CONTROL,
}
_HOW = {
    "self": "本人", "household": "同户家属", "relative": "申报的亲属", "address": "同住址人员",
    "owner": "亲属或本人所办机构",
    "former_employer": "原工作单位", "shareholder": "持股机构", "employee": "任职机构",
    "legal_representative": "任法定代表人机构",
}
_SHOWN_DATES = 8


def desk_anomalies(staff: str, rows: pd.DataFrame, params: Params) -> tuple[Anomaly, ...]:
    """Return what stands out at one desk in one ring: shares, and how the ring's papers were dealt with there.

    Notes
    -----
    Under the null the ring's papers of a stratum (office, kind of business, month, days on which the person was there)
    are drawn without replacement from all papers of the stratum, of which he did ``m_marked``; the strata are
    independent, so the count over all of them is a sum of hypergeometric counts, whose tail is convolved exactly. How
    his papers were dealt with is tested in the same way: of all papers of the strata so many were quick, out of hours …
    """
    found = []
    for role, seen in rows.groupby("m_role", sort=True):
        seen = seen.drop_duplicates(["m_stratum", "source_table", "source_key"])
        n_tests = max(1, int(seen["m_tests"].iloc[0]))
        own = seen[seen["m_own"] == 1]
        share = _share(staff, str(role), seen, own, n_tests)
        odd = [_oddity(staff, flag, own, n_tests * len(FLAGS)) for flag in FLAGS]
        found += [a for a in (share, *odd) if a and log10_corrected(a.log10_p, a.n_tests) <= params.surprise_log10_p]
    return tuple(found)


def _share(staff: str, role: str, seen: pd.DataFrame, own: pd.DataFrame, n_tests: int) -> Anomaly:
    """Test how many of the ring's papers went over this desk, against all papers of the same strata."""
    tail, expected, strata = _stratified(seen, "m_marked", len(own))
    rostered = bool(seen["m_rostered"].max())
    days = sorted({f"{at:%Y-%m-%d}" for at in own["event_at"]})
    shown = "、".join(days[:_SHOWN_DATES]) + ("…" if len(days) > _SHOWN_DATES else "")
    name = f"{role}_share" if rostered else f"{role}_share_unrostered"
    detail: dict[str, str | int | float] = {
        "staff": staff, "n_ring": len(seen), "n_own": len(own), "expected": round(expected, 4),
        "n_all": sum(n for n, _, _ in strata), "n_all_own": sum(m for _, m, _ in strata), "dates": shown,
        "strata": _written(strata),
    }
    return Anomaly(Family.CONTROL, name, tail, n_tests, detail)


def _oddity(staff: str, flag: str, own: pd.DataFrame, n_tests: int) -> Anomaly | None:
    """Test how many of his papers of the ring were quick, out of hours …, against all papers of the same strata."""
    k = int(own[f"m_{flag}"].sum())
    if k < 2:
        return None
    tail, expected, strata = _stratified(own, f"m_{flag}_marked", k)
    detail: dict[str, str | int | float] = {
        "staff": staff, "n_own": len(own), "n_odd": k, "expected": round(expected, 4),
        "n_all": sum(n for n, _, _ in strata), "n_all_odd": sum(m for _, m, _ in strata), "strata": _written(strata),
    }
    return Anomaly(_FAMILIES[flag], flag, tail, n_tests, detail)


def _stratified(rows: pd.DataFrame, marked: str, k: int) -> tuple[float, float, list[tuple[int, int, int]]]:
    """Return log10 P(X ≥ k), the expectation, and (slots, marked, drawn) of each stratum in order."""
    strata = [
        (int(part["m_slots"].iloc[0]), int(part[marked].iloc[0]), len(part))
        for _, part in rows.groupby("m_stratum", sort=True)
    ]
    tail = strata_tail(strata, k)
    return tail, sum(m * d / n for n, m, d in strata), strata


def strata_tail(strata: list[tuple[int, int, int]], k: int) -> float:
    """Return log10 P(Σ Xᵢ ≥ k) for independent hypergeometric Xᵢ of (slots, marked, drawn)."""
    slots, marked, drawn = (np.array(part, dtype=float) for part in zip(*strata, strict=True))
    group = np.zeros(len(strata), dtype=np.int64)
    return float(log10_hypergeometric_sum_tail(group, slots, marked, drawn, np.array([k]))[0])


def _written(strata: list[tuple[int, int, int]]) -> str:
    """Return strata as ``slots/marked/drawn`` joined by blanks, from which the tail can be recomputed."""
    return " ".join(f"{n}/{m}/{d}" for n, m, d in strata)


def tie_anomalies(staff: str, rows: pd.DataFrame, params: Params) -> tuple[Anomaly, ...]:
    """Return the ties of one member of staff to one ring that are too rare to be chance.

    Notes
    -----
    A ring's members, or its agents and accounts, are as many people drawn from the insured; that at least one of them
    is of a circle of so many has the upper tail of the hypergeometric. For a house the tail is at least the share of
    staff who are tied to one of the ring's houses: houses are not equally likely to be somebody's former employer. An
    account's holder is known by name: the people who bear a name as rare as his, among the ring's holders, are drawn.
    The parts of a ring are the tests; the error is held for each person, of whom the desk has said enough to ask.
    """
    found, parts = [], (HUB, HOLDER, MEMBER, HOUSE)
    for part in parts:
        seen = rows[rows["m_part"] == part]
        if seen.empty:
            continue
        tail, detail = _rarity(staff, part, seen)
        a = Anomaly(Family.PERSONAL, f"tie_{part}", tail, len(parts), detail)
        if log10_corrected(a.log10_p, a.n_tests) <= params.tie_log10_p:
            found.append(a)
    return tuple(found)


def _rarity(staff: str, part: str, seen: pd.DataFrame) -> tuple[float, dict[str, str | int | float]]:
    facts = seen.sort_values("m_contacts", kind="stable").iloc[0]  # of several holders' names the rarest
    whole = int(facts["m_institutions" if part == HOUSE else "m_patients"])
    n, d = int(facts["m_contacts"]), int(facts["m_circle"])
    tail = float(log10_hypergeometric_tail(1, max(whole, n, d), d, n))
    detail: dict[str, str | int | float] = {
        "staff": staff, "how": "、".join(sorted({_HOW.get(str(h), str(h)) for h in seen["m_how"]})),
        "n_tied": int(seen["m_tied"].nunique()), "n_rows": len(seen.drop_duplicates(["source_table", "source_key"])),
        "n_contacts": n, "n_circle": d, "n_whole": whole,
    }
    if part == HOUSE:
        rivals, everybody = int(facts["m_staff_tied"]), max(1, int(facts["m_staff_all"]))
        tail = max(tail, float(np.log10(min(1.0, rivals / everybody))))
        detail |= {"n_staff_tied": rivals, "n_staff": everybody}
    return tail, detail
