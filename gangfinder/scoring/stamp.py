"""How much a lead can lose before it falls: evidence, parameters, random seeds, and its weakest bridge."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from gangfinder.model.evidence import Finding, Grade
from gangfinder.model.group import Group
from gangfinder.model.lead import Bridge, Ring, ScoredRing, Stamp
from gangfinder.scoring.grouping import Grouped
from gangfinder.scoring.judging import Judged, evidence_masks
from gangfinder.scoring.ranking import ScoringParams, admission, combined_tail, floor

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


Key = tuple[str, str]
"""Source table and key of an input row."""

Amounts = Mapping[Key, Decimal]


@dataclass(frozen=True, slots=True)
class StampParams:
    """Parameters of the robustness stamp.

    Parameters
    ----------
    deleted_shares
        Shares of the evidence rows that are deleted at random, the most first; the first that the lead survives counts.
    draws
        Random deletions at every share; the lead must stand after each of them.
    parameter_step, neighbours
        All numbers of the typology are moved at random by up to this share, together, so many times.
    other_seeds
        Random seeds with which the communities are drawn again.
    bridges
        Most houses and hubs tried as the weakest bridge, those with most rows first.
    least_core_share
        A lead stands while so much of its core is still found, and the admission rule still holds.
    """

    deleted_shares: tuple[float, ...] = (0.5, 0.3, 0.1)
    draws: int = 3
    parameter_step: float = 0.2
    neighbours: int = 5
    other_seeds: int = 3
    bridges: int = 4
    least_core_share: float = 0.6


@dataclass(frozen=True, slots=True)
class _Case:
    """A ring, the groups its findings were judged on, and the rules it must go on meeting."""

    scored: ScoredRing
    parts: tuple[Judged, ...]
    scoring: ScoringParams
    params: StampParams
    clock: bool

    def stands(self, parts: Iterable[tuple[Judged, Group, Any]]) -> bool:
        """Say whether the ring is still found when its findings are judged anew on other groups or parameters."""
        left = self.left(parts)
        return left is not None and admission(left, clock=self.clock) is not None

    def left(self, parts: Iterable[tuple[Judged, Group, Any]]) -> Ring | None:
        """Return what is found anew, without its rows; ``None`` if too few of the core or too little money is left."""
        found = [f for one, group, params in parts if (f := _again(one, group, params)) is not None]
        core = {subject for finding, _ in found for subject in finding.core}
        own = self.scored.ring
        paid = {key: yuan for _, amounts in found for key, yuan in amounts.items()}
        if len(core & set(own.core)) < self.params.least_core_share * len(own.core):
            return None
        if sum(paid.values(), Decimal(0)) < floor(own, self.scoring):
            return None
        return replace(own, findings=tuple(finding for finding, _ in found), core=tuple(sorted(core)))

    def without(self, gone: frozenset[Key]) -> bool:
        """Say whether the ring still stands without some input rows."""
        return self.stands((one, less(one.group, gone), one.typology.params) for one in self.parts)


def stamped(
    scored: Sequence[ScoredRing],
    judged: Sequence[Judged],
    grouped: Grouped,
    scoring: ScoringParams,
    params: StampParams,
    *,
    clock: bool,
    seed: int,
) -> list[ScoredRing]:
    """Return the rings, each with its robustness stamp.

    Parameters
    ----------
    scored
        Admitted rings.
    judged
        All findings with the groups they were made on.
    grouped
        The network, to draw its communities again.
    scoring, params
        The rules.
    clock
        Whether the instants carry a time of day.
    seed
        Seed of the random deletions.
    """
    by_finding = {(j.finding.typology, j.finding.core): j for j in judged}
    result = []
    for one in scored:
        parts = _compact(tuple(by_finding[f.typology, f.core] for f in one.ring.findings))
        case = _Case(one, parts, scoring, params, clock)
        result.append(replace(one, stamp=_stamp(case, grouped, seed)))
    return result


def _compact(parts: tuple[Judged, ...]) -> tuple[Judged, ...]:
    """Return the parts on groups whose tables lie in few blocks of Python texts: they are cut a dozen times."""
    groups = {id(one.group): one.group for one in parts}
    made = {key: replace(g, rows=_plain(g.rows), links=_plain(g.links), memo={}) for key, g in groups.items()}
    return tuple(replace(one, group=made[id(one.group)]) for one in parts)


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    # a copy puts the columns of one type side by side, so that cutting takes a step for each type, not each column
    return frame.astype({name: object for name, kind in frame.dtypes.items() if kind == "str"}).copy()


def _stamp(case: _Case, grouped: Grouped, seed: int) -> Stamp:
    same, seeds = _other_seeds(case, grouped, seed)
    stood = _neighbours(case, seed)
    return Stamp(_deletion(case, seed), case.params.draws, stood, case.params.neighbours, same, seeds, _bridge(case))


def _again(one: Judged, group: Group, params: Any) -> tuple[Finding, Amounts] | None:  # noqa: ANN401 - as declared
    """Judge a changed group, or with changed parameters: the finding without its rows, and their amounts."""
    typology = one.typology
    if not group.members or group.n_units() < typology.minimum_subjects:
        return None
    verdict = typology.confirm(group, params)
    if verdict is None or group.n_units(verdict.core) < typology.minimum_subjects:
        return None
    own, weaker = evidence_masks(typology, group, verdict)
    at = np.flatnonzero(own | weaker)
    amounts = dict(zip(_keys(group.rows, at), group.rows["amount"].to_numpy(dtype=object)[at], strict=True))
    grades = {*group.rows["grade"].to_numpy(dtype=object)[own], *([Grade.E3.value] if weaker.any() else [])}
    grade = Grade(min(grades)) if grades else typology.grade
    core = tuple(sorted(verdict.core))
    return Finding(typology.code, core, typology.subject_type, grade, verdict.anomalies, (), verdict.hubs), amounts


def _keys(rows: pd.DataFrame, at: NDArray[np.int64] | slice = slice(None)) -> Iterator[Key]:
    """Return the source table and key of some rows."""
    tables, keys = (rows[c].to_numpy(dtype=object)[at].tolist() for c in ("source_table", "source_key"))
    return zip(tables, keys, strict=True)


def less(group: Group, gone: frozenset[Key]) -> Group:
    """Return the group without some input rows, and without those who have no row left."""
    rows = group.rows[np.fromiter((key not in gone for key in _keys(group.rows)), dtype=bool, count=len(group.rows))]
    left = set(rows["subject_id"])
    members = tuple(m for m in group.members if m in left)
    both = group.links["source_id"].isin(left) & group.links["target_id"].isin(left)
    return replace(group, rows=rows.reset_index(drop=True), members=members, links=group.links[both], memo={})


def _deletion(case: _Case, seed: int) -> float:
    """Return the largest share of evidence rows whose random loss the ring survives in every draw."""
    keys = sorted({(e.source_table, e.source_key) for f in case.scored.ring.findings for e in f.evidence})
    for share in case.params.deleted_shares:
        lost = (_rng(case, seed, round(1000 * share), d).permutation(len(keys)) for d in range(case.params.draws))
        if all(case.without(frozenset(keys[i] for i in order[: round(share * len(keys))].tolist())) for order in lost):
            return share
    return 0.0


def _rng(case: _Case, seed: int, *part: int) -> np.random.Generator:
    """Return the random numbers of one test of one ring: the same for the same ring and seed, whatever is beside."""
    return np.random.default_rng([seed, int(case.scored.ring.ring_id[:12], 16), *part])


def _neighbours(case: _Case, seed: int) -> int:
    """Return with how many sets of neighbouring parameters the ring still stands."""
    stood = 0
    for draw in range(case.params.neighbours):
        rng = _rng(case, seed, draw)
        moved = [neighbour(one.typology.params, case.params.parameter_step, rng) for one in case.parts]
        # the group is the same, and what it remembers goes by the parameters it was made with
        stood += case.stands((one, one.group, params) for one, params in zip(case.parts, moved, strict=True))
    return stood


def neighbour(params: Any, step: float, rng: np.random.Generator) -> Any:  # noqa: ANN401 - every typology has its own
    """Return the parameters with every number moved at random by up to a share of itself; whole numbers stay whole."""
    if not is_dataclass(params) or isinstance(params, type):
        return params
    moved: dict[str, Any] = {}
    for one in fields(params):
        value = getattr(params, one.name)
        if is_dataclass(value):
            moved[one.name] = neighbour(value, step, rng)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            changed = value * (1.0 + step * rng.uniform(-1.0, 1.0))
            moved[one.name] = round(changed) if isinstance(value, int) else changed
    return replace(params, **moved)


def _other_seeds(case: _Case, grouped: Grouped, seed: int) -> tuple[int, int]:
    """Return how many other seeds give the same groups, and how many were tried (0: nothing is drawn at random)."""
    drawn = [one for one in case.parts if one.typology.links]
    if not drawn:
        return 0, 0
    seeds = range(seed + 1, seed + 1 + case.params.other_seeds)
    same = [_same_group(case, one, grouped, seeds) for one in drawn]
    return sum(all(found) for found in zip(*same, strict=True)), len(seeds)


def _same_group(case: _Case, one: Judged, grouped: Grouped, seeds: Sequence[int]) -> list[bool]:
    """Say of each seed whether it gives a group that holds enough of the finding's core."""
    core, share = set(one.finding.core), case.params.least_core_share
    near = grouped.communities_near(one.typology.links, core, seeds)
    return [any(len(core & set(group)) >= share * len(core) for group in groups) for groups in near]


