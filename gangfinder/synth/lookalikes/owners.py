"""Houses and doctors whose ties are lawful: consortia, chains, moved houses, doctors with two places of work."""

from __future__ import annotations

import numpy as np

from gangfinder.synth.casting import Part, Scene, recruit
from gangfinder.synth.catalogue import DEPARTMENT, DIAGNOSIS, Kind, PlaceKind
from gangfinder.synth.events import DAY, Events
from gangfinder.synth.observed import observed_hours
from gangfinder.synth.ordinary import length_of_stay, stay_events, stay_rate, visit_rate
from gangfinder.synth.streams import Flags, Ints, spread

_NOBODY = np.empty(0, dtype=np.int64)
_TO_COMMUNITY, _HOME = 2, 0  # positions in LEAVING


def _houses(scene: Scene, kind: str, number: int) -> Ints:
    """Return the houses (or doctors) of one instance; none where the town ran out of them."""
    known = scene.world.standing.alike.get(kind, ())
    return known[number] if number < len(known) else _NOBODY


def _ill(scene: Scene, years: int) -> Flags:
    return np.asarray(scene.alive & (scene.world.people.age >= years) & (scene.stay_weight == 0))


def _place_only(kind: str, scene: Scene, number: int) -> Part:
    return Part(kind, _NOBODY, places=_houses(scene, kind, number))


