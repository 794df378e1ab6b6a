"""Insiders: who of the staff lets which ring pass, in what style, and by what tie he can be known.

Styles: one handler; a handler and a reviewer; an officer who switches on a suspended house of a relative, or raises
its quota; a reviewer who only looks away; and an operator of a house who lends his login. The first four are members
of the fund's staff and rings of their own (T20); the operator belongs to the ring that uses his login.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from gangfinder.synth.bureau import CENTRE, ENROLMENT, FILING, HANDLER, REIMBURSEMENT, REVIEWER, Bureau
from gangfinder.synth.casting import Part, Scene
from gangfinder.synth.events import DAY, NONE
from gangfinder.synth.limits import lowered
from gangfinder.synth.personal import OWNED, Tie, tied
from gangfinder.synth.standing import FAR
from gangfinder.synth.streams import Flags, Ints

ONE, PAIR, OWNER, AWAY = "one_handler", "pair", "owner", "looks_away"
STYLES = (ONE, PAIR, OWNER, AWAY)

_HOSTS = {
    # style: hosts, the one that is tried first turns with the number
    ONE: ("T17", "T11", "T19"),
    PAIR: ("T17", "T11"),
    OWNER: ("T13",),
    AWAY: ("T11", "T17"),
}
_BUSINESS = {"T17": REIMBURSEMENT, "T11": FILING, "T19": ENROLMENT}

_SETTLED = 200  # days for which an insider has been at his desk when the year begins
_LONG = 20
_KNOWN = (1.0, 1.0, 0.95, 0.6)  # by difficulty: how often a tie of the insider is on some record


@dataclass(frozen=True, slots=True)
class Scheme:
    """What one insider, or two, do for a ring.

    Parameters
    ----------
    style, host
        Style, and position of the ring among the town's rings.
    handler, reviewer
        Staff, -1 for none.
    share
        Share of the ring's files that go over their desks.
    ties
        By what they can be known.
    house
        House for which contracts are switched on or quotas raised, -1 for none.
    """

    style: str
    host: int
    handler: int
    reviewer: int
    share: float
    ties: tuple[Tie, ...]
    house: int = NONE

    @property
    def staff(self) -> Ints:
        """The insiders."""
        return np.array([one for one in (self.handler, self.reviewer) if one != NONE], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Plot:
    """All insiders of a town.

    Parameters
    ----------
    schemes
        Those of the fund's staff.
    lenders
        Operators whose login a ring uses: position of the ring, operator.
    """

    schemes: tuple[Scheme, ...] = ()
    lenders: tuple[tuple[int, int], ...] = ()


def plot(scene: Scene, rings: list[Part]) -> tuple[Plot, list[Part]]:
    """Let insiders help some rings.

    Returns
    -------
    tuple
        The insiders, and the rings with what they changed in them; T20 rings stand behind the others.
    """
    bureau = scene.world.bureau
    if bureau is None or "T20" not in scene.world.settings.planted:
        return Plot(), rings
    rings, schemes, busy = list(rings), [], set[int]()
    used: set[int] = set()
    for number in range(scene.world.settings.rings_per_typology):
        rng = scene.world.streams.rng("insider", number)
        style = STYLES[(number + scene.world.settings.seed) % len(STYLES)]
        found = _scheme(scene, bureau, rng, style, number, rings, busy, used)
        if found is None:
            continue
        scheme, rings[found[0].host] = found[0], found[1]
        schemes.append(scheme)
        busy.add(scheme.host)
        used |= set(scheme.staff.tolist())
    lenders = tuple(_lenders(scene, bureau, rings, busy))
    nobody = np.empty(0, dtype=np.int64)
    return Plot(tuple(schemes), lenders), [*rings, *(Part("T20", nobody, staff=one.staff) for one in schemes)]


def _scheme(
    scene: Scene, bureau: Bureau, rng: np.random.Generator, style: str, number: int, rings: list[Part],
    busy: set[int], used: set[int],
) -> tuple[Scheme, Part] | None:
    """Return one insider, or two, and the ring as it is with them; nothing where no ring or desk is left."""
    host = _host(rings, style, number, busy)
    if host is None and style == OWNER:
        style = ONE
        host = _host(rings, style, number, busy)
    if host is None:
        return None
    part = rings[host]
    if style == OWNER:
        related = [pair for pair in bureau.relations.officers.values() if pair[1] in part.places]
        if not related or related[0][0] in used:
            return None
        officer, house = related[0]
        return Scheme(style, host, officer, NONE, 1.0, (Tie(officer, OWNED, house),), house), part
    share = 0.35 + 0.65 * scene.world.settings.participation
    handler, reviewer = _staff(scene, bureau, rng, style, _BUSINESS[part.kind], used)
    if max(handler, reviewer) == NONE:
        return None
    ties: list[Tie] = []
    for staff in (handler, reviewer):
        if staff != NONE and rng.random() < _KNOWN[scene.world.settings.difficulty]:
            tie, part = tied(scene, bureau, rng, staff, part, ties)
            ties.append(tie)
    if part.kind == "T17" and style in {ONE, PAIR}:
        part = lowered(scene, scene.world.streams.rng("insider limits", number), part)
    return Scheme(style, host, handler, reviewer, share, tuple(ties)), part


def _host(rings: list[Part], style: str, number: int, busy: set[int]) -> int | None:
    kinds = _HOSTS[style]
    first = number // len(STYLES) + number
    for kind in (kinds[(first + step) % len(kinds)] for step in range(len(kinds))):
        free = [at for at, ring in enumerate(rings) if ring.kind == kind and at not in busy]
        if free:
            return free[0]
    return None


def _staff(
    scene: Scene, bureau: Bureau, rng: np.random.Generator, style: str, kind: int, used: set[int]
) -> tuple[int, int]:
    """Return handler and reviewer of one large office, -1 where the style has none; none who is hardly there."""
    centres = rng.permutation(np.flatnonzero(bureau.sort == CENTRE))
    wanted = {ONE: (HANDLER,), PAIR: (HANDLER, REVIEWER), AWAY: (REVIEWER,)}[style]
    chosen: dict[int, int] = {}
    for office in centres.tolist():
        for role in wanted:
            free = bureau.at(office, kind, role)
            free = free[~np.isin(free, sorted(used))]
            free = free[(bureau.since[free] < scene.world.first_day - _SETTLED) & ~_long_away(bureau)[free]]
            if len(free):
                chosen[role] = int(rng.choice(free))
        if len(chosen) == len(wanted):
            break
        chosen = {}
    return chosen.get(HANDLER, NONE), chosen.get(REVIEWER, NONE)


def _long_away(bureau: Bureau) -> Flags:
    """Return who is away for weeks at a time: no ring relies on him."""
    who, leaves, returns = bureau.away
    return np.asarray(np.bincount(who, returns - leaves > _LONG, minlength=bureau.count) > 0)


def _lenders(scene: Scene, bureau: Bureau, rings: list[Part], busy: set[int]) -> Iterator[tuple[int, int]]:
    """Let one T11 ring that nobody of the fund helps use the login of one operator; change its rows.

    At every second ring the operator has left his house, and the login is used on. At the others it is used at all of
    the ring's houses.
    """
    places, rng = scene.world.places, scene.world.streams.rng("lent login")
    rings_at = [at for at, ring in enumerate(rings) if ring.kind == "T11"]
    for at in rings_at:
        part = rings[at]
        own = part.places[~places.no_operator[part.places] & ~places.shared_login[part.places]]
        if at in busy or not len(own) or not len(part.events):
            continue
        house = int(own[0])
        operator = int(places.operator_first[house])
        where, day = part.events["place"], part.events["at"] // DAY
        last = operator + int(places.operator_count[house]) - 1
        if bureau.operator_left[last] < FAR:
            operator, lent = last, (where == house) & (day >= bureau.operator_left[last])
        else:
            lent = where != house
        lent &= rng.random(len(where)) < scene.world.settings.participation
        if lent.sum() < 5:  # a login that is hardly used says nothing
            continue
        rings[at] = replace(part, events=part.events.having(operator=np.where(lent, operator, part.events["operator"])))
        busy.add(at)
        yield at, operator
        return
