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
from gangfinder.scoring.judging import Judged, evidence_rows
from gangfinder.scoring.ranking import ScoringParams, admission, combined_tail

if TYPE_CHECKING:
    import pandas as pd


Key = tuple[str, str]
"""Source table and key of an input row."""

Amounts = Mapping[Key, Decimal]


@dataclass(frozen=True, slots=True)
class StampParams:
    """Parameters of the robustness stamp.

    Parameters
    ----------
    step_share, most_share
        Evidence is deleted at random in steps of this share of the rows, up to the most.
    draws
        Random deletions at every step; the lead must stand after each of them.
    parameter_step
        Every number of the typology is moved up and down by this share, one at a time.
    other_seeds
        Random seeds with which the communities are drawn again.
    bridges
        Most houses and hubs tried as the weakest bridge, those with most rows first.
    least_core_share
        A lead stands while so much of its core is still found, and the admission rule still holds.
    """

    step_share: float = 0.1
    most_share: float = 0.5
    draws: int = 3
    parameter_step: float = 0.2
    other_seeds: int = 3
    bridges: int = 8
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
        if sum(paid.values(), Decimal(0)) < self.scoring.minimum_amount:
            return None
        return replace(own, findings=tuple(finding for finding, _ in found), core=tuple(sorted(core)))

    def without(self, gone: frozenset[Key]) -> bool:
        """Say whether the ring still stands without some input rows."""
        return self.stands((one, _less(one.group, gone), one.typology.params) for one in self.parts)


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
        parts = tuple(by_finding[f.typology, f.core] for f in one.ring.findings)
        case = _Case(one, parts, scoring, params, clock)
        result.append(replace(one, stamp=_stamp(case, grouped, seed)))
    return result


def _stamp(case: _Case, grouped: Grouped, seed: int) -> Stamp:
    survived, n = _neighbours(case)
    same, seeds = _other_seeds(case, grouped, seed)
    return Stamp(_deletion(case, seed), case.params.draws, survived, n, same, seeds, _bridge(case))


def _again(one: Judged, group: Group, params: Any) -> tuple[Finding, Amounts] | None:  # noqa: ANN401 - as declared
    """Judge a changed group, or with changed parameters: the finding without its rows, and their amounts."""
    typology = one.typology
    if not group.members or group.n_units() < typology.minimum_subjects:
        return None
    verdict = typology.confirm(group, params)
    if verdict is None or group.n_units(verdict.core) < typology.minimum_subjects:
        return None
    rows = evidence_rows(typology, group, verdict)
    amounts = dict(zip(zip(rows["source_table"], rows["source_key"], strict=True), rows["amount"], strict=True))
    grade = Grade(rows["grade"].min()) if len(rows) else typology.grade
    core = tuple(sorted(verdict.core))
    return Finding(typology.code, core, typology.subject_type, grade, verdict.anomalies, (), verdict.hubs), amounts


def _less(group: Group, gone: frozenset[Key]) -> Group:
    """Return the group without some input rows, and without those who have no row left."""
    keys = zip(group.rows["source_table"], group.rows["source_key"], strict=True)
    rows = group.rows[np.fromiter((key not in gone for key in keys), dtype=bool, count=len(group.rows))]
    left = set(rows["subject_id"])
    members = tuple(m for m in group.members if m in left)
    both = group.links["source_id"].isin(left) & group.links["target_id"].isin(left)
    return replace(group, rows=rows.reset_index(drop=True), members=members, links=group.links[both], memo={})


def _deletion(case: _Case, seed: int) -> float:
    """Return the largest share of evidence rows whose random loss the ring survives in every draw."""
    keys = sorted({(e.source_table, e.source_key) for f in case.scored.ring.findings for e in f.evidence})
    params, best = case.params, 0.0
    for step in range(1, round(params.most_share / params.step_share) + 1):
        share = step * params.step_share
        for draw in range(params.draws):
            rng = np.random.default_rng([seed, int(case.scored.ring.ring_id[:12], 16), step, draw])
            lost = rng.permutation(len(keys))[: round(share * len(keys))]
            if not case.without(frozenset(keys[i] for i in lost.tolist())):
                return best
        best = round(share, 4)
    return best


def _neighbours(case: _Case) -> tuple[int, int]:
    """Return after how many changes of one parameter the ring still stands, and how many there are."""
    stood = tried = 0
    for changed in case.parts:
        for params in neighbours(changed.typology.params, case.params.parameter_step):
            tried += 1
            stood += case.stands(
                (one, replace(one.group, memo={}), params if one is changed else one.typology.params)
                for one in case.parts
            )
    return stood, tried


def neighbours(params: Any, step: float) -> Iterator[Any]:  # noqa: ANN401 - every typology has parameters of its own
    """Yield the same parameters with one number moved up or down, by the step's share or at least by one."""
    if not is_dataclass(params) or isinstance(params, type):
        return
    for one in fields(params):
        value = getattr(params, one.name)
        if is_dataclass(value):
            for inner in neighbours(value, step):
                yield replace(params, **{one.name: inner})
        elif isinstance(value, int | float) and not isinstance(value, bool) and value:
            least = 1 if isinstance(value, int) else 0
            move = max(least, abs(value) * step)
            for moved in (value - move, value + move):
                yield replace(params, **{one.name: round(moved) if isinstance(value, int) else moved})


def _other_seeds(case: _Case, grouped: Grouped, seed: int) -> tuple[int, int]:
    """Return how many other seeds give the same groups, and how many were tried (0: nothing is drawn at random)."""
    drawn = [one for one in case.parts if one.typology.links]
    if not drawn:
        return 0, 0
    seeds = range(seed + 1, seed + 1 + case.params.other_seeds)
    return sum(all(_same_group(case, one, grouped, s) for one in drawn) for s in seeds), len(seeds)


def _same_group(case: _Case, one: Judged, grouped: Grouped, seed: int) -> bool:
    core, share = set(one.finding.core), case.params.least_core_share
    near = grouped.communities_near(one.typology.links, core, seed)
    return any(len(core & set(group)) >= share * len(core) for group in near)


def _bridge(case: _Case) -> Bridge | None:
    """Return the house or hub that the ring can spare least.

    Without it the ring falls (of several such, the one on which the fewest rows hang), or is least surprising.
    """
    options = []
    for entity, gone in _rows_by_entity(case):
        left = case.left((one, _less(one.group, gone), one.typology.params) for one in case.parts)
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
        keys = list(zip(rows["source_table"], rows["source_key"], strict=True))
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
