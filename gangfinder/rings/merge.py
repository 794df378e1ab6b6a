"""Findings on (nearly) the same subjects are one ring."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import combinations

from gangfinder.model.evidence import Finding, Judgement, Result
from gangfinder.model.lead import Ring

OVERLAP = 0.5
"""Two findings are on the same ring when this share of the smaller core is in the larger."""

_ORDER = (Result.HOLDS, Result.PARTLY, Result.FAILS, Result.UNTESTABLE)


def merge(judged: Sequence[tuple[Finding, tuple[Judgement, ...]]], overlap: float = OVERLAP) -> list[Ring]:
    """Join findings whose cores overlap into rings.

    Parameters
    ----------
    judged
        Findings with the judgements made on their groups.
    overlap
        Share of the smaller core that must be in the larger.

    Returns
    -------
    list of Ring
        Sorted by ring id. A ring's core is the union of its findings' cores.
    """
    parent = list(range(len(judged)))

    def root(x: int) -> int:
        while parent[x] != x:
            parent[x] = parent[parent[x]]
            x = parent[x]
        return x

    for i, j in _meeting(judged):
        if _same(judged[i][0], judged[j][0], overlap):
            parent[max(root(i), root(j))] = min(root(i), root(j))
    together: dict[int, list[int]] = {}
    for k in range(len(judged)):
        together.setdefault(root(k), []).append(k)
    rings = [_ring([judged[k] for k in members]) for members in together.values()]
    return sorted(rings, key=lambda r: r.ring_id)


def _meeting(judged: Sequence[tuple[Finding, tuple[Judgement, ...]]]) -> set[tuple[int, int]]:
    """Pairs of findings that share a subject at all."""
    by_subject: dict[tuple[str, str], list[int]] = {}
    for k, (finding, _) in enumerate(judged):
        for subject in finding.core:
            by_subject.setdefault((finding.subject_type, subject), []).append(k)
    return {pair for ks in by_subject.values() for pair in combinations(ks, 2)}


def _same(a: Finding, b: Finding, overlap: float) -> bool:
    shared = len(set(a.core) & set(b.core))
    return a.subject_type == b.subject_type and shared >= overlap * min(len(a.core), len(b.core))


def _ring(parts: Sequence[tuple[Finding, tuple[Judgement, ...]]]) -> Ring:
    findings = tuple(sorted((f for f, _ in parts), key=lambda f: (f.typology, f.core)))
    core = tuple(sorted({s for f in findings for s in f.core}))
    typologies = sorted({f.typology for f in findings})
    digest = hashlib.sha256("\n".join([*typologies, "", *core]).encode()).hexdigest()[:16]
    judgements: dict[str, Judgement] = {}
    for _, made in parts:
        for j in made:
            old = judgements.get(j.explanation)
            if old is None or _ORDER.index(j.result) < _ORDER.index(old.result):
                judgements[j.explanation] = j
    ordered = tuple(judgements[slug] for slug in sorted(judgements))
    return Ring(digest, findings[0].subject_type, core, findings, ordered)
