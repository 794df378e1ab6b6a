"""How surprising it is that a group attends the same occasions: dates, or hours of neighbouring dates.

The group, its houses and its dates were chosen because they look surprising. The tail here pays for every choice: it
bounds the chance that *any* group of that size, at any houses, on any dates, attends as often.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gangfinder.model.tails import log10_binomials_tail, log10_choose
from gangfinder.network.lockstep import Sessions, dated_weights
from gangfinder.network.stretches import STARTS_PER_WINDOW
from gangfinder.network.visits import first_visits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gangfinder.model.group import Group

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Concert:
    """Attendance of a group at its occasions.

    Parameters
    ----------
    log10_p
        Tail of the attendance, times the number of ways in which group, houses and occasions could have been chosen.
    attended, possible
        How often somebody was at an occasion, and how often he could have been.
    n_people
        Members counted, one of each unit.
    log10_fixed, log10_choices
        The tail of exactly this group on these dates, and the choices.
    """

    log10_p: float
    attended: int
    possible: int
    n_people: int
    log10_fixed: float
    log10_choices: float


def concert(group: Group, found: Sessions, slack_days: int, window_minutes: int = 60) -> Concert | None:
    """Return how surprising the attendance at the sessions is; ``None`` where it cannot be said.

    It cannot where the town's size is unknown, where clocks are known and the sessions have no fixed length (they have
    with ``slack_days``), and where dates alone would speak of one house.

    Parameters
    ----------
    group
        The group, with facts on its houses (``n_houses``, ``shared``, ``calendar``, ``hours``).
    found
        Its sessions.
    slack_days
        Days by which a visit may miss the date of its session.
    window_minutes
        Length of an occasion that keeps an hour.

    Notes
    -----
    Given how often member i comes to each house, his dates there are independent draws from the dates of everybody
    else. Occasion o lies on days of weight w, so he is there with probability ``p = 1 - (1 - w)^n``. Attendances of
    one member at disjoint stretches of days are negatively associated, those of different members independent: for
    their sum X,  ``log P(X >= x) <= min over t of  sum log(1 + p (e^t - 1)) - t x`` (Chernoff's bound, which negative
    association keeps). Over all ways of choosing h of the H houses, k of the D days these were open, and s of the E
    people who come to two of them, the chance that any such group attends so well is at most
    ``C(H, h) C(D, k) C(E, s)`` times that; the sizes themselves are paid for by h(h+1) k(k+1) s(s+1).

    Where clocks are known an occasion keeps an hour: ``w`` is the weight of its days times the share of the house's
    visits that begin within its hour, or of the group's own if that is larger, so that people who share a habit of the
    hour are tested by their dates alone. D counts the days from the first to the last, each with every quarter of an
    hour at which an occasion could begin.

    References
    ----------
    H. Chernoff, Ann. Math. Stat. 23 (1952) 493; D. Dubhashi, D. Ranjan, "Balls and bins: a study in negative
    dependence", Random Struct. Algorithms 13 (1998) 99; weights that sum to one: C. Genovese, K. Roeder,
    L. Wasserman, Biometrika 93 (2006) 509.
    """
    hourly = group.clock and slack_days > 0
    if not group.n_houses or found.table.empty or (group.clock and not hourly):
        return None
    houses = sorted(set(found.table["institution_id"].tolist()))
    if len(houses) < 2 and not hourly:
        return None
    chance, present = _attendance(group, found, slack_days, window_minutes)
    eligible = _eligible(group, houses)
    if len(present) < 3 or eligible < len(present):
        return None
    days = sum(
        _cells(group, h, slack_days, window_minutes) if hourly else group.places.get(h, {}).get("n_days", 0.0)
        for h in houses
    )
    h, k = len(houses), len(found.table)
    fixed_choices = log10_choose(group.n_houses, h) + log10_choose(days, k) + _size_cost(h) + _size_cost(k)
    best: Concert | None = None
    # who attends best comes first: dropping the weakest may make the rest more surprising, and is paid for
    order = np.argsort((present * np.log(np.maximum(chance, 1e-12))).sum(axis=1), kind="stable")
    for s in range(3, len(order) + 1):
        p, x = chance[order[:s]].ravel(), int(present[order[:s]].sum())
        tail = log10_binomials_tail(x, p)
        choices = fixed_choices + log10_choose(eligible, s) + _size_cost(s)
        if best is None or tail + choices < best.log10_p:
            best = Concert(min(0.0, tail + choices), x, int((p > 0).sum()), s, tail, choices)
    return best


def _size_cost(size: int) -> float:
    """Return what choosing a size costs (log10): the weights 1 / (x (x + 1)) of all sizes sum to one."""
    return float(np.log10(size * (size + 1.0)))


_SHARE_OF_CHANGES = 0.4
"""Least changes of house from one session to the next, as a share of what a random order of the houses would have."""


def goes_around(found: Sessions) -> bool:
    """Say whether the sessions go from house to house, and not from one house to its successor.

    People who come to one house on the same days may be its round, its market or its shift; when the house moves or
    closes they all change to another one, once.
    """
    table = found.table.sort_values(["on", "institution_id"], kind="stable")
    house = np.unique(table["institution_id"].to_numpy(dtype=str), return_inverse=True)[1]
    share = np.bincount(house) / max(1, len(house))
    changes = int((np.diff(house) != 0).sum())
    return changes >= max(2.0, _SHARE_OF_CHANGES * len(house) * (1.0 - float((share**2).sum())))


def _eligible(group: Group, houses: list[str]) -> int:
    """Return how many people of the town come to the houses (to two at least, if there are two), from above."""
    every = sum(int(group.places.get(h, {}).get("n_people", 0.0)) for h in houses)
    if not group.shared:
        return every
    both = (group.shared.get((a, b), 0) for n, a in enumerate(houses) for b in houses[n + 1 :])
    return min(sum(both), every)


def _attendance(group: Group, found: Sessions, slack_days: int, window_minutes: int) -> tuple[Floats, Floats]:
    """Return members × occasions: the chance of being there, and who was; one member of each unit."""
    seen = first_visits(group)
    names = [str(h) for h in seen.houses]
    n = np.zeros((len(seen.people), len(names)))
    np.add.at(n, (seen.who, seen.house), 1.0)
    at = np.array([names.index(str(h)) for h in found.table["institution_id"]], dtype=np.int64)
    weight = _weights(group, found, names, at, slack_days, window_minutes)
    chance = 1.0 - (1.0 - weight[None, :]) ** n[:, at]
    place = {str(p): k for k, p in enumerate(seen.people)}
    number = {int(s): k for k, s in enumerate(found.table.index)}
    present = np.zeros(chance.shape)
    who = np.array([place[str(p)] for p in found.rows["subject_id"]], dtype=np.int64)
    present[who, [number[int(s)] for s in found.rows["session"]]] = 1.0
    several = (n[:, np.unique(at)] > 0).sum(axis=1) >= min(2, len(np.unique(at)) if group.clock else 2)
    return _one_of_each(group, [str(p) for p in seen.people], chance, present, several)


def _one_of_each(
    group: Group, people: list[str], chance: Floats, present: Floats, several: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Keep of every unit who attends most, of those who can be counted at all."""
    surprise = (present * np.log(np.maximum(chance, 1e-12))).sum(axis=1)
    kept: dict[str, int] = {}
    for row in np.argsort(surprise, kind="stable"):
        if several[row] and present[row].any():
            kept.setdefault(group.units.get(people[row], people[row]), int(row))
    rows = sorted(kept.values())
    return chance[rows], present[rows]


