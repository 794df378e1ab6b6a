"""Linkers: one file each, discovered. See :mod:`gangfinder.linking.contract`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache

from gangfinder.linking.contract import Linker
from gangfinder.model.registry import discover

NOT_PLUGINS = (
    "contract", "behaviour", "blinding", "convolution", "execution", "forgetting", "neighbouring", "pairing",
    "paper_bills", "projection",
)

__all__ = ["Linker", "linkers"]


@cache
def linkers() -> Mapping[str, Linker]:
    """Return every linker by slug, in name order."""
    return discover(sys.modules[__name__], "LINKER", Linker)
