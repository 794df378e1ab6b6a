"""Each candidate group is explained as far as possible; what remains must still meet the typology."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gangfinder.benign.application import judge_group
from gangfinder.benign.contract import Explanation
from gangfinder.errors import ContractError
from gangfinder.model.evidence import EvidenceRow, Finding, Grade, Judgement
from gangfinder.model.group import Group, Verdict
from gangfinder.typologies.contract import Typology

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Judged:
    """A finding, what every innocent explanation that looks at groups said of it, and the group it was made on."""

    finding: Finding
    judgements: tuple[Judgement, ...]
    typology: Typology
    group: Group


def judge_groups(
    typology: Typology,
    groups: Iterable[Group],
    explanations: Mapping[str, Explanation],
    available: Mapping[str, frozenset[str]],
) -> list[Judged]:
    """Judge candidate groups of one typology.

    Parameters
    ----------
    typology
        The typology.
    groups
        Its candidate groups.
    explanations
        All explanations by slug.
    available
        Table → columns with at least one value.

    Raises
    ------
    ContractError
        If the typology names an explanation that does not exist.
    """
    check_benign(typology, explanations)
    found = (_judge_one(typology, group, explanations, available) for group in groups)
    return [j for j in found if j is not None]


def check_benign(typology: Typology, explanations: Mapping[str, Explanation]) -> None:
    """Refuse a typology that names explanations which do not exist.

    Raises
    ------
    ContractError
        If it does.
    """
    unknown = sorted(set(typology.benign) - set(explanations))
    if unknown:
        msg = f"typology '{typology.slug}' names unknown explanations {unknown}"
        raise ContractError(msg)


def _judge_one(
    typology: Typology,
    group: Group,
    explanations: Mapping[str, Explanation],
    available: Mapping[str, frozenset[str]],
) -> Judged | None:
    """Take out what is explained, judge the rest, and return the finding if it still stands."""
    if group.n_units() < typology.minimum_subjects:
        return None
    # explanations only take people away: what does not meet the typology with everybody in it is not worth explaining
    verdict = typology.confirm(group, typology.params)
    if verdict is None or _too_small(typology, group, verdict):
        return None
    rest, judged = _explained(typology, group, explanations, available)
    if rest is not group:
        if not rest.members or rest.n_units() < typology.minimum_subjects:
            return None
        verdict = typology.confirm(rest, typology.params)
        if verdict is None or _too_small(typology, rest, verdict):
            return None
    if typology.grade is not Grade.E1 and _core_explained(typology, rest, verdict, explanations, available):
        return None
    said = tuple(judged[slug] for slug in sorted(judged))
    return Judged(finding_of(typology, rest, verdict), said, typology, rest)


def _core_explained(
    typology: Typology,
    group: Group,
    verdict: Verdict,
    explanations: Mapping[str, Explanation],
    available: Mapping[str, frozenset[str]],
) -> bool:
    """Say whether a core smaller than its group is explained as a whole, where it is asked about by itself.

    Of a wide group hardly anything can be said; its core may be a family whose units are not known, or the regulars of
    one fixed day.
    """
    left_out = set(group.members) - set(verdict.core)
    if not left_out:
        return False
    return not judge_group(explanations, typology.benign, group.without(left_out), available)[0].members


def _explained(
    typology: Typology,
    group: Group,
    explanations: Mapping[str, Explanation],
    available: Mapping[str, frozenset[str]],
) -> tuple[Group, Mapping[str, Judgement]]:
    """Return what is not explained of the group; computed once for typologies that name the same explanations."""
    key = ("explained", typology.benign)
    if key not in group.memo:
        rest, judged = judge_group(explanations, typology.benign, group, available)
        group.memo[key] = (group if rest.members == group.members else rest, judged)
    remembered: Any = group.memo[key]
    rest, judged = remembered
    # a contradiction is never cleared by an explanation
    return (group if typology.grade is Grade.E1 else rest), judged


def _too_small(typology: Typology, group: Group, verdict: Verdict) -> bool:
    return group.n_units(verdict.core) < typology.minimum_subjects


def finding_of(typology: Typology, group: Group, verdict: Verdict) -> Finding:
    """Return the finding that a verdict makes of a group: its core's rows, and the weaker ones beside."""
    rows = evidence_rows(typology, group, verdict)
    evidence = tuple(_evidence(rows))
    grade = min((e.grade for e in evidence), default=typology.grade)
    return Finding(
        typology=typology.code, core=tuple(sorted(verdict.core)), subject_type=typology.subject_type, grade=grade,
        anomalies=verdict.anomalies, evidence=evidence, hubs=verdict.hubs, minimum_met_by=group.n_units(verdict.core),
    )


def evidence_rows(typology: Typology, group: Group, verdict: Verdict) -> pd.DataFrame:
    """Return the rows of a group that a verdict makes evidence."""
    import pandas as pd

    own, weaker = evidence_masks(typology, group, verdict)
    rows = group.rows[own]
    if verdict.weaker is not None:
        more = group.rows[weaker]
        rows = pd.concat([rows, more.assign(grade=Grade.E3.value, shows="outside")]).sort_index()
    return rows


def evidence_masks(
    typology: Typology, group: Group, verdict: Verdict
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which rows of a group a verdict makes evidence, and which of the others weaker evidence."""
    import numpy as np

    rows = group.rows
    others = rows["subject_type"].to_numpy(dtype=object) != typology.subject_type
    own = rows["subject_id"].isin(verdict.core).to_numpy(dtype=bool) | others
    if verdict.keep is not None:
        own &= verdict.keep.reindex(rows.index, fill_value=False).to_numpy(dtype=bool)
    if verdict.weaker is None:
        return own, np.zeros(len(rows), dtype=bool)
    return own, verdict.weaker.reindex(rows.index, fill_value=False).to_numpy(dtype=bool) & ~own


def _evidence(rows: pd.DataFrame) -> Iterable[EvidenceRow]:
    names = (
        "subject_type", "subject_id", "institution_id", "source_table", "source_key", "event_at", "amount", "grade",
        "shows",
    )
    columns: list[list[Any]] = [rows[name].tolist() for name in names]
    for kind, subject, house, table, key, at, amount, grade, shows in zip(*columns, strict=True):
        # a missing instant arrives as NaT, which is not equal to itself
        when = None if at is None or at != at else at.to_pydatetime()
        # a missing text arrives as None or NaN
        where = house if isinstance(house, str) else ""
        yield EvidenceRow(kind, subject, where, table, key, when, amount, Grade(grade), shows)
