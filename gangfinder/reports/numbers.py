"""Counts over leads: by typology, by whoever works on them, by institution; and how often they proved right."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from gangfinder.reports.queries import Record

_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts over some leads.

    Parameters
    ----------
    key
        Which leads: a typology, a person, an institution; empty for all.
    found
        Leads that were ever listed.
    dismissed, confirmed, transferred, verified, unfounded
        Of those, by what was decided and counts still.
    pending
        Of those, the ones in the list on which nothing was decided.
    recovered_fen
        Money.
    dismissed_unchecked
        Dismissed ones without a result.
    """

    key: str
    found: int
    dismissed: int
    confirmed: int
    transferred: int
    verified: int
    unfounded: int
    pending: int
    recovered_fen: int
    dismissed_unchecked: int


@dataclass(frozen=True, slots=True)
class Interval:
    """A share with its bounds; all ``None`` where nothing was checked."""

    share: float | None = None
    low: float | None = None
    high: float | None = None


def tally(key: str, leads: Iterable[Record]) -> Tally:
    """Return the counts over some leads."""
    found = [one for one in leads if one["found"]]

    def count(name: str) -> int:
        return sum(bool(one[name]) for one in found)

    return Tally(
        key, len(found), count("dismissed"), count("confirmed"), count("transferred"), count("verified"),
        count("unfounded"), sum(one["rank"] is not None and not one["decided"] for one in found),
        sum(one["recovered_fen"] for one in found),
        sum(bool(one["dismissed"]) and not one["verified"] and not one["unfounded"] for one in found),
    )


def tallies(leads: Sequence[Record], keys: Callable[[Record], Iterable[str]]) -> list[Tally]:
    """Return the counts for each key, most leads first; a lead counts under each of its keys."""
    groups: dict[str, list[Record]] = {}
    for one in leads:
        for key in dict.fromkeys(keys(one)):
            groups.setdefault(key, []).append(one)
    made = [tally(key, own) for key, own in groups.items()]
    return sorted((one for one in made if one.found), key=lambda one: (-one.found, one.key))


def interval(right: int, checked: int, method: str) -> Interval:
    """Return a share with its 95 % interval.

    Parameters
    ----------
    right, checked
        Successes and trials.
    method
        ``wilson`` (Wilson 1927) or ``exact`` (Clopper and Pearson 1934).
    """
    if not checked:
        return Interval()
    from scipy.stats import binomtest

    bounds = binomtest(right, checked).proportion_ci(_CONFIDENCE, method=method)
    return Interval(right / checked, float(bounds.low), float(bounds.high))
