"""Candidate rows leave the engine once and become groups."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gangfinder.errors import SettingsError, nearest
from gangfinder.linking.co_presence import Params as PresenceParams
from gangfinder.linking.execution import Linked
from gangfinder.model.evidence import Grade
from gangfinder.model.group import Group
from gangfinder.network.graph import Network
from gangfinder.rings.groups import (
    GroupParams,
    Surroundings,
    communities,
    foreign_links,
    hub_groups,
    linked_groups,
    parted,
)
from gangfinder.rings.partition import Algorithm, algorithms
from gangfinder.rings.surroundings import surroundings
from gangfinder.typologies.detection import Detected

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

    from gangfinder.engine import Engine
    from gangfinder.scoring.defence import Applied


@dataclass(frozen=True, slots=True)
class RingSettings:
    """Settings of the section ``[rings]``: how communities are taken from the residual network."""

    partition: str = "leiden"
    least_ties: int = 2
    least_tie_share: float = 0.25
    split_above_members: int = 8
    split_below_density: float = 0.5

    @property
    def groups(self) -> GroupParams:
        """The parameters of :func:`gangfinder.rings.groups.communities`."""
        return GroupParams(
            self.least_ties, self.least_tie_share, self.split_above_members, self.split_below_density
        )


@dataclass(frozen=True, slots=True)
class Grouped:
    """Candidate groups, and what it takes to draw the communities again.

    Parameters
    ----------
    groups
        Typology slug → groups.
    links
        Residual links across units.
    units
        Patient → unit.
    algorithm, params
        How communities were taken.
    """

    groups: Mapping[str, list[Group]]
    links: pd.DataFrame
    units: Mapping[str, str]
    algorithm: Algorithm
    params: GroupParams

    def communities_near(
        self, kinds: Sequence[str], people: Collection[str], seeds: Iterable[int]
    ) -> Iterator[list[tuple[str, ...]]]:
        """Yield the communities that each of other seeds gives in the components in which some people are."""
        links = self.links[self.links["kind"].isin(kinds)]
        if not links.empty:
            network = Network.from_links(links)
            wanted = set(people)
            near = {i for part in network.components() if wanted & set(names := network.names(part)) for i in names}
            links = links[links["source_id"].isin(near)]
        for seed in seeds:
            yield communities(links, self.units, self.algorithm, self.params, seed)


def group_up(
    engine: Engine,
    detected: Sequence[Detected],
    linked: Linked,
    visits: ir.Table,
    applied: Applied,
    rings: RingSettings,
    windows: PresenceParams,
    *,
    seed: int,
    clock: bool,
) -> Grouped:
    """Collect the candidate rows and make groups of them, per typology slug.

    Parameters
    ----------
    engine
        Where the rows are.
    detected
        Typologies that ran.
    linked
        All links.
    visits
        All visits, explained ones included.
    applied
        Units and hubs of the innocent explanations.
    rings
        How communities are taken from the network.
    windows
        Windows of co-presence, which the groups' tests share.
    seed
        Seed of the partition.
    clock
        Whether instants carry a time of day.

    Raises
    ------
    SettingsError
        If the partition asked for does not exist.
    """
    algorithm = chosen_algorithm(rings.partition)
    people = linked.links.filter((linked.links.source_type == "patient") & (linked.links.target_type == "patient"))
    links = engine.fetch(people).to_pandas().sort_values(["kind", "source_id", "target_id"], kind="stable")
    links = foreign_links(links, applied.units)
    members = {
        kinds: communities(links[links["kind"].isin(kinds)], applied.units, algorithm, rings.groups, seed)
        for kinds in sorted({d.typology.links for d in detected if d.typology.links})
    }
    rows = collect_rows(engine, detected, members)
    around = _surroundings(engine, rows, visits, applied.units, windows, clock=clock)
    # residents of a home may be billed by it: a contradiction is never cleared, they count one by one
    alone = replace(around, units={p: u for p, u in applied.units.items() if not u.startswith("care_home")})
    made: dict[tuple[object, ...], list[Group]] = {}
    for one in detected:
        # T01 and T05 judge the same groups: they are made once, and what is computed on them is remembered
        if _source(one) not in made:
            facts = alone if one.typology.grade is Grade.E1 and not one.typology.links else around
            made[_source(one)] = _groups(one, rows[one.typology.slug], links, members, linked, applied, facts)
    groups = {one.typology.slug: made[_source(one)] for one in detected}
    return Grouped(groups, links, applied.units, algorithm, rings.groups)


def chosen_algorithm(slug: str) -> Algorithm:
    """Return the partition algorithm of that name.

    Raises
    ------
    SettingsError
        If there is none.
    """
    found = algorithms()
    if slug not in found:
        known = nearest(slug, found) or list(found)
        msg = f"there is no partition '{slug}'"
        raise SettingsError(msg, hint=f"use one of {', '.join(known)}")
    return found[slug]


def _source(one: Detected) -> tuple[object, ...]:
    t = one.typology
    return (t.detect, t.links) if t.links else (t.slug,)


def _groups(
    one: Detected,
    rows: pd.DataFrame,
    links: pd.DataFrame,
    members: Mapping[tuple[str, ...], Sequence[tuple[str, ...]]],
    linked: Linked,
    applied: Applied,
    around: Surroundings,
) -> list[Group]:
    kinds = one.typology.links
    if not kinds:
        innocent = frozenset(hub for _, hub in applied.hubs)
        whole = hub_groups(rows, links, innocent, max(1, rows["group_id"].nunique()), around)
        parts, params = one.typology.parts, one.typology.params
        return whole if parts is None else parted(whole, lambda group: parts(group, params))
    tests = sum(linked.n_tests.get(k, 0) for k in kinds) or max(1, len(members[kinds]))
    inner = links[links["kind"].isin((*kinds, *one.typology.supports))]
    chance = tie_chance(inner, one.typology.supports, around.n_people)
    return linked_groups(rows, inner, members[kinds], tests, replace(around, tie_chance=chance))


def tie_chance(links: pd.DataFrame, kinds: Sequence[str], n_people: int) -> float:
    """Return the chance that two people of the town share an attribute of one of the kinds across units."""
    pairs = links[links["kind"].isin(kinds)].drop_duplicates(["source_id", "target_id"])
    return 2.0 * len(pairs) / (n_people * (n_people - 1)) if n_people > 1 else 0.0


def collect_rows(
    engine: Engine, detected: Sequence[Detected], members: Mapping[tuple[str, ...], Sequence[tuple[str, ...]]]
) -> dict[str, pd.DataFrame]:
    """Fetch the candidate rows: of linked typologies, only those of people in a community."""
    sources: dict[tuple[object, ...], Detected] = {}
    for one in detected:
        sources.setdefault(_source(one), one)
    grouped = {kinds: _people(engine, n, found) for n, (kinds, found) in enumerate(sorted(members.items()))}
    wanted = (
        one.rows.semi_join(grouped[one.typology.links], "subject_id") if one.typology.links else one.rows
        for one in sources.values()
    )
    fetched: dict[tuple[object, ...], pd.DataFrame] = {}
    for source, rows in zip(sources, engine.fetch_each(wanted), strict=True):
        frame = _plain(rows.to_pandas())
        frame["event_at"] = frame["event_at"].astype("datetime64[us]")
        fetched[source] = frame
    return {one.typology.slug: fetched[_source(one)] for one in detected}


def _people(engine: Engine, number: int, groups: Sequence[tuple[str, ...]]) -> ir.Table:
    """Return the people of communities of one kind, in a table of its own: statements may run beside each other."""
    import pyarrow as pa

    people = sorted({m for group in groups for m in group})
    return engine.put(f"people_in_groups_{number}", pa.table({"subject_id": pa.array(people, pa.string())}))


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with Python texts: groups are small, and each step on an Arrow text costs a fixed price."""
    return frame.astype({name: object for name, kind in frame.dtypes.items() if kind == "str"})


def _surroundings(
    engine: Engine,
    rows: Mapping[str, pd.DataFrame],
    visits: ir.Table,
    units: Mapping[str, str],
    windows: PresenceParams,
    *,
    clock: bool,
) -> Surroundings:
    import pyarrow as pa

    houses = sorted({str(h) for frame in rows.values() for h in frame["institution_id"].dropna().unique()})
    here = engine.put("houses_here", pa.table({"institution_id": pa.array(houses, pa.string())}))
    return surroundings(engine, visits, here, units, windows, clock=clock)
