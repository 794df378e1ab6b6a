"""Planted rings, one module per family of typologies."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from gangfinder.synth.casting import Part, Scene
from gangfinder.synth.rings.beds import brokered_admissions, ghost_beds
from gangfinder.synth.rings.bills import forged_bills
from gangfinder.synth.rings.cards import card_pool, crew, lockstep
from gangfinder.synth.rings.persons import impersonation

RINGS: Mapping[str, Callable[[Scene, np.random.Generator, int], Part]] = {
    "T01": card_pool,
    "T05": crew,
    "T06": brokered_admissions,
    "T08": ghost_beds,
    "T10": impersonation,
    "T17": forged_bills,
    "lockstep": lockstep,
}


def plant(scene: Scene) -> list[Part]:
    """Plant the rings that the settings ask for, each from its own stream."""
    settings = scene.world.settings
    played = [
        RINGS[typology](scene, scene.world.streams.rng("ring", typology, number), number)
        for typology in settings.planted
        for number in range(settings.rings_per_typology)
    ]
    # a tiny town can run out of people (of its dead, above all); a ring nobody is in is no ring
    return [part for part in played if len(part.events) or len(part.claims) or part.more or len(part.places)]
