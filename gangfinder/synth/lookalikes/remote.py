"""Innocent outsiders, dialysis units, village clinics, wards that cost nothing: what looks like T02, T23 and T24."""

from __future__ import annotations

import numpy as np

from gangfinder.synth.casting import Part, Scene, recruit
from gangfinder.synth.catalogue import BULK_BASKET, BULK_BOXES, BULK_DRUGS, DIAGNOSIS, Kind, PlaceKind
from gangfinder.synth.events import DAY, NONE, Events
from gangfinder.synth.guests import nearest_shop, travel_days, travellers
from gangfinder.synth.ordinary import length_of_stay, stay_events
from gangfinder.synth.people import EMPLOYEE
from gangfinder.synth.streams import Ints, spread


def _free(scene: Scene, *kinds: PlaceKind) -> Ints:
    """Return the houses of some kinds that no ring and no other look-alike is at, or those that no ring is at."""
    found = scene.world.places.of_kind(*kinds)
    free = found[~scene.world.seats.place_taken[found]]
    rings = np.concatenate([np.empty(0, dtype=np.int64), *scene.world.ring_sites.values()])
    return free if len(free) >= 4 else found[~np.isin(found, rings)]


def _shop(scene: Scene, rng: np.random.Generator, *kinds: PlaceKind) -> int:
    """Return a house for a look-alike; it is not set aside, for several things go on in one village."""
    return int(rng.choice(_free(scene, *kinds)))


