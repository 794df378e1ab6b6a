"""Occasions that last: the best attended stretches of days, or of an hour on neighbouring days, and who met there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

STARTS_PER_WINDOW = 4
"""An hourly occasion begins at a multiple of its window's length divided by this."""

Occasion = tuple[int, float, "Ints", int]
"""Middle day since 1970, minute of the day at which it begins, positions of the visits, units present."""


def best_days(day: Ints, unit: Ints, slack_days: int, least_units: int) -> list[tuple[int, Ints, int]]:
    """Return the best attended stretches of days of one house: middle day, positions of the visits, units present.

    The stretches are 2 ``slack_days`` + 1 days long and do not overlap; of two alike the earlier comes first.
    """
    found: list[tuple[int, Ints, int]] = []
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


def best_hours(
    day: Ints, minute: Floats, unit: Ints, slack_days: int, window_minutes: float, least_units: int
) -> list[Occasion]:
    """Return the best attended occasions of one house that keep an hour on neighbouring days.

    Parameters
    ----------
    day, minute, unit
        Day since 1970, minute of the day and unit of every visit.
    slack_days
        Days by which a visit may miss the middle of its occasion.
    window_minutes
        Length of an occasion within the day; it begins at a multiple of a quarter of it.
    least_units
        Fewest units present.

    Notes
    -----
    No two occasions overlap, so what one takes is never counted in another. Of occasions with the same attendance the
    one with most visits on its middle day comes first, then the earlier one.
    """
    step = window_minutes / STARTS_PER_WINDOW
    start = np.floor(minute / step).astype(np.int64)
    late = np.arange(-slack_days, slack_days + 1)
    shape = (len(day), len(late), STARTS_PER_WINDOW)
    days = np.broadcast_to(day[:, None, None] + late[None, :, None], shape).ravel()
    starts = np.broadcast_to(start[:, None, None] - np.arange(STARTS_PER_WINDOW)[None, None, :], shape).ravel()
    far = np.broadcast_to(np.abs(late)[None, :, None], shape).ravel()
    span = int(starts.max(initial=0) - starts.min(initial=0)) + 1
    key = days * span + (starts - starts.min(initial=0))
    _, first, option = np.unique(key, return_index=True, return_inverse=True)
    n_kinds = int(unit.max(initial=0)) + 1
    units = np.repeat(unit, len(late) * STARTS_PER_WINDOW)
    counts = np.bincount(np.unique(option * n_kinds + units) // n_kinds, minlength=len(first))
    distance = np.bincount(option, far, minlength=len(first))
    order = np.lexsort((np.arange(len(first)), distance, -counts))
    found: list[Occasion] = []
    taken: list[tuple[int, int]] = []
    for at in order[: int((counts >= least_units).sum())]:
        middle, begin = int(days[first[at]]), int(starts[first[at]])
        if any(abs(middle - d) <= 2 * slack_days and abs(begin - b) < STARTS_PER_WINDOW for d, b in taken):
            continue
        taken.append((middle, begin))
        rows = (np.abs(day - middle) <= slack_days) & (start >= begin) & (start < begin + STARTS_PER_WINDOW)
        found.append((middle, begin * step, np.flatnonzero(rows), int(counts[at])))
    return found


def near_days(present: NDArray[np.bool_], days: Ints, i: Ints, j: Ints, slack_days: int) -> Ints:
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


def near_hours(minutes: Floats, days: Ints, i: Ints, j: Ints, slack_days: int, window: float) -> Ints:
    """Return the same where hours are known: near is so many days apart at most, and at the same hour of the day.

    Parameters
    ----------
    minutes
        Members × days: minutes since 1970 of the first visit, NaN where absent.
    days, i, j, slack_days
        As in :func:`near_days`.
    window
        Most minutes between the hours of the day; 0: any hour.
    """
    hour = minutes - 1440.0 * days[None, :]
    limit = window if window > 0 else np.inf
    mine, his = np.zeros((len(i), len(days)), dtype=bool), np.zeros((len(i), len(days)), dtype=bool)
    for late in range(-slack_days, slack_days + 1):
        at = np.searchsorted(days, days + late)
        known = (at < len(days)) & (days[np.minimum(at, len(days) - 1)] == days + late)
        here, there = np.flatnonzero(known), at[known]
        # NaN compares as false: a day on which one of them stayed away never counts
        met = np.abs(hour[i][:, here] - hour[j][:, there]) <= limit
        mine[:, here] |= met
        his[:, there] |= met
    return np.asarray(np.minimum(mine.sum(axis=1), his.sum(axis=1)), dtype=np.int64)
