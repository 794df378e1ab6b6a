"""Whether people of a group queue like people: pure statistics on their dates, minutes and amounts.

All tests compare what the members do *with each other on one day* with what the same members do *on different days*,
or with everybody else's dates; a ring therefore cannot lend itself its own background.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from gangfinder.model.tails import log10_binomial_tail
from gangfinder.network.visits import texts, visits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gangfinder.model.group import Counts, Group

    Floats = NDArray[np.float64]


def outings(group: Group) -> pd.DataFrame:
    """Return one row per member, house and day: subject_id, unit, institution_id, day, minute, amount.

    Notes
    -----
    ``day`` counts days since 1970, ``minute`` is the first minute of the day with its fraction, ``amount`` the sum.
    Rows without an instant are left out. Sorted by house, day, minute, member. Computed once for each group.
    """
    kept = group.memo.get("benign outings")
    if not isinstance(kept, pd.DataFrame):
        kept = group.memo["benign outings"] = _outings(group)
    return kept


def _outings(group: Group) -> pd.DataFrame:
    every = visits(group)
    every = every.at(every.micros > np.iinfo(np.int64).min)
    every = every.at(np.isin(every.who, np.flatnonzero([p in frozenset(group.members) for p in every.people])))
    span = int(every.day.max(initial=0)) + 1
    outing = (every.house * span + every.day) * max(1, len(every.people)) + every.who
    # one settlement may stand in several evidence rows
    key = pd.factorize(texts(group.rows, "source_key")[every.position])[0]
    once = np.unique(np.column_stack([outing, key]), axis=0, return_index=True)[1]
    outing, every = outing[once], every.at(once)
    first, number = np.unique(outing, return_index=True, return_inverse=True)[1:]
    second = every.micros // 1_000_000 % 86_400
    minute = np.full(len(first), np.inf)
    np.minimum.at(minute, number, second // 3600 * 60.0 + second // 60 % 60 + second % 60 / 60.0)
    cents = np.bincount(number, np.rint(every.yuan * 100.0), len(first))
    seen = every.at(first)
    order = np.lexsort((seen.who, minute, seen.day, seen.house))
    people = [str(p) for p in every.people]
    units = np.array([group.units.get(p, p) for p in people], dtype=object)
    columns = {
        "subject_id": np.array(people, dtype=object)[seen.who], "unit": units[seen.who],
        "institution_id": np.array([str(h) for h in every.houses], dtype=object)[seen.house],
        "day": seen.day, "minute": minute, "amount": cents / 100.0,
    }
    return pd.DataFrame({name: values[order] for name, values in columns.items()})


@dataclass(frozen=True, slots=True)
class Queue:
    """How people queue and pay; what exceeds it is not explained by any calendar.

    Parameters
    ----------
    near_minutes
        Two people of one day this close are next to each other.
    run_step_minutes
        A group whose neighbours are this close in the median swipes in runs, at whatever hour.
    equal_share
        Two bills this close, relative to the larger, are equal.
    surprise_log10
        Tail from which a person's closeness or equal bills are no longer chance.
    least_ratio
        Least ratio of what was seen to chance, besides.
    """

    near_minutes: float = 5.0
    run_step_minutes: float = 2.0
    equal_share: float = 0.01
    surprise_log10: float = -2.5
    least_ratio: float = 1.4


@dataclass(frozen=True, slots=True)
class Excess:
    """How much more often members match a neighbour of the same day than chance has it.

    Parameters
    ----------
    members
        Member ids, sorted.
    n
        Rows with company: outings on which another unit of the group was at the house that day.
    matched
        Rows with a match among that company.
    expected
        Matches expected by chance.
    log10_p
        Binomial upper tail per member.
    total_log10_p
        The same for the whole group.
    """

    members: tuple[str, ...]
    n: Floats
    matched: Floats
    expected: Floats
    log10_p: Floats
    total_log10_p: float

    def striking(self, log10_p: float, ratio: float) -> frozenset[str]:
        """Return the members who match too often, by themselves or as part of a group that does.

        Parameters
        ----------
        log10_p
            Largest tail of a striking member; a group is striking at twice that exponent.
        ratio
            Least ratio of matches to expectation.
        """
        more = (self.matched >= 2) & (self.matched > ratio * self.expected)
        group_wide = self.total_log10_p <= 2 * log10_p
        chosen = more & ((self.log10_p <= log10_p) | (group_wide & (self.matched * 2 >= self.n)))
        return frozenset(m for m, c in zip(self.members, chosen, strict=True) if c)

    @property
    def share(self) -> float:
        """Share of the rows with company that match."""
        return float(self.matched.sum() / self.n.sum()) if self.n.sum() else 0.0

    @property
    def expected_share(self) -> float:
        """Share expected by chance."""
        return float(self.expected.sum() / self.n.sum()) if self.n.sum() else 0.0


def excess(frame: pd.DataFrame, column: str, tolerance: Floats, floor: Floats | None = None) -> Excess:
    """Count same-day matches of a column within a tolerance against the same people's values on other days.

    Parameters
    ----------
    frame
        What :func:`outings` returns.
    column
        ``minute`` or ``amount``.
    tolerance
        Per row: how near a value must be.
    floor
        Per row: chance of a match between two visitors of one day that holds in any case (the house's own profile).

    Notes
    -----
    For a row with value ``t`` and ``k`` companions of other units, let ``b`` be the share of the group's values on
    *other* days of the house within the tolerance of ``t``. By chance the row matches with 1 − (1 − b)^k; matches of
    one member are a sum of such trials, and the binomial with the mean probability bounds its upper tail.

    References
    ----------
    W. Hoeffding, "On the distribution of the number of successes in independent trials", Ann. Math. Stat. 27 (1956).
    """
    who, members = pd.factorize(texts(frame, "subject_id"), sort=True)
    matched, chance, company = _matches(frame, column, tolerance, floor)
    seen = (company, matched & company, np.where(company, chance, 0.0))
    n, m, c = (np.bincount(who, weights, len(members)).astype(np.float64) for weights in seen)
    p = np.clip(np.divide(c, n, out=np.ones_like(c), where=n > 0), 1e-9, 1.0)
    total_p = min(1.0, max(c.sum() / n.sum(), 1e-9)) if n.sum() else 1.0
    total = float(log10_binomial_tail(m.sum(), n.sum(), total_p))
    return Excess(tuple(members), n, m, c, log10_binomial_tail(m, n, p), total)


def _matches(
    frame: pd.DataFrame, column: str, tolerance: Floats, floor: Floats | None
) -> tuple[NDArray[np.bool_], Floats, NDArray[np.bool_]]:
    """Return, per row: whether it matches a companion, the chance of that, and whether it has companions."""
    size = len(frame)
    matched, company = np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
    chance = np.ones(size)
    values = frame[column].to_numpy(dtype=float)
    units, _ = pd.factorize(texts(frame, "unit"))
    day = frame["day"].to_numpy()
    for _, house in _houses(frame):
        pool = np.sort(values[house])
        for today in np.split(house, np.flatnonzero(np.diff(day[house])) + 1):
            own, reach = values[today], tolerance[today]
            near = np.abs(own[:, None] - own[None, :]) <= reach[:, None]
            foreign = units[today][:, None] != units[today][None, :]
            k = foreign.sum(axis=1)
            matched[today], company[today] = (near & foreign).any(axis=1), k > 0
            inside = np.searchsorted(pool, own + reach, side="right") - np.searchsorted(pool, own - reach, side="left")
            # half a count of doubt on either side, so that a small background is not taken for certainty
            b = (inside - near.sum(axis=1) + 0.5) / (len(house) - len(today) + 1.0)
            b = np.clip(b if floor is None else np.maximum(b, floor[today]), 0.0, 1.0)
            chance[today] = 1.0 - (1.0 - b) ** k
    return matched, chance, company


def median_step(frame: pd.DataFrame) -> float:
    """Return the median minutes between neighbours of different units at one house on one day (inf without any)."""
    house, day, unit, minute = (frame[c].to_numpy() for c in ("institution_id", "day", "unit", "minute"))
    near = (house[1:] == house[:-1]) & (day[1:] == day[:-1]) & (unit[1:] != unit[:-1])
    steps = np.diff(minute)[near]
    return float(np.median(steps)) if steps.size else float("inf")


def _houses(frame: pd.DataFrame) -> list[tuple[str, NDArray[np.int64]]]:
    """Return the positions of the rows of every house, by house."""
    code, names = pd.factorize(texts(frame, "institution_id"), sort=True)
    order = np.argsort(code, kind="stable")
    return list(zip(names, np.split(order, np.cumsum(np.bincount(code, minlength=len(names)))[:-1]), strict=True))


def company_tails(frame: pd.DataFrame, known: Mapping[str, Counts]) -> tuple[tuple[str, ...], Floats, Floats, Floats]:
    """Return, per member, how surprising his company is when dates are drawn as *everybody else* draws them.

    Parameters
    ----------
    frame
        What :func:`outings` returns.
    known
        House → (days since 1970, visits of everybody); at other houses all days between the first and last outing weigh
        alike.

    Returns
    -------
    members, observed, expected, log10_p
        ``observed`` outings of others on the member's days at his houses; the tail is binomial with the mean chance,
        an upper bound (see :func:`excess`).

    Notes
    -----
    The group's own visits are subtracted from the calendar first, so a group that is most of a small house does not
    explain itself. Given the member's days, the others' outings are independent trials.
    """
    codes, names = pd.factorize(texts(frame, "subject_id"), sort=True)
    observed, trials, expected = (np.zeros(len(names)) for _ in range(3))
    days = frame["day"].to_numpy()
    for house, at in _houses(frame):
        who, day = codes[at], days[at]
        if (who == who[0]).all():
            continue
        share = _shares(day, known.get(house))
        _, back, counts = np.unique(day, return_inverse=True, return_counts=True)
        here = np.bincount(who, minlength=len(names))
        others = np.where(here > 0, len(at) - here, 0)
        observed += np.bincount(who, counts[back] - 1.0, len(names))
        trials += others
        expected += others * np.bincount(who, share, len(names))
    p = np.clip(np.divide(expected, trials, out=np.ones_like(expected), where=trials > 0), 1e-12, 1.0)
    return tuple(str(n) for n in names), observed, expected, log10_binomial_tail(observed, trials, p)


def _shares(days: NDArray[np.int64], known: tuple[NDArray[np.int64], Floats] | None) -> Floats:
    """Return, per visit, its day's share of the house's weight: everybody's visits less the group's, smoothed."""
    if known is None:
        return np.full(len(days), 1.0 / (days.max() - days.min() + 1))
    every = np.union1d(known[0], days)
    rest = np.zeros(len(every))
    rest[np.searchsorted(every, known[0])] = known[1]
    at = np.searchsorted(every, days)
    rest = np.maximum(rest - np.bincount(at, minlength=len(every)), 0.0)
    weights = rest + max(0.5, 0.1 * float(rest.mean()))
    return np.asarray((weights / weights.sum())[at])


Detail = dict[str, "str | int | float"]


def conspicuous(
    group: Group, frame: pd.DataFrame, queue: Queue, detail: Detail
) -> tuple[frozenset[str], frozenset[str]]:
    """Return the members who come in runs and those whose bills are equal; writes the numbers into ``detail``.

    Parameters
    ----------
    group, frame
        The group and its outings.
    queue
        What is still ordinary.
    detail
        Receives near_percent, near_expected_percent, step_minutes (with a clock), equal_percent,
        equal_expected_percent.
    """
    amounts = bills(frame, queue)
    detail["equal_percent"] = round(100 * amounts.share)
    detail["equal_expected_percent"] = round(100 * amounts.expected_share)
    equal = amounts.striking(queue.surprise_log10, queue.least_ratio)
    if not group.clock:
        return frozenset(), equal
    minutes = closeness(group, frame, queue)
    step = median_step(frame[[_trusted(group, h) for h in frame["institution_id"].tolist()]])
    detail["near_percent"] = round(100 * minutes.share)
    detail["near_expected_percent"] = round(100 * minutes.expected_share)
    detail["step_minutes"] = round(step, 1) if np.isfinite(step) else -1
    if step <= queue.run_step_minutes:
        return frozenset(frame["subject_id"]), equal
    return minutes.striking(queue.surprise_log10, queue.least_ratio), equal


def _trusted(group: Group, house: str) -> bool:
    return float(group.places.get(house, {}).get("trusted", 1.0)) > 0


def closeness(group: Group, frame: pd.DataFrame, queue: Queue) -> Excess:
    """Return how much more often members stand next to each other than their own hours on other days have it."""
    def fact(name: str, default: float) -> Floats:
        known = {house: float(facts.get(name, default)) for house, facts in group.places.items()}
        return np.array([known.get(house, default) for house in houses], dtype=np.float64)

    houses = frame["institution_id"].tolist()

    width = fact("window", 0.0)
    # the house's own chance that one other visitor is so near, scaled to this window
    floor = np.where(width > 0, fact("closeness", 0.0) * queue.near_minutes / np.where(width > 0, width, 1.0), 0.0)
    # a house that posts in batches shows minutes that nobody lived: there everybody is near anyway
    floor = np.where(fact("trusted", 1.0) > 0, floor, 1.0)
    return excess(frame, "minute", np.full(len(frame), queue.near_minutes), np.clip(floor, 0.0, 1.0))


def bills(frame: pd.DataFrame, queue: Queue) -> Excess:
    """Return how much more often bills of one day are equal than bills of different days."""
    tolerance = np.maximum(0.005, queue.equal_share * frame["amount"].abs().to_numpy(dtype=float))
    return excess(frame, "amount", tolerance)