def suspended_house(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Name one house whose contract is suspended; its regulars go to the houses they know or the nearest."""
    return _place_only("suspended_house", scene, number)


def moved_house(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Name one house that was renamed, moved or merged, with the house to which everybody went over."""
    return _place_only("moved_house", scene, number)


def late_renewal(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Name one house that went on working while its contract was being renewed."""
    return _place_only("late_renewal", scene, number)


def private_chain(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Name two hospitals of one owner whose patients are their own."""
    return _place_only("private_chain", scene, number)


def consortium(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one consortium: the county hospital sends patients down to its branch, and some come back up."""
    houses = _houses(scene, "consortium", number)
    if len(houses) < 2:
        return Part("consortium", _NOBODY)
    patients = recruit(scene, rng, spread(rng, 16, 34), _ill(scene, 45), stay_rate(scene.world))
    return Part("consortium", patients, _referred(scene, rng, patients, houses[0], houses[1:], 0.3))


def _referred(scene: Scene, rng: np.random.Generator, who: Ints, top: int, below: Ints, again: float) -> Events:
    """Return stays at the upper house, each followed within days by one below; some start over once."""
    world, parts = scene.world, []
    rounds = 1 + (rng.random(len(who)) < again).astype(np.int64)
    day = world.first_day + rng.integers(0, max(world.days - 90, 1), len(who))
    ward = rng.choice([DEPARTMENT["内科"], DEPARTMENT["骨科"]], len(who))
    for turn in range(2):
        here = rounds > turn
        first, second = np.clip(length_of_stay(rng, len(who)), 3, 20), np.clip(length_of_stay(rng, len(who)), 5, 25)
        gap, down = rng.integers(0, 3, len(who)), rng.choice(below, len(who))
        way = np.where(rng.random(len(who)) < 0.9, _TO_COMMUNITY, _HOME)
        parts.append(stay_events(rng, who, np.full(len(who), top), day, first, ward=ward, leaves=way).take(here))
        rehab = DEPARTMENT["康复科"]
        parts.append(stay_events(rng, who, down, day + first + gap, second, ward=rehab, leaves=_HOME).take(here))
        day = day + first + gap + second + rng.integers(1, 20, len(who))
    return Events.joined(parts)


def staged_rehabilitation(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one pathway after stroke: from the large hospital to a smaller one to the township, each once."""
    world = scene.world
    patients = recruit(scene, rng, spread(rng, 12, 26), _ill(scene, 55), stay_rate(world))
    top = world.places.of_kind(PlaceKind.LARGE)[0]
    free = world.places.of_kind(PlaceKind.SMALL)
    free = free[~world.seats.place_taken[free]]
    middle = rng.choice(free if len(free) else world.places.of_kind(PlaceKind.SMALL))
    low = rng.choice(world.places.of_kind(PlaceKind.TOWNSHIP), 2, replace=False)
    day = world.first_day + rng.integers(0, max(world.days - 80, 1), len(patients))
    parts = []
    for step, where in enumerate((np.full(len(patients), top), np.full(len(patients), middle), None)):
        place = rng.choice(low, len(patients)) if where is None else where
        nights = np.clip(length_of_stay(rng, len(patients)) + 4, 6, 25)
        here = rng.random(len(patients)) < (1.0, 0.85, 0.6)[step]
        way = np.where(rng.random(len(patients)) < 0.92, _TO_COMMUNITY, _HOME)
        ward = DEPARTMENT["内科" if step == 0 else "康复科"]
        made = stay_events(
            rng, patients, place, day, nights, ward=ward, diagnosis=DIAGNOSIS["I63.900"], leaves=way
        )
        parts.append(made.take(here))
        day = day + nights + rng.integers(0, 3, len(patients))
    return Part("staged_rehabilitation", patients, Events.joined(parts))


def lung_readmissions(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one ward's chronic lung patients: back again and again, worst in winter, now and then within days."""
    world = scene.world
    site = _nearest_hospital(scene, rng)
    patients = recruit(scene, rng, spread(rng, 12, 24), _ill(scene, 60), stay_rate(world))
    parts = []
    for patient in patients:
        day = world.first_day + spread(rng, 0, 60)
        for _ in range(spread(rng, 3, 8)):
            nights = int(np.clip(np.round(np.exp(rng.normal(2.1, 0.4))), 3, 20))
            parts.append((int(patient), day, nights))
            day += nights + (spread(rng, 1, 3) if rng.random() < 0.08 else 4 + int(rng.gamma(1.4, 22)))
    rows = np.array(parts, dtype=np.int64).reshape(-1, 3)
    rows = rows[rows[:, 1] + rows[:, 2] < world.first_day + world.days]
    events = stay_events(
        rng, rows[:, 0], np.full(len(rows), site), rows[:, 1], rows[:, 2],
        ward=DEPARTMENT["内科"], diagnosis=DIAGNOSIS["J44.100"],
    )
    return Part("lung_readmissions", patients, events)


def planned_infusions(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one ward's rheumatic patients: two or three nights for an infusion every four weeks, all year."""
    world = scene.world
    site = _nearest_hospital(scene, rng)
    patients = recruit(scene, rng, spread(rng, 8, 16), _ill(scene, 30), stay_rate(world))
    rounds = max(world.days // 28 - 1, 1)
    turn, person = np.nonzero(rng.random((rounds, len(patients))) < 0.93)
    begin = rng.integers(0, 28, len(patients))
    days = world.first_day + begin[person] + 28 * turn + rng.integers(0, 3, len(turn))
    events = stay_events(
        rng, patients[person], np.full(len(turn), site), days, rng.integers(2, 4, len(turn)),
        ward=DEPARTMENT["中医科"], diagnosis=DIAGNOSIS["M13.900"],
    )
    return Part("planned_infusions", patients, events)


def _nearest_hospital(scene: Scene, rng: np.random.Generator) -> int:
    places = scene.world.places
    free = places.of_kind(PlaceKind.LARGE, PlaceKind.SMALL)
    free = free[~scene.world.seats.place_taken[free]]
    pull = places.weight[free]
    return int(rng.choice(free, p=pull / pull.sum()))


def _visitors(scene: Scene, rng: np.random.Generator, size: int) -> Ints:
    """Return people who go out often; they are not cast, because they do nothing but see a doctor."""
    weight = visit_rate(scene.world) * scene.alive
    return rng.choice(scene.world.people.count, size, p=weight / weight.sum())


def central_server(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one chain of pharmacies whose counters report through the first one's server and its operators."""
    world, houses = scene.world, _houses(scene, "central_server", number)
    if len(houses) < 2:
        return Part("central_server", _NOBODY)
    size = spread(rng, 120, 260)
    where = rng.choice(houses[1:], size)
    head, places = int(houses[0]), world.places
    events = world.visits(
        rng, _visitors(scene, rng, size), where, world.first_day + rng.integers(0, world.days, size),
        terminal=int(places.terminal_first[head]), operator=int(places.operator_first[head]),
    )
    return Part("central_server", _NOBODY, events, places=houses)


def multi_site_doctor(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one doctor who sees patients at a second house on two fixed weekdays, registered at both."""
    world, doctors = scene.world, _houses(scene, "multi_site_doctor", number)
    if not len(doctors):
        return Part("multi_site_doctor", _NOBODY)
    doctor, standing = int(doctors[0]), world.standing
    days = np.arange(world.first_day, world.first_day + world.days)
    days = days[standing.second_days[doctor] >> (days + 3) % 7 & 1 == 1]
    events = _signed(scene, rng, doctor, int(standing.second[doctor]), rng.choice(days, spread(rng, 120, 240)))
    return Part("multi_site_doctor", _NOBODY, events, places=_both(scene, doctor, events), doctors=doctors)


def _signed(scene: Scene, rng: np.random.Generator, doctor: int, site: int, days: Ints) -> Events:
    where = np.full(len(days), site)
    return Events.of(
        patient=_visitors(scene, rng, len(days)), place=where, at=days * DAY + observed_hours(scene, rng, where),
        kind=int(Kind.OUTPATIENT), doctor=doctor,
    )


def _both(scene: Scene, doctor: int, events: Events) -> Ints:
    return np.unique(np.append(events["place"].astype(np.int64), scene.world.places.doctor_place[doctor]))


def reading_centre(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one doctor who reads images for several houses from his desk, at all hours of the day."""
    return _at_many(scene, rng, "reading_centre", number, spread(rng, 3, 5))


def department_account(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one account under which a department of two houses signs: it is nobody's."""
    return _at_many(scene, rng, "department_account", number, 1)


def _at_many(scene: Scene, rng: np.random.Generator, kind: str, number: int, count: int) -> Part:
    world, doctors = scene.world, _houses(scene, kind, number)
    if not len(doctors):
        return Part(kind, _NOBODY)
    served = world.places.of_kind(PlaceKind.SMALL, PlaceKind.TOWNSHIP)
    served = served[~world.seats.place_taken[served] & (served != world.places.doctor_place[doctors[0]])]
    parts = [
        _signed(
            scene, rng, int(doctors[0]), int(site), world.first_day + rng.integers(0, world.days, spread(rng, 90, 180))
        )
        for site in rng.choice(served, min(count, len(served)), replace=False)
    ]
    events = Events.joined(parts)
    return Part(kind, _NOBODY, events, places=_both(scene, int(doctors[0]), events), doctors=doctors)
