"""Typologies: one file each, discovered. See :mod:`gangfinder.typologies.contract`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache

from gangfinder.model.registry import discover
from gangfinder.typologies.contract import Typology

NOT_PLUGINS = ("contract", "detection", "rings")

__all__ = ["Typology", "typologies"]


@cache
def typologies() -> Mapping[str, Typology]:
    """Return every typology by slug, in name order."""
    return discover(sys.modules[__name__], "TYPOLOGY", Typology)
