"""People who hand in claims for many others because it is their job, and accounts that many are paid to."""

from __future__ import annotations

import numpy as np

from gangfinder.synth.casting import Part, Scene, recruit, villagers
from gangfinder.synth.claims import stays_far_away
from gangfinder.synth.events import COMMON
from gangfinder.synth.streams import Ints, spread

_EMPLOYER_ACCOUNTS = COMMON
_VILLAGE_ACCOUNTS = COMMON + 500_000


def _company(scene: Scene, number: int) -> tuple[int, Ints]:
    """Return one of the larger employers and its living staff."""
    people = scene.world.people
    sizes = np.bincount(people.employer[people.employer >= 0])
    employer = int(np.argsort(-sizes, kind="stable")[number % len(sizes)])
    return employer, np.flatnonzero((people.employer == employer) & scene.alive)


def _some(rng: np.random.Generator, pool: Ints, low: int, high: int) -> Ints:
    size = min(len(pool), spread(rng, low, max(low, min(high, len(pool) * 2 // 3))))
    return rng.choice(pool, size, replace=False)


def company_agent(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one personnel clerk who hands in the colleagues' claims; each is paid to his own account."""
    _, staff = _company(scene, number)
    clerk = staff[:1]
    claimants = _some(rng, staff[1:], 20, 300)
    claims = stays_far_away(scene, rng, claimants, account=claimants, agent=clerk[0])
    return Part("company_agent", claimants, claims=claims, agents=clerk)


def payroll_account(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one employer that is paid for its staff and passes the money on with the wages."""
    employer, staff = _company(scene, number + 3)
    claimants = _some(rng, staff[1:], 15, 60)
    account = _EMPLOYER_ACCOUNTS + employer
    claims = stays_far_away(scene, rng, claimants, account=account, agent=staff[0])
    return Part("payroll_account", claimants, claims=claims, agents=staff[:1], accounts=np.array([account]))


def village_agent(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one village cadre who hands in the villagers' claims."""
    folk = villagers(scene, rng, spread(rng, 20, 60), np.asarray(scene.world.people.age >= 20))
    same = scene.world.people.village == scene.world.people.village[folk[0]]
    cadre = recruit(scene, rng, 1, scene.alive & same & (scene.world.people.age >= 20))
    claims = stays_far_away(scene, rng, folk, account=folk, agent=cadre[0])
    return Part("village_agent", folk, claims=claims, agents=cadre)


def collective_account(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one village whose poor households are paid through the village's account."""
    people = scene.world.people
    folk = villagers(scene, rng, spread(rng, 15, 40), np.asarray(people.age >= 20))
    people.poor[folk] = True
    village = int(people.village[folk[0]])
    same = people.village == village
    cadre = recruit(scene, rng, 1, scene.alive & same & (people.age >= 20))
    account = _VILLAGE_ACCOUNTS + village
    claims = stays_far_away(scene, rng, folk, account=account, agent=cadre[0])
    return Part("collective_account", folk, claims=claims, agents=cadre, accounts=np.array([account]))
