"""The truth about insiders: what they did, for which ring, and by what tie they can be known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from gangfinder.synth.ledgers import Written
from gangfinder.synth.names import Names
from gangfinder.synth.paperwork import Desks
from gangfinder.synth.plot import Plot, Scheme
from gangfinder.synth.streams import Ints
from gangfinder.synth.truth import Claimed, Group, Truth, keys_at
from gangfinder.synth.world import World


def with_insiders(
    truth: Truth, world: World, names: Names, plot: Plot, claimed: Claimed, ledgers: Mapping[str, Written], desks: Desks
) -> Truth:
    """Return the truth with what insiders did; the rings they help name those who belong to them.

    Parameters
    ----------
    truth, world, names, plot
        The town, its groups, of which the last rings are the insiders' own.
    claimed, ledgers, desks
        Claims and further rows, and over whose desks they went.
    """
    rings = list(truth.rings)
    first = len(rings) - len(plot.schemes)
    for number, scheme in enumerate(plot.schemes):
        host = rings[scheme.host]
        own = _described(rings[first + number], host, scheme, claimed, ledgers, desks)
        rings[first + number] = replace(own, offices=_offices(world, scheme))
    for at, operator in plot.lenders:
        lender = f"operator:{names.operators[operator].as_py()}"
        rings[at] = replace(rings[at], insiders=(lender,))
    return replace(truth, rings=tuple(rings))


def _offices(world: World, scheme: Scheme) -> tuple[str, ...]:
    assert world.bureau is not None  # noqa: S101 - asked for in towns with offices alone
    titles = world.bureau.titles()
    return tuple(sorted({titles[office] for office in world.bureau.office[scheme.staff].tolist()}))


def _described(
    group: Group, host: Group, scheme: Scheme, claimed: Claimed, ledgers: Mapping[str, Written], desks: Desks
) -> Group:
    """Return one T20 ring with the rows of its ring that went over its desks."""
    rows = {
        table: _over(scheme, origin, desks, table)
        for table, origin in (
            ("reimbursements", claimed.claims["origin"]), *((name, one.origin) for name, one in ledgers.items()),
        )
        if table in desks.handler
    }
    paid = float(claimed.fund[rows["reimbursements"]].sum()) / 100
    entries = {table: keys_at(ledgers[table], own) for table, own in rows.items() if table in ledgers and len(own)}
    return replace(
        group, attached_to=host.group_id, style=scheme.style, ties=tuple(sorted(tie.kind for tie in scheme.ties)),
        reimbursements=tuple(sorted(claimed.ids.take(rows["reimbursements"]).to_pylist())), entries=entries,
        first_on=host.first_on, last_on=host.last_on, amount=f"{paid:.2f}", n_rows=sum(map(len, rows.values())),
    )


def _over(scheme: Scheme, origin: Ints, desks: Desks, table: str) -> Ints:
    own = np.isin(desks.handler[table], scheme.staff) | np.isin(desks.reviewer[table], scheme.staff)
    return np.flatnonzero((origin == -(scheme.host + 1)) & own)
