"""What T07 and T12 measure of people who are handed on from bed to bed, and the tests they share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gangfinder.engine.portable import days_between
from gangfinder.linking.relay import consecutive, relays
from gangfinder.model.evidence import Anomaly, Family
from gangfinder.model.tails import log10_binomial_tail, log10_corrected

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

PRIOR_STAYS = 20.0
"""Weight, in stays, of all houses' rate when the rate of one house's other patients is estimated."""

NEAR_FACTOR = 3.0
"""A house near to people receives up to so many times its share of the town's stays from them."""


def measured(stays: ir.Table, people: ir.Table, gap_days: int) -> ir.Table:
    """Return every stay of some people with what the nulls need of its house and of everybody else.

    Parameters
    ----------
    stays
        Stays that no explanation covers.
    people
        Column patient_id.
    gap_days
        Longest gap of a relay.

    Returns
    -------
    ir.Table
        Columns of ``stays`` and measures: m_nights, m_left_at, m_free, m_cash_known, m_same_nights (stays of
        the house of the same length), m_house_*, m_run_*, m_houses, m_span_days, m_other_moves and
        m_other_relays (of everybody else), m_house_share (of everybody else's stays).
    """
    import ibis

    nights = days_between(stays.discharged_on, stays.admitted_on)
    nothing = (stays.cash_amount <= 0) & (stays.assistance_amount.fill_null(0) <= 0)
    s = stays.mutate(
        m_nights=ibis.greatest(0, nights),
        m_left_at=stays.discharged_on.cast("timestamp"),
        m_free=ibis.coalesce(nothing, ibis.literal(value=False)).cast("int64"),
        m_cash_known=stays.cash_amount.notnull().cast("int64"),
    )
    house = s.group_by("institution_id").aggregate(
        m_house_stays=s.count(), m_house_free=s.m_free.sum(), m_house_cash_known=s.m_cash_known.sum()
    )
    same = s.group_by("institution_id", "m_nights").aggregate(m_same_nights=s.count())
    run = s.aggregate(
        m_houses=s.institution_id.nunique(),
        m_run_free=s.m_free.sum(),
        m_run_cash_known=s.m_cash_known.sum(),
        m_span_days=days_between(s.discharged_on.max(), s.admitted_on.min()) + 1,
    )
    own = s.semi_join(people, "patient_id").inner_join(house, "institution_id")
    own = own.inner_join(same, ["institution_id", "m_nights"]).cross_join(run)
    return _with_others(own, stays.anti_join(people, "patient_id"), gap_days)


def _with_others(own: ir.Table, others: ir.Table, gap_days: int) -> ir.Table:
    """Add how often everybody else moves on within days, and which share of their stays each house has."""
    moves, near = consecutive(others), relays(others, gap_days)
    n = moves.aggregate(m_other_moves=moves.count()).cross_join(near.aggregate(m_other_relays=near.count()))
    n = n.cross_join(others.aggregate(other_stays=others.count()))
    share = others.group_by("institution_id").aggregate(here=others.count())
    joined = own.cross_join(n).left_join(share, "institution_id").drop("institution_id_right")
    # half a stay, so that a house with nobody else has a share, too
    rate = (joined.here.fill_null(0) + 0.5) / (joined.other_stays + 1)
    return joined.mutate(m_house_share=rate.cast("float64").round(9)).drop("here", "other_stays")


