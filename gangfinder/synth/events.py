"""Conduct: who went where and when. Everything else about a row is added later by one rule for all rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

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
    "at": ("int64", NONE),  # seconds since 1970; for a stay the discharge
    "kind": ("int8", 0),
    "admitted": ("int64", NONE),  # seconds since 1970, stays only
    "ward": ("int16", NONE),
    "diagnosis": ("int16", NONE),
    "terminal": ("int32", NONE),
    "operator": ("int32", NONE),
    "doctor": ("int32", NONE),  # at a pharmacy: who prescribes
    "rx": ("int16", NONE),  # flags of the prescription (see scripts), 0 for none
    "consult": ("int16", NONE),  # seconds from the visit to the prescription
    "lead": ("int32", NONE),  # seconds from the prescription to the sale, negative when it was written later
    "basket": ("int32", NONE),
    "cost": ("float64", np.nan),  # total of a stay, where the house decides it
    "fee": ("float64", np.nan),  # fee of a visit beside the drugs, where the house decides it
    "credential": ("int8", NONE),  # 0 electronic, 1 identity card, 2 social-security card
    "waived": ("bool", False),  # the house asks no cash
    "payer": ("int32", NONE),  # relative whose account pays
    "contact": ("int32", NONE),  # person whose phone stands as contact
    "agent": ("int32", NONE),  # person who acts for the patient
    "bed": ("int32", NONE),
    "leaves": ("int8", NONE),  # position in LEAVING: how a stay ends, where it is known
    "parcel": ("int32", NONE),  # number of the boxes handed over: the same number twice, the same boxes twice
    "split": ("bool", False),  # sold by the piece from an opened box
    "undone": ("bool", False),  # refunded later
    "unstocked": ("int8", 0),  # settled, but nothing left the shelf: 1 the books know it, 2 they call it sold
    "origin": ("int32", FREE),  # 0 ordinary, > 0 look-alike number, < 0 ring number; never written
    "fixed": ("bool", False),  # must not be dropped when it contradicts another row
}


LEAVING = ("1", "2", "3", "4", "9")
"""``discharge_way``: home, to another hospital, to the community, against advice, other."""

_CLAIM_COLUMNS: Mapping[str, tuple[str, Any]] = {
    "patient": ("int32", NONE),
    "place": ("int32", NONE),
    "admitted": ("int64", NONE),  # day since 1970
    "nights": ("int32", 1),
    "submitted": ("int64", NONE),  # day since 1970
    "total": ("float64", np.nan),
    "invoice": ("int64", NONE),  # position in the hospital's invoice series
    "account": ("int64", NONE),  # person whose account is paid, or COMMON + number of a common account
    "agent": ("int32", NONE),  # person who hands the claim in
    "handler": ("int32", NONE),  # member of staff
    "benefit": ("int8", 0),  # position in reimbursed.BENEFITS
    "fund": ("float64", np.nan),  # what is paid, where the claim decides it; negative: taken back
    "origin": ("int32", FREE),
}

COMMON = 1 << 40
"""Accounts from here on belong to no resident: employers, villages, and whoever else."""


@dataclass(frozen=True, slots=True)
class Conduct:
    """A table of conduct: one array for each column of its schema."""

    columns: Mapping[str, NDArray[Any]]
    schema: ClassVar[Mapping[str, tuple[str, Any]]] = {}

    @classmethod
    def of(cls, **given: object) -> Self:
        """Build a table from arrays and scalars; what is not given is left to the common rule."""
        size = max((v.size for v in map(np.asarray, given.values()) if v.ndim), default=1)
        unknown = set(given) - set(cls.schema)
        if unknown:
            raise KeyError(*sorted(unknown))
        return cls(
            {
                name: np.broadcast_to(np.asarray(given.get(name, default)), size).astype(dtype)
                for name, (dtype, default) in cls.schema.items()
            }
        )

    @classmethod
    def none(cls) -> Self:
        """Return an empty table."""
        return cls.of(patient=np.empty(0, dtype=np.int64))

    @classmethod
    def joined(cls, parts: Iterable[Self]) -> Self:
        """Return all rows of several tables, in order."""
        tables = list(parts) or [cls.none()]
        return cls({name: np.concatenate([t.columns[name] for t in tables]) for name in cls.schema})

    def __len__(self) -> int:
        return len(self.columns["patient"])

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.columns[name]

    def take(self, rows: Ints | Flags) -> Self:
        """Return the given rows, by position or mask."""
        return type(self)({name: column[rows] for name, column in self.columns.items()})

    def having(self, **changed: object) -> Self:
        """Return the same table with some columns replaced."""
        size = len(self)
        fresh = {n: np.broadcast_to(np.asarray(v), size).astype(self.schema[n][0]) for n, v in changed.items()}
        return type(self)({**self.columns, **fresh})


class Events(Conduct):
    """Visits and stays that the fund settles on the spot."""

    __slots__ = ()
    schema = _COLUMNS


class Claims(Conduct):
    """Bills handed in for manual reimbursement."""

    __slots__ = ()
    schema = _CLAIM_COLUMNS


def clock(rng: np.random.Generator, profile: Floats, place_kinds: Ints) -> Ints:
    """Draw seconds of the day from the cumulative hour profiles of the places' kinds."""
    hours = (rng.random(len(place_kinds))[:, None] > profile[place_kinds]).sum(axis=1)
    return np.asarray(hours.astype(np.int64) * 3600 + rng.integers(0, 3600, len(place_kinds)), dtype=np.int64)
