"""Conduct: who went where and when. Everything else about a row is added later by one rule for all rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gangfinder.synth.streams import Flags, Floats, Ints

NONE = -1
DAY = 86_400
FREE = 0  # origin of ordinary events

# every column of conduct with its type and the value that means "left to the common rule"
_COLUMNS: Mapping[str, tuple[str, Any]] = {
    "patient": ("int32", NONE),
    "place": ("int32", NONE),
    "at": ("int64", NONE),          # seconds since 1970; for a stay the discharge
    "kind": ("int8", 0),
    "admitted": ("int64", NONE),    # seconds since 1970, stays only
    "ward": ("int16", NONE),
    "diagnosis": ("int16", NONE),
    "terminal": ("int32", NONE),
    "operator": ("int32", NONE),
    "doctor": ("int32", NONE),
    "basket": ("int32", NONE),
    "cost": ("float64", np.nan),    # total of a stay, where the house decides it
    "waived": ("bool", False),      # the house asks no cash
    "payer": ("int32", NONE),       # relative whose account pays
    "contact": ("int32", NONE),     # person whose phone stands as contact
    "agent": ("int32", NONE),       # person who acts for the patient
    "bed": ("int32", NONE),
    "origin": ("int32", FREE),      # 0 ordinary, > 0 look-alike number, < 0 ring number; never written
    "fixed": ("bool", False),       # must not be dropped when it contradicts another row
}


@dataclass(frozen=True, slots=True)
class Events:
    """A table of conduct; ``columns`` holds one array for each name above."""

    columns: Mapping[str, NDArray[Any]]

    @staticmethod
    def of(**given: Any) -> Events:
        """Build events from arrays and scalars; what is not given is left to the common rule."""
        size = max((len(v) for v in given.values() if np.ndim(v) > 0), default=1)
        unknown = set(given) - set(_COLUMNS)
        if unknown:
            raise KeyError(*sorted(unknown))
        columns = {
            name: np.broadcast_to(np.asarray(given.get(name, default)), size).astype(dtype)
            for name, (dtype, default) in _COLUMNS.items()
        }
        return Events(columns)

    @staticmethod
    def joined(parts: Iterable[Events]) -> Events:
        """Return all events of several tables, in order."""
        tables = list(parts) or [Events.of(patient=np.empty(0, dtype=np.int64))]
        return Events({name: np.concatenate([t.columns[name] for t in tables]) for name in _COLUMNS})

    def __len__(self) -> int:
        return len(self.columns["patient"])

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.columns[name]

    def take(self, rows: Ints | Flags) -> Events:
        """Return the given rows, by position or mask."""
        return Events({name: column[rows] for name, column in self.columns.items()})

    def having(self, **changed: Any) -> Events:
        """Return the same events with some columns replaced."""
        size = len(self)
        fresh = {n: np.broadcast_to(np.asarray(v), size).astype(_COLUMNS[n][0]) for n, v in changed.items()}
        return Events({**self.columns, **fresh})


def clock(rng: np.random.Generator, profile: Floats, place_kinds: Ints) -> Ints:
    """Draw seconds of the day from the cumulative hour profiles of the places' kinds."""
    hours = (rng.random(len(place_kinds))[:, None] > profile[place_kinds]).sum(axis=1)
    return hours.astype(np.int64) * 3600 + rng.integers(0, 3600, len(place_kinds))
