"""What ties a group beside its dates: the desk that serves it, and the attributes that its members share."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gangfinder.model.tails import log10_binomial_tail
from gangfinder.network.visits import texts, visits

if TYPE_CHECKING:
    from gangfinder.model.group import Group
    from gangfinder.network.lockstep import Sessions


@dataclass(frozen=True, slots=True)
class DeskExcess:
    """The desk (terminal, operator, doctor) that served most sessions at one house, against its siblings."""

    kind: str
    desk: str
    house: str
    sessions: int
    of: int
    share: float
    log10_p: float


def desk_excess(found: Sessions, group: Group, column: str, kind: str) -> DeskExcess | None:
    """Return the most surprising desk, or ``None`` where a house has one desk only or the data name none.

    Notes
    -----
    One session is one trial: whoever was on duty served everybody. Binomial tail of the sessions whose majority desk it
    is, with the desk's share of the house's visits by people outside the group; corrected for the desks of the house.
    """
    if not group.desks or column not in found.rows:
        return None
    best: DeskExcess | None = None
    for house, counts in _majorities(found, column).items():
        n_sessions = sum(counts.values())
        shares = _desk_shares(group, house, column, kind) if n_sessions > 1 else {}
        for desk, n in sorted(counts.items()) if len(shares) > 1 else ():
            share = shares.get(desk, 0.0)
            if not 0.0 < share < 0.8:
                continue
            tail = float(log10_binomial_tail(n, n_sessions, share)) + float(np.log10(len(shares)))
            if best is None or tail < best.log10_p:
                best = DeskExcess(kind, desk, house, n, n_sessions, share, min(tail, 0.0))
    return best


def _majorities(found: Sessions, column: str) -> dict[str, dict[str, int]]:
    """Return per house and desk the sessions of which it served most rows (ties: the smallest id)."""
    names = ("institution_id", "session", column)
    rows = zip(*(found.rows[c].tolist() for c in names), strict=True)
    # a missing id arrives as None or as NaN, which is not equal to itself
    counts = sorted(Counter((house, session, d) for house, session, d in rows if d is not None and d == d).items())
    best: dict[tuple[str, int], tuple[int, str]] = {}
    for (house, session, desk), n in counts:
        if n > best.get((house, session), (0, ""))[0]:
            best[house, session] = (n, str(desk))
    result: dict[str, dict[str, int]] = {}
    for (house, _), (_, desk) in best.items():
        of_house = result.setdefault(str(house), {})
        of_house[desk] = of_house.get(desk, 0) + 1
    return result


def _desk_shares(group: Group, house: str, column: str, kind: str) -> dict[str, float]:
    """Return each desk's share of the house's visits outside the group, half a visit added to each."""
    known = group.desks.get((house, kind), {})
    if len(known) < 2:
        return {}
    every = visits(group)
    at = every.position[every.houses[every.house] == house]
    own = Counter(texts(group.rows, column)[at].tolist())
    left = {desk: max(n - float(own.get(desk, 0)), 0.0) + 0.5 for desk, n in known.items()}
    total = sum(left.values())
    return {d: n / total for d, n in left.items()}


def shared_attributes(group: Group) -> tuple[int, float] | None:
    """Return how many independent ties of shared attributes join the members across units, and their log10 tail.

    Notes
    -----
    A value shared by d people makes d − 1 independent ties, not d (d − 1) / 2: the edges of a spanning forest count.
    Binomial tail over all pairs of members with the town's own chance of such a tie.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    ties = group.links[group.links["family"] == "attribute"]
    n = len(group.members)
    if ties.empty or group.tie_chance <= 0.0:
        return None
    index = {m: k for k, m in enumerate(group.members)}
    a, b = (ties[c].map(index).to_numpy(dtype=np.int64) for c in ("source_id", "target_id"))
    parts, _ = connected_components(coo_matrix((np.ones(len(a)), (a, b)), shape=(n, n)), directed=False)
    forest = n - int(parts)
    return forest, float(log10_binomial_tail(forest, n * (n - 1) // 2, group.tie_chance))
