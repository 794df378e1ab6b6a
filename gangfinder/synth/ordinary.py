"""Ordinary life: visits to clinics, hospitals and pharmacies, refills, and hospital stays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gangfinder.synth.catalogue import DISCHARGE_PROFILE, HOUR_PROFILE, WARD_SHARES, Kind, PlaceKind
from gangfinder.synth.events import DAY, Events, clock
from gangfinder.synth.people import EMPLOYEE
from gangfinder.synth.places import choice_table
from gangfinder.synth.streams import Floats, Ints, draw_rows
from gangfinder.synth.world import World, sunday_weights

FAVOURITES = 3
_LOYALTY = np.array([0.66, 0.9, 1.0])  # cumulative: most visits go to the first choice


@dataclass(frozen=True, slots=True)
class Habits:
    """Where each person goes: favourite places by need, best first, as (people, 3) arrays."""

    clinic: Ints
    hospital: Ints
    ward: Ints
    pharmacy: Ints
    clinic_share: Floats


def make_habits(world: World) -> Habits:
    """Draw the favourite places of every resident."""
    rng = world.streams.rng("habits")
    chosen: dict[str, Any] = {}
    for need in ("clinic", "hospital", "ward", "pharmacy"):
        where, cumulative = choice_table(world.places, world.people, need)
        rows = np.repeat(world.people.village, FAVOURITES)
        chosen[need] = where[draw_rows(rng, cumulative, rows)].reshape(-1, FAVOURITES).astype(np.int32)
    share = rng.beta(2.2, 1.6, world.people.count)
    return Habits(**chosen, clinic_share=share)


def pick(rng: np.random.Generator, favourites: Ints, patients: Ints) -> Ints:
    """Return one favourite for each visit."""
    rank = np.searchsorted(_LOYALTY, rng.random(len(patients)))
    return np.asarray(favourites[patients, np.minimum(rank, FAVOURITES - 1)], dtype=np.int64)


def _counts(rng: np.random.Generator, mean: Floats, zero: Floats, years: float) -> Ints:
    """Draw zero-inflated negative binomial counts with the given means and shares of people who never go."""
    going = rng.random(len(mean)) >= zero
    rate = rng.gamma(1.3, mean * years / (1 - zero) / 1.3)
    return np.asarray(np.where(going, rng.poisson(rate), 0), dtype=np.int64)


def _rates(world: World) -> tuple[Floats, Floats, Floats]:
    """Return yearly outpatient mean, share without visits, and yearly pharmacy mean of every resident."""
    people = world.people
    old = people.age >= 60
    employee = people.insured == EMPLOYEE
    mean = np.select([employee & people.retired, employee, old], [12.5, 3.2, 3.3], 1.15)
    zero = np.select([employee & people.retired, employee, old], [0.05, 0.25, 0.2], 0.42)
    return mean, zero, np.where(employee, 4.9, 0.3)


def _days(rng: np.random.Generator, world: World, count: int, pharmacy: bool) -> Ints:
    days = np.arange(world.first_day, world.first_day + world.days)
    weights = np.ones(len(days)) if pharmacy else sunday_weights(days)
    season = 1 + 0.18 * np.cos(2 * np.pi * (days - days[0] - 10) / 365)
    edges = np.cumsum(weights * season)
    drawn = np.searchsorted(edges, rng.random(count) * edges[-1] * (1 - 1e-9), side="right")
    return np.asarray(days[drawn], dtype=np.int64)


def _moment(rng: np.random.Generator, world: World, patients: Ints, places: Ints, days: Ints) -> Ints:
    """Return instants: by the hours of the house, or, for half of the older people, by their own habit."""
    free = clock(rng, HOUR_PROFILE, world.places.kind[places])
    habit = (world.people.habit_hour[patients] * 3600 + rng.normal(0, 2400, len(patients))).astype(np.int64)
    by_habit = (world.people.age[patients] >= 60) & (rng.random(len(patients)) < 0.5)
    return days * DAY + np.where(by_habit, np.clip(habit, 7 * 3600, 20 * 3600), free)


def visits(world: World, habits: Habits) -> Events:
    """Return a year of outpatient and pharmacy visits of everybody."""
    rng = world.streams.rng("visits")
    years = world.days / 365
    mean, zero, pharmacy_mean = _rates(world)
    everyone = np.arange(world.people.count)
    out = np.repeat(everyone, _counts(rng, mean, zero, years))
    to_clinic = rng.random(len(out)) < habits.clinic_share[out]
    where = np.where(to_clinic, pick(rng, habits.clinic, out), pick(rng, habits.hospital, out))
    days = _days(rng, world, len(out), pharmacy=False)
    urgent = ~to_clinic & (rng.random(len(out)) < 0.04)
    outpatient = Events.of(
        patient=out,
        place=where,
        at=_moment(rng, world, out, where, days),
        kind=np.where(urgent, int(Kind.EMERGENCY), int(Kind.OUTPATIENT)),
    )
    buyers = np.repeat(everyone, _counts(rng, pharmacy_mean, np.full(len(everyone), 0.12), years))
    shops = pick(rng, habits.pharmacy, buyers)
    days = _days(rng, world, len(buyers), pharmacy=True)
    bought = Events.of(
        patient=buyers, place=shops, at=_moment(rng, world, buyers, shops, days), kind=int(Kind.PHARMACY)
    )
    return Events.joined([outpatient, bought, _after_hospital(rng, world, outpatient)])


def _after_hospital(rng: np.random.Generator, world: World, outpatient: Events) -> Events:
    """Return the purchases some people make at the shop by the hospital gate on their way home."""
    hospital = np.isin(world.places.kind[outpatient["place"]], [PlaceKind.LARGE, PlaceKind.SMALL])
    chosen = np.flatnonzero(hospital & (rng.random(len(outpatient)) < 0.05))
    shops = world.places.of_kind(PlaceKind.PHARMACY)
    gap = np.hypot(world.places.x[:, None] - world.places.x[shops], world.places.y[:, None] - world.places.y[shops])
    gate = shops[np.argmin(gap, axis=1)]
    return Events.of(
        patient=outpatient["patient"][chosen],
        place=gate[outpatient["place"][chosen]],
        at=outpatient["at"][chosen] + rng.integers(2000, 5400, len(chosen)),
        kind=int(Kind.PHARMACY),
    )


def refills(world: World, habits: Habits) -> Events:
    """Return the refills of the chronically ill: every four weeks or so, same house, basket and hour."""
    rng = world.streams.rng("refills")
    people = world.people
    who = np.flatnonzero(people.chronic & (rng.random(people.count) < 0.62))
    rounds = world.days // 28 + 1
    step = rng.choice(np.array([28, 28, 30, 30, 31, 60]), len(who))
    first = rng.integers(0, 28, len(who))
    day = first[:, None] + step[:, None] * np.arange(rounds)[None, :] + rng.integers(-3, 5, (len(who), rounds))
    patient = np.repeat(who, rounds)
    at_shop = np.repeat(rng.random(len(who)) < 0.4, rounds)
    days = world.first_day + day.ravel()
    kept = (day.ravel() >= 0) & (day.ravel() < world.days) & (rng.random(len(patient)) < 0.9)
    patient, at_shop, days = patient[kept], at_shop[kept], days[kept]
    place = np.where(at_shop, habits.pharmacy[patient, 0], habits.clinic[patient, 0])
    hour = (people.habit_hour[patient] * 3600 + rng.normal(0, 1500, len(patient))).astype(np.int64)
    return Events.of(
        patient=patient,
        place=place,
        at=days * DAY + np.clip(hour, 7 * 3600, 20 * 3600),
        kind=np.where(at_shop, int(Kind.PHARMACY), int(Kind.CHRONIC)),
        basket=people.chronic_basket[patient],
    )


def length_of_stay(rng: np.random.Generator, count: int) -> Ints:
    """Draw nights in hospital: lognormal with median 7, some single nights, none longer than 60."""
    nights = np.round(np.exp(rng.normal(1.95, 0.62, count)))
    return np.where(rng.random(count) < 0.026, 1, np.clip(nights, 1, 60)).astype(np.int64)


def stay_events(
    rng: np.random.Generator, patients: Ints, places: Ints, admit_days: Ints, nights: Ints, **more: object
) -> Events:
    """Return stays: admitted at any hour, discharged in office hours after the given nights."""
    admitted = admit_days * DAY + clock(rng, HOUR_PROFILE, np.zeros(len(patients), dtype=np.int64))
    left = (admit_days + nights) * DAY + clock(rng, DISCHARGE_PROFILE, np.zeros(len(patients), dtype=np.int64))
    return Events.of(
        patient=patients,
        place=places,
        at=left,
        kind=int(Kind.STAY),
        admitted=np.minimum(admitted, left - 3600),
        **more,
    )


def stay_rate(world: World) -> Floats:
    """Return how many hospital stays a year each resident has on average."""
    age = world.people.age
    bands = [age >= 75, age >= 60, age >= 40, age < 6]
    return np.asarray(np.select(bands, [0.56, 0.4, 0.17, 0.2], 0.09), dtype=np.float64)


def _ward_group(world: World) -> Ints:
    """Return the row of ``WARD_SHARES`` that holds for each resident."""
    people = world.people
    gives_birth = ~people.male & (people.age >= 18) & (people.age < 46)
    return np.where(people.age < 15, 1, np.where(gives_birth, 2, 0))


def usual_wards(rng: np.random.Generator, world: World, patients: Ints) -> Ints:
    """Return the ward in which each of these people would lie."""
    return draw_rows(rng, np.cumsum(WARD_SHARES, axis=1), _ward_group(world)[patients])


def ward_rate(world: World, ward: int) -> Floats:
    """Return how often each resident lies in one ward, compared with the average resident."""
    rate = stay_rate(world) * WARD_SHARES[_ward_group(world), ward]
    return np.asarray(rate / rate.mean(), dtype=np.float64)


def visit_rate(world: World) -> Floats:
    """Return how many visits a year each resident has on average."""
    mean, _, pharmacy = _rates(world)
    return mean + pharmacy


def stays(world: World, habits: Habits) -> Events:
    """Return the hospital stays of everybody, some of them away from home."""
    rng = world.streams.rng("stays")
    people = world.people
    rate = stay_rate(world)
    who = np.repeat(np.arange(people.count), rng.poisson(rate * world.days / 365))
    nights = length_of_stay(rng, len(who))
    where = pick(rng, habits.ward, who)
    away = rng.random(len(who)) < 0.03
    where = np.where(away, rng.choice(world.places.of_kind(PlaceKind.REMOTE), len(who)), where)
    days = world.first_day + rng.integers(0, world.days, len(who))
    ward = usual_wards(rng, world, who)
    kept = days + nights < world.first_day + world.days
    given = stay_events(rng, who, where, days, nights, ward=ward, waived=rng.random(len(who)) < 0.05)
    return given.take(kept)
