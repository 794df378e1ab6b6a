"""Rows in two batches, honest and planted, so that planting a ring leaves every honest row as it was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from gangfinder.synth.columns import as_table, pick_from
from gangfinder.synth.events import Events
from gangfinder.synth.idents import opaque
from gangfinder.synth.items import drug_lines, item_columns
from gangfinder.synth.names import Names
from gangfinder.synth.rows import Rows, make_rows, settlement_columns
from gangfinder.synth.scripts import Scripts, make_scripts, script_table
from gangfinder.synth.settle import Bills, make_bills
from gangfinder.synth.stock import Leaving, leaving
from gangfinder.synth.streams import Flags, Ints
from gangfinder.synth.world import World


@dataclass(frozen=True, slots=True)
class Batch:
    """Conduct and the rows made of it.

    Parameters
    ----------
    world
        The town, with the batch's own branch of the random streams.
    events, bills, scripts, rows
        Conduct, prices, prescriptions and rows.
    kept
        Which rows are written; honest rows that a planted one makes impossible are not.
    settlement_ids
        By row.
    columns
        The columns of the settlements, written group by group when they are asked for, once.
    """

    world: World
    events: Events
    bills: Bills
    scripts: Scripts
    rows: Rows
    kept: Flags
    settlement_ids: pa.Array
    columns: Iterator[dict[str, pa.Array]]


def make_batch(world: World, names: Names, branch: str, events: Events, beds: Ints, kept: Flags) -> Batch:
    """Price the events of a batch and write their settlement rows.

    Parameters
    ----------
    world, names
        The town.
    branch
        Name of the batch's random streams.
    events, beds
        Its conduct.
    kept
        Which events are kept. The others are priced all the same, so that they do not shift what is drawn.
    """
    own = replace(world, streams=world.streams.branched(branch))
    bills = make_bills(own, events)
    rows = make_rows(own, events)
    ids = opaque(len(rows), int(own.streams.rng("settlement ids").integers(1, 2**62)))
    scripts = make_scripts(own, events, bills.basket)
    columns = _columns(settlement_columns(own, names, events, bills, rows, beds, ids), scripts, rows, len(events))
    return Batch(own, events, bills, scripts, rows, kept[rows.event], ids, columns)


def _columns(
    plain: Iterator[dict[str, pa.Array]], scripts: Scripts, rows: Rows, events: int
) -> Iterator[dict[str, pa.Array]]:
    """Write the columns of the settlements, the number of the prescription last."""
    yield from plain
    yield {"prescription_id": pick_from(scripts.ids, scripts.by_event(events)[rows.event])}


def prescriptions_of(world: World, names: Names, batches: Sequence[Batch]) -> pa.Table:
    """Return the prescriptions of all batches in one random order."""
    tables = []
    for batch in batches:
        kept = np.zeros(len(batch.events), dtype=bool)
        kept[batch.rows.event[batch.kept]] = True
        tables.append(script_table(batch.world, names, batch.events, batch.scripts, kept))
    table = pa.concat_tables(tables)
    return table.take(pa.array(world.streams.rng("prescription order").permutation(table.num_rows)))


def settlements_of(world: World, batches: Sequence[Batch]) -> pa.Table:
    """Return the settlements of all batches in one random order, a few of them uploaded twice."""
    rng = world.streams.rng("row order")
    kept = np.concatenate([batch.kept for batch in batches])
    twice = np.concatenate([batch.rows.twice for batch in batches])
    order = rng.permutation(np.flatnonzero(kept))
    order = np.concatenate([order, np.flatnonzero(kept & twice)])
    return _merged("settlements", [batch.columns for batch in batches], order)


@dataclass(frozen=True, slots=True)
class ItemPlan:
    """Item lines decided but not yet written: which are kept, what left the shelves, and their columns when asked."""

    kept: Flags
    left: Leaving
    columns: Iterator[dict[str, pa.Array]]


def plan_items(names: Names, batch: Batch) -> ItemPlan:
    """Decide the item lines of a batch, so that the batch itself can be let go before they are written."""
    events, bills, rows = batch.events, batch.bills, batch.rows
    lines = drug_lines(batch.world, events, bills, rows)
    row, columns = item_columns(batch.world, names, events, bills, rows, batch.settlement_ids, lines)
    return ItemPlan(batch.kept[row], leaving(batch.world, events, rows, lines, batch.kept), columns)


def items_of(world: World, plans: Sequence[ItemPlan]) -> pa.Table:
    """Return the planned item lines in one random order."""
    kept = np.concatenate([plan.kept for plan in plans])
    order = world.streams.rng("item order").permutation(np.flatnonzero(kept))
    return _merged("items", [plan.columns for plan in plans], order)


def _merged(table: str, parts: Sequence[Iterator[dict[str, pa.Array]]], order: Ints) -> pa.Table:
    """Return the rows of several parts in the given order; each column is let go as soon as it is copied."""
    index, columns = pa.array(order), {}
    for groups in zip(*parts, strict=True):
        for name in list(groups[0]):
            columns[name] = pa.concat_arrays([group.pop(name) for group in groups]).take(index)
    return as_table(table, columns)
