"""Sizes and times as people write them: ``1.5GB``, ``90m``."""

from __future__ import annotations

import re
from typing import Any

import click

_GIGABYTES = {"": 1.0, "gb": 1.0, "g": 1.0, "mb": 1e-3, "m": 1e-3, "tb": 1e3, "t": 1e3}
_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_WRITTEN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", re.IGNORECASE)


class _Measured(click.ParamType[float]):
    """A number and a unit."""

    def __init__(self, name: str, units: dict[str, float], example: str) -> None:
        self.name, self._units, self._example = name, units, example

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:  # noqa: ANN401
        """Return the value in the first unit."""
        if isinstance(value, int | float):
            return float(value)
        found = _WRITTEN.fullmatch(str(value))
        factor = self._units.get(found[2].lower()) if found else None
        if found is None or factor is None or float(found[1]) <= 0:
            self.fail(f"{value!r} is no {self.name}; write for example {self._example}", param, ctx)
        return float(found[1]) * factor


SIZE = _Measured("size", _GIGABYTES, "1GB or 500MB")
"""Gigabytes."""

DURATION = _Measured("time", _SECONDS, "90s, 30m or 6h")
"""Seconds."""
