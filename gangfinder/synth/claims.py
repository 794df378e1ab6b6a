"""Manual reimbursement: honest claims of residents treated far from home, and invoice series."""

from __future__ import annotations

import numpy as np

from gangfinder.synth.casting import Scene
from gangfinder.synth.catalogue import PlaceKind
from gangfinder.synth.events import COMMON, NONE, Claims
from gangfinder.synth.ordinary import length_of_stay
from gangfinder.synth.people import EMPLOYEE
from gangfinder.synth.streams import Floats, Ints
from gangfinder.synth.world import World

ORPHAN_ACCOUNTS = COMMON + 5_000_000
"""Common accounts from here on are second accounts of honest people (a child's, an old bank's)."""


def invoice_position(world: World, places: Ints, days: Ints) -> Ints:
    """Return where a hospital's invoice series stands on a day: every house issues at its own pace."""
    rng = world.streams.rng("invoices")
    pace = rng.integers(60, 420, world.places.count)
    base = rng.integers(100_000, 700_000, world.places.count)
    return np.asarray(base[places] + pace[places] * (days - world.first_day + 120), dtype=np.int64)


def claim_total(rng: np.random.Generator, size: int) -> Floats:
    """Draw the bill of a stay at a remote hospital, in yuan."""
    return np.round(np.exp(rng.normal(np.log(25_000), 0.30, size)).clip(5_000, 90_000), 2)


def claim_rate(world: World) -> Floats:
    """Return how many claims a year each resident hands in on average."""
    people = world.people
    own = np.where(people.area == 0, 1.0, 0.0)  # others hand in where they are insured
    return own * np.where(people.age >= 40, 0.028, 0.011) * np.where(people.insured == EMPLOYEE, 1.6, 0.8)


def ordinary_claims(scene: Scene) -> Claims:
    """Return the claims that residents hand in on their own."""
    rng = scene.world.streams.rng("claims")
    world, people = scene.world, scene.world.people
    rate = claim_rate(world) * world.days / 365
    who = np.repeat(np.arange(people.count), rng.poisson(np.where(world.living(), rate, 0)))
    return stays_far_away(scene, rng, who)


def stays_far_away(scene: Scene, rng: np.random.Generator, who: Ints, **more: object) -> Claims:
    """Return one claim for each person: a stay at some remote hospital, handed in weeks later.

    Parameters
    ----------
    scene, rng
        The town and the random stream.
    who
        Claimants.
    **more
        Columns of ``Claims`` that are given instead of drawn.
    """
    world, size = scene.world, len(who)
    remote = world.places.of_kind(PlaceKind.REMOTE)
    pull = world.places.weight[remote]
    where = rng.choice(remote, size, p=pull / pull.sum())
    nights = np.clip(length_of_stay(rng, size) + 3, 2, 40)
    submitted = world.first_day + rng.integers(40, world.days, size)
    left = submitted - rng.integers(5, 90, size)
    account, agent = own_ways(world, rng, who)
    given: dict[str, object] = {
        "place": where,
        "admitted": left - nights,
        "nights": nights,
        "submitted": submitted,
        "total": claim_total(rng, size),
        "account": account,
        "agent": agent,
        "invoice": invoice_position(world, where, left) + rng.integers(0, 400, size),
    }
    return Claims.of(patient=who, **{**given, **more})


def own_ways(world: World, rng: np.random.Generator, who: Ints) -> tuple[Ints, Ints]:
    """Return which account each is paid to and who hands in for him, as people have it among themselves.

    Most are paid to themselves; a few to a relative, or to an account nobody else uses.
    """
    draw = rng.random(len(who))
    head = np.searchsorted(world.people.household, world.people.household[who], side="left")
    account = np.select([draw < 0.1, draw < 0.16], [head, ORPHAN_ACCOUNTS + who], who)
    by_kin = (rng.random(len(who)) < 0.35) & (head != who)
    return account, np.where(by_kin, head, NONE)
