"""The rows of a group as arrays: made once, read by every test of a group. Counts of everybody, by house.

A group has some hundred rows and is asked some hundred questions; each costs microseconds on arrays, and a
millisecond on a data frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from gangfinder.model.group import Counts, Group

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Objects = NDArray[np.object_]

T = TypeVar("T")

DAY_MICROSECONDS = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Visits:
    """A group's rows by house, instant and source key.

    Parameters
    ----------
    position
        Position in ``group.rows``.
    people, houses
        Ids, sorted.
    who, house, unit
        Positions in ``people`` and ``houses``; number of the unit of whoever came.
    micros
        Microseconds since 1970.
    yuan
        Amounts.
    """

    position: Ints
    people: Objects
    houses: Objects
    who: Ints
    house: Ints
    unit: Ints
    micros: Ints
    yuan: Floats

    @property
    def day(self) -> Ints:
        """Days since 1970."""
        return self.micros // DAY_MICROSECONDS

    @property
    def minute(self) -> Floats:
        """Minutes since midnight, with their fraction."""
        return (self.micros % DAY_MICROSECONDS) / 1e6 / 60.0

    def at(self, chosen: NDArray[np.int64] | NDArray[np.bool_]) -> Visits:
        """Return some of the rows."""
        return Visits(
            self.position[chosen], self.people, self.houses, self.who[chosen], self.house[chosen], self.unit[chosen],
            self.micros[chosen], self.yuan[chosen],
        )

    def by_house(self) -> Iterator[tuple[int, Visits]]:
        """Return the rows of every house that has some, in the order of the houses."""
        begins = np.flatnonzero(np.diff(self.house, prepend=-1))
        for begin, end in zip(begins, np.append(begins[1:], len(self.house)), strict=True):
            yield int(self.house[begin]), self.at(np.arange(begin, end))

    def firsts(self) -> Visits:
        """Return the first visit of every person, house and day."""
        day = self.day
        span = int(day.max()) + 1 if day.size else 1
        key = (self.house * span + day) * max(1, len(self.people)) + self.who
        return self.at(np.sort(np.unique(key, return_index=True)[1]))


def remembered(group: Group, name: str, make: Callable[[Group], T]) -> T:
    """Return what was made of exactly this group, making it the first time."""
    if name not in group.memo:
        group.memo[name] = make(group)
    return cast("T", group.memo[name])


def visits(group: Group) -> Visits:
    """Return the group's rows as arrays."""
    return remembered(group, "visits", _visits)


def first_visits(group: Group) -> Visits:
    """Return the first visit of every member, house and day."""
    return remembered(group, "first visits", lambda g: visits(g).firsts())


def _visits(group: Group) -> Visits:
    import pandas as pd

    rows = group.rows
    who, people = pd.factorize(texts(rows, "subject_id"), sort=True)
    house, houses = pd.factorize(texts(rows, "institution_id"), sort=True)
    micros = rows["event_at"].to_numpy().astype("datetime64[us]").astype(np.int64)
    order = np.lexsort((micros, house))
    if ((np.diff(micros[order]) == 0) & (np.diff(house[order]) == 0)).any():
        order = np.lexsort((pd.factorize(texts(rows, "source_key"), sort=True)[0], micros, house))
    unit = np.unique(np.array([group.units.get(p, p) for p in people], dtype=str), return_inverse=True)[1]
    yuan = rows["amount"].to_numpy(dtype=np.float64)
    whole = Visits(np.arange(len(rows)), people, houses, who, house, unit[who], micros, yuan)
    return whole.at(order)


def texts(frame: pd.DataFrame, column: str) -> Objects:
    """Return a column of ids as an array of Python texts."""
    return np.asarray(frame[column].to_numpy(dtype=object))


def counted(frame: pd.DataFrame, what: str, n: str) -> dict[str, Counts]:
    """Return counts per house: house → (dates as days since 1970, or whole numbers, ascending; how many of each)."""
    import pandas as pd

    if frame.empty:
        return {}
    code, names = pd.factorize(texts(frame, "institution_id"), sort=True)
    values = frame[what].to_numpy()
    values = (values.astype("datetime64[D]") if what == "on" else values).astype(np.int64)
    order = np.lexsort((values, code))
    ends = np.cumsum(np.bincount(code, minlength=len(names)))[:-1]
    parts = zip(np.split(values[order], ends), np.split(frame[n].to_numpy(dtype=float)[order], ends), strict=True)
    return {str(name): part for name, part in zip(names, parts, strict=True)}
