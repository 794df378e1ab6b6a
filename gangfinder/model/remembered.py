"""What decisions on earlier leads mean for an inquiry: ties that are none, and known cases."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a register has to say before anything is linked.

    Parameters
    ----------
    values
        Entity type and id, or token, of what shall tie nobody; see :mod:`gangfinder.linking.forgetting`.
    pairs
        Two ids each, sorted, of those who shall not be tied.
    cases
        Entity type and id of members of confirmed leads: known cases.
    spare
        Leads that are kept out of the list, for which as many more may be ranked.
    """

    values: frozenset[tuple[str, str]] = frozenset()
    pairs: frozenset[tuple[str, str]] = frozenset()
    cases: frozenset[tuple[str, str]] = frozenset()
    spare: int = 0


NOTHING = Remembered()
"""Where there is no register."""