def moves_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Return every two stays that follow one another: subject_id, from_house, to_house, gap, first, second.

    ``first`` and ``second`` are positions in the index of ``rows``.
    """
    import pandas as pd

    r = rows.sort_values(["subject_id", "event_at", "m_left_at", "source_key"], kind="stable")
    same = r["subject_id"].to_numpy()[1:] == r["subject_id"].to_numpy()[:-1]
    gap = (r["event_at"].to_numpy()[1:] - r["m_left_at"].to_numpy()[:-1]) / np.timedelta64(1, "D")
    moves = pd.DataFrame(
        {
            "subject_id": r["subject_id"].to_numpy()[:-1],
            "from_house": r["institution_id"].to_numpy()[:-1],
            "to_house": r["institution_id"].to_numpy()[1:],
            "gap": gap,
            "first": r.index.to_numpy()[:-1],
            "second": r.index.to_numpy()[1:],
        }
    )
    kept: pd.DataFrame = moves[same]
    return kept


def handed_on(moves: pd.DataFrame, rows: pd.DataFrame, gap_days: int, n_tests: int) -> Anomaly:
    """Test how often people moved on within days, against everybody else and against chance.

    Notes
    -----
    A person with n stays on F free days is admitted within g days of a discharge by chance with probability
    1 − (1 − (g+1)/F)^(n−1). The rate is the larger of the mean of these and everybody else's share of moves
    within days, to which half a case is added; the count is binomial.
    """
    facts = rows.iloc[0]
    span = float(facts["m_span_days"])
    per = rows.groupby("subject_id").agg(n=("source_key", "size"), lying=("m_nights", "sum"))
    free = np.maximum(span - per["lying"].to_numpy(dtype=float), 30.0)
    chance = 1 - (1 - np.minimum(1.0, (gap_days + 1) / free)) ** np.maximum(per["n"].to_numpy() - 1, 1)
    others = (float(facts["m_other_relays"]) + 0.5) / (float(facts["m_other_moves"]) + 1)
    weight = np.maximum(per["n"].to_numpy() - 1, 0)
    rate = max(others, float((chance * weight).sum() / max(weight.sum(), 1)))
    near = (moves["gap"] >= 0) & (moves["gap"] <= gap_days)
    k, n = int(near.sum()), len(moves)
    tail = float(log10_binomial_tail(k, n, min(1.0, rate)))
    detail: dict[str, str | int | float] = {
        "n_core": int(rows["subject_id"].nunique()),
        "n_stays": len(rows),
        "n_moves": n,
        "n_relays": k,
        "gap_days": gap_days,
        "rate": round(min(1.0, rate), 6),
        "n_other_moves": int(facts["m_other_moves"]),
        "n_other_relays": int(facts["m_other_relays"]),
    }
    return Anomaly(Family.CALENDAR, "handed_on", tail, n_tests, detail)


def same_houses(name: str, k: int, n: int, share: float, n_tests: int, **more: int) -> Anomaly:
    """Test how many of the moves between houses stay among some few, given those houses' share of others' stays."""
    rate = min(1.0, NEAR_FACTOR * share)
    detail: dict[str, str | int | float] = {
        **more, "n_inside": k, "n_between": n, "share": round(share, 6), "rate": round(rate, 6)
    }
    return Anomaly(Family.CONTROL, name, float(log10_binomial_tail(k, n, rate)), n_tests, detail)


def no_cash(rows: pd.DataFrame, free_share: float, surprise: float) -> Anomaly | None:
    """Test stays without cash against the houses' other stays; all houses' rate counts as some stays more."""
    known = rows[rows["m_cash_known"] == 1]
    n, k = len(known), int(known["m_free"].sum())
    if n == 0 or k < free_share * n:
        return None
    house = known.drop_duplicates("institution_id")
    stays, marked = int(house["m_house_cash_known"].sum()) - n, int(house["m_house_free"].sum()) - k
    run = max(0.0, float(known["m_run_free"].iloc[0]) - k) / max(1.0, float(known["m_run_cash_known"].iloc[0]) - n)
    rate = (max(0, marked) + PRIOR_STAYS * run + 0.5) / (max(0, stays) + PRIOR_STAYS + 1)
    tail, n_tests = float(log10_binomial_tail(k, n, min(1.0, rate))), max(1, int(known["m_houses"].iloc[0]))
    if log10_corrected(tail, n_tests) > surprise:
        return None
    detail: dict[str, str | int | float] = {
        "n_free": k, "n_stays": n, "n_other_free": max(0, marked), "n_other_stays": max(0, stays),
        "rate": round(min(1.0, rate), 6),
    }
    return Anomaly(Family.AMOUNT, "no_cash", tail, n_tests, detail)


def fixed_nights(rows: pd.DataFrame, surprise: float) -> Anomaly | None:
    """Test the commonest length of stay against the lengths of the houses' other stays; every length is a test."""
    counts = rows["m_nights"].value_counts().sort_index()
    k, n = int(counts.max()), len(rows)
    nights = int(counts.index[int(counts.to_numpy().argmax())])
    house = rows.drop_duplicates("institution_id")
    same = rows[rows["m_nights"] == nights].drop_duplicates("institution_id")
    others = int(house["m_house_stays"].sum()) - n
    marked = int(same["m_same_nights"].sum()) - k
    rate = (max(0, marked) + 0.5) / (max(0, others) + 1)
    tail = float(log10_binomial_tail(k, n, min(1.0, rate)))
    n_tests = max(1, int(rows["m_houses"].iloc[0])) * max(1, len(counts))
    if k < 0.3 * n or log10_corrected(tail, n_tests) > surprise:
        return None
    detail: dict[str, str | int | float] = {
        "n_nights": nights, "n_same": k, "n_stays": n, "n_other_same": max(0, marked),
        "n_other_stays": max(0, others), "rate": round(min(1.0, rate), 6),
    }
    return Anomaly(Family.TEMPO, "fixed_nights", tail, n_tests, detail)
