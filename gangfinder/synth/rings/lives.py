"""Rings with a life over the weeks: card pools (T01), and claims paid to one account (T17)."""

from __future__ import annotations

import numpy as np

from gangfinder.synth.casting import Part, Scene, attendance, cover_visits, recruit
from gangfinder.synth.catalogue import PlaceKind
from gangfinder.synth.claims import claim_rate, invoice_position, stays_far_away
from gangfinder.synth.events import COMMON, Claims, Events
from gangfinder.synth.rings.cards import swiped
from gangfinder.synth.settings import STORIES
from gangfinder.synth.streams import Flags, Floats, Ints, spread
from gangfinder.synth.weekly.calendar import calendar_of
from gangfinder.synth.weekly.stories import MAIN, Act, Life, life

_ACCOUNTS = COMMON + 3_000_000
_PER_RING = 2  # accounts a ring can use
_SIZES = {"a": (12, 18), "b": (7, 9)}
"""People of each cell: the first stays the larger, and each is enough for a lead of its own."""

_WEEK = 7


def weekly_pool(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one card pool with a life: in the weeks of its acts, the same cards at one till on several days."""
    world = scene.world
    plan, cells = _cast(scene, rng, number, "weekly_pool", weight=scene.visit_weight)
    sites = world.ring_sites["weekly_pool", number]
    parts = []
    for act in plan.acts:
        who = _present(cells, act)
        first = calendar_of(world.settings).monday(act.week)
        days = first + np.sort(rng.choice(_WEEK, act.sessions, replace=False))
        site = np.full(act.sessions, sites[act.site % len(sites)])
        there = attendance(rng, act.sessions, len(who), world.settings.participation)
        shop = world.places.kind[site[0]] == PlaceKind.PHARMACY
        events = swiped(scene, rng, who, days, site, there, at_shop=bool(shop))
        wrong = np.isin(events["patient"], cells[1]) if plan.corrected else False
        parts.append(events.having(undone=wrong))
    events = Events.joined(parts)
    cover = cover_visits(scene, rng, events["patient"])
    return Part(
        "weekly_pool", np.concatenate(cells), events, cover=cover, places=sites, life=plan, cells=tuple(cells)
    )


def weekly_account(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one ring with a life whose claims are paid to one account: in the weeks of its acts, one claim each."""
    adults: Flags = scene.alive & (scene.world.people.age >= 20)
    plan, cells = _cast(scene, rng, number, "weekly_account", adults, claim_rate(scene.world) * 10)
    accounts = _ACCOUNTS + _PER_RING * number + np.arange(_PER_RING)
    claims = [_burst(scene, rng, act, _present(cells, act), int(accounts[act.site])) for act in plan.acts]
    used = accounts[sorted({act.site for act in plan.acts})]
    return Part(
        "weekly_account", np.concatenate(cells), claims=Claims.joined(claims), accounts=used, life=plan,
        cells=tuple(cells),
    )


def _burst(scene: Scene, rng: np.random.Generator, act: Act, who: Ints, account: int) -> Claims:
    """Return the claims of an act: all handed in within its week, for stays of the months before."""
    world = scene.world
    claims = stays_far_away(scene, rng, who, account=account)
    days = calendar_of(world.settings).monday(act.week) + rng.integers(0, 5, len(who))  # windows are open on weekdays
    moved = claims["admitted"] + days - claims["submitted"]
    place = claims["place"].astype(np.int64)
    invoice = invoice_position(world, place, moved + claims["nights"]) + rng.integers(0, 400, len(who))
    return claims.having(submitted=days, admitted=moved, invoice=invoice)


def _cast(
    scene: Scene, rng: np.random.Generator, number: int, kind: str, among: Flags | None = None,
    weight: Floats | None = None,
) -> tuple[Life, list[Ints]]:
    """Return the plan of a ring and the people of its cells."""
    story = STORIES[number % len(STORIES)]
    if story == "shrinks" and kind == "weekly_account":
        story = "grows"  # a claim that was paid is taken back by a court, not by a correction
    plan = life(story, calendar_of(scene.world.settings), rng)
    sizes = [spread(rng, *_SIZES[cell]) for cell in plan.cells]
    people = recruit(scene, rng, sum(sizes), among, weight)
    return plan, list(np.split(people, np.cumsum(sizes)[:-1]))


def _present(cells: list[Ints], act: Act) -> Ints:
    """Return the people of the cells that act."""
    return np.concatenate([cells[0 if cell == MAIN else 1] for cell in act.cells])
