"""What staff do besides files: accounts changed, contracts switched off and on, quotas raised."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from gangfinder.synth.bureau import CONTRACT, HANDLER, REIMBURSEMENT, Bureau
from gangfinder.synth.columns import as_table, instants, pick_from
from gangfinder.synth.events import DAY, NONE, Claims
from gangfinder.synth.names import Names
from gangfinder.synth.paperwork import Desks
from gangfinder.synth.plot import AWAY, Plot, Scheme
from gangfinder.synth.standing import FAR
from gangfinder.synth.streams import Ints
from gangfinder.synth.windows import OPENS, SHUTS, opening_hours
from gangfinder.synth.world import World

ACTIONS = ("account_changed", "contract_switched_off", "contract_switched_on", "quota_raised")
ACCOUNT, OFF, ON, QUOTA = range(len(ACTIONS))
TARGETS = ("patient", "institution")

_CHANGED = 0.05  # claims before which the payee's account was changed
_AT_ONCE = 0.5  # of them, by whoever handles the claim, in the hour before
_RAISED = 0.3  # houses whose quota is raised in a year
_HASTY = (0.9, 0.7, 0.4, 0.2)  # by difficulty: files of an insider whose account he changes days before it is paid

Rows = list[tuple[int, int, int, int]]
"""Staff, action, second since 1970, target."""


def actions_table(world: World, names: Names, plot: Plot, claims: Claims, honest: int, desks: Desks) -> pa.Table:
    """Write the actions of staff, honest first.

    Parameters
    ----------
    world, names, plot
        The town and its insiders.
    claims, honest
        All claims, and how many of them are honest.
    desks
        Over whose desks they went.
    """
    bureau = world.bureau
    assert bureau is not None  # noqa: S101 - asked for in towns with offices alone
    own = claims.take(np.arange(honest))
    rows = [*_accounts(world, bureau, own, desks), *_contracts(world, bureau), *_quotas(world, bureau)]
    for number, scheme in enumerate(plot.schemes):
        rng = world.streams.rng("insider acts", number)
        rows += _switched(world, rng, scheme) if scheme.house != NONE else _hasty(world, rng, scheme, claims, desks)
    staff, action, at, target = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    entity = (action != ACCOUNT).astype(np.int64)
    pool = pa.concat_arrays([names.patients, names.places])
    return as_table("actions", {
        "staff_id": names.staff.take(pa.array(staff)),
        "action": pick_from(ACTIONS, action),
        "acted_at": instants(at),
        "target_type": pick_from(TARGETS, entity),
        "target_id": pool.take(pa.array(target + entity * len(names.patients))),
    })


def _on_duty(bureau: Bureau, rng: np.random.Generator, desks: Ints, day: int) -> tuple[int, int] | None:
    """Return one of those at the desk on a day or the next on which anybody is, and the second he acts."""
    for later in range(30):
        at = day + later - bureau.first_day
        if at >= bureau.on_duty.shape[1]:
            return None
        free = desks[bureau.on_duty[desks, at]]
        if len(free):
            return int(rng.choice(free)), (day + later) * DAY + int(opening_hours(rng, 1)[0])
    return None


def _accounts(world: World, bureau: Bureau, claims: Claims, done: Desks) -> Iterable[tuple[int, int, int, int]]:
    """Return the accounts that people changed at a window: weeks before they claimed, or when the claim was handled."""
    rng, table = world.streams.rng("accounts changed"), "reimbursements"
    some = np.flatnonzero(rng.random(len(claims)) < _CHANGED)
    for row in some.tolist():
        patient = int(claims["patient"][row])
        if rng.random() < _AT_ONCE:
            at = _just_before(rng, done.at[table][row : row + 1])
            yield int(done.handler[table][row]), ACCOUNT, int(at[0]), patient
            continue
        desks = bureau.at(int(bureau.home_office[patient]), REIMBURSEMENT, HANDLER)
        by = _on_duty(bureau, rng, desks, int(claims["submitted"][row]) - int(rng.integers(0, 60)))
        if by:
            yield by[0], ACCOUNT, by[1], patient


def _just_before(rng: np.random.Generator, handled: Ints) -> Ints:
    """Return when the account was changed for files handled at these instants: in the hour before.

    Accounts are changed while the window is open, whoever does it; for a file that is handled in the evening, some
    time in the day.
    """
    second = handled % DAY
    waited = 60 + rng.random(len(handled)) * np.clip(second - OPENS - 60, 0, 3_000)
    in_time = np.where(second - waited <= SHUTS, second - waited, opening_hours(rng, len(handled)))
    return np.asarray(handled - second + np.maximum(in_time, OPENS).astype(np.int64), dtype=np.int64)


def _officers(bureau: Bureau, house: int) -> Ints:
    """Return the officers who look after contracts; whoever is related to the owner leaves the house to the others."""
    officers = np.flatnonzero(bureau.may[:, CONTRACT])
    related = [staff for staff, own in bureau.relations.officers.values() if own == house]
    return np.asarray(officers[~np.isin(officers, related)], dtype=np.int64)


def _contracts(world: World, bureau: Bureau) -> Iterable[tuple[int, int, int, int]]:
    """Return who switched contracts off when they were suspended, and on when they were in force again."""
    rng, standing = world.streams.rng("contracts switched"), world.standing
    for house in np.flatnonzero(standing.suspended_from < FAR).tolist():
        for action, day in ((OFF, standing.suspended_from[house]), (ON, standing.suspended_to[house] + 1)):
            done = _on_duty(bureau, rng, _officers(bureau, house), int(day))
            if done:
                yield done[0], action, done[1], house
    for house in np.flatnonzero(standing.lapsed_from < FAR).tolist():
        done = _on_duty(bureau, rng, _officers(bureau, house), int(standing.lapsed_to[house]) + 1)
        if done:
            yield done[0], ON, done[1], house


def _quotas(world: World, bureau: Bureau) -> Iterable[tuple[int, int, int, int]]:
    """Return the quotas that were raised: some in the first weeks of each quarter."""
    rng = world.streams.rng("quotas")
    houses = np.flatnonzero(rng.random(world.places.count) < _RAISED * world.days / 365)
    for house in houses.tolist():
        day = world.first_day + int(rng.integers(0, max(world.days // 91, 1))) * 91 + int(rng.integers(0, 25))
        done = _on_duty(bureau, rng, _officers(bureau, house), day)
        if done:
            yield done[0], QUOTA, done[1], house


def _hasty(world: World, rng: np.random.Generator, scheme: Scheme, claims: Claims, desks: Desks) -> Rows:
    """Return the accounts that a handler changes days before he handles the claim."""
    if scheme.style == AWAY or scheme.handler == NONE:
        return []
    mine = (claims["origin"] == -(scheme.host + 1)) & (desks.handler["reimbursements"] == scheme.handler)
    mine &= claims["account"] != claims["patient"]
    rows = np.flatnonzero(mine)
    rows = rows[rng.random(len(rows)) < _HASTY[world.settings.difficulty]]
    at, who = _just_before(rng, desks.at["reimbursements"][rows]), claims["patient"][rows]
    return [(scheme.handler, ACCOUNT, int(when), int(one)) for when, one in zip(at, who, strict=True)]


def _switched(world: World, rng: np.random.Generator, scheme: Scheme) -> Rows:
    """Return what an officer does for a relative's house: switched on while suspended, or its quota raised at once."""
    bureau, house = world.bureau, scheme.house
    assert bureau is not None  # noqa: S101 - asked for in towns with offices alone
    start = int(world.standing.suspended_from[house])
    alone = start < FAR
    if not alone:
        start = next(
            int(world.standing.suspended_from[own[0]])
            for (kind, _), own in world.ring_sites.items() if kind == "T13" and own[1] == house
        )
    rows: Rows = []
    for turn in range(1 if alone else 2):
        day = start + (0 if alone else turn * 25 + int(rng.integers(0, 4)))
        done = _on_duty(bureau, rng, np.array([scheme.handler]), day)
        if done:
            rows.append((scheme.handler, ON if alone else QUOTA, done[1], house))
    return rows


