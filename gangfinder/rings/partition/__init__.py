"""Partition algorithms: one file each, discovered. See :mod:`gangfinder.rings.partition.contract`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache

from gangfinder.model.registry import discover
from gangfinder.rings.partition.contract import Algorithm, Partition, partition

NOT_PLUGINS = ("contract",)

__all__ = ["Algorithm", "Partition", "algorithms", "partition"]


@cache
def algorithms() -> Mapping[str, Algorithm]:
    """Return every partition algorithm by slug, in name order."""
    return discover(sys.modules[__name__], "PARTITION", Algorithm)
