"""What others told the fund: rule hits, tips, injuries that somebody else pays for, closed cases, officials.

Rows fall on honest people and on members of rings by one rule. A group that has been going on for a while is talked
about more than a single person, whether it is a ring or only looks like one; of rings a case was closed now and then.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from gangfinder.synth.casting import Part, Scene
from gangfinder.synth.catalogue import DEPARTMENT, Kind
from gangfinder.synth.columns import as_table, dates, pick_from
from gangfinder.synth.events import DAY, FREE, NONE, Conduct
from gangfinder.synth.ledgers.contract import Ledger
from gangfinder.synth.names import Names
from gangfinder.synth.streams import Floats, Ints
from gangfinder.synth.world import World

KINDS = (
    "rule_hit", "tip", "traffic_injury", "work_injury", "confirmed_case", "penalty", "public_official", "bed_alarm",
)
RULE_HIT, TIP, TRAFFIC, WORK, CONFIRMED, PENALTY, OFFICIAL, BED_ALARM = range(len(KINDS))
ENTITIES = ("patient", "institution")
_SOURCES = (
    "rule_engine", "hotline", "traffic_police", "work_injury_fund", "past_case", "past_case", "register", "ward",
)
_NOTES = (
    "测试规则命中", "测试举报", "测试事故记录", "测试工伤记录", "测试已结案", "测试处罚", "测试名册", "测试床位监测",
)
TALKED_ABOUT = 0.35
"""Share of groups on whom somebody gives a tip."""

_CLOSED = 0.3


class Signals(Conduct):
    """Signals; ``patient`` is the number of the entity, whatever it is, and ``on`` a day since 1970."""

    __slots__ = ()
    schema = {
        "patient": ("int32", NONE),
        "entity": ("int8", 0),  # position in ENTITIES
        "kind": ("int8", 0),  # position in KINDS
        "on": ("int64", NONE),
        "severity": ("int8", 0),
        "origin": ("int32", FREE),
    }


def told(scene: Scene) -> Signals:
    """Return the signals of an ordinary year."""
    world = scene.world
    rng, count = world.streams.rng("signals"), world.people.count
    years = world.days / 365
    hits = np.repeat(np.arange(count), rng.poisson(scene.visit_weight * 0.004 + scene.stay_weight * 0.05))
    tips = rng.integers(0, count, rng.poisson(count / 2_500 * years))
    closed = rng.choice(count, max(1, count // 5_000), p=_weighted(scene.visit_weight))
    officials = rng.choice(np.flatnonzero((world.people.age >= 24) & (world.people.age < 62)), count // 150)
    places = world.places.count
    house = rng.integers(0, places, rng.poisson(places * 0.12 * years)), rng.integers(0, places, max(1, places // 60))
    alarms = rng.choice(np.flatnonzero(world.places.beds > 0), max(2, places // 30))
    parts = [
        _on(rng, world, hits, RULE_HIT), _on(rng, world, tips, TIP), _on(rng, world, closed, CONFIRMED),
        _on(rng, world, officials, OFFICIAL, since=2_000), _injuries(scene, rng),
        _on(rng, world, house[0], TIP, entity=1), _on(rng, world, house[1], PENALTY, entity=1),
        _on(rng, world, alarms, BED_ALARM, entity=1),
    ]
    return Signals.joined(parts)


def _weighted(weight: Floats) -> Floats:
    return np.asarray((weight + 0.1) / (weight + 0.1).sum(), dtype=np.float64)


def _on(
    rng: np.random.Generator, world: World, who: Ints, kind: int, entity: int = 0, since: int = 0
) -> Signals:
    """Return one signal for each of the entities, at some day of the period or before it."""
    low = 0 if kind in {RULE_HIT, BED_ALARM} else -90
    days = world.first_day + rng.integers(low - since, world.days, len(who))
    return Signals.of(
        patient=who, entity=entity, kind=kind, on=days, severity=rng.choice(3, len(who), p=(0.6, 0.3, 0.1))
    )


def _injuries(scene: Scene, rng: np.random.Generator) -> Signals:
    """Return injuries on the road and at work; some of those hurt lay in hospital, and the fund paid."""
    world, ordinary = scene.world, scene.ordinary
    lay = ordinary["kind"] == Kind.STAY
    surgical = np.isin(ordinary["ward"], [DEPARTMENT["外科"], DEPARTMENT["骨科"]])
    stays = np.flatnonzero(lay & surgical & (rng.random(len(ordinary)) < 0.03))
    hurt = rng.integers(0, world.people.count, world.people.count // 300)
    kinds = rng.choice([TRAFFIC, WORK], len(stays) + len(hurt), p=(0.7, 0.3))
    days = np.concatenate(
        [
            ordinary["admitted"][stays] // DAY - rng.integers(0, 2, len(stays)),
            world.first_day + rng.integers(0, world.days, len(hurt)),
        ]
    )
    who = np.concatenate([ordinary["patient"][stays].astype(np.int64), hurt])
    return Signals.of(patient=who, kind=kinds, on=days, severity=1)


def gossip(scene: Scene, parts: list[Part], *, planted: bool) -> list[Signals]:
    """Return what is said of the parts, one table each: tips on a member or a site, and closed cases of rings.

    Parameters
    ----------
    scene
        The town.
    parts
        Look-alikes or rings.
    planted
        Whether they are rings.
    """
    world = scene.world
    out = []
    for number, part in enumerate(parts):
        rng = world.streams.rng("gossip", "ring" if planted else "alike", part.kind, number)
        own = part.more["signals"] if "signals" in part.more else Signals.none()
        tips = rng.choice(part.people, 1) if len(part.people) and rng.random() < TALKED_ABOUT else part.people[:0]
        sites = part.places[:1] if rng.random() < TALKED_ABOUT / 2 else part.places[:0]
        done = part.people[:0]
        if planted and len(part.people) and rng.random() < _CLOSED:
            done = rng.choice(part.people, min(2, len(part.people)), replace=False)
        assert isinstance(own, Signals)  # noqa: S101 - what a part leaves for this ledger
        out.append(
            Signals.joined(
                [
                    own, _on(rng, world, tips, TIP), _on(rng, world, sites.astype(np.int64), TIP, entity=1),
                    _on(rng, world, done, CONFIRMED),
                ]
            )
        )
    return out


def write(world: World, names: Names, signals: Signals) -> pa.Table:
    """Write one row for each signal."""
    entity, number = signals["entity"].astype(np.int64), signals["patient"].astype(np.int64)
    kind = signals["kind"].astype(np.int64)
    pool = pa.concat_arrays([names.patients, names.places])
    return as_table(
        "signals",
        {
            "entity_type": pick_from(ENTITIES, entity),
            "entity_id": pool.take(pa.array(number + np.where(entity == 1, len(names.patients), 0))),
            "kind": pick_from(KINDS, kind),
            "observed_on": dates(signals["on"]),
            "severity": pick_from(("low", "middle", "high"), signals["severity"].astype(np.int64)),
            "source": pick_from(_SOURCES, kind),
            "note": pick_from(_NOTES, kind),
        },
    )


def tips(staff: pa.Array, on: Ints) -> pa.Table:
    """Write one tip on each of these members of the fund's staff, on these days."""
    count = len(staff)
    return as_table(
        "signals",
        {
            "entity_type": pick_from(("staff",), np.zeros(count, np.int64)),
            "entity_id": staff,
            "kind": pick_from(KINDS, np.full(count, TIP)),
            "observed_on": dates(on),
            "severity": pick_from(("low", "middle", "high"), np.zeros(count, np.int64)),
            "source": pick_from(_SOURCES, np.full(count, TIP)),
            "note": pick_from(_NOTES, np.full(count, TIP)),
        },
    )


SIGNALS = Ledger("signals", "entity_id", Signals, told, write, gossip)
