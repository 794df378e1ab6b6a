"""Build a town: an ordinary year, look-alikes, rings, and one common rule that turns conduct into rows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from gangfinder.model.tables import TABLES
from gangfinder.synth.actions import actions_table
from gangfinder.synth.batch import items_of, make_batch, plan_items, prescriptions_of, settlements_of
from gangfinder.synth.beds import allot_beds
from gangfinder.synth.benefits import further_claims
from gangfinder.synth.casting import Part, Scene, make_scene
from gangfinder.synth.catalogue import Kind
from gangfinder.synth.claims import ordinary_claims
from gangfinder.synth.clash import surviving, without_clashes
from gangfinder.synth.entitlements import diagnoses
from gangfinder.synth.events import DAY, Claims, Events
from gangfinder.synth.guests import guest_life
from gangfinder.synth.innocents import innocents
from gangfinder.synth.insiders import with_insiders
from gangfinder.synth.ledgers import Entries, fill, written
from gangfinder.synth.lookalikes import play
from gangfinder.synth.names import Names, make_names
from gangfinder.synth.ordinary import make_habits, refills, stays, visits
from gangfinder.synth.paper import ordinary_paper
from gangfinder.synth.paperwork import Desks, through_offices
from gangfinder.synth.people import NO_DEATH
from gangfinder.synth.plot import Plot, plot
from gangfinder.synth.registers import registers, shuffled
from gangfinder.synth.reimbursed import reimbursements
from gangfinder.synth.rerouting import at_open_houses, rerouted
from gangfinder.synth.rings import plant
from gangfinder.synth.settings import TownSettings
from gangfinder.synth.special import special_sales
from gangfinder.synth.staffing import staff_signals, staff_tables, staff_ties
from gangfinder.synth.standing import sick_doctors
from gangfinder.synth.stock import stock_table
from gangfinder.synth.streams import Flags, Ints
from gangfinder.synth.truth import Claimed, Truth, make_truth
from gangfinder.synth.world import World, make_world

# honest first, planted second
Conducts = list[Events]
ClaimPairs = tuple[Claims, Claims]
PartPairs = tuple[list[Part], list[Part]]


@dataclass(frozen=True, slots=True)
class Town:
    """A synthetic town.

    Parameters
    ----------
    tables
        Canonical tables by name.
    truth
        What was planted and what only looks like it.
    """

    tables: dict[str, pa.Table]
    truth: Truth


def build_town(settings: TownSettings) -> Town:
    """Build a town; the same version and settings give the same rows.

    Parameters
    ----------
    settings
        What the town is made of.
    """
    world = make_world(settings)
    return _written(world, *_played(world))


def _played(world: World) -> tuple[Conducts, ClaimPairs, list[Entries], PartPairs, Plot]:
    """Return what everybody did, honest and planted; the stage, as large as the rows, is let go."""
    scene = _ordinary_year(world)
    lookalikes = [*play(scene), *innocents(scene)]
    plotted, rings = plot(scene, plant(scene))
    conduct = [_honest_events(scene, lookalikes), _planted_events(scene, rings)]
    claims = (
        Claims.joined([*_honest_claims(scene), *_numbered_claims(lookalikes, 1)]),
        Claims.joined(_numbered_claims(rings, -1)),
    )
    bare = [[replace(p, events=Events.none(), cover=Events.none()) for p in part] for part in (lookalikes, rings)]
    return conduct, claims, fill(scene, lookalikes, rings), (bare[0], bare[1]), plotted


def _ordinary_year(world: World) -> Scene:
    habits = make_habits(world)
    lived = [visits(world, habits), refills(world, habits), stays(world, habits), diagnoses(world, habits)]
    ordinary = Events.joined([*lived, special_sales(world)])
    # who lives elsewhere has an ordinary life there, of which little is seen here
    ordinary = Events.joined([ordinary.take(~world.people.guest[ordinary["patient"]]), guest_life(world)])
    return make_scene(world, habits, without_clashes(world, rerouted(world, habits, ordinary)))


def _honest_claims(scene: Scene) -> list[Claims]:
    far = ordinary_claims(scene)
    return [far, further_claims(scene, far), ordinary_paper(scene)]


def _numbered_claims(parts: list[Part], sign: int) -> list[Claims]:
    return [part.claims.having(origin=sign * (i + 1)) for i, part in enumerate(parts)]


def _honest_events(scene: Scene, lookalikes: list[Part]) -> Events:
    """Return ordinary life and look-alikes, free of contradictions but for a live system's rare errors."""
    played = [part.events.having(origin=i + 1) for i, part in enumerate(lookalikes)]
    open_only = at_open_houses(scene.world, Events.joined(played))
    lived = without_clashes(scene.world, Events.joined([scene.ordinary, open_only]))
    return Events.joined([lived, _errors(scene).having(fixed=True)])


def _planted_events(scene: Scene, rings: list[Part]) -> Events:
    """Return what rings do, and the ordinary visits their members make besides."""
    planted = [part.events.having(origin=-(i + 1)) for i, part in enumerate(rings)]
    # whoever lends a suspended house's system does not mind; everybody else finds it shut
    lent = [events for part, events in zip(rings, planted, strict=True) if part.kind == "T13"]
    others = [events for part, events in zip(rings, planted, strict=True) if part.kind != "T13"]
    covers = [part.cover for part in rings]
    return Events.joined([*lent, at_open_houses(scene.world, Events.joined([*others, *covers]))])


