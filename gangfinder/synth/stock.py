"""Stock books: what a house had, received, sent away and counted, month by month, for every drug it sold.

The books follow from what left the shelves. Houses keep them honestly, with slips in counting and boxes that break or
expire; a settlement for which nothing left the shelf leaves no trace in what was received and counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from gangfinder.synth.catalogue import PlaceKind
from gangfinder.synth.columns import as_table, pick_from
from gangfinder.synth.events import DAY, Events
from gangfinder.synth.idents import scrambled
from gangfinder.synth.items import PIECES_PER_DAY, Lines, item_codes
from gangfinder.synth.names import Names
from gangfinder.synth.rows import Rows
from gangfinder.synth.streams import Flags, Floats, Ints
from gangfinder.synth.world import World

_CARTON = 5
_LOSS_SHARE = 0.012
_SLIP_SHARE = 0.05
_SUPPLIERS = 12


@dataclass(frozen=True, slots=True)
class Leaving:
    """Boxes sold by place, drug and month.

    Parameters
    ----------
    slot
        ``(place * drugs + drug) * months + month``, sorted, distinct.
    settled
        Boxes that the books call sold.
    gone
        Boxes among them that left the shelf.
    """

    slot: Ints
    settled: Floats
    gone: Floats

    def of(self, wanted: Flags) -> Leaving:
        """Return a part of them."""
        return Leaving(self.slot[wanted], self.settled[wanted], self.gone[wanted])


def leaving(world: World, events: Events, rows: Rows, lines: Lines, kept: Flags) -> Leaving:
    """Count the boxes that are called sold and those that left the shelf.

    Parameters
    ----------
    world, events, rows, lines
        The town and its drug lines.
    kept
        Which settlement rows are written.
    """
    sold = np.flatnonzero(kept[lines.row] & ~lines.returned)
    event, drug = rows.event[lines.row[sold]], lines.drug[sold]
    boxes = np.where(lines.split[sold], 0.25, lines.box[sold])
    drugs = np.int64(len(world.catalogue.prices))
    slot = (lines.place[sold] * drugs + drug) * world.settings.months + _months(world, events["at"][event])
    unstocked = events["unstocked"][event]
    return _summed(slot, np.where(unstocked == 1, 0.0, boxes), np.where(unstocked > 0, 0.0, boxes))


def _months(world: World, at: Ints) -> Ints:
    days = (at // DAY).astype("datetime64[D]")
    return (days.astype("datetime64[M]") - np.datetime64(world.settings.start, "M")).astype(np.int64)


def _summed(slot: Ints, settled: Floats, gone: Floats) -> Leaving:
    found, where = np.unique(slot, return_inverse=True)
    called: Floats = np.bincount(where, settled, len(found)).astype(np.float64)
    return Leaving(found, called, np.bincount(where, gone, len(found)).astype(np.float64))


def stock_table(world: World, names: Names, parts: Sequence[Leaving]) -> pa.Table:
    """Write the stock books of every shop and clinic for every drug it sold in the period.

    Parameters
    ----------
    world, names
        The town.
    parts
        What was sold, by batch.
    """
    months, drugs = world.settings.months, len(world.catalogue.prices)
    whole = _summed(*(np.concatenate([getattr(p, n) for p in parts]) for n in ("slot", "settled", "gone")))
    kind = world.places.kind[whole.slot // months // drugs]
    whole = whole.of(np.isin(kind, [PlaceKind.PHARMACY, PlaceKind.CLINIC]))
    pair = np.unique(whole.slot // months)
    pair = np.union1d(pair, _supplying(world, pair))
    where = np.searchsorted(pair, whole.slot // months)
    settled, gone = np.zeros((len(pair), months)), np.zeros((len(pair), months))
    settled[where, whole.slot % months], gone[where, whole.slot % months] = whole.settled, whole.gone
    place, drug = pair // drugs, pair % drugs
    return _written(world, names, place, drug, settled, _books(world, place, drug, gone))


def _supplying(world: World, pair: Ints) -> Ints:
    """Return the shelves of sister houses from which drugs are sent on."""
    shelves, drugs = world.marks.shelves, len(world.catalogue.prices)
    place, drug = pair // drugs, pair % drugs
    sent = shelves.from_sister[place, drug] & (shelves.sister[place] >= 0)
    return shelves.sister[place[sent]] * drugs + drug[sent]


def _books(world: World, place: Ints, drug: Ints, gone: Floats) -> dict[str, Floats]:
    """Return opening, received, returned, sent away and counted boxes, by pair and month.

    Every shelf has random numbers of its own, so that another ring leaves its books as they were.
    """
    shelves = world.marks.shelves
    count, months = gone.shape
    noise = _noise(world, place * np.int64(len(world.catalogue.prices)) + drug, months)
    level = np.ceil(gone.mean(axis=1) * (1.2 + noise[:, 0, 3])) + 2
    from_sister = shelves.from_sister[place, drug] & (shelves.sister[place] >= 0)
    samples = shelves.samples[place, drug]
    out = {name: np.zeros((count, months)) for name in ("opening", "purchased", "returned", "transferred", "closing")}
    on_shelf = level.copy()
    counted = on_shelf.copy()
    for month in range(months):
        u = noise[:, month]
        needed = np.maximum(gone[:, month] + level - on_shelf, 0.0)
        received = np.ceil(needed / _CARTON) * _CARTON
        back = np.where(u[:, 0] < 0.02, np.minimum(3.0, level // 2), 0.0)
        on_shelf = on_shelf + received - gone[:, month] - back
        lost = np.minimum((on_shelf * _LOSS_SHARE + u[:, 1]).astype(np.int64), on_shelf)
        on_shelf = np.maximum(on_shelf - lost, 0.0)
        slip = np.where(u[:, 2] < _SLIP_SHARE, np.sign(u[:, 2] - _SLIP_SHARE / 2) * (1 + (u[:, 3] < 0.3)), 0.0)
        out["opening"][:, month], out["returned"][:, month] = counted, back
        # what a sister sends and what is given for free stands in no delivery note
        out["purchased"][:, month] = np.where(from_sister | (samples & (month % 4 == 2)), 0.0, received)
        _send(world, place, drug, np.where(from_sister, received, 0.0), out["transferred"][:, month])
        counted = np.maximum(on_shelf + slip, 0.0)
        out["closing"][:, month] = counted
    # what is sent on was bought for it
    out["purchased"] += out["transferred"]
    return out


def _noise(world: World, pair: Ints, months: int) -> Floats:
    """Return four uniform numbers for each pair and month that depend on nothing else."""
    key = int(world.streams.shared("stock").integers(1, 2**62))
    slot = (pair[:, None] * 64 + np.arange(months)[None, :])[:, :, None] * 4 + np.arange(4)
    return np.asarray((scrambled(slot.ravel(), key) >> np.uint64(11)).reshape(slot.shape) / 2.0**53)


def _send(world: World, place: Ints, drug: Ints, boxes: Floats, column: Floats) -> None:
    """Book what sisters send on the shelves it comes from."""
    moved = np.flatnonzero(boxes)
    if not len(moved):
        return
    drugs = len(world.catalogue.prices)
    pair = place * drugs + drug
    giver = world.marks.shelves.sister[place[moved]] * drugs + drug[moved]
    np.add.at(column, np.searchsorted(pair, giver), boxes[moved])


def _written(
    world: World, names: Names, place: Ints, drug: Ints, settled: Floats, books: dict[str, Floats]
) -> pa.Table:
    """Return the rows: from the month in which a house keeps books, in boxes or in tablets."""
    shelves, months = world.marks.shelves, world.settings.months
    habit = shelves.in_pieces[place, drug]
    factor = np.where(habit > 0, world.catalogue.days[drug] * PIECES_PER_DAY, 1)[:, None]
    first = _months(world, np.maximum(shelves.books_from[place], world.first_day) * DAY)
    # a house that has just begun to keep books does not know what it had
    books["opening"][np.arange(months)[None, :] == np.where(first > 0, first, -1)[:, None]] = 0.0
    # a month in which nothing moved is not written down
    moved = (settled > 0) | (books["purchased"] > 0) | (books["opening"] != books["closing"])
    row, month = np.nonzero((np.arange(months)[None, :] >= first[:, None]) & moved)
    base = np.datetime64(world.settings.start, "M")
    labels = [str(base + m) for m in range(months)]
    supplier = (drug[row] * 7 + place[row] * 3) % _SUPPLIERS
    return as_table(
        "stock",
        {
            "institution_id": names.places.take(pa.array(place[row])),
            "item_code": pick_from(item_codes(world), drug[row]),
            "month": pick_from(labels, month),
            "unit": pick_from(("盒", "片"), np.where(habit[row] == 2, -1, habit[row])),
            "sold": pa.array((settled * factor)[row, month]),
            "supplier_id": pick_from([f"9900SUP{i:03d}" for i in range(_SUPPLIERS)], supplier),
            **{name: pa.array((value * factor)[row, month]) for name, value in books.items()},
        },
    )
