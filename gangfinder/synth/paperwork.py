"""What the windows wrote: handlers, reviewers, instants and decisions of reimbursements, filings and enrolments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gangfinder.synth.bureau import DRUG, ENROLMENT, FILING, MATERNITY, REIMBURSEMENT
from gangfinder.synth.columns import instants, money, pick_from
from gangfinder.synth.events import DAY, NONE, Claims, Conduct
from gangfinder.synth.ledgers import Entries, Written
from gangfinder.synth.names import Names, person_names
from gangfinder.synth.personal import PHONE
from gangfinder.synth.plot import AWAY, ONE, PAIR, Plot, Scheme
from gangfinder.synth.reimbursed import MATERNITY as MATERNITY_BENEFIT
from gangfinder.synth.reimbursed import SPECIAL_DRUG
from gangfinder.synth.streams import Flags, Ints
from gangfinder.synth.truth import Claimed
from gangfinder.synth.windows import Files, Handled, Wishes, handle
from gangfinder.synth.world import World

_QUICK = (0.9, 0.7, 0.45, 0.25)  # by difficulty: share of the files that a reviewer who looks away passes at once
_ALONE = (0.4, 0.3, 0.15, 0.05)  # by difficulty: share of a sole insider's files that he also reviews
_LATE = (0.3, 0.15, 0.06, 0.0)  # by difficulty: share of an insider's files that are done in the evening or on Saturday


@dataclass(frozen=True, slots=True)
class Desks:
    """Over whose desks the rows of each table went, honest rows first, in the order in which they are written."""

    handler: Mapping[str, Ints]
    reviewer: Mapping[str, Ints]
    at: Mapping[str, Ints]


def through_offices(
    world: World, names: Names, plot: Plot, claims: tuple[Claims, Claims], entries: Sequence[Entries],
    paid: pa.Table, claimed: Claimed, ledgers: dict[str, Written],
) -> tuple[pa.Table, Claimed, dict[str, Written], Desks]:
    """Let every file go through an office, and write what came of it.

    Parameters
    ----------
    world, names, plot
        The town and its insiders.
    claims, entries
        Conduct, honest and planted.
    paid, claimed, ledgers
        What was written without offices.
    """
    surname = _surnames(world)
    pairs: dict[str, tuple[Conduct, Conduct]] = {"reimbursements": claims}
    pairs |= {one.ledger.table: (one.honest, one.planted) for one in entries if one.ledger.table in _FILES}
    done = {table: _handled(world, plot, surname, table, pair) for table, pair in pairs.items()}
    fund = np.where(done["reimbursements"].refused, 0, claimed.fund)
    paid = _with_reimbursements(names, paid, fund, done["reimbursements"])
    paid = _with_phones(names, plot, world, paid, Claims.joined(claims)["origin"], claimed.claims["agent"])
    ledgers = dict(ledgers)
    for table in ("filings", "enrolments"):
        columns = _filing_columns if table == "filings" else _enrolment_columns
        written = _with(ledgers[table].table, columns(names, done[table]))
        agent = np.concatenate([part["agent"] for part in pairs[table]])
        ledgers[table] = replace(
            ledgers[table], table=_with_phones(names, plot, world, written, ledgers[table].origin, agent)
        )
    desks = Desks(
        {table: one.handler for table, one in done.items()}, {table: one.reviewer for table, one in done.items()},
        {table: one.handled for table, one in done.items()},
    )
    return paid, replace(claimed, fund=fund), ledgers, desks


_FILES = ("filings", "enrolments")


def _surnames(world: World) -> Ints:
    """Return a number for each resident's surname."""
    pool = person_names(world.streams.shared("patients"), world.people.count)
    first = pc.dictionary_encode(pc.utf8_slice_codeunits(pool, 2, 3))
    order = np.argsort(np.argsort(np.array(first.dictionary.to_pylist())))  # whatever comes first in the town
    return np.asarray(order[first.indices.to_numpy()], dtype=np.int64)


def _handled(world: World, plot: Plot, surname: Ints, table: str, pair: tuple[Conduct, Conduct]) -> Handled:
    """Send the honest and the planted files of a table through the offices, each by its own stream."""
    bureau, out = world.bureau, []
    assert bureau is not None  # noqa: S101 - asked for in towns with offices alone
    for branch, conduct in zip(("honest", "planted"), pair, strict=True):
        rng = world.streams.branched(branch).rng("windows", table)
        files = _files(world, rng, table, conduct)
        wishes = _wishes(world, plot, table, conduct) if branch == "planted" else Wishes.none(len(conduct))
        if table == "reimbursements":  # what is taken back was never refused
            wishes = replace(wishes, passed=wishes.passed | (conduct["fund"] < 0))
        out.append(handle(bureau, rng, surname, files, wishes))
    first, second = out
    return Handled(*(
        np.concatenate([getattr(first, name), getattr(second, name)])
        for name in ("handler", "reviewer", "handled", "reviewed", "paid", "refused")
    ))


