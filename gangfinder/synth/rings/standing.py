"""T13 a suspended house that settles elsewhere or all the same, and T21 doctors who were not where they signed."""

from __future__ import annotations

import numpy as np

from gangfinder.synth.casting import Part, Scene, cover_visits, matched, recruit
from gangfinder.synth.catalogue import Kind, PlaceKind
from gangfinder.synth.events import DAY, NONE, Events
from gangfinder.synth.observed import observed_hours
from gangfinder.synth.ordinary import stay_events, visit_rate
from gangfinder.synth.standing import IN_HOSPITAL, TWO_PLACES
from gangfinder.synth.streams import Floats, Ints, spread


def flow_shift(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one T13 ring: regulars of a suspended house appear at another; every third house settles by itself."""
    world, standing = scene.world, scene.world.standing
    house, other = (int(place) for place in world.ring_sites["T13", number])
    start = int(standing.suspended_from[house])
    end = min(int(standing.suspended_to[house]), world.first_day + world.days - 1)
    alone = number % 3 == 2
    site = house if alone else other
    members, rate = _regulars(scene, rng, house, start)
    share = 0.35 + 0.5 * world.settings.participation
    size = max(12, round(len(members) * share))
    members, rate = members[:size], rate[:size]
    times = np.maximum(1, rng.poisson(np.minimum(rate * (end - start + 1) * 1.3 + 0.8, 12)))
    who = np.repeat(members, times)
    # whoever comes is there within the first weeks, later as often as before
    day = start + np.where(
        np.concatenate([np.arange(n) == 0 for n in times]) if len(times) else np.empty(0, dtype=bool),
        rng.integers(1 + 3 * world.settings.jitter_days, 26, len(who)),
        rng.integers(1, max(end - start, 2), len(who)),
    )
    where = np.full(len(who), site)
    own = {} if alone else _desk(scene, rng, house, len(who))
    events = Events.of(
        patient=who, place=where, at=day * DAY + observed_hours(scene, rng, where), kind=world.kind_at(where), **own
    )
    places = np.array([house] if alone else [house, other])
    return Part("T13", members, events, cover=cover_visits(scene, rng, who[rng.random(len(who)) < 0.3]), places=places)


def _desk(scene: Scene, rng: np.random.Generator, house: int, size: int) -> dict[str, Ints]:
    """Return the desk, operator and doctor of the suspended house, at work at the other counter."""
    places, by_own = scene.world.places, rng.random(size) < 0.25 + 0.65 * scene.world.settings.participation
    terminal = places.terminal_first[house] + rng.integers(0, max(int(places.terminal_count[house]), 1), size)
    operator = places.operator_first[house] + rng.integers(0, max(int(places.operator_count[house]), 1), size)
    chosen: dict[str, Ints] = {"terminal": terminal, "operator": operator}
    if places.doctor_count[house]:
        chosen["doctor"] = np.full(size, places.doctor_first[house])
    return {name: np.where(by_own, values, NONE) for name, values in chosen.items()}


def _regulars(scene: Scene, rng: np.random.Generator, house: int, start: int) -> tuple[Ints, Floats]:
    """Cast people who came to the house often until it was suspended, and how often a day each came."""
    world, before = scene.world, scene.ordinary["at"] < start * DAY
    rows = np.flatnonzero(before & (scene.ordinary["place"] == house))
    visits = np.bincount(scene.ordinary["patient"][rows], minlength=world.people.count)
    often = scene.alive & (visits >= 2)
    size = spread(rng, 40, 90)
    members = recruit(scene, rng, size, often, visits.astype(np.float64))
    if len(members) < 12:  # in a tiny town a house has few regulars, or they are cast: whoever is left will do
        more = recruit(scene, rng, 12 - len(members), scene.alive, visit_rate(world))
        members = np.concatenate([members, more])
    return members, visits[members] / max(start - world.first_day, 1)


def absent_practitioners(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one T21 ring: a doctor signs at two houses at once, after he left, or while he lies in hospital."""
    world, standing = scene.world, scene.world.standing
    doctor, style = standing.ring_doctors[number]
    home = int(world.places.doctor_place[doctor])
    sites = world.ring_sites["T21", number]
    extra = Events.none()
    if style == TWO_PLACES:
        site = int(sites[sites != home][0])
        at = _beside(scene, rng, home)
    elif style == IN_HOSPITAL:
        site, (extra, at) = home, _while_ill(scene, rng, doctor, home)
    else:
        site = home
        left, last = int(standing.left_on[doctor]), world.first_day + world.days
        days = rng.integers(min(left + 20, last - 30), last, _rows(scene, rng))
        at = days * DAY + observed_hours(scene, rng, np.full(len(days), site))
    seen = scene.ordinary["patient"][scene.ordinary["kind"] == Kind.OUTPATIENT]
    often = np.bincount(seen, minlength=world.people.count).astype(np.float64)
    fit = scene.alive & (often > 0)
    people = recruit(scene, rng, max(12, len(at) // 2), fit, matched(scene, fit, often))
    who, at = _up_and_about(scene, rng.choice(people, len(at)), at)
    where = np.full(len(at), site)
    signed = Events.of(patient=who, place=where, at=at, kind=int(Kind.OUTPATIENT), doctor=doctor, fixed=True)
    return Part(
        "T21", people, Events.joined([signed, extra]), cover=cover_visits(scene, rng, who[rng.random(len(who)) < 0.3]),
        places=np.array([site]), doctors=np.array([doctor]),
    )


def _up_and_about(scene: Scene, who: Ints, at: Ints) -> tuple[Ints, Ints]:
    """Leave out the visits of people who lie in hospital at the time."""
    free = np.ones(len(who), dtype=bool)
    for row, (person, when) in enumerate(zip(who.tolist(), at.tolist(), strict=True)):
        life = scene.of_person(person)
        free[row] = not ((life["admitted"] >= 0) & (life["admitted"] <= when) & (life["at"] >= when)).any()
    return who[free], at[free]


def _rows(scene: Scene, rng: np.random.Generator) -> int:
    return max(25, round(spread(rng, 70, 140) * scene.world.settings.participation))


def _beside(scene: Scene, rng: np.random.Generator, home: int) -> Ints:
    """Return instants within minutes of ordinary visits at the doctor's own house, in working hours."""
    ordinary = scene.ordinary
    hour = ordinary["at"] % DAY // 3600
    kind = np.isin(ordinary["kind"], (Kind.OUTPATIENT, Kind.CHRONIC))
    near = np.flatnonzero((ordinary["place"] == home) & kind & (hour >= 8) & (hour < 18))
    wanted = 2 * _rows(scene, rng)  # not every visit of the house is his
    chosen = rng.choice(near, min(wanted, len(near)), replace=False)
    shift = rng.choice(np.array([-1, 1]), len(chosen)) * rng.integers(60, 900, len(chosen))
    return np.asarray(ordinary["at"][chosen] + shift, dtype=np.int64)


def _while_ill(scene: Scene, rng: np.random.Generator, doctor: int, home: int) -> tuple[Events, Ints]:
    """Return stays of the doctor himself at another hospital, and instants at work in the middle of them."""
    world = scene.world
    person = world.standing.doctor_person[doctor]
    wards = world.places.of_kind(PlaceKind.SMALL, PlaceKind.TOWNSHIP)
    wards = wards[~world.seats.place_taken[wards]]
    count = 4
    begin = world.first_day + 10 + np.arange(count) * (world.days // (count + 1)) + rng.integers(0, 20, count)
    nights = rng.integers(10, 18, count)
    stays = stay_events(
        rng, np.full(count, person), rng.choice(wards, count), begin, nights, fixed=True
    )
    of = rng.integers(0, count, _rows(scene, rng))
    days = begin[of] + 1 + np.floor(rng.random(len(of)) * (nights[of] - 2)).astype(np.int64)
    return stays, days * DAY + observed_hours(scene, rng, np.full(len(of), home))


__all__ = ["absent_practitioners", "flow_shift"]
