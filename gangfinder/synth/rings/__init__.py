"""Planted rings, one module per family of typologies."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from gangfinder.synth.casting import Part, Scene
from gangfinder.synth.rings.beds import brokered_admissions, ghost_beds
from gangfinder.synth.rings.bills import forged_bills
from gangfinder.synth.rings.cards import card_pool, crew, lockstep, lockstep_wide
from gangfinder.synth.rings.claims import double_bills, laboratory_ring, shell_employer
from gangfinder.synth.rings.drugs import goods_swap, recycled_drugs, stock_balance
from gangfinder.synth.rings.entitlements import entitlement_collusion
from gangfinder.synth.rings.hidden import hidden_dialysis, hidden_home, hidden_village
from gangfinder.synth.rings.lives import weekly_account, weekly_pool
from gangfinder.synth.rings.owners import cycling_stays, owner_rotation
from gangfinder.synth.rings.persons import impersonation
from gangfinder.synth.rings.prescriptions import fake_prescriptions, special_drugs
from gangfinder.synth.rings.remote import dialysis_padding, micro_claims, remote_cashout
from gangfinder.synth.rings.standing import absent_practitioners, flow_shift
from gangfinder.synth.rings.stars import star_account, star_address, star_agent, star_clinic, star_seller

RINGS: Mapping[str, Callable[[Scene, np.random.Generator, int], Part]] = {
    "T01": card_pool,
    "T05": crew,
    "T06": brokered_admissions,
    "T08": ghost_beds,
    "T10": impersonation,
    "T07": cycling_stays,
    "T12": owner_rotation,
    "T13": flow_shift,
    "T16": laboratory_ring,
    "T17": forged_bills,
    "T18": double_bills,
    "T19": shell_employer,
    "T21": absent_practitioners,
    "T11": entitlement_collusion,
    "T14": fake_prescriptions,
    "T15": special_drugs,
    "T03": goods_swap,
    "T04": recycled_drugs,
    "T22": stock_balance,
    "T02": remote_cashout,
    "T23": dialysis_padding,
    "T24": micro_claims,
    "lockstep": lockstep,
    "lockstep_wide": lockstep_wide,
    "hidden_dialysis": hidden_dialysis,
    "hidden_village": hidden_village,
    "hidden_home": hidden_home,
    "star_account": star_account,
    "star_agent": star_agent,
    "star_address": star_address,
    "star_clinic": star_clinic,
    "star_seller": star_seller,
    "weekly_pool": weekly_pool,
    "weekly_account": weekly_account,
}


_FEWEST = 3
"""Members below which what is played is no ring."""

_ROOM = 120
"""Adults in no ring below which a tiny town plays no further one: more than any ring casts there."""


def plant(scene: Scene) -> list[Part]:
    """Plant the rings that the settings ask for, each from its own stream.

    A tiny town can run out of people (of its dead, above all): it has fewer rings, for a ring nobody is in is none.
    """
    settings = scene.world.settings
    played = (
        RINGS[typology](scene, scene.world.streams.rng("ring", typology, number), number)
        for typology in settings.planted
        if typology in RINGS  # insiders are attached to the others' rings
        for number in range(settings.rings_of(typology))
        if _room(scene) >= _ROOM
    )
    return [part for part in played if _at_work(part) >= _FEWEST]


def _room(scene: Scene) -> int:
    """Return how many adults are in no ring yet."""
    fit = scene.alive & (scene.world.people.age >= 20) & ~scene.world.seats.bound
    return int(np.count_nonzero(fit))


def _at_work(part: Part) -> int:
    """Return how many people the conduct of a part is seen on."""
    seen = [part.events["patient"], part.claims["patient"], *((part.people,) if part.more else ())]
    return len(np.unique(np.concatenate(seen)))