def _weights(
    group: Group, found: Sessions, names: list[str], at: Ints, slack_days: int, window_minutes: int
) -> Floats:
    """Return the weight of the days, and of the hour, of every occasion among the visits of others."""
    seen = first_visits(group)
    middle = found.table["on"].to_numpy().astype("datetime64[D]").astype(np.int64)
    hourly = group.clock and slack_days > 0
    weight = np.zeros(len(at))
    for house in np.unique(at):
        here = seen.house == house
        days, w = dated_weights(group, names[int(house)], seen.day[here])
        for o in np.flatnonzero(at == house):
            weight[o] = w[np.abs(days - middle[o]) <= slack_days].sum()
        if hourly:
            begins = found.table["begins"].to_numpy(dtype=float)[at == house]
            weight[at == house] *= hour_weights(group, names[int(house)], seen.minute[here], begins, window_minutes)
    return np.clip(weight, 1e-9, 1.0)


def hour_weights(group: Group, house: str, own: Floats, begins: Floats, window_minutes: float) -> Floats:
    """Return the chance that a visit at the house falls into each hourly occasion, given its day.

    Parameters
    ----------
    group, house
        The group and one of its houses.
    own
        Minutes of the day of the group's visits there.
    begins
        Minutes at which the occasions begin. Where the clock is not used they are whole days: 1.
    window_minutes
        Length of an occasion.

    Notes
    -----
    The share of the hour among the visits of people outside the group, half a visit of the mean quarter of an hour
    added to each quarter in use; or among the group's own visits, if that is larger.
    """
    profile = _profile(group, house)
    if profile is None:
        return np.ones(len(begins))
    mine = np.bincount((own // _QUARTER).astype(np.int64), minlength=len(profile)).astype(float)[: len(profile)]
    used = profile > 0
    others = np.maximum(profile - mine, 0.0)
    others = others + 0.5 * used * max(1.0, float(others.sum() / max(1, int(used.sum()))))
    mark = _QUARTER * np.arange(len(profile) + 1)
    shares = [np.cumsum(np.r_[0.0, part / part.sum()]) for part in (others, np.maximum(mine, 1e-12))]
    inside = (np.interp(begins + window_minutes, mark, t) - np.interp(begins, mark, t) for t in shares)
    return np.asarray(np.maximum(*inside))


_QUARTER = 15.0
"""Minutes of a slot of ``group.hours``."""


def _profile(group: Group, house: str) -> Floats | None:
    """Return the visits of everybody by quarter of an hour; ``None`` where the house's clock is not used."""
    if not group.places.get(house, {}).get("trusted", 1.0):
        return None
    known = group.hours.get(house)
    if known is None:
        return None
    slots, n = known
    return np.asarray(np.bincount(slots, n, minlength=int(1440 // _QUARTER)), dtype=np.float64)


def _cells(group: Group, house: str, slack_days: int, window_minutes: int) -> float:
    """Return at how many days and quarters of an hour an occasion of the house could have been."""
    known = group.calendar.get(house)
    days = 2.0 * slack_days
    days += float(known[0][-1] - known[0][0] + 1) if known is not None else group.places.get(house, {}).get("n_days", 0)
    profile = _profile(group, house)
    if profile is None:
        return days
    used = np.flatnonzero(profile > 0)
    open_minutes = _QUARTER * float(used[-1] - used[0] + 1)
    return days * float(np.ceil((open_minutes + window_minutes) * STARTS_PER_WINDOW / window_minutes))