def _errors(scene: Scene) -> Events:
    """Return honest rows that look impossible: a stay typed for the wrong person, a death dated too early."""
    world = scene.world
    rng = world.streams.rng("errors")
    lying = scene.ordinary.take(scene.ordinary["kind"] == Kind.STAY)
    wrong = lying.take(rng.choice(len(lying), max(1, world.people.count // 9_000), replace=False))
    other = rng.choice(lying["place"], len(wrong))
    moved = rng.integers(1, 3, len(wrong)) * DAY
    doubled = wrong.having(place=other, at=wrong["at"] - moved + DAY, admitted=wrong["admitted"] - moved)
    dead = np.flatnonzero(world.people.death_day < min(world.first_day + world.days - 8, NO_DEATH))
    late = rng.choice(dead, max(1, len(dead) // 25), replace=False)
    late = late[world.people.death_day[late] > world.first_day]
    days = world.people.death_day[late] + rng.integers(1, 5, len(late))
    return Events.joined([doubled, world.visits(rng, late, scene.habits.clinic[late, 0], days)])


def _written(
    world: World, conduct: Conducts, claims: ClaimPairs, entries: list[Entries], parts: PartPairs, plotted: Plot
) -> Town:
    """Turn conduct (honest, planted) into tables and describe what was planted."""
    names = make_names(world)
    world.marks.sick = sick_doctors(world.standing.doctor_person, conduct[0])
    kept, beds, approved = _checked(world, conduct)
    batches = [
        make_batch(world, names, branch, conduct.pop(0), beds.pop(0), kept.pop(0)) for branch in ("honest", "planted")
    ]
    paid, claimed = _claimed(world, names, claims)
    ledgers, desks = written(world, names, entries), None
    if world.bureau is not None:
        paid, claimed, ledgers, desks = through_offices(world, names, plotted, claims, entries, paid, claimed, ledgers)
    truth = make_truth(world.settings, names, batches, claimed, ledgers, parts)
    if desks is not None:
        truth = with_insiders(truth, world, names, plotted, claimed, ledgers, desks)
    plans = [plan_items(names, batch) for batch in batches]
    tables = {"settlements": settlements_of(world, batches)}
    if not world.settings.only_required:
        tables["prescriptions"] = prescriptions_of(world, names, batches)
    batches.clear()
    if not world.settings.only_required:
        rng = world.streams.rng("claim order")
        tables |= {"reimbursements": shuffled(rng, paid), **registers(world, names, approved)}
        if desks is not None:
            tables |= _of_offices(world, names, plotted, claims, desks, tables["ties"])
            told = pa.concat_tables([ledgers["signals"].table, staff_signals(world, names, plotted)])
            ledgers["signals"] = replace(ledgers["signals"], table=told)
        tables["stock"] = shuffled(world.streams.rng("stock order"), stock_table(world, names, [p.left for p in plans]))
        tables["items"] = items_of(world, plans)
        tables |= {name: shuffled(world.streams.rng("order", name), one.table) for name, one in ledgers.items()}
    return Town({name: _thinned(world.settings, name, table) for name, table in tables.items()}, truth)


def _of_offices(
    world: World, names: Names, plotted: Plot, claims: ClaimPairs, desks: Desks, ties: pa.Table
) -> dict[str, pa.Table]:
    """Return the tables that a town with offices has besides, or has otherwise."""
    both = staff_ties(world, names, plotted)
    ties = ties.append_column("share", pa.nulls(len(ties), both.schema.field("share").type))
    ties = ties.append_column("since", pa.nulls(len(ties), both.schema.field("since").type))
    made = staff_tables(world, names) | {
        "actions": actions_table(world, names, plotted, Claims.joined(claims), len(claims[0]), desks),
        "ties": pa.concat_tables([ties, both.select(ties.column_names)]),
    }
    rng = world.streams.rng("office order")
    return {name: shuffled(rng, table) for name, table in made.items()}


def _checked(world: World, conduct: Conducts) -> tuple[list[Flags], list[Ints], Ints]:
    """Return, for both parts of conduct, which events are kept and their beds; and approved beds."""
    whole, split = Events.joined(conduct), len(conduct[0])
    kept = np.zeros(len(whole), dtype=bool)
    kept[surviving(world, whole)] = True
    beds, approved = allot_beds(world, whole)
    return [kept[:split], kept[split:]], [beds[:split], beds[split:]], approved


def _claimed(world: World, names: Names, claims: ClaimPairs) -> tuple[pa.Table, Claimed]:
    """Return the reimbursements of both batches, and what truth needs of them."""
    made = [
        reimbursements(replace(world, streams=world.streams.branched(branch)), names, part)
        for branch, part in zip(("honest", "planted"), claims, strict=True)
    ]
    paid = pa.concat_tables([table for table, _ in made])
    fund = np.concatenate([cents for _, cents in made])
    return paid, Claimed(Claims.joined(claims), paid["reimbursement_id"].combine_chunks(), fund)


def _thinned(settings: TownSettings, name: str, table: pa.Table) -> pa.Table:
    """Return the table without what the settings remove."""
    if settings.only_required:
        table = table.select([c for c in table.column_names if c in TABLES[name].required])
    if settings.dates_only:
        for position, field in enumerate(table.schema):
            if pa.types.is_timestamp(field.type):
                midnight = table[field.name].cast(pa.timestamp("s"), safe=False).cast(pa.date32()).cast(field.type)
                table = table.set_column(position, field, midnight)
    return table
