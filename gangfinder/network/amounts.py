"""What a group in step pays: amounts nearly the same, and bills the same to the fen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gangfinder.model.tails import log10_binomial_tail
from gangfinder.network.lockstep import BILL_COLUMN, Sessions
from gangfinder.network.visits import visits

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from gangfinder.model.group import Group

AMOUNT_BIN = 0.05
"""Amounts within 5 % of each other count as equal: bins of the natural logarithm of yuan."""

_LEAST_VISITS = 30
"""Fewest visits of others from which a house's prices are known."""


def amount_bins(amounts: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
    """Return the 5 % bin of every positive amount in yuan; amounts under one yuan share bin 0."""
    return np.asarray(np.floor(np.log(np.maximum(amounts, 1.0)) / AMOUNT_BIN), dtype=np.int64)


def amount_tails(found: Sessions, group: Group) -> NDArray[np.float64]:
    """Return per session the log10 chance that so many members paid nearly the same at that house.

    Notes
    -----
    With k members of which m fall into one 5 % bin, the union bound over bins of the binomial tail P(X ≥ m), X with k
    trials of the bin's share among the house's visits by people outside the group.
    """
    tails = []
    at_house, sessions, bills = (found.rows[c].to_numpy() for c in ("institution_id", "session", "yuan"))
    for house in sorted(set(at_house.tolist())):
        share = _outside_amounts(group, str(house))
        if share is None:
            continue
        here = at_house == house
        session, bins = sessions[here], amount_bins(bills[here])
        span = int(bins.max()) + 1
        both, n = np.unique(session * span + bins, return_counts=True)
        first = np.unique(both // span, return_index=True)[1]
        top, k = np.maximum.reduceat(n, first), np.unique(session, return_counts=True)[1]
        tail = log10_binomial_tail(top[:, None], k[:, None], share[None, :])
        tails.append(np.minimum(0.0, np.log10(np.maximum((10.0**tail).sum(axis=1), 1e-300))))
    return np.concatenate(tails) if tails else np.zeros(0)


def _outside_amounts(group: Group, house: str) -> NDArray[np.float64] | None:
    """Return the shares of the 5 % bins among the house's visits outside the group; ``None`` with fewer than 30."""
    known = group.amounts.get(house)
    if known is None:
        return None
    yuan, n = known
    # everybody's amounts are known to the yuan: the group's own are rounded alike before they are taken out
    bins = amount_bins(yuan + 0.5)
    every = visits(group)
    own = every.yuan[every.houses[every.house] == house]
    left = np.bincount(bins, weights=n)
    left -= np.bincount(np.minimum(amount_bins(np.floor(own) + 0.5), len(left) - 1), minlength=len(left))
    values = np.maximum(left[np.unique(bins)], 0.0)
    if values.sum() < _LEAST_VISITS:
        return None
    # half a visit in every bin: a price nobody else paid is rare, not impossible
    smoothed = values + 0.5
    return np.asarray(smoothed / smoothed.sum())


_REPEAT_RATES = (0.2, 0.4, 0.6, 0.8)
"""Rates of equal bills that a group in step may have; the test is a fair bet on all of them alike."""


def bill_tail(found: Sessions, group: Group) -> tuple[float, int, int] | None:
    """Return how surprising it is that members have the same bill, to the fen, in the same session.

    Returns
    -------
    (log10_p, n_equal, n_compared)
        The tail; visits whose bill an earlier one of the session had; visits with an earlier one. ``None`` where bills
        are not known.

    Notes
    -----
    The visits of a session are gone through in order. Given everything before, the next bill is one of those the
    session had already with probability p: the share of these among the visits of people outside the group, or among
    all visits of the group to the houses of its sessions, if that is more. So people who always buy the same, and
    houses that sell one thing, are not surprising; people are who all buy one thing today and another tomorrow. A bet
    that pays q / p where the bill is equal and (1 - q) / (1 - p) where it is not (nothing where q <= p) is fair or
    worse; by Ville's inequality the chance that the mean of the bets on several q ever comes to W is at most 1 / W.

    References
    ----------
    J. Ville, *Étude critique de la notion de collectif* (1939); G. Shafer, V. Vovk, *Game-Theoretic Foundations for
    Probability and Finance* (2019), ch. 2.
    """
    if BILL_COLUMN not in found.rows:
        return None
    own = _own_shares(group, found)
    bets = [bet for house, part in _billed(found) for bet in _bets(group, house, part, own)]
    if not bets:
        return None
    chance, equal = np.array([p for p, _ in bets]), np.array([e for _, e in bets])
    won = []
    for q in _REPEAT_RATES:
        p = np.clip(np.minimum(chance, q), 1e-9, 1.0)
        won.append(np.where(equal, np.log(q / p), np.log1p(-q) - np.log1p(-p)).sum())
    log_w = float(np.logaddexp.reduce(won)) - float(np.log(len(won)))
    return min(0.0, -log_w / float(np.log(10.0))), int(equal.sum()), len(bets)


def _billed(found: Sessions) -> Iterator[tuple[str, pd.DataFrame]]:
    """Return the billed visits of the sessions by house, a member once in each, in order."""
    rows = found.rows[found.rows[BILL_COLUMN].notna()]
    rows = rows.sort_values(["session", "subject_id", "event_at"], kind="stable")
    rows = rows.drop_duplicates(["session", "subject_id"])
    for house, part in rows.groupby("institution_id", sort=True):
        yield str(house), part


def _bets(
    group: Group, house: str, part: pd.DataFrame, own: Mapping[int, float]
) -> Iterator[tuple[float, bool]]:
    """Yield for every visit with an earlier one in its session: the chance of an equal bill, and whether it is."""
    sessions, fens = part["session"].tolist(), part[BILL_COLUMN].astype(np.int64).to_numpy()
    outside = _outside_shares(group, house, np.unique(fens))
    if outside is None:
        return
    seen: set[int] = set()
    at, others, ours = None, 0.0, 0.0
    for session, bill in zip(sessions, fens.tolist(), strict=True):
        if session != at:
            seen, at, others, ours = set(), session, 0.0, 0.0
        if seen:
            yield min(1.0, max(others, ours)), bill in seen
        if bill not in seen:
            seen.add(bill)
            others, ours = others + outside[bill], ours + own.get(bill, 0.0)


def _own_bills(group: Group, houses: set[str]) -> Counter[int]:
    """Return the bills of the group at some houses, in fen."""
    here = group.rows[group.rows["institution_id"].isin(houses)]
    return Counter(here[BILL_COLUMN].dropna().astype(np.int64).tolist())


def _own_shares(group: Group, found: Sessions) -> Mapping[int, float]:
    """Return the shares of the bills among all visits of the group to the houses of its sessions."""
    own = _own_bills(group, set(found.table["institution_id"].tolist()))
    total = max(1, own.total())
    return {fen: n / total for fen, n in own.items()}


def _outside_shares(group: Group, house: str, asked: NDArray[np.int64]) -> Mapping[int, float] | None:
    """Return the shares of some bills among visits of others at the house, half a visit added to each that is known."""
    known = group.bills.get(house)
    if known is None:
        return None
    own = _own_bills(group, {house})
    fens = np.union1d(known[0], np.fromiter(own, np.int64, len(own)))
    left = np.zeros(len(fens))
    left[np.searchsorted(fens, known[0])] = known[1]
    ours = np.searchsorted(fens, np.fromiter(own, np.int64, len(own)))
    left[ours] = np.maximum(0.0, left[ours] - np.fromiter(own.values(), float, len(own)))
    if left.sum() < _LEAST_VISITS:
        return None
    whole = left.sum() + 0.5 * len(fens)
    at = np.minimum(np.searchsorted(fens, asked), len(fens) - 1)
    n = np.where(fens[at] == asked, left[at], 0.0)
    return dict(zip(asked.tolist(), ((n + 0.5) / whole).tolist(), strict=True))
