"""People who hand in claims for many others because it is their job, and accounts that many are paid to."""

from __future__ import annotations

import numpy as np

from gangfinder.synth.casting import Part, Scene, recruit, villagers
from gangfinder.synth.catalogue import PlaceKind
from gangfinder.synth.claims import claim_rate, stays_far_away
from gangfinder.synth.events import COMMON
from gangfinder.synth.paper import paper_bills
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


def company_dormitory(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one dormitory: staff of one employer who are registered at one door and fall ill as others do."""
    world = scene.world
    _, staff = _company(scene, number + 6)
    tenants = _some(rng, staff[world.marks.home[staff] < 0], 10, 40)
    host = tenants[~world.marks.plain_address[tenants]][:1]
    if not len(host):
        return Part("company_dormitory", host)
    world.marks.lodges[tenants] = host[0]
    ill = tenants[rng.random(len(tenants)) < claim_rate(world)[tenants] * 2]
    return Part("company_dormitory", tenants, claims=stays_far_away(scene, rng, ill))


def clinic_off_line(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one clinic whose line was down for weeks: its own patients paid in cash and hand in the bills."""
    world = scene.world
    site = int(rng.choice(_free_houses(scene, PlaceKind.CLINIC)))
    own = _patrons(scene, site)
    who = rng.choice(own, min(len(own), spread(rng, 12, 40)), replace=False)
    first = world.first_day + spread(rng, 20, world.days - 60)
    bills = paper_bills(scene, rng, who, np.full(len(who), site), first + rng.integers(0, 21, len(who)))
    return Part("clinic_off_line", who, claims=bills, places=np.array([site]))


def chain_pharmacy(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one of the largest pharmacies: people of the whole county buy there what others do not keep, on paper."""
    world = scene.world
    shops = _free_houses(scene, PlaceKind.PHARMACY)
    size = {int(shop): len(_patrons(scene, int(shop))) for shop in world.places.of_kind(PlaceKind.PHARMACY)}
    site = sorted(map(int, shops), key=lambda shop: -size[shop])[number % len(shops)]
    patrons = size[site]
    # in a small town some are no larger than the town's others, and then hardly anybody comes from afar
    share = rng.uniform(0.02, 0.045) if patrons >= 2.5 * np.median(list(size.values())) else 0.0
    fit = np.flatnonzero(scene.alive & (world.people.area == 0) & (world.people.age >= 20))
    who = rng.choice(fit, max(2, round(patrons * share)), replace=False)
    days = world.first_day + rng.integers(1, world.days - 4, len(who))
    bills = paper_bills(scene, rng, who, np.full(len(who), site), days)
    return Part("chain_pharmacy", who, claims=bills, places=np.array([site]))


def _free_houses(scene: Scene, kind: PlaceKind) -> Ints:
    """Return the houses of a kind that are no ring's."""
    houses = scene.world.places.of_kind(kind)
    taken = np.concatenate([np.empty(0, np.int64), *scene.world.ring_sites.values()])
    return np.asarray(houses[~np.isin(houses, taken)], dtype=np.int64)


def _patrons(scene: Scene, site: int) -> Ints:
    """Return the living residents who are seen at a house in an ordinary year."""
    seen = np.unique(scene.ordinary["patient"][scene.ordinary["place"] == site]).astype(np.int64)
    fit = np.flatnonzero(scene.alive[seen] & (scene.world.people.area[seen] == 0))
    return np.asarray(seen[fit], dtype=np.int64)
