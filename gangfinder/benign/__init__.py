"""Benign explanations: one file each, discovered. See :mod:`gangfinder.benign.contract`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache

from gangfinder.benign.contract import Explanation
from gangfinder.model.registry import discover

NOT_PLUGINS = ("contract", "application")

__all__ = ["Explanation", "explanations"]


@cache
def explanations() -> Mapping[str, Explanation]:
    """Return every benign explanation by slug, in name order."""
    return discover(sys.modules[__name__], "EXPLANATION", Explanation)
