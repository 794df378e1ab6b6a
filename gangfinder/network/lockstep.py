"""Statistics of a group that moves in step: sessions, dates, minutes, amounts, desks.

Every function takes a :class:`~gangfinder.model.group.Group` and returns exact tails; none decides anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gangfinder.linking.convolution import log10_hypergeometric_sum_tail
from gangfinder.model.tails import log10_binomial_tail
from gangfinder.network.visits import DAY_MICROSECONDS, Visits, calendar, first_visits, prices, texts, visits

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from gangfinder.model.group import Group

DESK_COLUMNS = ("m_terminal_id", "m_operator_id", "m_doctor_id")
"""Columns of a group's rows that name who served."""

AMOUNT_BIN = 0.05
"""Amounts within 5 % of each other count as equal: bins of the natural logarithm of yuan."""


@dataclass(frozen=True, slots=True)
class Sessions:
    """Occasions on which several members were at one house together.

    Parameters
    ----------
    rows
        The members' visits that belong to a session, with columns ``session`` (number), ``minute`` and the group's own.
    table
        One row per session: institution_id, on, n_units, n_members, span_minutes.
    """

    rows: pd.DataFrame
    table: pd.DataFrame

    @property
    def dates(self) -> int:
        """Number of distinct dates with a session."""
        return len(np.unique(self.table["on"].to_numpy()))

    @property
    def houses(self) -> int:
        """Number of distinct houses with a session."""
        return len(set(self.table["institution_id"].tolist()))

    @property
    def tours(self) -> int:
        """Number of distinct dates with sessions at two houses or more."""
        stops = set(zip(self.table["on"].to_numpy().tolist(), self.table["institution_id"].tolist(), strict=True))
        return sum(n >= 2 for n in Counter(on for on, _ in stops).values())


