"""Pairs who come to one house at the same hour, on the same day or on neighbouring ones.

A slow pool of which a third comes each time, some a day late, has few pairs who meet within the hour three times. Near
each other in hours and days they are far more often. The links made here only choose who is looked at: the groups are
tested later, and pay for having been chosen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gangfinder.model.tails import log10_poisson_tail

if TYPE_CHECKING:
    import ibis.expr.types as ir
    from numpy.typing import NDArray

    Flags = NDArray[np.bool_]

_DAY = 1440  # minutes


def near_pairs(attended: ir.Table, own: ir.Table, within_minutes: int, slack_days: int, least_visits: int) -> ir.Table:
    """Return how often two people came near each other: patient a, patient b (a < b), house, c, first_on, last_on.

    Parameters
    ----------
    attended
        patient and house (dense integers), on, minute (epoch minutes): first visits of a day, at houses with a clock.
    own
        patient, house, n (visit days there).
    within_minutes
        Most minutes between the hours of the day of two visits.
    slack_days
        Most days between them.
    least_visits
        People with fewer visit days at a house are not paired there.

    Notes
    -----
    As in ``co_presence.pairs`` no range is joined: every visit stands in its own bucket of minutes and both beside it,
    on its own day and the ``slack_days`` before it, so that of two visits the later one meets the earlier one once.
    """
    import ibis

    regular = own.filter(own.n >= least_visits).select("patient", "house")
    own_day = attended.mutate(day=(attended.minute / _DAY).floor().cast("int64"))
    timed = own_day.mutate(minute=own_day.minute - own_day.day * _DAY).semi_join(regular, ["patient", "house"])
    timed = timed.mutate(bucket=(timed.minute / within_minutes).floor().cast("int64"))
    left = timed.select("patient", "house", "on", "day", "minute", "bucket")
    right = _spread(left, slack_days)
    met = left.inner_join(
        right, [left.house == right.house_r, left.day == right.day_r, left.bucket == right.bucket_r]
    )
    once = (met.patient != met.patient_r) & ((met.later > 0) | (met.patient < met.patient_r))
    met = met.filter(once & ((met.minute - met.minute_r).abs() <= within_minutes))
    return met.group_by(
        a=ibis.least(met.patient, met.patient_r), b=ibis.greatest(met.patient, met.patient_r), house=met.house
    ).aggregate(c=met.count(), first_on=met.on.min(), last_on=met.on.max())


def _spread(visits: ir.Table, slack_days: int) -> ir.Table:
    """Return every visit once in each bucket and on each earlier day at which another would be near it."""
    import ibis

    parts = [
        visits.select(
            patient_r="patient", house_r="house", minute_r="minute", day_r=visits.day - later,
            bucket_r=visits.bucket + beside, later=ibis.literal(later),
        )
        for later in range(slack_days + 1)
        for beside in (-1, 0, 1)
    ]
    spread = parts[0]
    for part in parts[1:]:
        spread = spread.union(part, distinct=False)
    return spread


def near_tails(expected: NDArray[np.float64], observed: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return log10 of the chance of so many near visits (Poisson with the number expected); it chooses, no more."""
    return log10_poisson_tail(observed, np.maximum(expected, 1e-9))


def in_company(source: NDArray[np.str_], target: NDArray[np.str_], strong: NDArray[np.bool_], least: int) -> Flags:
    """Say which pairs (each once) are held by others: a third is tied to both, or ``least`` are where it is weak.

    Notes
    -----
    Chance pairs are scattered over the town and close hardly a triangle; those of a group do. Pairs are dropped until
    every one left is held by pairs that are left (a truss).

    References
    ----------
    J. Cohen, "Trusses: cohesive subgraphs for social network analysis", NSA technical report (2008).
    """
    from scipy.sparse import coo_matrix

    names, ends = np.unique(np.concatenate([source, target]), return_inverse=True)
    i, j = ends[: len(source)], ends[len(source) :]
    need = np.where(strong, 1, least)
    left = np.ones(len(source), dtype=bool)
    while left.any():
        one = np.ones(2 * int(left.sum()))
        both = np.r_[i[left], j[left]], np.r_[j[left], i[left]]
        adjacency = coo_matrix((one, both), shape=(len(names), len(names))).tocsr()
        common = adjacency.multiply(adjacency @ adjacency).tocsr()
        held = np.asarray(common[i[left], j[left]]).ravel() >= need[left]
        if held.all():
            break
        left[np.flatnonzero(left)[~held]] = False
    return left
