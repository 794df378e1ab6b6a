"""Item lines: drugs with days of supply and a trace code for each line, and some services."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from gangfinder.synth.catalogue import BASKET_LINES, DEPARTMENT, DIALYSIS_PRICE, Kind
from gangfinder.synth.columns import money, pick_from
from gangfinder.synth.events import DAY, NONE, Events
from gangfinder.synth.idents import digits, literal, scrambled, strings
from gangfinder.synth.names import Names
from gangfinder.synth.rows import Rows
from gangfinder.synth.settle import Bills
from gangfinder.synth.streams import Flags, Floats, Ints
from gangfinder.synth.world import World

_SERVICES = ("001203000010000", "001103000020000", "XL01XA0000000000000000")
_SERVICE_NAMES = ("测试血液透析", "测试健康体检", "测试化疗药")
_STRAY_SHARE = 1e-4
PIECES_PER_DAY = 2
"""Tablets in a box for each day of supply."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Drug lines as parallel arrays.

    Parameters
    ----------
    row, line
        Settlement row, and number of the line in it from 1.
    drug, box
        Drug and boxes sold.
    place
        House that sold it.
    parcel
        Number of the boxes handed over, -1 where they are new.
    split
        Whether it was sold by the piece.
    returned
        Whether it was brought back.
    coded
        Whether the house scanned codes at all.
    """

    row: Ints
    line: Ints
    drug: Ints
    box: Ints
    place: Ints
    parcel: Ints
    split: Flags
    returned: Flags
    coded: Flags


def item_columns(
    world: World, names: Names, events: Events, bills: Bills, rows: Rows, ids: pa.Array, lines: Lines
) -> tuple[Ints, Iterator[dict[str, pa.Array]]]:
    """Say to which settlement row each item line belongs, and write the columns of the lines, group by group.

    Parameters
    ----------
    world, names, events, bills, rows
        The town and its settlements.
    ids
        ``settlement_id`` of each row.
    lines
        Its drug lines (:func:`drug_lines`).
    """
    services = _service_lines(events, bills, rows)
    at = np.concatenate([lines.row, services[0]])
    amounts = _service_amounts(bills, rows, *services)
    where = events["place"][rows.event]
    return at, _groups(world, names, where, ids, lines, (*services, amounts))


def _groups(
    world: World,
    names: Names,
    where: Ints,
    ids: pa.Array,
    lines: Lines,
    services: tuple[Ints, Ints, Floats],
) -> Iterator[dict[str, pa.Array]]:
    """Write the columns, a few at a time: a year of items is the largest table of a town."""
    rng, catalogue = world.streams.rng("items"), world.catalogue
    row, drug, split = lines.row, lines.drug, lines.split
    service_row, service, service_amount = services
    at, none = np.concatenate([row, service_row]), np.zeros(len(service), np.int32)
    is_drug = np.arange(len(at)) < len(row)
    traced = is_drug & (rng.random(len(at)) < 0.93)
    traced[: len(row)] &= lines.coded
    pieces = np.maximum(1, catalogue.days[drug] * PIECES_PER_DAY // 4)
    yield {"settlement_id": ids.take(pa.array(at)), "institution_id": names.places.take(pa.array(where[at]))}
    yield {"trace_code": _trace_codes(world, lines, rng, traced)}
    codes = item_codes(world)
    titles = [f"测试药品{index + 1}" for index in range(len(catalogue.prices))]
    code = np.concatenate([drug, len(codes) + service])
    yield {
        "item_code": pick_from([*codes, *_SERVICES], code),
        "item_name": pick_from([*titles, *_SERVICE_NAMES], code),
        "unit": pick_from(("盒", "次", "片"), np.concatenate([np.where(split, 2, 0), none + 1])),
    }
    yield _flags(world, lines, len(service))
    share = np.where(split, 0.25, lines.box)
    drugs = catalogue.prices[drug] * share * world.places.price_factor[lines.place]
    amount = np.concatenate([drugs, service_amount])
    yield {
        "line_no": pa.array(np.concatenate([lines.line, none + 1]).astype(np.int64)),
        "quantity": pa.array(np.concatenate([np.where(split, pieces, lines.box), none + 1]).astype(np.float64)),
        "amount": money(np.round(amount * 100).astype(np.int64)),
        "days_supplied": pa.array(np.concatenate([catalogue.days[drug] * share, none]).astype(float), mask=~is_drug),
    }


def item_codes(world: World) -> list[str]:
    """Return the code of every drug."""
    return [f"X{index:03d}TEST{index * 37 % 1000:03d}000000000" for index in range(len(world.catalogue.prices))]


def _flags(world: World, lines: Lines, services: int) -> dict[str, pa.Array]:
    """Return the flags of opened packs and of returns, which not every house uploads."""
    rng = world.streams.shared("flags uploaded")
    opened, back = rng.random(world.places.count) < 0.8, rng.random(world.places.count) < 0.7
    none = np.zeros(services, dtype=bool)
    return {
        "split_pack": pa.array(np.concatenate([lines.split & opened[lines.place], none])),
        "returned": pa.array(np.concatenate([lines.returned & back[lines.place], none])),
    }


def drug_lines(world: World, events: Events, bills: Bills, rows: Rows) -> Lines:
    """Return every drug line; refunds bring no new box.

    Parameters
    ----------
    world, events, bills, rows
        The town and its settlements.
    """
    row = np.flatnonzero((bills.basket[rows.event] != NONE) & (rows.refund_of == NONE))
    basket = bills.basket[rows.event[row]]
    drug = world.catalogue.lines[basket]
    there = drug >= 0
    line = np.broadcast_to(np.arange(1, BASKET_LINES + 1), drug.shape)
    lines = np.repeat(row, there.sum(axis=1)), line[there], drug[there], world.catalogue.boxes[basket][there]
    narrow: list[Any] = [part.astype(np.int32) for part in lines]
    event = rows.event[lines[0]]
    place = events["place"][event]
    coded = events["at"][event] >= world.marks.shelves.coded_from[place] * DAY
    parcel, split = events["parcel"][event], events["split"][event]
    return Lines(
        narrow[0], narrow[1], narrow[2], narrow[3], place, parcel, split, rows.refunded[lines[0]], coded
    )


def _service_lines(events: Events, bills: Bills, rows: Rows) -> tuple[Ints, Ints]:
    """Return row and service of dialysis, check-ups and chemotherapy."""
    kind, ward = events["kind"][rows.event], bills.ward[rows.event]
    plain = rows.refund_of == NONE
    found = [
        np.flatnonzero(plain & (kind == Kind.DIALYSIS)),
        np.flatnonzero(plain & (kind == Kind.CHECKUP)),
        np.flatnonzero(plain & (kind == Kind.STAY) & (ward == DEPARTMENT["肿瘤科"]) & (rows.half != 1)),
    ]
    return np.concatenate(found), np.repeat(np.arange(3), [len(f) for f in found])


def _service_amounts(bills: Bills, rows: Rows, row: Ints, service: Ints) -> Floats:
    total = bills.total[rows.event[row]] / 100
    return np.select(
        [service == 0, service == 1], [np.full(len(row), DIALYSIS_PRICE), total], np.round(total * 0.35, 2)
    )


def _trace_codes(world: World, lines: Lines, rng: np.random.Generator, traced: Flags) -> pa.Array:
    """Return 20-digit codes: one for each line, the same for the same parcel, the shelf's where that is scanned."""
    size, count = len(traced), len(lines.row)
    tail = scrambled(np.arange(size), int(rng.integers(1, 2**62)))
    key = int(world.streams.shared("boxes").integers(1, 2**62))
    own = np.flatnonzero(lines.parcel != NONE)
    tail[own] = scrambled(lines.parcel[own].astype(np.int64) * 8 + lines.line[own], key)
    taken, lent = _strays(rng, lines.drug)
    tail[taken] = tail[lent]
    labelled = world.marks.shelves.labelled
    label = np.flatnonzero(rng.random(count) < labelled[lines.place, lines.drug])
    shelf = lines.place[label].astype(np.int64) * labelled.shape[1] + lines.drug[label]
    tail[label] = scrambled(shelf, key ^ 0x5E1F)
    codes = strings(np.hstack([literal("99", size), digits(tail % np.uint64(10**18), 18)]))
    return pick_from(codes, np.where(traced, np.arange(size), -1))


def _strays(rng: np.random.Generator, drug: Ints) -> tuple[Ints, Ints]:
    """Return lines that bear the code of another line of the same drug: returns nobody noted, fakes, slips."""
    order = np.lexsort((rng.random(len(drug)), drug))
    at = np.flatnonzero(rng.random(max(len(drug) - 1, 0)) < _STRAY_SHARE)
    at = at[drug[order[at]] == drug[order[at + 1]]]
    return order[at], order[at + 1]
