"""Honest people do nothing impossible: drop rows that need one person in two places, or a living dead."""

from __future__ import annotations

import numpy as np

from gangfinder.synth.catalogue import Kind
from gangfinder.synth.events import DAY, Events
from gangfinder.synth.streams import Flags, Ints
from gangfinder.synth.world import World

_SPAN = 1 << 34  # more seconds than an instant needs: patient * _SPAN + instant sorts by patient, then time
_APART = 30 * 60
_SAME_PLACE_APART = 8 * 60


def without_clashes(world: World, events: Events) -> Events:
    """Return the events without those that contradict a life."""
    return events.take(surviving(world, events))


def surviving(world: World, events: Events) -> Ints:
    """Return the positions of the events that do not contradict a life; ``fixed`` events always stay.

    Parameters
    ----------
    world
        The town.
    events
        All conduct. Planted rows and look-alikes (origin other than 0) win over ordinary rows.
    """
    start, end = world.first_day * DAY, (world.first_day + world.days) * DAY
    inside = (events["at"] >= start) & (events["at"] < end)
    alive = events["at"] < world.people.death_day[events["patient"]] * DAY
    left = np.flatnonzero(inside & (alive | events["fixed"]))
    for test in (_stays_apart, _outside_stays, _visits_apart, _visits_apart):
        left = left[test(events.take(left))]
    return left


def _keys(events: Events, column: str) -> Ints:
    return np.asarray(events["patient"].astype(np.int64) * _SPAN + events[column], dtype=np.int64)


def _rank(events: Events) -> Ints:
    """Return 2 for ring rows, 1 for look-alikes, 0 for ordinary rows."""
    return np.where(events["origin"] < 0, 2, np.where(events["origin"] > 0, 1, 0))


def _overlapping(start: Ints, end: Ints) -> Flags:
    """Mark intervals that begin before an earlier one has ended; the order of the input does not matter."""
    order = np.argsort(start, kind="stable")
    reach = np.maximum.accumulate(end[order])
    late = np.zeros(len(order), dtype=bool)
    late[order[1:]] = start[order[1:]] < reach[:-1]
    return late


def _hits(start: Ints, end: Ints, other_start: Ints, other_end: Ints) -> Flags:
    """Mark intervals that meet one of the others, which must not overlap among themselves."""
    if not len(other_start):
        return np.zeros(len(start), dtype=bool)
    order = np.argsort(other_start, kind="stable")
    begins, ends = other_start[order], other_end[order]
    before = np.searchsorted(begins, end, side="left") - 1
    return (before >= 0) & (ends[np.maximum(before, 0)] > start)


def _stays_apart(events: Events) -> Flags:
    """Return which events stay when no honest person may lie in two beds."""
    keep = np.ones(len(events), dtype=bool)
    is_stay = (events["kind"] == Kind.STAY) & ~events["fixed"]
    start, end, rank = _keys(events, "admitted"), _keys(events, "at"), _rank(events)
    settled = np.empty(0, dtype=np.int64)
    for level in (2, 1, 0):
        rows = np.flatnonzero(is_stay & (rank == level))
        rows = rows[~_hits(start[rows], end[rows], start[settled], end[settled])]
        settled = np.concatenate([settled, rows[~_overlapping(start[rows], end[rows])]])
    keep[is_stay] = False
    keep[settled] = True
    return keep


def _outside_stays(events: Events) -> Flags:
    """Return which events are not visits of somebody who lies in hospital; fixed ones always stay."""
    lying = events.take((events["kind"] == Kind.STAY) & ~events["fixed"])
    visit = np.flatnonzero(events["kind"] != Kind.STAY)
    when = _keys(events, "at")[visit]
    inside = np.zeros(len(events), dtype=bool)
    inside[visit] = _hits(when, when + 1, _keys(lying, "admitted"), _keys(lying, "at"))
    return np.asarray(~inside | events["fixed"], dtype=bool)


def _visits_apart(events: Events) -> Flags:
    """Return which events stay when a person needs time to get from one counter to the next."""
    visit = np.flatnonzero(events["kind"] != Kind.STAY)
    when, rank = _keys(events, "at")[visit], _rank(events)[visit]
    order = visit[np.lexsort((-rank, when))]
    gap = np.diff(_keys(events, "at")[order])
    same = np.diff(events["place"][order]) == 0
    close = gap < np.where(same, _SAME_PLACE_APART, _APART)
    rank = _rank(events)[order]
    loser = np.where(rank[1:] <= rank[:-1], order[1:], order[:-1])
    # a planted contradiction needs both of its rows
    wanted = events["fixed"][order]
    close &= ~wanted[1:] & ~wanted[:-1]
    keep = np.ones(len(events), dtype=bool)
    keep[loser[close]] = False
    return keep
