"""Which leads are planted rings, which were there before, and which are new and false."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

SHARE = 0.6
"""A ring is found when this share of its people is in the core of one lead, and of that core the ring's (DESIGN §6)."""

Core = frozenset[tuple[str, str]]
"""Core members of a lead: entity type, id."""


@dataclass(frozen=True, slots=True)
class Matched:
    """What came of one copy.

    Parameters
    ----------
    found
        Rings that became a lead.
    false_by_ring
        Ring → new leads on its people that match no ring.
    other_false
        New leads on nobody of any ring.
    """

    found: frozenset[str]
    false_by_ring: Mapping[str, int]
    other_false: int


def matched(rings: Mapping[str, Iterable[str]], leads: Sequence[Core], before: Sequence[Core]) -> Matched:
    """Compare the leads of a copy with the rings planted in it and with the leads that were there before.

    Parameters
    ----------
    rings
        Ring → its patients; no patient is in two.
    leads
        Cores of the leads on the copy.
    before
        Cores of the leads on the untouched copy.
    """
    people = {name: frozenset(("patient", p) for p in own) for name, own in rings.items()}
    best: dict[str, tuple[float, int]] = {}
    for number, core in enumerate(leads):
        for name, own in people.items():
            if same(own, core):
                best[name] = max(best.get(name, (0.0, 0)), (_overlap(own, core), -number))
    used = {-number for _, number in best.values()}
    false: dict[str, int] = {}
    other = 0
    for number, core in enumerate(leads):
        if number in used or any(same(old, core) for old in before):
            continue
        touched = max(sorted(people), key=lambda name: len(people[name] & core), default=None)
        if touched is None or not people[touched] & core:
            other += 1
        else:
            false[touched] = false.get(touched, 0) + 1
    return Matched(frozenset(best), false, other)


def same(one: Core, other: Core) -> bool:
    """Say whether two sets of people are the same ring."""
    both = len(one & other)
    return both > 0 and both >= SHARE * len(one) and both >= SHARE * len(other)


def _overlap(one: Core, other: Core) -> float:
    return len(one & other) / len(one | other)
