"""A group of subjects under judgement, and what a typology says of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from gangfinder.model.evidence import Anomaly

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    Counts = tuple[NDArray[np.int64], NDArray[np.float64]]
    """Values, ascending, and how many there are of each."""


@dataclass(frozen=True, slots=True)
class Group:
    """Subjects bound by links or by a hub, with their evidence rows.

    Parameters
    ----------
    group_id
        The hub's id, or for linked groups the smallest member id.
    members
        Subject ids, sorted.
    rows
        Evidence rows of the members (columns of ``EVIDENCE_SCHEMA`` and measures), sorted by time, then key.
    links
        Residual links among the members (columns of ``LINK_SCHEMA``).
    units
        Subject → the unit it counts in (household, care home …); absent subjects are units of their own.
    n_tests
        How many groups or hubs of this kind the population holds: the number of tests to correct for.
    tie_chance
        Chance that two people of the town, of different units, share an attribute: the null of supporting links.
    clock
        Whether the instants carry a time of day.
    places
        Institution → {"n_days": active days, "closeness": chance that two visits of one day fall within the window,
        "window": minutes (0: whole day), "trusted": 1.0 if its clock is used}; see ``linking.co_presence.places``.
    calendar
        Institution → visits by everybody on every day (days since 1970, ascending), for the members' institutions.
    hours
        Institution → visits by everybody in every quarter of an hour of the day (0 to 95, ascending).
    amounts
        Institution → visits by everybody at every whole yuan, ascending.
    bills
        Institution → visits by everybody with every whole bill (total amount, in fen, ascending).
    desks
        (institution, kind of desk: terminal, operator, doctor) → desk, in order → visits by everybody.
    n_houses
        Institutions with visits in the whole run; 0 where it is not known.
    shared
        (institution, institution), in order → people seen at both; filled where only dates are known.
    memo
        What was computed of exactly this group, for typologies that ask the same; never passed on.
    """

    group_id: str
    members: tuple[str, ...]
    rows: pd.DataFrame
    links: pd.DataFrame
    units: Mapping[str, str] = field(default_factory=dict)
    n_tests: int = 1
    tie_chance: float = 0.0
    clock: bool = True
    places: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    calendar: Mapping[str, Counts] = field(default_factory=dict)
    hours: Mapping[str, Counts] = field(default_factory=dict)
    amounts: Mapping[str, Counts] = field(default_factory=dict)
    bills: Mapping[str, Counts] = field(default_factory=dict)
    desks: Mapping[tuple[str, str], Mapping[str, int]] = field(default_factory=dict)
    n_houses: int = 0
    shared: Mapping[tuple[str, str], int] = field(default_factory=dict)
    memo: dict[object, object] = field(default_factory=dict, compare=False, repr=False)

    def n_units(self, members: Iterable[str] | None = None) -> int:
        """Return how many unrelated units (households …) the members are."""
        return len({self.units.get(m, m) for m in (self.members if members is None else members)})

    def without(self, covered: Iterable[str]) -> Group:
        """Return the group that remains when some members are explained."""
        gone = frozenset(covered)
        left = tuple(m for m in self.members if m not in gone)
        rows = self.rows[self.rows["subject_id"].isin(left)]
        both = self.links["source_id"].isin(left) & self.links["target_id"].isin(left)
        return replace(self, members=left, rows=rows, links=self.links[both], memo={})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What ``confirm`` returns for a group that meets the typology.

    Parameters
    ----------
    core
        The members that meet it.
    anomalies
        Why that is surprising; at least one.
    keep
        Boolean mask over ``group.rows``: the rows that are evidence. ``None``: all rows of the core.
    hubs
        Entities that bind the group: (entity type, id, role).
    weaker
        Boolean mask over ``group.rows``: rows of the core that belong to the picture without being surprising by
        themselves. They become E3 evidence that shows ``outside``, and make the upper end of the amount.
    """

    core: tuple[str, ...]
    anomalies: tuple[Anomaly, ...]
    keep: pd.Series[bool] | None = None
    hubs: tuple[tuple[str, str, str], ...] = ()
    weaker: pd.Series[bool] | None = None
