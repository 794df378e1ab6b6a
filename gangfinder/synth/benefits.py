"""Further honest claims: births, special drugs after a test, bills paid in layers, bills handed in twice by mistake."""

from __future__ import annotations

import numpy as np

from gangfinder.synth.casting import Scene
from gangfinder.synth.catalogue import PlaceKind
from gangfinder.synth.claims import claim_total, invoice_position
from gangfinder.synth.events import NONE, Claims
from gangfinder.synth.ledgers.enrolments import clerks, hired, wages
from gangfinder.synth.ledgers.lab_reports import tested
from gangfinder.synth.ordinary import pick
from gangfinder.synth.people import EMPLOYEE
from gangfinder.synth.reimbursed import ASSISTANCE, CATASTROPHIC, MATERNITY, SPECIAL_DRUG
from gangfinder.synth.streams import Flags, Floats, Ints

_BIRTHS, _DRUG_TAKEN, _MISTAKES, _LAYERED = 0.05, 0.6, 0.003, 0.06


def further_claims(scene: Scene, ordinary: Claims) -> Claims:
    """Return what residents hand in besides stays far away.

    Parameters
    ----------
    scene
        The town.
    ordinary
        Their claims for stays far away, some of which are paid in layers or handed in twice.
    """
    return Claims.joined([_births(scene), _drugs(scene), _layers(scene, ordinary), _mistakes(scene, ordinary)])


def young_women(scene: Scene) -> Flags:
    """Return who may give birth."""
    people = scene.world.people
    return scene.alive & ~people.male & (people.age >= 20) & (people.age < 42)


def _births(scene: Scene) -> Claims:
    """Return maternity allowances of women who work, also of those who found work of late."""
    world = scene.world
    rng, people = world.streams.rng("births"), world.people
    lately, employer, start = hired(scene)
    since = np.full(people.count, world.first_day - 400)
    works = people.employer.copy()
    since[lately], works[lately] = start, employer
    mother = young_women(scene) & (works >= 0) & (rng.random(people.count) < _BIRTHS * world.days / 365)
    who = np.flatnonzero(mother)
    submitted = world.first_day + rng.integers(5, world.days - 2, len(who))
    kept = submitted > since[who] + 20
    who, submitted = who[kept], submitted[kept]
    clerk = np.where(rng.random(len(who)) < 0.4, clerks(world)[works[who]], NONE)
    return maternity(scene, rng, who, submitted, wages(rng, len(who)), np.where(clerk == who, NONE, clerk))


def maternity(
    scene: Scene, rng: np.random.Generator, who: Ints, submitted: Ints, base: Floats, agent: Ints
) -> Claims:
    """Return one maternity allowance for each woman: some four months of her base, after a birth near home."""
    world, size = scene.world, len(who)
    place = pick(rng, scene.habits.ward, who)
    nights = rng.integers(2, 7, size)
    left = submitted - rng.integers(15, 100, size)
    return Claims.of(
        patient=who, place=place, admitted=left - nights, nights=nights, submitted=submitted,
        total=np.round(base * rng.uniform(3.2, 5.2, size), 2), account=who, agent=agent,
        invoice=invoice_position(world, place, left) + rng.integers(0, 400, size), benefit=MATERNITY,
    )


def _drugs(scene: Scene) -> Claims:
    """Return the special drugs of those whose test was positive."""
    world = scene.world
    rng, reports = world.streams.rng("special claims"), tested(scene)
    taken = np.flatnonzero(reports["positive"] & (rng.random(len(reports)) < _DRUG_TAKEN))
    reports = reports.take(taken)
    waited = rng.integers(8, 90, len(reports))
    claims = special_drugs(
        scene, rng, reports["patient"].astype(np.int64), reports["place"].astype(np.int64), reports["on"], waited
    )
    return claims.take(claims["submitted"] < world.first_day + world.days)


def special_drugs(
    scene: Scene, rng: np.random.Generator, who: Ints, place: Ints, reported: Ints, waited: Ints
) -> Claims:
    """Return one claim for a course of a special drug for each patient, so many days after the report."""
    submitted = reported + waited
    bought = np.maximum(reported + 1, submitted - rng.integers(1, 15, len(who)))
    return Claims.of(
        patient=who, place=place, admitted=bought - 1, nights=1, submitted=submitted,
        total=claim_total(rng, len(who)), account=who, benefit=SPECIAL_DRUG,
        invoice=invoice_position(scene.world, place, bought) + rng.integers(0, 400, len(who)),
    )


def basic_share(scene: Scene, claims: Claims) -> Floats:
    """Return about what the basic insurance pays of each claim."""
    insured = scene.world.people.insured[claims["patient"]]
    return np.where(insured == EMPLOYEE, 0.72, 0.52)


def layered(scene: Scene, rng: np.random.Generator, claims: Claims) -> Claims:
    """Return the further layers of some bills: catastrophic insurance, then assistance, each of what is left."""
    left = claims["total"] * (1 - basic_share(scene, claims))
    second = claims.having(
        benefit=CATASTROPHIC, fund=np.round(left * rng.uniform(0.35, 0.55, len(claims)), 2),
        submitted=claims["submitted"] + rng.integers(10, 60, len(claims)),
    )
    poor = scene.world.people.poor[claims["patient"]] | (rng.random(len(claims)) < 0.15)
    third = second.having(
        benefit=ASSISTANCE, fund=np.round(left * rng.uniform(0.1, 0.3, len(claims)), 2),
        submitted=second["submitted"] + rng.integers(10, 60, len(claims)),
    )
    return Claims.joined([second, third.take(poor)])


def _layers(scene: Scene, ordinary: Claims) -> Claims:
    rng = scene.world.streams.rng("layers")
    return layered(scene, rng, ordinary.take(rng.random(len(ordinary)) < _LAYERED))


def _mistakes(scene: Scene, ordinary: Claims) -> Claims:
    """Return bills that were handed in once more by mistake, and paid."""
    world = scene.world
    rng = world.streams.rng("mistakes")
    again = ordinary.take(rng.random(len(ordinary)) < _MISTAKES)
    later = np.minimum(again["submitted"] + rng.integers(10, 90, len(again)), world.first_day + world.days - 1)
    return again.having(submitted=later)


def hospitals(scene: Scene) -> Ints:
    """Return the hospitals of the town that treat everybody."""
    return scene.world.places.of_kind(PlaceKind.LARGE, PlaceKind.SMALL, PlaceKind.TOWNSHIP)