def _bridge(case: _Case) -> Bridge | None:
    """Return the house or hub that the ring can spare least.

    Without it the ring falls (of several such, the one on which the fewest rows hang), or is least surprising.
    """
    options = []
    for entity, gone in _rows_by_entity(case):
        left = case.left((one, less(one.group, gone), one.typology.params) for one in case.parts)
        stands = left is not None and admission(left, clock=case.clock) is not None
        surprise = combined_tail(left) if left is not None and stands else 0.0
        options.append(((stands, -surprise if stands else 0.0, len(gone), entity), Bridge(*entity, len(gone), stands)))
    return min(options, key=lambda o: o[0])[1] if options else None


def _rows_by_entity(case: _Case) -> list[tuple[tuple[str, str], frozenset[Key]]]:
    """Return the input rows that hang on the busiest houses and hubs of the ring; those of all rows only if alone."""
    found: dict[tuple[str, str], set[Key]] = {}
    every: set[Key] = set()
    for one in case.parts:
        rows = one.group.rows
        keys = list(_keys(rows))
        every.update(keys)
        for entity, mask in _masks(rows, one):
            found.setdefault(entity, set()).update(k for k, hit in zip(keys, mask, strict=True) if hit)
    several = {entity: frozenset(keys) for entity, keys in found.items() if keys}
    part = {entity: keys for entity, keys in several.items() if len(keys) < len(every)}
    chosen = part or several
    return sorted(chosen.items(), key=lambda x: (-len(x[1]), x[0]))[: case.params.bridges]


def _masks(rows: pd.DataFrame, one: Judged) -> Iterator[tuple[tuple[str, str], Any]]:
    for house in sorted(set(rows["institution_id"].dropna()) - {""}):
        yield ("institution", str(house)), (rows["institution_id"] == house).to_numpy()
    measures = [c for c in rows.columns if c.startswith("m_") and rows[c].dtype == object]
    for kind, hub, _ in one.finding.hubs:
        mask = np.zeros(len(rows), dtype=bool)
        for column in measures:
            mask |= (rows[column] == hub).to_numpy()
        if mask.any():
            yield (kind, hub), mask
