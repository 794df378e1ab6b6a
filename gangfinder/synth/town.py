"""Build a town: an ordinary year, look-alikes, rings, and one common rule that turns conduct into rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from gangfinder.model.tables import TABLES
from gangfinder.synth.beds import allot_beds
from gangfinder.synth.casting import Part, Scene, make_scene
from gangfinder.synth.catalogue import Kind
from gangfinder.synth.claims import ordinary_claims
from gangfinder.synth.clash import without_clashes
from gangfinder.synth.events import DAY, Claims, Events
from gangfinder.synth.items import items
from gangfinder.synth.lookalikes import play
from gangfinder.synth.names import make_names
from gangfinder.synth.ordinary import make_habits, refills, stays, visits
from gangfinder.synth.people import NO_DEATH
from gangfinder.synth.registers import registers, shuffled
from gangfinder.synth.reimbursed import reimbursements
from gangfinder.synth.rings import plant
from gangfinder.synth.rows import make_rows, settlements
from gangfinder.synth.settings import TownSettings
from gangfinder.synth.settle import make_bills
from gangfinder.synth.truth import Record, Truth, make_truth
from gangfinder.synth.world import World, make_world


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
    scene = _ordinary_year(world)
    lookalikes = play(scene)
    rings = plant(scene)
    events = _all_events(scene, lookalikes, rings)
    claims = Claims.joined(
        [ordinary_claims(scene), *_numbered_claims(lookalikes, 1), *_numbered_claims(rings, -1)]
    )
    return _written(world, events, claims, lookalikes, rings)


def _ordinary_year(world: World) -> Scene:
    habits = make_habits(world)
    ordinary = Events.joined([visits(world, habits), refills(world, habits), stays(world, habits)])
    return make_scene(world, habits, without_clashes(world, ordinary))


def _numbered_claims(parts: list[Part], sign: int) -> list[Claims]:
    return [part.claims.having(origin=sign * (i + 1)) for i, part in enumerate(parts)]


def _all_events(scene: Scene, lookalikes: list[Part], rings: list[Part]) -> Events:
    """Return all conduct that does not contradict itself, and the rare errors of a live system."""
    played = [part.events.having(origin=i + 1) for i, part in enumerate(lookalikes)]
    planted = [part.events.having(origin=-(i + 1)) for i, part in enumerate(rings)]
    cover = [part.cover for part in rings]
    whole = Events.joined([scene.ordinary, *played, *planted, *cover])
    return Events.joined([without_clashes(scene.world, whole), _errors(scene)])


def _errors(scene: Scene) -> Events:
    """Return honest rows that look impossible: a stay typed in for the wrong person, a death entered too early."""
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


def _written(world: World, events: Events, claims: Claims, lookalikes: list[Part], rings: list[Part]) -> Town:
    """Turn conduct into tables and describe what was planted."""
    names = make_names(world)
    bills = make_bills(world, events)
    beds, approved = allot_beds(world, events)
    rows = make_rows(world, events)
    settled = settlements(world, names, events, bills, rows, beds)
    ids = settled["settlement_id"].combine_chunks()
    paid, fund = reimbursements(world, names, claims)
    record = Record(names, events, bills, rows, ids, claims, paid["reimbursement_id"].combine_chunks(), fund)
    truth = make_truth(world.settings, record, lookalikes, rings)
    rng = world.streams.rng("row order")
    tables = {"settlements": pa.concat_tables([settled, settled.take(pa.array(rows.uploaded_twice))])}
    if not world.settings.only_required:
        tables |= {"reimbursements": shuffled(rng, paid), **registers(world, names, approved)}
        tables["items"] = items(world, names, events, bills, rows, ids)
    return Town({name: _thinned(world.settings, name, table) for name, table in tables.items()}, truth)


def _thinned(settings: TownSettings, name: str, table: pa.Table) -> pa.Table:
    """Return the table without what the settings remove."""
    if settings.only_required:
        table = table.select([c for c in table.column_names if c in TABLES[name].required])
    if settings.dates_only:
        for position, field in enumerate(table.schema):
            if pa.types.is_timestamp(field.type):
                midnight = (
                    table[field.name].cast(pa.timestamp("s"), safe=False).cast(pa.date32()).cast(field.type)
                )
                table = table.set_column(position, field, midnight)
    return table
