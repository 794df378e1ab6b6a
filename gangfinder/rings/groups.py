"""Candidate groups: communities of the residual network, or everybody at one hub."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from gangfinder.model.group import Group
from gangfinder.network.graph import Network, peel
from gangfinder.rings.partition import Algorithm, partition

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from gangfinder.model.group import Counts

K = TypeVar("K")
V = TypeVar("V")

DESKS = {"terminal": "terminal_id", "operator": "operator_id", "doctor": "doctor_id"}
"""Kind of desk → column of the visits that names it."""


@dataclass(frozen=True, slots=True)
class GroupParams:
    """How communities are taken from a connected component.

    Parameters
    ----------
    least_ties
        Fewest foreign households a member is tied to.
    least_tie_share
        The same, as a share of the foreign households of its group.
    split_above_members
        Components larger than this are split when they are sparse.
    split_below_density
        A component is sparse when fewer than this share of its pairs are linked.
    """

    least_ties: int = 2
    least_tie_share: float = 0.25
    split_above_members: int = 8
    split_below_density: float = 0.5


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Facts on houses that the nulls of groups need (see :class:`~gangfinder.model.group.Group`)."""

    units: Mapping[str, str]
    places: Mapping[str, Mapping[str, float]]
    calendar: Mapping[str, Counts]
    amounts: Mapping[str, Counts]
    desks: Mapping[tuple[str, str], Mapping[str, int]]
    clock: bool
    n_people: int = 0
    tie_chance: float = 0.0
    n_houses: int = 0
    shared: Mapping[tuple[str, str], int] = field(default_factory=dict)
    hours: Mapping[str, Counts] = field(default_factory=dict)
    bills: Mapping[str, Counts] = field(default_factory=dict)


def foreign_links(links: pd.DataFrame, units: Mapping[str, str]) -> pd.DataFrame:
    """Return the links whose two ends are in different units."""
    source = [units.get(s, s) for s in links["source_id"]]
    target = [units.get(t, t) for t in links["target_id"]]
    return links.loc[np.array([s != t for s, t in zip(source, target, strict=True)], dtype=bool)]


def communities(
    links: pd.DataFrame, units: Mapping[str, str], algorithm: Algorithm, params: GroupParams, seed: int
) -> list[tuple[str, ...]]:
    """Return the member lists of the network's communities, sorted.

    Components are peeled, split where they are large and sparse, and peeled again relative to their own size.
    """
    if links.empty:
        return []
    network = Network.from_links(links)
    adjacency = network.adjacency()
    names = [units.get(i, i) for i in network.ids]
    unit = np.unique(np.array(names, dtype=str), return_inverse=True)[1]
    found = []
    for component in network.components():
        if component.size < 3:
            continue
        core = component[peel(adjacency[component][:, component], unit[component], params.least_ties, 0.0)]
        for part in _split(adjacency, core, algorithm, params, seed):
            left = part[peel(adjacency[part][:, part], unit[part], params.least_ties, params.least_tie_share)]
            if left.size >= 3:
                found.append(network.names(left))
    return sorted(found)


def _split(
    adjacency: Any,  # noqa: ANN401 - scipy has no types
    core: NDArray[np.int64],
    algorithm: Algorithm,
    params: GroupParams,
    seed: int,
) -> list[NDArray[np.int64]]:
    inner = adjacency[core][:, core]
    n = core.size
    density = inner.nnz / (n * (n - 1)) if n > 1 else 1.0
    if n <= params.split_above_members or density >= params.split_below_density:
        return [core]
    labels = partition(algorithm, inner, seed).labels
    return [core[labels == label] for label in np.unique(labels)]


