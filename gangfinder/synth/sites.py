"""Which places every ring needs, so that no two rings ever share one."""

from __future__ import annotations

from gangfinder.synth.catalogue import PlaceKind
from gangfinder.synth.settings import LIVES, STYLES, TYPOLOGIES, TownSettings

SITES = {
    # typology: (places for each ring, the kinds they are drawn from)
    "T01": (2, (PlaceKind.PHARMACY, PlaceKind.CLINIC)),
    "T05": (6, (PlaceKind.PHARMACY, PlaceKind.CLINIC)),
    "T06": (1, (PlaceKind.SMALL,)),
    "T08": (1, (PlaceKind.SMALL,)),
    "T10": (2, (PlaceKind.PHARMACY, PlaceKind.CLINIC)),
    "T17": (2, (PlaceKind.REMOTE,)),
    "T11": (4, (PlaceKind.CLINIC, PlaceKind.PHARMACY)),
    "T14": (1, (PlaceKind.PHARMACY,)),
    "T15": (2, (PlaceKind.PHARMACY,)),
    "T03": (1, (PlaceKind.PHARMACY,)),
    "T04": (2, (PlaceKind.PHARMACY, PlaceKind.CLINIC)),
    "T22": (1, (PlaceKind.PHARMACY, PlaceKind.CLINIC)),
    "T07": (3, (PlaceKind.SMALL,)),
    "T12": (3, (PlaceKind.SMALL,)),
    "T13": (2, (PlaceKind.PHARMACY, PlaceKind.CLINIC)),
    "T21": (2, (PlaceKind.CLINIC,)),
    "T02": (1, (PlaceKind.PHARMACY,)),
    "T23": (1, (PlaceKind.SMALL,)),
    "T24": (1, (PlaceKind.CLINIC,)),
    "T16": (1, (PlaceKind.SMALL,)),
    "T18": (1, (PlaceKind.SMALL,)),
    "lockstep": (4, (PlaceKind.PHARMACY, PlaceKind.CLINIC)),
    "hidden_dialysis": (1, (PlaceKind.SMALL,)),
    "hidden_village": (1, (PlaceKind.SMALL,)),
    "hidden_home": (1, (PlaceKind.SMALL,)),
    "star_clinic": (1, (PlaceKind.CLINIC,)),
    "star_seller": (1, (PlaceKind.PHARMACY,)),
    "lockstep_wide": (6, (PlaceKind.PHARMACY, PlaceKind.CLINIC)),
    "weekly_pool": (2, (PlaceKind.PHARMACY, PlaceKind.CLINIC)),
}

FOUNDING = ("T01", "T05", "T06", "T08", "T10", "T17", "lockstep")
"""Sites of these are set aside in every town."""


def site_needs(settings: TownSettings) -> dict[str, tuple[int, tuple[PlaceKind, ...]]]:
    """Return how many places of which kinds each ring of each typology asked for needs, planted or not."""
    asked = {*FOUNDING, *(settings.typologies or (LIVES if settings.weeks else TYPOLOGIES))}
    # leaving out one of the further typologies leaves the stage as it was
    if not asked <= {*FOUNDING, *STYLES, *LIVES}:
        asked |= {*TYPOLOGIES}
    return {typology: need for typology, need in SITES.items() if typology in asked}


def further_places(settings: TownSettings, kind: PlaceKind) -> int:
    """Return how many places of a kind a town has more, for the rings beyond the founding typologies."""
    further = [
        (max(3, settings.rings_of(typology)) * count, kinds)
        for typology, (count, kinds) in site_needs(settings).items()
        if typology not in FOUNDING
    ]
    return sum(count for count, kinds in further if kind == kinds[0])
