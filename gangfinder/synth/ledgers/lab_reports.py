"""Tests that decide whether a special drug is paid: ordinary orders, and the one rule that writes the reports."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from gangfinder.synth.casting import Scene
from gangfinder.synth.catalogue import DEPARTMENT, PlaceKind
from gangfinder.synth.columns import as_table, instants, joined, pick_from, words
from gangfinder.synth.events import DAY, FREE, NONE, Conduct
from gangfinder.synth.idents import opaque
from gangfinder.synth.ledgers.contract import Ledger
from gangfinder.synth.names import Names
from gangfinder.synth.ordinary import pick
from gangfinder.synth.streams import Floats, Ints
from gangfinder.synth.world import World

ITEMS = ("270700101", "270700102", "270700103")
"""Codes of the tests."""

POSITIVITY = np.array([0.40, 0.30, 0.24])
"""Share of positive results of each test among patients as they come."""

_ORDERED = (0.5, 0.3, 0.2)
"""Share of each test among the orders."""

_TESTED = 0.035
_REISSUED, _MIXED_UP = 0.006, 0.0008
COPIES = 1 << 30
"""Digests from here on are named by their number: reports with one number are one file."""


class LabReports(Conduct):
    """Reports of tests; ``on`` is a day since 1970."""

    __slots__ = ()
    schema = {
        "patient": ("int32", NONE),
        "item": ("int8", 0),
        "on": ("int64", NONE),
        "laboratory": ("int32", NONE),
        "place": ("int32", NONE),
        "doctor": ("int32", NONE),
        "positive": ("bool", False),
        "digest": ("int64", NONE),  # number of the report's file; a file of its own when not given
        "origin": ("int32", FREE),
    }


@dataclass(frozen=True, slots=True)
class Bench:
    """Who orders tests and where they are made.

    Parameters
    ----------
    doctors
        Doctors who order such tests, by place, as (place, doctor) pairs sorted by place.
    laboratory
        Usual laboratory of each place.
    case_mix
        Shift of the log-odds of a positive result by place.
    """

    doctors: tuple[Ints, Ints]
    laboratory: Ints
    case_mix: Floats

    def orderer(self, rng: np.random.Generator, places: Ints) -> Ints:
        """Draw one of the doctors who order tests at each place; -1 where there is none."""
        where, doctor = self.doctors
        low, high = np.searchsorted(where, places, "left"), np.searchsorted(where, places, "right")
        drawn = low + np.floor(rng.random(len(places)) * np.maximum(high - low, 1)).astype(np.int64)
        return np.where(high > low, doctor[np.minimum(drawn, len(doctor) - 1)], NONE)


def laboratories(world: World) -> int:
    """Return how many laboratories serve the town; those of look-alikes and rings are numbered from here on."""
    return max(8, world.people.count // 12_000)


def make_bench(world: World) -> Bench:
    """Draw who orders tests and where each house sends them."""
    rng, places = world.streams.shared("bench"), world.places
    fit = np.isin(places.doctor_ward, [DEPARTMENT["肿瘤科"], DEPARTMENT["内科"]])
    doctor = np.flatnonzero(fit & (places.kind[places.doctor_place] < PlaceKind.PSYCHIATRIC))
    order = np.argsort(places.doctor_place[doctor], kind="stable")
    doctor = doctor[order]
    return Bench(
        (places.doctor_place[doctor], doctor),
        rng.integers(0, laboratories(world), places.count),
        rng.normal(0, 0.25, places.count),
    )


def ordered(rng: np.random.Generator, size: int) -> Ints:
    """Draw tests, each as often as it is ordered."""
    return rng.choice(len(ITEMS), size, p=_ORDERED)


def chance(case_mix: Floats, item: Ints) -> Floats:
    """Return the chance of a positive result."""
    odds = np.log(POSITIVITY[item] / (1 - POSITIVITY[item])) + case_mix
    return np.asarray(1 / (1 + np.exp(-odds)), dtype=np.float64)


def tested(scene: Scene) -> LabReports:
    """Return the reports of an ordinary year; now and then one is issued twice, or filed for the wrong person."""
    world = scene.world
    rng, people, bench = world.streams.rng("tested"), world.people, make_bench(world)
    ill = scene.alive & (people.age >= 40) & (rng.random(people.count) < _TESTED * world.days / 365)
    who = np.flatnonzero(ill)
    place = pick(rng, scene.habits.hospital, who)
    doctor = bench.orderer(rng, place)
    who, place, doctor = who[doctor != NONE], place[doctor != NONE], doctor[doctor != NONE]
    item = ordered(rng, len(who))
    usual = rng.random(len(who)) < 0.7
    reports = LabReports.of(
        patient=who, item=item, on=world.first_day + rng.integers(0, world.days - 10, len(who)),
        laboratory=np.where(usual, bench.laboratory[place], rng.integers(0, laboratories(world), len(who))),
        place=place, doctor=doctor, positive=rng.random(len(who)) < chance(bench.case_mix[place], item),
    )
    return _with_errors(rng, reports)


def _with_errors(rng: np.random.Generator, reports: LabReports) -> LabReports:
    """Add what a live system has: a report issued again to the same patient, and one filed for somebody else."""
    draw = rng.random(len(reports))
    again = np.flatnonzero(draw < _REISSUED)
    wrong = np.flatnonzero((draw >= _REISSUED) & (draw < _REISSUED + _MIXED_UP))
    twice = np.concatenate([again, wrong])
    digest = np.full(len(reports), NONE, dtype=np.int64)
    digest[twice] = COPIES + np.arange(len(twice))
    reports = reports.having(digest=digest)
    more = reports.take(twice)
    other = reports["patient"][rng.integers(0, max(len(reports), 1), len(twice))] if len(twice) else more["patient"]
    same = np.arange(len(twice)) < len(again)
    return LabReports.joined(
        [
            reports,
            more.having(
                patient=np.where(same, more["patient"], other), on=more["on"] + rng.integers(1, 6, len(twice))
            ),
        ]
    )


def write(world: World, names: Names, reports: LabReports) -> pa.Table:
    """Write one row for each report."""
    rng, count = world.streams.rng("lab_reports"), len(reports)
    # numbers without order or even steps, others in every town: a further laboratory's looks like any
    numbers = 100 + world.streams.shared("laboratories").permutation(899)
    laboratory = reports["laboratory"].astype(np.int64) % len(numbers)
    at = reports["on"] * DAY + rng.integers(8 * 3600, 19 * 3600, count)
    return as_table(
        "lab_reports",
        {
            "report_id": opaque(count, int(rng.integers(1, 2**62)), "L"),
            "patient_id": names.patients.take(pa.array(reports["patient"].astype(np.int64))),
            "item_code": pick_from(ITEMS, reports["item"].astype(np.int64)),
            "reported_at": instants(at),
            "laboratory_id": joined("LAB", words(numbers[laboratory])),
            "institution_id": pick_from(names.places, reports["place"].astype(np.int64)),
            "doctor_id": pick_from(names.doctors, reports["doctor"].astype(np.int64)),
            "result": pick_from(("negative", "positive"), reports["positive"].astype(np.int64)),
            "report_digest": _digests(world, rng, reports),
        },
    )


def _digests(world: World, rng: np.random.Generator, reports: LabReports) -> pa.Array:
    """Return the digest of each report's file; one number, one digest, in whatever branch."""
    own = opaque(len(reports), int(rng.integers(1, 2**62)))
    number = reports["digest"]
    distinct, index = np.unique(number, return_inverse=True)
    key = int(world.streams.rng("digests").integers(1, 2**62))
    shared = opaque(len(distinct), key).take(pa.array(index))
    pool = pa.concat_arrays([own, shared])
    position = np.where(number == NONE, np.arange(len(reports)), len(reports) + np.arange(len(reports)))
    return pick_from(pool, position)


LAB_REPORTS = Ledger("lab_reports", "report_id", LabReports, tested, write)
