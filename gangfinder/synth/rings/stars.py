"""Rings whose only trace is one hub that strangers share: an account, an agent, an address, a clinic, a seller.

In motor insurance the hub in between is the repairer who writes the bills. In medical insurance that is who delivers
what is claimed: a clinic, or a seller of drugs and devices (optician, hearing aids, dental laboratory), which the fund
knows as a retail house.
"""

from __future__ import annotations

import numpy as np

from gangfinder.synth.casting import Part, Scene, bystanders, recruit
from gangfinder.synth.claims import claim_rate, stays_far_away
from gangfinder.synth.events import COMMON, Claims
from gangfinder.synth.paper import paper_bills
from gangfinder.synth.streams import Flags, Ints, spread

_ACCOUNTS = COMMON + 2_000_000


def star_account(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play 5 to 40 people of all places whose claims are paid to one account; hospitals and desks are anybody's."""
    account = np.array([_ACCOUNTS + number])
    holders = _holders(scene, rng)
    claims = _claims(scene, rng, holders, account=account[0])
    return Part("star_account", holders, claims=claims, accounts=account)


def star_agent(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play 5 to 40 people of all places for whom one agent hands in; each is paid to his own account."""
    agent = recruit(scene, rng, 1, scene.alive & (scene.world.people.age >= 25) & (scene.world.people.age < 62))
    holders = _holders(scene, rng)
    return Part("star_agent", holders, claims=_claims(scene, rng, holders, agent=agent[0]), agents=agent)


def star_address(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play 5 to 40 people of different families who are registered at one door, and each of whom claims.

    The harder the town, the more are registered there who claim nothing.
    """
    world = scene.world
    host = recruit(scene, rng, 1, scene.alive & ~world.marks.plain_address & (world.people.age >= 25))
    holders = _holders(scene, rng)
    fit = bystanders(scene, np.asarray((world.people.age >= 20) & ~world.people.guest))
    quiet = rng.choice(fit, min(len(fit), round(0.2 * world.settings.camouflage * len(holders))), replace=False)
    world.marks.lodges[np.concatenate([holders, quiet])] = host[0]
    return Part("star_address", holders, claims=stays_far_away(scene, rng, holders))


def star_clinic(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play 5 to 40 people of all places with bills of one clinic at which they are never seen."""
    return _star_house(scene, rng, "star_clinic", number)


def star_seller(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play 5 to 40 people of all places with bills of one seller of drugs or devices where they never settle."""
    return _star_house(scene, rng, "star_seller", number)


def _star_house(scene: Scene, rng: np.random.Generator, kind: str, number: int) -> Part:
    world = scene.world
    site = world.ring_sites[kind, number]
    seen = np.zeros(world.people.count, dtype=bool)
    seen[scene.ordinary["patient"][scene.ordinary["place"] == site[0]]] = True
    holders = _holders(scene, rng, ~seen)
    days = world.first_day + rng.integers(1, world.days - 4, len(holders))
    bills = paper_bills(scene, rng, holders, np.full(len(holders), site[0]), days)
    return Part(kind, holders, claims=Claims.joined([bills, _past(scene, rng, holders)]), places=site)


def _holders(scene: Scene, rng: np.random.Generator, among: Flags | None = None) -> Ints:
    adults: Flags = scene.alive & (scene.world.people.age >= 20)
    adults = adults if among is None else adults & among
    return recruit(scene, rng, spread(rng, 5, 40), adults, claim_rate(scene.world) * 10)


def _claims(scene: Scene, rng: np.random.Generator, holders: Ints, **hub: object) -> Claims:
    """Return a claim of everybody through the hub, and with the difficulty more that go past it."""
    through = stays_far_away(scene, rng, holders, **({"account": holders} | hub))
    return Claims.joined([through, _past(scene, rng, holders)])


def _past(scene: Scene, rng: np.random.Generator, holders: Ints) -> Claims:
    return stays_far_away(scene, rng, holders[rng.random(len(holders)) > scene.world.settings.participation])
