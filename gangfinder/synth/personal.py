"""By what an insider can be known: a tie of his own to the ring, as the records show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from gangfinder.synth.bureau import Bureau
from gangfinder.synth.casting import Part, Scene
from gangfinder.synth.events import NONE, Conduct
from gangfinder.synth.streams import Ints

C = TypeVar("C", bound=Conduct)

OWN_ACCOUNT, OWN_AGENT, KIN_ACCOUNT, KIN_AGENT, PHONE, DECLARED, PAST, OWNED = (
    "own_account", "own_agent", "kin_account", "kin_agent", "phone", "declared", "former_employer", "owner",
)
_TIES: dict[str, tuple[tuple[str, ...], ...]] = {
    # typology: ties by difficulty
    "T17": (
        (OWN_ACCOUNT, OWN_AGENT), (OWN_ACCOUNT, KIN_ACCOUNT, KIN_AGENT, PHONE, DECLARED),
        (KIN_AGENT, KIN_ACCOUNT, DECLARED, PAST), (DECLARED, PAST),
    ),
    "T11": ((KIN_AGENT, OWN_AGENT), (KIN_AGENT, PHONE, DECLARED), (KIN_AGENT, DECLARED, PAST), (DECLARED, PAST)),
    "T19": ((KIN_AGENT, OWN_AGENT), (KIN_AGENT, PHONE, DECLARED), (KIN_AGENT, DECLARED), (DECLARED,)),
}
"""The harder the town, the further away is the tie."""


@dataclass(frozen=True, slots=True)
class Tie:
    """One tie of an insider.

    Parameters
    ----------
    staff
        Member of the fund's staff.
    kind
        What it is.
    target
        The resident or house it leads to.
    """

    staff: int
    kind: str
    target: int


def tied(
    scene: Scene, bureau: Bureau, rng: np.random.Generator, staff: int, part: Part, others: Sequence[Tie] = ()
) -> tuple[Tie, Part]:
    """Return a tie of a member of staff to a ring, and the ring as it is with it.

    Parameters
    ----------
    scene, bureau, rng
        The town and the random stream.
    staff, part
        The insider and the ring. Who lives elsewhere has no household here: his tie is a declared one.
    others
        Ties of other insiders of the ring: whom they lead to stays in it.
    """
    kinds = _TIES[part.kind][scene.world.settings.difficulty]
    kind = kinds[int(rng.integers(len(kinds)))]
    himself = int(bureau.person[staff]) if bureau.person[staff] < scene.world.people.count else NONE
    person = himself if kind in {OWN_ACCOUNT, OWN_AGENT} else int(bureau.spare[staff])
    if kind in {OWN_ACCOUNT, KIN_ACCOUNT} and person != NONE:
        return Tie(staff, kind, person), _paid(rng, part, person)
    acting = _agents(part)
    free = acting[~np.isin(acting, [tie.target for tie in others])]
    if kind in {OWN_AGENT, KIN_AGENT} and person != NONE and len(free):
        return Tie(staff, kind, person), _instead_of(part, int(free[0]), person)
    if kind == PAST:
        house = part.places[0] if part.kind == "T17" else scene.world.places.doctor_place[part.doctors[0]]
        return Tie(staff, kind, int(house)), part
    if kind == PHONE and len(free):
        return Tie(staff, kind, int(rng.choice(free))), part
    known = acting[~np.isin(acting, bureau.person)]
    return Tie(staff, DECLARED, int(rng.choice(known if len(known) else part.people))), part


def _agents(part: Part) -> Ints:
    """Return the agents who stand on papers of the ring, who acts most often first: a tie to another shows nowhere."""
    rows = [part.claims["agent"], *(one["agent"] for one in part.more.values() if "agent" in one.schema)]
    who, times = np.unique(np.concatenate(rows), return_counts=True)
    acts = np.isin(who, part.agents)
    return who[acts][np.argsort(-times[acts], kind="stable")]


def _paid(rng: np.random.Generator, part: Part, person: int) -> Part:
    """Return the ring with some of its money going to a person's account."""
    claims, members = part.claims, part.claims["patient"]
    shared = np.flatnonzero(claims["account"] != members)
    some = rng.permutation(shared)[: max(4, len(shared) // 3)]
    account = claims["account"].copy()
    account[some] = person
    return replace(part, claims=claims.having(account=account), accounts=np.unique(account[account != members]))


def _instead_of(part: Part, old: int, person: int) -> Part:
    """Return the ring with a person in place of one of its agents."""
    fresh = part.agents.copy()
    fresh[part.agents == old] = person
    more = {table: _instead(conduct, old, person) for table, conduct in part.more.items()}
    claims = _instead(part.claims, old, person)
    account = np.where(claims["account"] == old, person, claims["account"])
    return replace(
        part, claims=claims.having(account=account), agents=fresh, more=more,
        accounts=np.where(part.accounts == old, person, part.accounts),
    )


def _instead(conduct: C, old: int, new: int) -> C:
    """Return the conduct with one agent in another's place."""
    if "agent" not in conduct.schema:
        return conduct
    return conduct.having(agent=np.where(conduct["agent"] == old, new, conduct["agent"]))
