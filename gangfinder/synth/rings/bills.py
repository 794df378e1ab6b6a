"""T17 forged bills: agents and a few accounts collect for strangers who were all at one remote hospital."""

from __future__ import annotations

import numpy as np

from gangfinder.synth.casting import Part, Scene, recruit
from gangfinder.synth.claims import claim_rate, claim_total, invoice_position
from gangfinder.synth.events import COMMON, NONE, Claims
from gangfinder.synth.ordinary import length_of_stay
from gangfinder.synth.streams import Floats, spread


def forged_bills(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one T17 ring.

    Notes
    -----
    The harder the town, the more agents and accounts share the claims and the more claims are paid to the
    holders' own accounts.
    """
    world, settings = scene.world, scene.world.settings
    adults = scene.alive & (world.people.age >= 20)
    holders = recruit(scene, rng, spread(rng, 20, 60), adults, claim_rate(world) * 10)
    agents = recruit(scene, rng, spread(rng, 3, 4 + settings.difficulty), adults & (world.people.age < 62))
    sites = world.ring_sites["T17", number][: 1 if rng.random() < 0.6 else 2]
    patients = np.repeat(holders, np.where(rng.random(len(holders)) < 0.2, 2, 1))
    size = len(patients)
    shared = COMMON + 1_000_000 + number * 100 + np.arange(spread(rng, 1, 2 + settings.difficulty // 2))
    to_agent = rng.random(size) < 0.3
    agent = agents[rng.integers(0, len(agents), size)]
    account = np.where(to_agent, agent, shared[rng.integers(0, len(shared), size)])
    own = rng.random(size) > (1.0, 0.9, 0.7, 0.5)[settings.difficulty]
    nights = np.clip(length_of_stay(rng, size) + 3, 5, 30)
    submitted = _hand_in_days(scene, rng, size)
    place = sites[rng.integers(0, len(sites), size)]
    # one book of blanks: numbers of one week of the house's series, in the order in which they are used; the week is
    # one in which those lay there whose bills come in when the ring's do
    book = int(rng.choice(submitted)) - int(rng.integers(5, 90))
    invoice = invoice_position(world, place, np.full(size, book)) + np.cumsum(rng.integers(1, 6, size))
    handler = int(rng.integers(0, 1_000))
    claims = Claims.of(
        patient=patients,
        place=place,
        admitted=submitted - rng.integers(25, 90, size) - nights,
        nights=nights,
        submitted=submitted,
        total=_claimed(rng, size),
        invoice=invoice,
        account=np.where(own, patients, account),
        agent=np.where(rng.random(size) < 0.92, agent, NONE),
        handler=np.where(rng.random(size) < 0.75 * settings.participation, handler, NONE),
    )
    return Part("T17", holders, claims=claims, places=sites, agents=agents, accounts=np.unique(account))


def _hand_in_days(scene: Scene, rng: np.random.Generator, size: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return days on which claims are handed in: in small lots over most of the period, in order."""
    world = scene.world
    lots = rng.integers(40, world.days - 5, max(4, size // 3))
    return world.first_day + np.sort(rng.choice(lots, size))


def _claimed(rng: np.random.Generator, size: int) -> Floats:
    """Return bills of 15 to 45 thousand, as most bills from afar are."""
    drawn = claim_total(rng, 8 * size)
    return drawn[(drawn >= 15_000) & (drawn <= 45_000)][:size]
