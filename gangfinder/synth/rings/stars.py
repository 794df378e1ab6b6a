"""Rings whose only trace is one hub: an account that is paid for strangers, an agent who hands in for them."""

from __future__ import annotations

import numpy as np

from gangfinder.synth.casting import Part, Scene, recruit
from gangfinder.synth.claims import claim_rate, stays_far_away
from gangfinder.synth.events import COMMON, Claims
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


def _holders(scene: Scene, rng: np.random.Generator) -> Ints:
    adults: Flags = scene.alive & (scene.world.people.age >= 20)
    return recruit(scene, rng, spread(rng, 5, 40), adults, claim_rate(scene.world) * 10)


def _claims(scene: Scene, rng: np.random.Generator, holders: Ints, **hub: object) -> Claims:
    """Return a claim of everybody through the hub, and with the difficulty more that go past it."""
    past = holders[rng.random(len(holders)) > scene.world.settings.participation]
    return Claims.joined([
        stays_far_away(scene, rng, holders, **({"account": holders} | hub)), stays_far_away(scene, rng, past)
    ])
