"""Statistics of a group that moves in step: sessions, dates, minutes.

Every function takes a :class:`~gangfinder.model.group.Group` and returns exact tails; none decides anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gangfinder.linking.convolution import log10_hypergeometric_sum_tail
from gangfinder.network.stretches import best_days, best_hours, near_days, near_hours
from gangfinder.network.visits import DAY_MICROSECONDS, Visits, first_visits, texts, visits

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from gangfinder.model.group import Group

DESK_COLUMNS = ("m_terminal_id", "m_operator_id", "m_doctor_id")
"""Columns of a group's rows that name who served."""

BILL_COLUMN = "m_bill"
"""Column of a group's rows with the whole bill, in fen."""


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
        Days by which a visit may miss the middle of its session, which is the session's date; where clocks are known
        it keeps the hour (see :func:`~gangfinder.network.stretches.best_hours`). 0: one day, one session.
    """
    seen = first_visits(group)
    if members is not None:
        seen = seen.at(np.isin(seen.who, np.flatnonzero([p in frozenset(members) for p in seen.people])))
    if slack_days:
        return _wide_sessions(group, seen, least_units, slack_days, window_minutes)
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


def _wide_sessions(group: Group, seen: Visits, least_units: int, slack_days: int, window_minutes: int) -> Sessions:
    """Return sessions of several days: at every house the best attended ones first, and none that overlaps another."""
    number, middle, begin = np.zeros(len(seen.house), dtype=np.int64), seen.day.copy(), np.zeros(len(seen.house))
    n_units = [0]
    trusted = _trusted(group, seen.houses) & group.clock
    for house, here in seen.by_house():
        at = np.flatnonzero(seen.house == house)
        if trusted[house]:
            occasions = best_hours(here.day, here.minute, here.unit, slack_days, window_minutes, least_units)
        else:
            whole = best_days(here.day, here.unit, slack_days, least_units)
            occasions = [(day, 0.0, present, n) for day, present, n in whole]
        for day, minute, present, n in occasions:
            number[at[present]], middle[at[present]], begin[at[present]] = len(n_units), day, minute
            n_units.append(n)
    kept = np.flatnonzero(number > 0)
    kept = kept[np.argsort(number[kept], kind="stable")]
    rows = _session_rows(group, seen.at(kept), number[kept], middle[kept])
    table = _session_table(rows, np.array(n_units, dtype=np.int64))
    table["begins"] = begin[kept][np.unique(number[kept], return_index=True)[1]]
    return Sessions(rows, table)


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
    if BILL_COLUMN in group.rows:
        columns[BILL_COLUMN] = group.rows[BILL_COLUMN].to_numpy(dtype=float)[seen.position]
    return pd.DataFrame(columns, index=group.rows.index[seen.position])


def _session_table(rows: pd.DataFrame, n_units: NDArray[np.int64]) -> pd.DataFrame:
    """Return one row per session; rows come by session."""
    import pandas as pd

    session, first, n = np.unique(rows["session"].to_numpy(), return_index=True, return_counts=True)
    minute = rows["minute"].to_numpy()
    columns = {
        "institution_id": rows["institution_id"].to_numpy(dtype=object)[first],
        "on": rows["on"].to_numpy()[first],
        "n_members": n,
        "n_units": n_units[session],
        "span_minutes": _spans(minute, first),
    }
    return pd.DataFrame(columns, index=pd.Index(session, name="session"))


def _spans(minute: NDArray[np.float64], first: NDArray[np.int64]) -> NDArray[np.float64]:
    if not first.size:
        return np.zeros(0)
    return np.asarray(np.maximum.reduceat(minute, first) - np.minimum.reduceat(minute, first))


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
        Two visits so many days apart are joint; where clocks are known, at the same hour.

    Returns
    -------
    (i, j, log10_p)
        Positions in ``members`` (i < j) and the exact upper tail of the number of joint days within the window.

    Notes
    -----
    A house's dates are weighted by the visits of people outside the group (plus half a visit of the mean day, so that
    a house that hardly anybody else visits is not taken for closed). ``Σ w²`` of the weights times the closeness within
    a day is the chance that two independent visits meet; its inverse is the number of slots. With ``slack_days`` two
    people who keep an hour meet on all days that are near: where more of their visits are close by the hour, whatever
    the day, than those of anybody, that share is the closeness.
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
        window = group.places.get(house, {}).get("window", 0.0)
        if slack_days and group.clock:
            observed[at] += near_hours(minutes, np.unique(part.day), i[at], j[at], slack_days, window)
        elif slack_days:
            observed[at] += near_days(~np.isnan(minutes), np.unique(part.day), i[at], j[at], slack_days)
        else:
            observed[at] += joint_days(minutes, i[at], j[at], window)
        chance = np.full(at.size, meeting_chance(group, house, part.day, slack_days))
        if slack_days and group.clock:
            chance = np.minimum(1.0, chance * _habit(group, house, part, who, len(members))[i[at], j[at]])
        slots = 1.0 / chance
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


def _habit(
    group: Group, house: str, part: Visits, who: NDArray[np.int64], n_members: int
) -> NDArray[np.float64]:
    """Return for every two members how much closer by the hour their visits are than anybody's, whatever the day."""
    facts = group.places.get(house, {})
    window, closeness = float(facts.get("window", 0.0)), float(facts.get("closeness", 1.0))
    if window <= 0 or closeness <= 0:
        return np.ones((n_members, n_members))
    own = np.zeros((n_members, len(who)))
    own[who, np.arange(len(who))] = 1.0
    own /= np.maximum(own.sum(axis=1, keepdims=True), 1.0)
    near = (np.abs(part.minute[:, None] - part.minute[None, :]) <= window).astype(float)
    return np.asarray(np.maximum(1.0, own @ near @ own.T / closeness))


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


def meeting_chance(group: Group, house: str, own: NDArray[np.int64], slack_days: int = 0) -> float:
    """Return the chance that two independent visits at the house meet, the group's own visits left out.

    With ``slack_days`` they meet when they are at most so many days apart, at the same hour where clocks are known.
    """
    facts = group.places.get(house, {})
    closeness = float(facts.get("closeness", 1.0))
    days, weights = dated_weights(group, house, own)
    meet = float((weights**2).sum())
    if slack_days:
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
    known = group.calendar.get(house)
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
