"""What houses do with boxes: habits at the scanner, books in tablets, stock that moves inside a chain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from gangfinder.synth.streams import Flags, Floats, Ints

_PARTS, _PARCELS = 10_000, 10_000


@dataclass(frozen=True, slots=True)
class Shelves:
    """Habits of houses, by place or by place and drug; look-alikes set them before any row is written.

    Parameters
    ----------
    labelled
        Share of a house's sales of a drug at which the label of the shelf is scanned instead of the box.
    coded_from
        Day since 1970 from which a house scans codes at all.
    books_from
        Day since 1970 from which a house keeps books of its stock.
    in_pieces
        0 books in boxes, 1 in tablets, 2 in tablets without saying so.
    sister
        House of the same chain that supplies a house, -1 for none.
    from_sister
        Drugs that come from the sister without a delivery note.
    samples
        Drugs of which a house is given free boxes that it never books.
    """

    labelled: Floats
    coded_from: Ints
    books_from: Ints
    in_pieces: Ints
    sister: Ints
    from_sister: Flags
    samples: Flags

    @classmethod
    def plain(cls, places: int, drugs: int) -> Self:
        """Return the habits of houses that have none."""
        whole = (places, drugs)
        return cls(
            np.zeros(whole), np.zeros(places, np.int64), np.zeros(places, np.int64), np.zeros(whole, np.int64),
            np.full(places, -1, dtype=np.int64), np.zeros(whole, dtype=bool), np.zeros(whole, dtype=bool),
        )


def parcels(kind: int, number: int, count: int) -> Ints:
    """Return numbers of parcels that no other part uses; what is sold twice bears the same number twice.

    Parameters
    ----------
    kind
        Number of the kind of part.
    number
        Number of the part among those of its kind.
    count
        How many.
    """
    return (kind * _PARTS + number % _PARTS) * _PARCELS + np.arange(count) % _PARCELS
