"""The registers of the offices: staff, rosters, and the ties of staff."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from gangfinder.synth.bureau import KINDS, OFFICIAL, ROLES, TRAINEE, TRAINING_DAYS, Bureau
from gangfinder.synth.columns import as_table, blank, dates, pick_from
from gangfinder.synth.events import NONE
from gangfinder.synth.ledgers.signals import TALKED_ABOUT, tips
from gangfinder.synth.names import Names, addresses, person_names
from gangfinder.synth.people import People
from gangfinder.synth.personal import DECLARED, PAST
from gangfinder.synth.plot import Plot
from gangfinder.synth.streams import Ints
from gangfinder.synth.world import World

_DECLARED_AT_HOME = 0.7
_FAR_PAST = 40_000

TIE_KINDS = ("spouse", "relative", "former_employer", "shareholder")
_SPOUSE, _RELATIVE, _PAST, _SHARES = range(len(TIE_KINDS))
_TYPES = ("staff", "patient", "institution")
_STAFF, _PATIENT, _HOUSE = range(len(_TYPES))


def staff_tables(world: World, names: Names) -> dict[str, pa.Table]:
    """Write staff and rosters.

    Parameters
    ----------
    world, names
        The town.
    """
    bureau = world.bureau
    assert bureau is not None  # noqa: S101 - asked for in towns with offices alone
    return {"staff": _staff(world, names, bureau), "roster": _roster(bureau, names)}


def _staff(world: World, names: Names, bureau: Bureau) -> pa.Table:
    person, people = bureau.person, world.people.count
    resident = np.where(person < people, person, NONE)
    pool = pa.concat_arrays(
        [person_names(world.streams.shared("patients"), people), person_names(world.streams.rng("staff"), bureau.count)]
    )
    named = np.where(person < people, person, people + np.arange(bureau.count))
    return as_table("staff", {
        "staff_id": names.staff,
        "name": pool.take(pa.array(named)),
        "id_number": names.id_numbers.take(pa.array(person)),
        "phone": names.phones.take(pa.array(person)),
        "address": pick_from(addresses(world), resident),
        "bank_account": names.account_column(person),
        "office": pick_from(bureau.titles(), bureau.office),
        "role": pick_from(ROLES, bureau.role),
    })


def _roster(bureau: Bureau, names: Names) -> pa.Table:
    """Return who is at which desk from day to day: one row for each stretch between two leaves."""
    rows = [
        (staff, begin, end, role, kind)
        for staff in np.flatnonzero(bureau.role != OFFICIAL).tolist()
        for begin, end, role in _stretches(bureau, staff)
        for kind in np.flatnonzero(bureau.may[staff]).tolist()
    ]
    staff, begin, end, role, kind = np.array(rows, dtype=np.int64).T
    return as_table("roster", {
        "staff_id": names.staff.take(pa.array(staff)),
        "valid_from": dates(begin),
        "valid_to": blank(dates(np.minimum(end, _FAR_PAST)), end >= _FAR_PAST),
        "office": pick_from(bureau.titles(), bureau.office[staff]),
        "role": pick_from(ROLES, role),
        "business_kind": pick_from(KINDS, kind),
    })


def _stretches(bureau: Bureau, staff: int) -> list[tuple[int, int, int]]:
    """Return first and last day and role of each stretch at the desk."""
    who, leaves, returns = bureau.away
    begin, out = int(bureau.since[staff]), []
    own = sorted(zip(leaves[who == staff].tolist(), returns[who == staff].tolist(), strict=True))
    for first, last in [*own, (_FAR_PAST, _FAR_PAST)]:
        if first > begin:
            out.append((begin, first - 1 if first < _FAR_PAST else _FAR_PAST))
        begin = max(begin, last + 1)
    role, learnt = int(bureau.role[staff]), int(bureau.since[staff]) + TRAINING_DAYS
    if bureau.teacher[staff] == NONE:
        return [(first, last, role) for first, last in out]
    early = [(first, min(last, learnt - 1), TRAINEE) for first, last in out if first < learnt]
    return early + [(max(first, learnt), last, role) for first, last in out if last >= learnt]


def staff_ties(world: World, names: Names, plot: Plot) -> pa.Table:
    """Write the ties of staff: relatives they have declared, shares of relatives, and where they worked before.

    Parameters
    ----------
    world, names, plot
        The town and its insiders, whose ties are on the same record.
    """
    bureau = world.bureau
    assert bureau is not None  # noqa: S101 - asked for in towns with offices alone
    rows = _at_home(world, bureau)
    rows += [(_STAFF, staff, _PATIENT, kin, _RELATIVE) for staff, kin in _pairs(*bureau.relations.kin)]
    past = bureau.relations.past
    rows += [(_STAFF, s, _HOUSE, int(past[s]), _PAST) for s in np.flatnonzero(past != NONE).tolist()]
    rows += [(_PATIENT, who, _HOUSE, house, _SHARES) for who, house in _pairs(*bureau.relations.holders)]
    for tie in (tie for scheme in plot.schemes for tie in scheme.ties):
        if tie.kind == DECLARED:
            rows.append((_STAFF, tie.staff, _PATIENT, tie.target, _RELATIVE))
        if tie.kind == PAST:
            rows.append((_STAFF, tie.staff, _HOUSE, tie.target, _PAST))
    table = np.unique(np.array(rows, dtype=np.int64), axis=0).T
    since = world.first_day - 400 - (table[1] * 7_919 + table[3] * 104_729) % 5_000
    share = np.where(table[4] == _SHARES, 0.2 + (table[1] * 31 % 70) / 100, np.nan)
    return as_table("ties", {
        "source_type": pick_from(_TYPES, table[0]), "source_id": _named(names, table[0], table[1]),
        "target_type": pick_from(_TYPES, table[2]), "target_id": _named(names, table[2], table[3]),
        "kind": pick_from(TIE_KINDS, table[4]),
        "share": pa.array(share, mask=np.isnan(share)),
        "since": blank(dates(since), table[4] == _RELATIVE),
    })


def staff_signals(world: World, names: Names, plot: Plot) -> pa.Table:
    """Write what was said of staff: tips on some of them, and on insiders as often as groups are talked about.

    Parameters
    ----------
    world, names, plot
        The town and its insiders.
    """
    bureau, rng = world.bureau, world.streams.rng("staff tips")
    assert bureau is not None  # noqa: S101 - asked for in towns with offices alone
    said = rng.integers(0, bureau.count, max(3, bureau.count // 20)).tolist()
    on = (world.first_day + rng.integers(0, world.days, len(said))).tolist()
    for number, scheme in enumerate(plot.schemes):
        own = world.streams.rng("insider tips", number)
        if own.random() < TALKED_ABOUT:
            said.append(int(scheme.staff[0]))
            on.append(world.first_day + int(own.integers(0, world.days)))
    return tips(names.staff.take(pa.array(said)), np.array(on))


def _pairs(first: Ints, second: Ints) -> list[tuple[int, int]]:
    return list(zip(first.tolist(), second.tolist(), strict=True))


def _at_home(world: World, bureau: Bureau) -> list[tuple[int, int, int, int, int]]:
    """Return the relatives under the same roof whom staff have declared."""
    rng, people = world.streams.rng("declared"), world.people
    rows = []
    for staff in range(bureau.count):
        home = bureau.household(people, staff)
        for kin in home[rng.random(len(home)) < _DECLARED_AT_HOME].tolist():
            rows.append((_STAFF, staff, _PATIENT, kin, _SPOUSE if _married(people, bureau, staff, kin) else _RELATIVE))
    return rows


def _married(people: People, bureau: Bureau, staff: int, kin: int) -> bool:
    return {int(people.generation[bureau.person[staff]]), int(people.generation[kin])} == {0, 1}


def _named(names: Names, sort: Ints, number: Ints) -> pa.Array:
    pool = pa.concat_arrays([names.staff, names.patients, names.places])
    first = np.array([0, len(names.staff), len(names.staff) + len(names.patients)])
    return pool.take(pa.array(first[sort] + number))
