"""Item lines: drugs with days of supply and a trace code of their own, and some services."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from gangfinder.synth.catalogue import BASKET_LINES, DEPARTMENT, DIALYSIS_PRICE, Kind
from gangfinder.synth.columns import money, pick_from
from gangfinder.synth.events import NONE, Events
from gangfinder.synth.idents import digits, literal, scrambled, strings
from gangfinder.synth.names import Names
from gangfinder.synth.rows import Rows
from gangfinder.synth.settle import Bills
from gangfinder.synth.streams import Floats, Ints
from gangfinder.synth.world import World

_SERVICES = ("001203000010000", "001103000020000", "XL01XA0000000000000000")
_SERVICE_NAMES = ("测试血液透析", "测试健康体检", "测试化疗药")


def item_columns(
    world: World, names: Names, events: Events, bills: Bills, rows: Rows, ids: pa.Array
) -> tuple[Ints, Iterator[dict[str, pa.Array]]]:
    """Say to which settlement row each item line belongs, and write the columns of the lines, group by group.

    Parameters
    ----------
    world, names, events, bills, rows
        The town and its settlements.
    ids
        ``settlement_id`` of each row.
    """
    lines = _drug_lines(world, bills, rows)
    services = _service_lines(events, bills, rows)
    at = np.concatenate([lines[0], services[0]])
    where = events["place"][rows.event]
    amounts = _service_amounts(bills, rows, *services)
    return at, _groups(world, names, where, ids, lines, (*services, amounts))


def _groups(
    world: World,
    names: Names,
    where: Ints,
    ids: pa.Array,
    lines: tuple[Ints, Ints, Ints, Ints],
    services: tuple[Ints, Ints, Floats],
) -> Iterator[dict[str, pa.Array]]:
    """Write the columns, a few at a time: a year of items is the largest table of a town."""
    rng, catalogue = world.streams.rng("items"), world.catalogue
    (row, line, drug, box), (service_row, service, service_amount) = lines, services
    at, none = np.concatenate([row, service_row]), np.zeros(len(service), np.int32)
    is_drug = np.arange(len(at)) < len(row)
    traced = is_drug & (rng.random(len(at)) < 0.93)
    yield {"settlement_id": ids.take(pa.array(at)), "institution_id": names.places.take(pa.array(where[at]))}
    yield {"trace_code": _trace_codes(rng, len(at), traced)}
    codes = [f"X{index:03d}TEST{index * 37 % 1000:03d}000000000" for index in range(len(catalogue.prices))]
    titles = [f"测试药品{index + 1}" for index in range(len(catalogue.prices))]
    code = np.concatenate([drug, len(codes) + service])
    yield {
        "item_code": pick_from([*codes, *_SERVICES], code),
        "item_name": pick_from([*titles, *_SERVICE_NAMES], code),
        "unit": pick_from(("盒", "次"), (~is_drug).astype(np.int32)),
    }
    drugs = catalogue.prices[drug] * box * world.places.price_factor[where[row]]
    amount = np.concatenate([drugs, service_amount])
    yield {
        "line_no": pa.array(np.concatenate([line, none + 1]).astype(np.int64)),
        "quantity": pa.array(np.concatenate([box, none + 1]).astype(np.float64)),
        "amount": money(np.round(amount * 100).astype(np.int64)),
        "days_supplied": pa.array(np.concatenate([catalogue.days[drug] * box, none]).astype(np.float64), mask=~is_drug),
    }


def _drug_lines(world: World, bills: Bills, rows: Rows) -> tuple[Ints, Ints, Ints, Ints]:
    """Return row, line number, drug and boxes of every drug line; refunds bring no new box."""
    row = np.flatnonzero((bills.basket[rows.event] != NONE) & (rows.refund_of == NONE))
    basket = bills.basket[rows.event[row]]
    drug = world.catalogue.lines[basket]
    there = drug >= 0
    line = np.broadcast_to(np.arange(1, BASKET_LINES + 1), drug.shape)
    lines = np.repeat(row, there.sum(axis=1)), line[there], drug[there], world.catalogue.boxes[basket][there]
    narrow: list[Any] = [part.astype(np.int32) for part in lines]
    return narrow[0], narrow[1], narrow[2], narrow[3]


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


def _trace_codes(rng: np.random.Generator, size: int, traced: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> pa.Array:
    """Return 20-digit codes, each on one box only."""
    tail = digits(scrambled(np.arange(size), int(rng.integers(1, 2**62))) % np.uint64(10**18), 18)
    codes = strings(np.hstack([literal("99", size), tail]))
    return pick_from(codes, np.where(traced, np.arange(size), -1))
