"""Who enrolled whom, when and on which base: careers of honest people, and the one rule that writes the rows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from gangfinder.synth.casting import Scene
from gangfinder.synth.columns import as_table, dates, joined, money, pick_from, words
from gangfinder.synth.events import FREE, NONE, Conduct
from gangfinder.synth.ledgers.contract import Ledger
from gangfinder.synth.names import Names
from gangfinder.synth.people import RESIDENT
from gangfinder.synth.streams import Floats, Ints
from gangfinder.synth.world import World

_NO_END = NONE
_CHANGED, _HIRED, _RAISED, _BY_CLERK = 0.08, 0.025, 0.12, 0.6


class Enrolments(Conduct):
    """Spells of employment as the fund records them; ``start`` and ``end`` are days since 1970."""

    __slots__ = ()
    schema = {
        "patient": ("int32", NONE),
        "employer": ("int32", NONE),
        "start": ("int64", NONE),
        "end": ("int64", _NO_END),
        "base": ("float64", np.nan),  # yuan a month; left to the common rule when not given
        "agent": ("int32", NONE),
        "handler": ("int32", NONE),
        "origin": ("int32", FREE),
    }


def employers(world: World) -> int:
    """Return how many employers the town has in its register; further ones are numbered from here on."""
    return int(world.people.employer.max()) + 1


def wages(rng: np.random.Generator, size: int) -> Floats:
    """Draw monthly bases in yuan: most from four to ten thousand, few above twenty."""
    return np.round(np.exp(rng.normal(np.log(6_300), 0.42, size)).clip(3_800, 30_000), -1)


def clerks(world: World) -> Ints:
    """Return the member of staff of each employer who enrols the others, -1 where it has none."""
    people = world.people
    first = np.full(employers(world), NONE, dtype=np.int64)
    working = np.flatnonzero(people.employer >= 0)[::-1]
    first[people.employer[working]] = working
    return first


def hired(scene: Scene) -> tuple[Ints, Ints, Ints]:
    """Return residents who found work of late, their employers and their first days."""
    world = scene.world
    rng, people = world.streams.rng("hired"), world.people
    fit = (people.insured == RESIDENT) & (people.age >= 19) & (people.age < 55) & scene.alive
    who = np.flatnonzero(fit & (rng.random(people.count) < _HIRED))
    where = rng.choice(people.employer[people.employer >= 0], len(who))
    return who, where, world.first_day + rng.integers(-150, max(world.days - 20, 1), len(who))


def careers(scene: Scene) -> Enrolments:
    """Return the spells of an ordinary year: long service, changes of employer, new work, yearly rises."""
    world = scene.world
    rng, people = world.streams.rng("careers"), world.people
    working = np.flatnonzero(people.employer >= 0)
    began = world.first_day - rng.integers(100, 4_000, len(working))
    base = wages(rng, len(working))
    clerk = clerks(world)
    changed = rng.random(len(working)) < _CHANGED
    raised = ~changed & (rng.random(len(working)) < _RAISED)
    later = world.first_day + rng.integers(-90, world.days - 20, len(working))
    earlier = rng.choice(people.employer[working], len(working))
    july = world.first_day + 181 + rng.integers(0, 20, len(working))
    until = np.select([changed, raised], [later - 1, july - 1], _NO_END)
    one = Enrolments.of(
        patient=working, employer=np.where(changed, earlier, people.employer[working]), start=began, end=until,
        base=base,
    )
    again = changed | raised
    two = Enrolments.of(
        patient=working[again], employer=people.employer[working[again]],
        start=np.where(changed, later, july)[again],
        base=np.where(changed, wages(rng, len(working)), np.round(base * rng.uniform(1.02, 1.3, len(working)), -1))[
            again
        ],
    )
    who, where, start = hired(scene)
    three = Enrolments.of(patient=who, employer=where, start=start, base=wages(rng, len(who)))
    spells = Enrolments.joined([one, two, three])
    by_clerk = rng.random(len(spells)) < _BY_CLERK
    return spells.having(agent=np.where(by_clerk, clerk[spells["employer"]], NONE))


def write(world: World, names: Names, spells: Enrolments) -> pa.Table:
    """Write one row for each spell."""
    rng, count = world.streams.rng("enrolments"), len(spells)
    employer = spells["employer"].astype(np.int64)
    base = np.where(np.isnan(spells["base"]), wages(rng, count), spells["base"])
    shown = np.where(rng.random(count) < 0.05, NONE, spells["agent"])
    handler = np.where(
        spells["handler"] != NONE, spells["handler"] % len(names.staff), rng.integers(0, len(names.staff), count)
    )
    return as_table(
        "enrolments",
        {
            "patient_id": names.patients.take(pa.array(spells["patient"].astype(np.int64))),
            "valid_from": dates(spells["start"]),
            "valid_to": dates(np.maximum(spells["end"], 0), spells["end"] == _NO_END),
            # numbers without order: a new employer's looks like any other
            "employer_id": joined("E", words(100_000 + (employer + _salt(world)) * 48_271 % 899_981)),
            "employer_name": joined("测试公司", words(company_number(world, employer))),
            "base_amount": money(np.round(base * 100).astype(np.int64)),
            "handler_id": pick_from(names.staff, handler),
            "agent_id_number": pick_from(names.id_numbers, shown),
            "agent_phone": pick_from(names.phones, spells["agent"].astype(np.int64)),
        },
    )


def company_number(world: World, employer: Ints) -> Ints:
    """Return the number in each employer's name: in every town another one, and that of a new employer like any."""
    return np.asarray(10_000 + (employer + _salt(world)) * 7_919 % 89_989, dtype=np.int64)


def _salt(world: World) -> int:
    return int(world.streams.shared("employer numbers").integers(0, 89_989))


ENROLMENTS = Ledger("enrolments", "patient_id", Enrolments, careers, write)