def sessions(
    group: Group, window_minutes: int, least_units: int, members: tuple[str, ...] | None = None, slack_days: int = 0
) -> Sessions:
    """Find the occasions with at least ``least_units`` unrelated members present.

    Parameters
    ----------
    group
        Rows with ``event_at``; one visit per member, house and day counts (the first).
    window_minutes
        A pause longer than this ends a session, where the house's clock is trusted.
    least_units
        Fewest unrelated units.
    members
        Look at these members only; default: at all.
    slack_days
        Where only dates are known: days by which a visit may miss the middle of its session, which is the session's
        date. 0: one day, one session.
    """
    seen = first_visits(group)
    if members is not None:
        seen = seen.at(np.isin(seen.who, np.flatnonzero([p in frozenset(members) for p in seen.people])))
    if slack_days and not group.clock:
        return _wide_sessions(group, seen, least_units, slack_days)
    house, day, minute = seen.house, seen.day, seen.minute
    trusted = _trusted(group, seen.houses)[house]
    begins = np.ones(len(house), dtype=bool)
    begins[1:] = (house[1:] != house[:-1]) | (day[1:] != day[:-1]) | (trusted[1:] & (np.diff(minute) > window_minutes))
    number = np.cumsum(begins)
    n_kinds = int(seen.unit.max(initial=0)) + 1
    n_units = np.bincount(np.unique(number * n_kinds + seen.unit) // n_kinds, minlength=len(house) + 1)
    kept = n_units[number] >= least_units
    rows = _session_rows(group, seen.at(kept), number[kept])
    return Sessions(rows, _session_table(rows, n_units))


def _wide_sessions(group: Group, seen: Visits, least_units: int, slack_days: int) -> Sessions:
    """Return sessions of several days: at every house the best attended days first, and none that overlaps another."""
    number, middle = np.zeros(len(seen.house), dtype=np.int64), seen.day.copy()
    n_units = [0]
    for _, here in seen.by_house():
        at = np.flatnonzero(seen.house == here.house[0])
        for day, present, n in best_days(here.day, here.unit, slack_days, least_units):
            number[at[present]], middle[at[present]] = len(n_units), day
            n_units.append(n)
    kept = np.flatnonzero(number > 0)
    kept = kept[np.argsort(number[kept], kind="stable")]
    rows = _session_rows(group, seen.at(kept), number[kept], middle[kept])
    return Sessions(rows, _session_table(rows, np.array(n_units, dtype=np.int64)))


def best_days(
    day: NDArray[np.int64], unit: NDArray[np.int64], slack_days: int, least_units: int
) -> list[tuple[int, NDArray[np.int64], int]]:
    """Return the best attended stretches of days of one house: middle day, positions of the visits, units present.

    The stretches are 2 ``slack_days`` + 1 days long and do not overlap; of two alike the earlier comes first.
    """
    found: list[tuple[int, NDArray[np.int64], int]] = []
    left = np.ones(len(day), dtype=bool)
    options = np.unique(day[:, None] + np.arange(-slack_days, slack_days + 1)[None, :])
    inside = np.abs(day[None, :] - options[:, None]) <= slack_days
    while options.size:
        counts = np.array([len(np.unique(unit[row & left])) for row in inside])
        best = int(counts.argmax())
        if counts[best] < least_units:
            break
        rows = np.flatnonzero(inside[best] & left)
        found.append((int(options[best]), rows, int(counts[best])))
        left[rows] = False
        apart = np.abs(options - options[best]) > 2 * slack_days
        options, inside = options[apart], inside[apart]
    return found


def _session_rows(
    group: Group, seen: Visits, session: NDArray[np.int64], middle: NDArray[np.int64] | None = None
) -> pd.DataFrame:
    """Return the visits of sessions, by session and time, under their labels in the group's rows."""
    import pandas as pd

    date = seen.day if middle is None else middle
    columns = {
        "subject_id": seen.people[seen.who], "institution_id": seen.houses[seen.house], "session": session,
        "event_at": seen.micros.astype("datetime64[us]"),
        "on": (date * DAY_MICROSECONDS).astype("datetime64[us]"), "minute": seen.minute, "yuan": seen.yuan,
    }
    for name in DESK_COLUMNS:
        if name in group.rows:
            columns[name] = texts(group.rows, name)[seen.position]
    return pd.DataFrame(columns, index=group.rows.index[seen.position])


def _session_table(rows: pd.DataFrame, n_units: NDArray[np.int64]) -> pd.DataFrame:
    """Return one row per session; rows come by session and time, so the first and the last of each are its ends."""
    import pandas as pd

    session, first, n = np.unique(rows["session"].to_numpy(), return_index=True, return_counts=True)
    minute = rows["minute"].to_numpy()
    columns = {
        "institution_id": rows["institution_id"].to_numpy(dtype=object)[first],
        "on": rows["on"].to_numpy()[first],
        "n_members": n,
        "n_units": n_units[session],
        "span_minutes": minute[first + n - 1] - minute[first],
    }
    return pd.DataFrame(columns, index=pd.Index(session, name="session"))


def _trusted(group: Group, houses: Iterable[object]) -> NDArray[np.bool_]:
    """Say of every house whether its clock is used."""
    known = {house: bool(facts.get("trusted", 1.0)) for house, facts in group.places.items()}
    return np.array([known.get(str(house), True) for house in houses], dtype=bool)


def pair_tails(
    group: Group, members: tuple[str, ...], slack_days: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return for every pair of members the tail of its joint days, given when everybody else comes.

    Parameters
    ----------
    group, members
        The group, and whom to pair.
    slack_days
        Where only dates are known: two visits so many days apart are joint.

    Returns
    -------
    (i, j, log10_p)
        Positions in ``members`` (i < j) and the exact upper tail of the number of joint days within the window.

    Notes
    -----
    A house's dates are weighted by the visits of people outside the group (plus half a visit of the mean day, so that
    a house that hardly anybody else visits is not taken for closed). ``Σ w²`` of the weights times the closeness within
    a day is the chance that two independent visits meet; its inverse is the number of slots.
    """
    every = visits(group)
    index = {m: k for k, m in enumerate(members)}
    position = np.array([index.get(p, -1) for p in every.people], dtype=np.int64)
    every = every.at(position[every.who] >= 0)
    i, j = np.triu_indices(len(members), 1)
    parts: list[tuple[NDArray[np.int64], NDArray[np.float64]]] = []
    observed = np.zeros(len(i), dtype=np.int64)
    for number, part in every.by_house():
        who = position[part.who]
        if (who == who[0]).all():
            continue
        house = str(every.houses[number])
        minutes = first_minutes(part.micros, who, len(members))
        n = (~np.isnan(minutes)).sum(axis=1)
        at = np.flatnonzero((n[i] > 0) & (n[j] > 0))
        if slack_days and not group.clock:
            observed[at] += near_days(~np.isnan(minutes), np.unique(part.day), i[at], j[at], slack_days)
        else:
            observed[at] += joint_days(minutes, i[at], j[at], group.places.get(house, {}).get("window", 0.0))
        slots = np.full(at.size, 1.0 / meeting_chance(group, house, part.day, slack_days))
        parts.append((at, np.column_stack([slots, n[i][at], n[j][at]])))
    tails = np.zeros(len(i))
    if not parts:
        return i, j, tails
    pair, terms = np.concatenate([p for p, _ in parts]), np.concatenate([t for _, t in parts])
    order = np.argsort(pair, kind="stable")
    present, dense = np.unique(pair[order], return_inverse=True)
    slots, a, b = terms[order].T
    tails[present] = log10_hypergeometric_sum_tail(dense, np.maximum(slots, np.maximum(a, b)), a, b, observed[present])
    return i, j, tails


def first_minutes(micros: NDArray[np.int64], who: NDArray[np.int64], n_members: int) -> NDArray[np.float64]:
    """Return the minute of everybody's first visit of every day at one house: members × days, NaN where absent."""
    second = micros // 1_000_000
    day = np.unique(second // 86400, return_inverse=True)[1]
    minutes = np.full((n_members, int(day.max()) + 1), np.inf)
    np.minimum.at(minutes, (who, day), second / 60.0)
    minutes[np.isinf(minutes)] = np.nan
    return minutes


def joint_days(
    minutes: NDArray[np.float64], i: NDArray[np.int64], j: NDArray[np.int64], window: float
) -> NDArray[np.int64]:
    """Return for pairs of members the number of days on which both came, within the window (0: any time of the day)."""
    out = np.zeros(len(i), dtype=np.int64)
    step = max(1, 4_000_000 // max(1, minutes.shape[1]))
    limit = window if window > 0 else np.inf
    for begin in range(0, len(i), step):
        part = slice(begin, begin + step)
        # NaN compares as false: a day on which one of them stayed away never counts
        out[part] = (np.abs(minutes[i[part]] - minutes[j[part]]) <= limit).sum(axis=1)
    return out


def near_days(
    present: NDArray[np.bool_], days: NDArray[np.int64], i: NDArray[np.int64], j: NDArray[np.int64], slack_days: int
) -> NDArray[np.int64]:
    """Return for pairs of members on how many of his days the one had the other near, the smaller of both counts.

    Parameters
    ----------
    present
        Members × days: who came.
    days
        The days of the columns, since 1970, ascending.
    i, j
        Positions of the members of each pair.
    slack_days
        Most days between two visits that are near.
    """
    close = (np.abs(days[:, None] - days[None, :]) <= slack_days).astype(np.int64)
    had = (present.astype(np.int64) @ close) > 0
    return np.asarray(np.minimum((present[i] & had[j]).sum(axis=1), (present[j] & had[i]).sum(axis=1)), dtype=np.int64)


def meeting_chance(group: Group, house: str, own: NDArray[np.int64], slack_days: int = 0) -> float:
    """Return the chance that two independent visits at the house meet, the group's own visits left out.

    With ``slack_days`` and no clock they meet when they are at most so many days apart.
    """
    facts = group.places.get(house, {})
    closeness = float(facts.get("closeness", 1.0))
    days, weights = dated_weights(group, house, own)
    meet = float((weights**2).sum())
    if slack_days and not group.clock:
        total = np.concatenate(([0.0], np.cumsum(weights)))
        low = np.searchsorted(days, days - slack_days, side="left")
        high = np.searchsorted(days, days + slack_days, side="right")
        meet = float((weights * (total[high] - total[low])).sum())
    return float(min(1.0, max(1e-9, closeness * meet)))


def outside_dates(group: Group, house: str, own: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the weight of every active day of the house among visits of people outside the group; sums to 1.

    Parameters
    ----------
    group, house
        The group and one of its houses.
    own
        The days of the group's own visits there, since 1970.
    """
    return dated_weights(group, house, own)[1]


def dated_weights(
    group: Group, house: str, own: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the active days of a house, since 1970, and their weights; see :func:`outside_dates`."""
    known = calendar(group).get(house)
    if known is None:
        n_days = max(1, int(group.places.get(house, {}).get("n_days", len(np.unique(own)))))
        first = int(own.min(initial=0))
        return np.arange(first, first + n_days), np.full(n_days, 1.0 / n_days)
    days, visits = known
    others = visits.copy()
    at = np.minimum(np.searchsorted(days, own), len(days) - 1)
    np.subtract.at(others, at[days[at] == own], 1.0)
    others = np.maximum(others, 0.0)
    others = others + 0.5 * max(1.0, float(others.mean()))
    return days, np.asarray(others / others.sum())


def tempo_tails(found: Sessions, group: Group, window_minutes: int) -> NDArray[np.float64]:
    """Return per session the log10 chance that its members, together within the window, came that close.

    Notes
    -----
    The range of k uniform instants in a window of length W is at most L with probability k x^(k-1) − (k−1) x^k,
    x = L / W. Minutes are rounded up by one, so that a shared minute is no evidence of more.

    References
    ----------
    H. A. David, H. N. Nagaraja, *Order Statistics*, 3rd ed. (2003), §2.3.
    """
    table = found.table
    timed = _trusted(group, table["institution_id"])
    k = table["n_units"].to_numpy(float)[timed]
    x = np.minimum(1.0, (table["span_minutes"].to_numpy(float)[timed] + 1.0) / window_minutes)
    log_p = (k - 1) * np.log(x) + np.log(np.maximum(k - (k - 1) * x, 1e-12))
    return np.asarray(np.minimum(log_p / np.log(10.0), 0.0))


def timed_sessions(found: Sessions, group: Group) -> int:
    """Return how many sessions are at houses whose clock is used, where minutes can be tested."""
    return int(_trusted(group, found.table["institution_id"]).sum()) if group.clock else 0


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
    known = prices(group).get(house)
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
    if values.sum() < 30:
        return None
    # half a visit in every bin: a price nobody else paid is rare, not impossible
    smoothed = values + 0.5
    return np.asarray(smoothed / smoothed.sum())