def _files(world: World, rng: np.random.Generator, table: str, conduct: Conduct) -> Files:
    patient, agent = conduct["patient"].astype(np.int64), conduct["agent"].astype(np.int64)
    person = np.where(agent != NONE, agent, patient)
    person = np.where(world.people.area[person] == 0, person, NONE)
    size = len(conduct)
    if table == "filings":
        arrived, kind = conduct["filed"], np.full(size, FILING)
        lag = (rng.random(size) < 0.3) * rng.integers(1, 3, size) + (arrived % DAY >= 16 * 3600)
    elif table == "enrolments":
        arrived, kind, lag = conduct["start"] * DAY, np.full(size, ENROLMENT), np.zeros(size, dtype=np.int64)
    else:
        arrived, lag = conduct["submitted"] * DAY + DAY // 2, rng.integers(1, 6, size)
        benefit = conduct["benefit"]
        kind = np.select([benefit == MATERNITY_BENEFIT, benefit == SPECIAL_DRUG], [MATERNITY, DRUG], REIMBURSEMENT)
    return Files(person, patient, kind.astype(np.int64), arrived.astype(np.int64), lag.astype(np.int64))


def _wishes(world: World, plot: Plot, table: str, conduct: Conduct) -> Wishes:
    """Return what insiders want of the files of their rings."""
    wishes = Wishes.none(len(conduct))
    for number, scheme in enumerate(plot.schemes):
        rows = np.flatnonzero(conduct["origin"] == -(scheme.host + 1))
        if table == "reimbursements":
            rows = rows[~np.isin(conduct["benefit"][rows], [MATERNITY_BENEFIT, SPECIAL_DRUG])]
        if len(rows) and scheme.house == NONE:
            rng = world.streams.rng("insider", number, table)
            _wish(world.settings.difficulty, rng, scheme, rows[rng.random(len(rows)) < scheme.share], wishes)
    return wishes


def _wish(difficulty: int, rng: np.random.Generator, scheme: Scheme, rows: Ints, wishes: Wishes) -> None:
    wishes.handler[rows], wishes.reviewer[rows] = scheme.handler, scheme.reviewer
    wishes.late[rows] = rng.random(len(rows)) < _LATE[difficulty]
    if scheme.style == ONE:  # now and then he does the reviewer's part as well
        alone = rows[rng.random(len(rows)) < _ALONE[difficulty]]
        wishes.reviewer[alone] = scheme.handler
    if scheme.style in {PAIR, AWAY}:
        wishes.passed[rows] = True
        quick = _QUICK[difficulty] * (1.0 if scheme.style == AWAY else 0.5)
        wishes.quick[rows] = rng.random(len(rows)) < quick


def _with(table: pa.Table, columns: Mapping[str, pa.Array]) -> pa.Table:
    for name, column in columns.items():
        at = table.schema.get_field_index(name)
        table = table.set_column(at, table.schema.field(at), column.cast(table.schema.field(at).type))
    return table


def _with_reimbursements(names: Names, paid: pa.Table, fund: Ints, done: Handled) -> pa.Table:
    return _with(paid, {
        "fund_amount": money(fund),
        "handled_at": instants(done.handled),
        "reviewed_at": instants(done.reviewed),
        "paid_at": instants(done.paid, done.refused),
        "decision": _decided(done.refused),
        "handler_id": pick_from(names.staff, done.handler),
        "reviewer_id": pick_from(names.staff, done.reviewer),
    })


def _decided(refused: Flags) -> pa.Array:
    return pick_from(("approved", "rejected"), refused.astype(np.int64))


def _filing_columns(names: Names, done: Handled) -> dict[str, pa.Array]:
    return {
        "handler_id": pick_from(names.staff, done.handler),
        "handled_at": instants(done.handled),
        "reviewer_id": pick_from(names.staff, done.reviewer),
        "reviewed_at": instants(done.reviewed),
        "decision": _decided(done.refused),
    }


def _enrolment_columns(names: Names, done: Handled) -> dict[str, pa.Array]:
    return {"handler_id": pick_from(names.staff, done.handler)}


def _with_phones(
    names: Names, plot: Plot, world: World, table: pa.Table, origin: Ints, agent: Ints
) -> pa.Table:
    """Return the rows of rings whose agent gives the number of a member of staff as his own."""
    bureau, index = world.bureau, np.full(len(origin), NONE, dtype=np.int64)
    assert bureau is not None  # noqa: S101 - asked for in towns with offices alone
    for scheme in plot.schemes:
        for tie in scheme.ties:
            if tie.kind == PHONE:
                rows = (origin == -(scheme.host + 1)) & (agent == tie.target)
                index[rows] = bureau.person[tie.staff]
    if (index == NONE).all():
        return table
    own = names.phones.take(pa.array(np.maximum(index, 0)))
    shown = table["agent_phone"].combine_chunks()
    return _with(table, {"agent_phone": pc.if_else(pa.array(index != NONE), own, shown)})