def linked_groups(
    rows: pd.DataFrame, links: pd.DataFrame, member_lists: Iterable[tuple[str, ...]], n_tests: int, around: Surroundings
) -> list[Group]:
    """Make groups of communities: their rows, their links, and the facts on their houses."""
    rows = _in_order(rows)
    by_subject = rows.groupby("subject_id", sort=False).indices
    by_source = links.groupby("source_id", sort=False).indices
    groups = []
    for members in member_lists:
        own = [by_subject[m] for m in members if m in by_subject]
        if not own:
            continue
        inner = [by_source[m] for m in members if m in by_source]
        group_links = links.iloc[np.concatenate(inner)] if inner else links.iloc[0:0]
        group_links = group_links[group_links["target_id"].isin(members)]
        # the rows are in order, and stay so
        group_rows = rows.iloc[np.sort(np.concatenate(own))]
        groups.append(_group(members[0], members, group_rows, group_links, n_tests, around))
    return groups


def hub_groups(
    rows: pd.DataFrame, links: pd.DataFrame, explained_hubs: frozenset[str], n_tests: int, around: Surroundings
) -> list[Group]:
    """Make one group of everybody who shares a ``group_id``; explained hubs make none."""
    groups = []
    for hub, part in _in_order(rows).groupby("group_id", sort=True):
        if str(hub) in explained_hubs:
            continue
        members = tuple(sorted(part["subject_id"].unique()))
        groups.append(_group(str(hub), members, part, links.iloc[0:0], n_tests, around))
    return groups


_ORDER = ["event_at", "source_table", "source_key", "subject_id"]


def _in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows in the order that they have in a group: sorted once, not in every group again.

    Rows alike in what usually tells them apart (one bill that shows two things) follow by all else they say: an engine
    returns them in any order.
    """
    ordered = rows.sort_values(_ORDER, kind="stable")
    alike = np.flatnonzero(ordered.duplicated(_ORDER, keep=False))
    if not alike.size:
        return ordered
    rest = [c for c in ordered.columns if c not in _ORDER]
    turned = ordered.iloc[alike].reset_index(drop=True).sort_values([*_ORDER, *rest], kind="stable").index
    places = np.arange(len(ordered))
    places[alike] = alike[turned]
    return ordered.iloc[places]


def parted(groups: Sequence[Group], parts: Callable[[Group], Sequence[Collection[str]]]) -> list[Group]:
    """Return the groups, with those that fall into parts replaced by one group for each part.

    Notes
    -----
    A part keeps the hub's people who are in no part: they are those with whom it is compared. Each is a test of its
    own, and counted as such.
    """
    made: list[Group] = []
    for group in groups:
        apart = [frozenset(p) for p in parts(group)]
        every = frozenset().union(*apart)
        made += [
            replace(group.without(every - own), group_id=f"{group.group_id}/{min(own)}") for own in apart
        ] if len(apart) > 1 else [group]
    more = len(made) - len(groups)
    return [replace(group, n_tests=group.n_tests + more, memo={}) for group in made] if more else made


def _group(
    group_id: str, members: tuple[str, ...], rows: pd.DataFrame, links: pd.DataFrame, n_tests: int, around: Surroundings
) -> Group:
    houses = sorted({str(h) for h in rows["institution_id"].dropna()})
    return Group(
        group_id=group_id, members=members, rows=rows.reset_index(drop=True), links=links, n_tests=n_tests,
        units={m: around.units[m] for m in members if m in around.units},
        clock=around.clock, tie_chance=around.tie_chance,
        places=_pick(around.places, houses),
        calendar=_pick(around.calendar, houses),
        hours=_pick(around.hours, houses),
        bills=_pick(around.bills, houses),
        amounts=_pick(around.amounts, houses),
        desks=_pick(around.desks, [(house, kind) for house in houses for kind in DESKS]),
        n_houses=around.n_houses, shared=_inside(around.shared, houses),
    )


def _inside(shared: Mapping[tuple[str, str], int], houses: list[str]) -> dict[tuple[str, str], int]:
    pairs = ((a, b) for n, a in enumerate(houses) for b in houses[n + 1 :]) if shared else ()
    return {pair: shared[pair] for pair in pairs if pair in shared}


def _pick(facts: Mapping[K, V], wanted: Iterable[K]) -> dict[K, V]:
    return {key: facts[key] for key in wanted if key in facts}
