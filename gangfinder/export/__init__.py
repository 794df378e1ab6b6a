"""Exporters: one file per format, discovered. See :mod:`gangfinder.export.contract`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache

from gangfinder.export.contract import Artifact, Exporter
from gangfinder.model.registry import discover

NOT_PLUGINS = ("contract", "projection", "publish", "cells", "changes", "folder")

__all__ = ["Artifact", "Exporter", "exporters"]


@cache
def exporters() -> Mapping[str, Exporter]:
    """Return every exporter by slug, in name order."""
    return discover(sys.modules[__name__], "EXPORTER", Exporter)
