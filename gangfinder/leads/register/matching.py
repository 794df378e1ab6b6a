"""Which lead of this run is which registered one: pure functions on what leads leave behind, no database.

A lead is recognised by its core and by its evidence rows. Leads that touch are tied; among the tied ones every current
lead gets at most one registered id, and every id goes to at most one lead, so that the cores agree best. Nothing
depends on the order in which leads are given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

LEAST_SHARED = 0.5
"""Two leads are tied when they share this part of the smaller core, or of the fewer evidence rows in both windows."""

_BY_EVIDENCE = 0.01
"""Weight of the evidence beside the core, which decides: a tie-break between equal halves of a split ring."""

_BY_AGE = 1e-6
"""Weight of one place in age: of two registered leads that fit equally, the older one keeps its id."""


@dataclass(frozen=True, slots=True)
class Trace:
    """What a lead leaves behind.

    Parameters
    ----------
    subject_type
        Entity type of the core.
    core
        Ids or tokens of the core members.
    evidence
        Key of each evidence row → its day, ``None`` where it has none.
    typologies
        Codes.
    subjects
        Key of each evidence row → the core member whom it is about.
    """

    subject_type: str
    core: frozenset[str]
    evidence: Mapping[str, date | None] = field(default_factory=dict)
    typologies: frozenset[str] = frozenset()
    subjects: Mapping[str, str] = field(default_factory=dict)

    def since(self, first: date | None) -> frozenset[str]:
        """Return the keys of the evidence on or after a day; rows without a day are in every window."""
        return frozenset(k for k, on in self.evidence.items() if first is None or on is None or on >= first)


@dataclass(frozen=True, slots=True)
class Registered:
    """A registered lead as it was last seen.

    Parameters
    ----------
    lead_id
        Its id.
    age
        Place in the order of first sightings: 0 is the oldest.
    live
        Whether the last run saw it. Ids go to live leads before they go to vanished ones.
    trace
        What it left behind.
    lasting
        Whether it never goes into another lead: what was dismissed has to be recognised for ever.
    """

    lead_id: str
    age: int
    live: bool
    trace: Trace
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class Matching:
    """Who is who.

    Parameters
    ----------
    kept
        Position of the current lead → registered id that it keeps.
    merged
        Registered id that is gone → position of the current lead that took it in.
    split
        Position of a current lead without an id → registered ids of which it was a part, oldest first.
    vanished
        Registered ids that the last run saw and that are neither kept nor merged, sorted.
    tied
        Position of the current lead → all registered ids that it touches, oldest first.
    """

    kept: Mapping[int, str]
    merged: Mapping[str, int]
    split: Mapping[int, tuple[str, ...]]
    vanished: tuple[str, ...]
    tied: Mapping[int, tuple[str, ...]]


def match(current: Sequence[Trace], known: Sequence[Registered], window_from: date | None = None) -> Matching:
    """Match the leads of a run to those of the register.

    Parameters
    ----------
    current
        Leads of this run.
    known
        Registered leads that can live on: all but those that were merged into others.
    window_from
        First day of this run's data; evidence before it is compared with nothing.
    """
    order = sorted(range(len(current)), key=lambda i: _content(current[i], window_from))
    elders = sorted(known, key=lambda k: (k.age, k.lead_id))
    ties = _ties([current[i] for i in order], elders, window_from)
    kept: dict[int, str] = {}
    for live in (True, False):
        free = {
            (i, j): w for (i, j), w in ties.items()
            if elders[j].live is live and order[i] not in kept
        }
        for i, j in _assigned(free, len(elders)):
            kept[order[i]] = elders[j].lead_id
    return _told(order, elders, ties, kept)


def _content(trace: Trace, window_from: date | None) -> tuple[object, ...]:
    return (trace.subject_type, sorted(trace.core), sorted(trace.typologies), sorted(trace.since(window_from)))


def _ties(
    current: Sequence[Trace], known: Sequence[Registered], window_from: date | None
) -> dict[tuple[int, int], float]:
    """Return how well each pair of leads that touch agrees: core first, then evidence."""
    ties: dict[tuple[int, int], float] = {}
    rows = [one.since(window_from) for one in current]
    old_rows = {j: known[j].trace.since(window_from) for j in range(len(known))}
    for i, j in _touching(current, rows, known, old_rows):
        mine, theirs = current[i], known[j].trace
        if mine.subject_type != theirs.subject_type:
            continue
        core, evidence = mine.core & theirs.core, rows[i] & old_rows[j]
        if _enough(core, mine.core, theirs.core) or _enough(evidence, rows[i], old_rows[j]):
            # squared: one core that mostly lives on outweighs two that half do
            ties[i, j] = _share(mine.core, theirs.core) ** 2 + _BY_EVIDENCE * _share(rows[i], old_rows[j])
    return ties


def _touching(
    current: Sequence[Trace], rows: Sequence[frozenset[str]], known: Sequence[Registered],
    old_rows: Mapping[int, frozenset[str]],
) -> list[tuple[int, int]]:
    """Return the pairs that share a core member or an evidence row at all."""
    members: dict[str, set[int]] = {}
    keys: dict[str, set[int]] = {}
    for j, one in enumerate(known):
        for name in one.trace.core:
            members.setdefault(name, set()).add(j)
        for key in old_rows[j]:
            keys.setdefault(key, set()).add(j)
    pairs: set[tuple[int, int]] = set()
    for i, one_now in enumerate(current):
        pairs |= {(i, j) for name in one_now.core for j in members.get(name, ())}
        pairs |= {(i, j) for key in rows[i] for j in keys.get(key, ())}
    return sorted(pairs)


def _enough(shared: frozenset[str], one: frozenset[str], other: frozenset[str]) -> bool:
    return bool(shared) and len(shared) >= LEAST_SHARED * min(len(one), len(other))


def _share(one: frozenset[str], other: frozenset[str]) -> float:
    """Return the Jaccard index of two sets, 0 for two empty ones."""
    every = len(one | other)
    return len(one & other) / every if every else 0.0


def _assigned(ties: Mapping[tuple[int, int], float], n_known: int) -> list[tuple[int, int]]:
    """Return the pairs of the best assignment, component by component."""
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    pairs: list[tuple[int, int]] = []
    for mine, theirs in _components(ties):
        weights = np.zeros((len(mine), len(theirs)))
        for (row, i) in enumerate(mine):
            for (column, j) in enumerate(theirs):
                if (i, j) in ties:
                    weights[row, column] = ties[i, j] + _BY_AGE * (n_known - j)
        chosen = zip(*linear_sum_assignment(weights, maximize=True), strict=True)
        pairs += [(mine[r], theirs[c]) for r, c in chosen if (mine[r], theirs[c]) in ties]
    return pairs


def _components(ties: Iterable[tuple[int, int]]) -> list[tuple[list[int], list[int]]]:
    """Return the connected components of the tied leads, each as its current and its registered ones, in order."""
    parent: dict[tuple[str, int], tuple[str, int]] = {}

    def root(x: tuple[str, int]) -> tuple[str, int]:
        parent.setdefault(x, x)
        while parent[x] != x:
            parent[x] = parent[parent[x]]
            x = parent[x]
        return x

    for i, j in ties:
        a, b = sorted((root(("current", i)), root(("known", j))))
        parent[b] = a
    found: dict[tuple[str, int], tuple[list[int], list[int]]] = {}
    for side, number in sorted(parent):
        found.setdefault(root((side, number)), ([], []))[side == "known"].append(number)
    return [found[key] for key in sorted(found)]


def _told(
    order: Sequence[int], known: Sequence[Registered], ties: Mapping[tuple[int, int], float], kept: Mapping[int, str]
) -> Matching:
    taken = set(kept.values())
    merged: dict[str, int] = {}
    split: dict[int, tuple[str, ...]] = {}
    for j, one in enumerate(known):
        into = [(-w, i) for (i, k), w in ties.items() if k == j]
        if one.live and not one.lasting and one.lead_id not in taken and into:
            merged[one.lead_id] = order[min(into)[1]]
    tied: dict[int, tuple[str, ...]] = {}
    for i, place in enumerate(order):
        touched = [known[j] for (k, j) in sorted(ties) if k == i]
        if touched:
            tied[place] = tuple(one.lead_id for one in touched)
        parts = tuple(one.lead_id for one in touched if one.live or one.lead_id in taken)
        if place not in kept and parts:
            split[place] = parts
    gone = {one.lead_id for one in known if one.live} - taken - set(merged)
    return Matching(dict(sorted(kept.items())), merged, split, tuple(sorted(gone)), tied)


__all__ = ["LEAST_SHARED", "Matching", "Registered", "Trace", "match"]
