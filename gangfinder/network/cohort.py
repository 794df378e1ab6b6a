"""The part of a group that moves in step, and every anomaly of its conduct that can be established."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from gangfinder.model.evidence import Anomaly, Family
from gangfinder.model.tails import fisher, log10_corrected
from gangfinder.network.amounts import amount_tails, bill_tail
from gangfinder.network.desks import desk_excess, shared_attributes
from gangfinder.network.graph import peel
from gangfinder.network.lockstep import (
    DESK_COLUMNS,
    Sessions,
    pair_tails,
    sessions,
    tempo_tails,
    timed_sessions,
)
from gangfinder.network.occasions import Concert, concert, goes_around

if TYPE_CHECKING:
    from gangfinder.model.group import Group


@dataclass(frozen=True, slots=True)
class StepParams:
    """What "in step" means.

    Parameters
    ----------
    window_minutes
        A pause longer than this ends a session.
    tie_log10_p
        Two members are tied when their joint days are this unlikely (log10), given when everybody else comes.
    least_ties, least_tie_share
        Fewest foreign households a member is tied to, absolutely and as a share of the group's.
    session_share
        Share of the group's households that must be present for an occasion to count (never fewer than two, or three in
        groups of five and more).
    attendance_share
        Share of the sessions a core member attends.
    least_dates
        Fewest distinct dates with a session.
    slack_days
        The dates are read as they are, and again with so many days of tolerance (at the same hour where clocks are
        known).
    significance
        An anomaly counts when its corrected tail is below this.
    """

    window_minutes: int = 60
    tie_log10_p: float = -4.0
    least_ties: int = 2
    least_tie_share: float = 0.25
    session_share: float = 0.25
    attendance_share: float = 0.25
    least_dates: int = 3
    slack_days: int = 1
    significance: float = 0.01


@dataclass(frozen=True, slots=True)
class Cohort:
    """Members in step, their sessions, and what is surprising about them."""

    core: tuple[str, ...]
    n_units: int
    found: Sessions
    anomalies: tuple[Anomaly, ...]

    @property
    def families(self) -> frozenset[Family]:
        """Families of the anomalies."""
        return frozenset(a.family for a in self.anomalies)

    @property
    def tours(self) -> int:
        """Dates with sessions at two houses or more."""
        return self.found.tours


def cohort(group: Group, params: StepParams) -> Cohort | None:
    """Return the part of the group that moves in step, or ``None``.

    Notes
    -----
    Ties are counted anew with the group's own visits left out of the calendar, so that people who come when everybody
    comes (market day, visiting doctor) lose their ties, and a ring that is most of a small house keeps them.
    """
    key = ("cohort", *(getattr(params, f.name) for f in fields(StepParams)))
    if key not in group.memo:
        group.memo[key] = _cohort(group, params)
    found = group.memo[key]
    assert found is None or isinstance(found, Cohort)  # noqa: S101 - narrows what the memo holds
    return found


def _cohort(group: Group, params: StepParams) -> Cohort | None:
    made: list[Cohort] = []
    for slack in range(params.slack_days + 1):
        if group.clock and slack and (_enough(made) or group.n_units() < _LEAST_SLOW_UNITS):
            break  # the same day says enough; or so few people that days of tolerance would say nothing
        one = _in_step(group, params, slack, params.slack_days + 1)
        made += [one] if one is not None else []
    # of two readings of the dates the more surprising one counts, and both are paid for
    return min(made, key=_plainness if group.clock else _calendar_tail, default=None)


_FAMILIES = 2
"""Families of evidence that are enough for a lead."""


_LEAST_SLOW_UNITS = 5
"""Fewest households that are looked at with days of tolerance where clocks are known: two or three neighbours who come
at their hour every few days are near each other anyway."""


def _enough(made: list[Cohort]) -> bool:
    return any(len(one.families) >= _FAMILIES for one in made)


def _plainness(one: Cohort) -> tuple[int, int, float]:
    """Return what puts the better reading first: families, people (in steps of a quarter), surprise."""
    size = int(np.log(max(1, one.n_units)) / np.log(1.25))
    return -min(_FAMILIES, len(one.families)), -size, _calendar_tail(one)


def _calendar_tail(one: Cohort) -> float:
    tails = [log10_corrected(a.log10_p, a.n_tests) for a in one.anomalies if a.family is Family.CALENDAR]
    return min(tails, default=0.0)


def _in_step(group: Group, params: StepParams, slack: int, n_readings: int) -> Cohort | None:
    tied = _tied(group, params, slack)
    if tied is None:
        return None
    members, strongest = tied
    core, found = _attending(group, members, params, slack)
    if found.dates < params.least_dates or len(core) < 3:
        return None
    if slack and not group.clock and not goes_around(found):
        # rounds of one house (follow-up of the chronically ill) last some days; they do not go from house to house
        return None
    limit = float(np.log10(params.significance))
    tested = _anomalies(group, core, found, strongest, params, slack, n_readings)
    anomalies = [a for a in tested if log10_corrected(a.log10_p, a.n_tests) <= limit]
    return Cohort(core, group.n_units(core), found, tuple(anomalies))


def _tied(group: Group, params: StepParams, slack: int) -> tuple[tuple[str, ...], float] | None:
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    members = group.members
    i, j, tails = pair_tails(group, members, slack)
    unit = np.unique(np.array([group.units.get(m, m) for m in members], dtype=str), return_inverse=True)[1]
    foreign = unit[i] != unit[j]
    # with days of tolerance chance meets more often, and a tie says less; whoever is in it is counted later anyway
    strong = foreign & (tails <= params.tie_log10_p / (1 + slack))
    if not strong.any():
        return None
    a, b = i[strong], j[strong]
    shape = (len(members), len(members))
    matrix = coo_matrix((np.ones(2 * a.size), (np.r_[a, b], np.r_[b, a])), shape=shape).tocsr()
    left = peel(matrix, unit, params.least_ties, params.least_tie_share)
    if left.size < 3:
        return None
    _, label = connected_components(matrix[left][:, left], directed=False)
    left = left[label == np.bincount(label).argmax()]
    return tuple(members[int(k)] for k in left), float(tails[foreign].min())


def _attending(
    group: Group, members: tuple[str, ...], params: StepParams, slack: int
) -> tuple[tuple[str, ...], Sessions]:
    n = group.n_units(members)
    least = max(3 if n >= 5 else 2, ceil(params.session_share * n))
    found = sessions(group, params.window_minutes, least, members, slack)
    if found.table.empty:
        return (), found
    need = max(2, ceil(params.attendance_share * found.dates))
    outings = set(zip(found.rows["subject_id"].tolist(), found.rows["on"].to_numpy().tolist(), strict=True))
    attended = Counter(who for who, _ in outings)
    core = tuple(sorted(who for who, n in attended.items() if n >= need))
    if slack and not group.clock:
        seen = set(zip(found.rows["subject_id"].tolist(), found.rows["institution_id"].tolist(), strict=True))
        houses = Counter(who for who, _ in seen)
        core = tuple(who for who in core if houses[who] >= 2)
    same = core == tuple(sorted(members)) or not core
    return core, found if same else sessions(group, params.window_minutes, least, core, slack)


def _anomalies(
    group: Group, core: tuple[str, ...], found: Sessions, strongest: float, params: StepParams, slack: int,
    n_readings: int,
) -> list[Anomaly]:
    inner = group.without(set(group.members) - set(core))
    shortest, longest = interval_days(found)
    facts: dict[str, str | int | float] = {
        "n_core": len(core), "n_units": group.n_units(core), "n_dates": found.dates, "n_houses": found.houses,
        "n_sessions": len(found.table), "n_timed_sessions": timed_sessions(found, group),
        "shortest_days": shortest, "longest_days": longest,
    }
    n_tests = group.n_tests * n_readings
    out = [Anomaly(Family.CALENDAR, "same_dates", strongest, n_tests, facts)]
    together = concert(inner, found, slack, params.window_minutes) if group.clock or goes_around(found) else None
    if together is not None:
        detail = {**facts, **_attended(together), "slack_days": slack}
        out.append(Anomaly(Family.CALENDAR, "same_occasions", together.log10_p, n_readings, detail))
    tempo = tempo_tails(found, inner, params.window_minutes)
    if tempo.size and not slack:
        span = round(float(np.median(found.table["span_minutes"])), 1)
        out.append(Anomaly(Family.TEMPO, "same_minutes", fisher(tempo), n_tests, {**facts, "span_minutes": span}))
    amounts = amount_tails(found, inner)
    if amounts.size:
        out.append(Anomaly(Family.AMOUNT, "same_amounts", fisher(amounts), n_tests, facts))
    billed = bill_tail(found, inner)
    if billed is not None:
        detail = {**facts, "n_equal": billed[1], "n_compared": billed[2]}
        out.append(Anomaly(Family.AMOUNT, "same_bills", billed[0], n_tests, detail))
    shared = shared_attributes(inner)
    if shared is not None:
        out.append(Anomaly(Family.ATTRIBUTE, "same_attribute", shared[1], n_readings, {**facts, "n_ties": shared[0]}))
    for column, kind in zip(DESK_COLUMNS, ("terminal", "operator", "doctor"), strict=True):
        desk = desk_excess(found, inner, column, kind)
        if desk is not None:
            detail = {**facts, "desk_sessions": desk.sessions, "desk_of": desk.of, "desk_share": round(desk.share, 4)}
            out.append(Anomaly(Family.CONTROL, f"same_{kind}", desk.log10_p, max(1, n_tests), detail))
    return out


def _attended(together: Concert) -> dict[str, str | int | float]:
    return {
        "n_attended": together.attended, "n_possible": together.possible, "n_counted": together.n_people,
        "log10_fixed": round(together.log10_fixed, 4), "log10_choices": round(together.log10_choices, 4),
    }


def spread(found: Sessions) -> float:
    """Return the share of the session dates that the house with most of them has."""
    per_house = found.table.groupby("institution_id")["on"].nunique()
    return float(per_house.max() / per_house.sum()) if len(per_house) else 0.0


def interval_days(found: Sessions) -> tuple[int, int]:
    """Return the shortest and the longest pause between session dates, in days (0, 0 with one date)."""
    dates = np.unique(found.table["on"].to_numpy().astype("datetime64[D]").astype(np.int64))
    gaps = np.diff(dates)
    return (int(gaps.min()), int(gaps.max())) if gaps.size else (0, 0)