def _guests(scene: Scene, rng: np.random.Generator, size: int, oldest: int = 120, youngest: int = 0) -> Ints:
    """Draw people who live elsewhere; they may turn up in several places of the town."""
    people = scene.world.people
    pool = travellers(scene.world)
    pool = pool[(people.age[pool] >= youngest) & (people.age[pool] <= oldest)]
    return rng.choice(pool, min(size, len(pool) // 2), replace=False)


def _possible(scene: Scene, events: Events) -> Events:
    """Return the events of people who are not seen at home on that day or the days beside it."""
    life = scene.ordinary
    away = life.take(scene.world.places.kind[life["place"]] == PlaceKind.REMOTE)
    days = away["patient"].astype(np.int64) * 100_000 + away["at"] // DAY
    busy = np.concatenate([days - 1, days, days + 1])
    return events.take(~np.isin(events["patient"].astype(np.int64) * 100_000 + events["at"] // DAY, busy))


def station_pharmacy(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one pharmacy by the station: travellers who buy once, whatever they happen to need."""
    world = scene.world
    shop = _shop(scene, rng, PlaceKind.PHARMACY)
    buyers = _guests(scene, rng, spread(rng, 50, 130))
    who = np.concatenate([buyers, rng.choice(buyers, len(buyers) // 10)])
    events = world.visits(rng, who, np.full(len(who), shop), travel_days(rng, world, len(who)))
    return Part("station_pharmacy", buyers, _possible(scene, events), places=np.array([shop]))


def hospital_outsiders(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play patients from elsewhere at one hospital, and what they buy at the shop by its gate."""
    world = scene.world
    houses = world.places.of_kind(PlaceKind.LARGE, PlaceKind.SMALL)
    site = int(houses[np.argsort(-world.places.weight[houses], kind="stable")][number % len(houses)])
    patients = _guests(scene, rng, spread(rng, 30, 80))
    row = np.repeat(np.arange(len(patients)), rng.integers(1, 3, len(patients)))
    first = travel_days(rng, world, len(patients))
    days = first[row] + rng.integers(0, 3, len(row))
    seen = world.visits(rng, patients[row], np.full(len(row), site), days)
    bought = seen.take(rng.random(len(seen)) < 0.7)
    shop = int(nearest_shop(world)[site])
    bought = bought.having(place=shop, kind=int(Kind.PHARMACY), at=bought["at"] + rng.integers(2400, 9000, len(bought)))
    events = _possible(scene, Events.joined([seen, bought]))
    return Part("hospital_outsiders", patients, events, places=np.array([site, shop]))


def tourist_season(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one season at a resort: visitors of some weeks, many of whom take home the local speciality."""
    world = scene.world
    shops = np.array([_shop(scene, rng, PlaceKind.PHARMACY) for _ in range(2)])
    visitors = _guests(scene, rng, spread(rng, 60, 130))
    start = world.first_day + spread(rng, 5, max(6, world.days - 50))
    speciality = BULK_BASKET + spread(rng, 0, BULK_DRUGS - 1) * BULK_BOXES
    row = np.repeat(np.arange(len(visitors)), np.where(rng.random(len(visitors)) < 0.25, 2, 1))
    days = start + np.minimum(rng.gamma(3.0, 6.0, len(visitors)), 44).astype(np.int64)[row]
    gift = rng.random(len(row)) < 0.35
    events = world.visits(
        rng,
        visitors[row],
        shops[rng.integers(0, 2, len(row))],
        days,
        basket=np.where(gift, speciality + rng.integers(0, 2, len(row)), NONE),
    )
    return Part("tourist_season", visitors, _possible(scene, events), places=shops)


def season_elders(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play elderly couples who spend a season here, year after year, near one clinic and one shop."""
    world = scene.world
    houses = np.array([_shop(scene, rng, PlaceKind.CLINIC), _shop(scene, rng, PlaceKind.PHARMACY)])
    elders = _guests(scene, rng, spread(rng, 10, 30), youngest=58)
    start = world.first_day + spread(rng, 0, max(1, world.days - 130))
    row = np.repeat(np.arange(len(elders)), rng.integers(3, 10, len(elders)))
    came = rng.integers(0, 20, len(elders))
    days = np.minimum(start + came[row] + rng.integers(0, 90, len(row)), world.first_day + world.days - 1)
    events = world.visits(rng, elders[row], houses[rng.integers(0, 2, len(row))], days)
    return Part("season_elders", elders, _possible(scene, events), places=houses)


def migrant_dormitory(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one dormitory of workers insured elsewhere: one shop and one clinic, mostly after pay-day."""
    world = scene.world
    adult = (world.people.age >= 18) & (world.people.age < 60)
    workers = recruit(
        scene, rng, spread(rng, 12, 36), scene.alive & (world.people.area > 0) & ~world.people.guest & adult
    )
    houses = np.array([_shop(scene, rng, PlaceKind.PHARMACY), _shop(scene, rng, PlaceKind.CLINIC)])
    row = np.repeat(np.arange(len(workers)), rng.integers(3, 9, len(workers)))
    months = (np.datetime64(world.settings.start, "M") + np.arange(world.settings.months)).astype("datetime64[D]")
    payday = rng.choice(months.astype(np.int64), len(row)) + 9
    days = np.where(
        rng.random(len(row)) < 0.5, payday + rng.integers(0, 4, len(row)), payday + rng.integers(-9, 18, len(row))
    )
    where = houses[(rng.random(len(row)) < 0.35).astype(np.int64)]
    events = world.visits(rng, workers[row], where, days, credential=np.where(rng.random(len(row)) < 0.8, 0, NONE))
    return Part("migrant_dormitory", workers, events, places=houses)


def child_account(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play parents whose children, insured elsewhere, pay for them from their own accounts."""
    world = scene.world
    parents = recruit(
        scene, rng, spread(rng, 4, 9), scene.alive & (world.people.age >= 60) & (world.people.insured != EMPLOYEE)
    )
    children = _guests(scene, rng, len(parents), oldest=55, youngest=25)
    parents = parents[: len(children)]
    row = np.repeat(np.arange(len(parents)), rng.integers(5, 12, len(parents)))
    days = world.first_day + rng.integers(0, world.days, len(row))
    where = scene.habits.pharmacy[parents[row], 0].astype(np.int64)
    events = world.visits(rng, parents[row], where, days, payer=children[row])
    return Part("child_account", parents, events)


def dialysis_month(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one dialysis unit of two shifts: long months of 14 or 15 sessions, a moved turn, and a transfer."""
    world = scene.world
    kinds = (PlaceKind.SMALL, PlaceKind.TOWNSHIP, PlaceKind.LARGE)
    own = world.ring_sites.get(("T23", number))
    site = int(own[0]) if own is not None else int(rng.choice(_free(scene, *kinds)))
    other = int(rng.choice(_free(scene, *kinds)))
    sick = scene.alive & (world.people.age >= 40)
    patients = recruit(scene, rng, spread(rng, 6, 14), sick, scene.stay_weight + 0.1)
    days = np.arange(world.first_day, world.first_day + world.days)
    odd = rng.random(len(patients)) < 0.5
    turn = np.where(
        odd[None, :], np.isin((days + 3) % 7, (1, 3, 5))[:, None], np.isin((days + 3) % 7, (0, 2, 4))[:, None]
    )
    came = turn & (rng.random(turn.shape) < 0.98)
    # now and then a turn is moved by a day, or a patient in trouble has one session more
    came |= ~turn & (rng.random(turn.shape) < 0.012)
    date, person = np.nonzero(came)
    moved = np.where(np.arange(len(patients)) < 1, days[spread(rng, 60, world.days - 30)], days[-1] + 1)
    where = np.where(days[date] < moved[person], site, other)
    hour = rng.choice(np.array([7.6, 12.6]), len(patients)) * 3600 + rng.normal(0, 600, len(patients))
    at = days[date] * DAY + (hour[person] + rng.normal(0, 420, len(date))).astype(np.int64)
    events = Events.of(
        patient=patients[person], place=where, at=at, kind=int(Kind.DIALYSIS), diagnosis=DIAGNOSIS["N18.001"]
    )
    return Part("dialysis_month", patients, events, places=np.array([site]))


def _villages_near(scene: Scene, site: int, count: int) -> Ints:
    """Return the living residents of the villages nearest to a house."""
    people, places = scene.world.people, scene.world.places
    gap = np.hypot(people.village_x - places.x[site], people.village_y - places.y[site])
    near = np.isin(people.village, np.argsort(gap, kind="stable")[:count])
    return np.flatnonzero(near & scene.alive & ~people.guest)


def public_health_round(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one village clinic on contract: the same small service for everybody, two to four rounds a year."""
    world = scene.world
    site = _shop(scene, rng, PlaceKind.CLINIC)
    folk = _villages_near(scene, site, 4)
    folk = rng.choice(folk, min(len(folk), spread(rng, 70, 180)), replace=False)
    rounds = max(1, round(spread(rng, 2, 4) * world.days / 365))
    begin = (
        world.first_day + np.arange(rounds) * (world.days // rounds) + spread(rng, 3, max(4, world.days // rounds - 14))
    )
    turn, person = np.nonzero(rng.random((rounds, len(folk))) < 0.85)
    days = begin[turn] + rng.integers(0, 9, len(turn))
    basket = int(world.catalogue.near(rng, 6, 30, 1)[0])
    events = world.visits(
        rng, folk[person], np.full(len(turn), site), days, diagnosis=DIAGNOSIS["Z00.000"], basket=basket, fee=9.0
    )
    return Part("public_health_round", folk, events, places=np.array([site]))


def hypertension_round(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one clinic that follows up its chronically ill every month or two: one code, one fee, their own drugs."""
    world = scene.world
    site = _shop(scene, rng, PlaceKind.CLINIC)
    folk = _villages_near(scene, site, 12)
    ill = np.zeros(world.people.count, dtype=bool)
    ill[folk] = (world.people.age[folk] >= 45) & world.people.chronic[folk]
    patients = recruit(scene, rng, spread(rng, 25, 60), ill)
    step = int(rng.choice(np.array([30, 60])))
    starts = np.arange(world.first_day + spread(rng, 1, 20), world.first_day + world.days - 6, step)
    turn, person = np.nonzero(rng.random((len(starts), len(patients))) < 0.9)
    where = np.full(len(turn), site)
    events = world.visits(
        rng,
        patients[person],
        where,
        starts[turn] + rng.integers(0, 6, len(turn)),
        kind=int(Kind.CHRONIC),
        diagnosis=DIAGNOSIS["I10.x00"],
        basket=world.people.chronic_basket[patients[person]],
        fee=4.8,
    )
    return Part("hypertension_round", patients, events, places=np.array([site]))


def flu_season(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one flu season at a village clinic: half the villages within weeks, one code, the same few remedies."""
    world = scene.world
    site = _shop(scene, rng, PlaceKind.CLINIC)
    folk = _villages_near(scene, site, 5)
    folk = rng.choice(folk, min(len(folk), spread(rng, 70, 160)), replace=False)
    start = world.first_day + spread(rng, 2, max(3, world.days - 45))
    row = np.repeat(np.arange(len(folk)), rng.choice(np.array([1, 1, 2, 3]), len(folk)))
    fell_ill = start + np.minimum(rng.gamma(4.0, 4.0, len(folk)), 34).astype(np.int64)
    days = fell_ill[row] + rng.integers(0, 6, len(row))
    remedies = world.catalogue.near(rng, 15, 70, 4)
    events = world.visits(
        rng,
        folk[row],
        np.full(len(row), site),
        days,
        diagnosis=DIAGNOSIS[("J06.900", "J10.101")[number % 2]],
        basket=rng.choice(remedies, len(row)),
    )
    return Part("flu_season", folk, events, places=np.array([site]))


def market_clinic(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one clinic at a market place: on every fifth day people of a dozen villages, more than it answers for."""
    world = scene.world
    site = _shop(scene, rng, PlaceKind.CLINIC)
    folk = _villages_near(scene, site, 14)
    folk = rng.choice(folk, min(len(folk), spread(rng, 140, 300)), replace=False)
    markets = np.arange(world.first_day + spread(rng, 0, 4), world.first_day + world.days, 5)
    row = np.repeat(np.arange(len(folk)), rng.integers(1, 4, len(folk)))
    events = world.visits(rng, folk[row], np.full(len(row), site), rng.choice(markets, len(row)))
    return Part("market_clinic", folk, events, places=np.array([site]))


def assisted_ward(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play people on low income whose stays cost them nothing, because medical assistance pays the rest."""
    world = scene.world
    site = int(rng.choice(_free(scene, PlaceKind.TOWNSHIP, PlaceKind.SMALL)))
    patients = recruit(scene, rng, spread(rng, 8, 20), scene.alive & world.people.poor & (world.people.age >= 40))
    row = np.repeat(np.arange(len(patients)), rng.integers(1, 4, len(patients)))
    days = world.first_day + rng.integers(0, max(world.days - 30, 1), len(row))
    events = stay_events(
        rng, patients[row], np.full(len(row), site), days, length_of_stay(rng, len(row)).clip(1, 25), waived=True
    )
    return Part("assisted_ward", patients, events)
