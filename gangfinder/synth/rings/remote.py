"""T02 remote scan cash-out, T23 dialysis padding, T24 mass micro-claims at a village clinic."""

from __future__ import annotations

import numpy as np

from gangfinder.synth.casting import Part, Scene, cover_visits, recruit
from gangfinder.synth.catalogue import BULK_BASKET, BULK_BOXES, BULK_DRUGS, DIAGNOSIS, Kind
from gangfinder.synth.events import DAY, NONE, Events
from gangfinder.synth.observed import observed_hours
from gangfinder.synth.people import EMPLOYEE
from gangfinder.synth.settle import account_balances
from gangfinder.synth.streams import Flags, Floats, Ints, spread

_CAP = 200.0  # what the fund pays of one purchase, whatever it costs
_LEAST_ACCOUNT = 700.0
_MICRO_CODES = ("I63.900", "I25.103", "G45.900", "J44.100", "K29.500", "M13.900")


def remote_cashout(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one T02 ring: accounts of people who were never here are emptied at one till, for one dear product.

    Notes
    -----
    The harder the town, the more accounts are emptied by halves, the more hands do it, and the more holders
    are also seen to buy something small here or elsewhere in the town.
    """
    world, settings = scene.world, scene.world.settings
    site = int(world.ring_sites["T02", number][0])
    balance = account_balances(world)
    holders = _strangers(scene, rng, spread(rng, 30, max(32, min(120, world.people.count // 170))), balance)
    span = (40, 48, 56, 59)[settings.difficulty]
    start = world.first_day + spread(rng, 4, max(5, world.days - span - 4))
    swipes = np.minimum(
        rng.choice(3, len(holders), p=[0.6, 0.25, 0.15]) + 1, (balance[holders] // 500).astype(np.int64)
    )
    row = np.repeat(np.arange(len(holders)), swipes)
    drained = rng.random(len(holders)) < (1.0, 0.9, 0.78, 0.6)[settings.difficulty]
    share = np.where(drained, rng.uniform(0.93, 1.02, len(holders)), rng.uniform(0.25, 0.7, len(holders)))
    where = np.full(len(row), site)
    first = start + rng.integers(0, max(span - 8, 1), len(holders))
    days = first[row] + rng.integers(0, 7, len(row)) * (swipes[row] > 1)
    at, fixed = _while_at_home(scene, rng, holders, row, days * DAY + observed_hours(scene, rng, where), start, span)
    operator, terminal = _one_hand(scene, rng, where)
    events = Events.of(
        patient=holders[row],
        place=where,
        at=at,
        kind=int(Kind.PHARMACY),
        basket=_bulk(scene, rng, site, (share * balance[holders])[row], swipes[row]),
        credential=0,
        operator=operator,
        terminal=terminal,
        fixed=fixed,
    )
    return Part("T02", holders, events, cover=_small_purchases(scene, rng, events), places=np.array([site]))


def _strangers(scene: Scene, rng: np.random.Generator, size: int, balance: Floats) -> Ints:
    """Cast people who live elsewhere, have an account worth the trouble, and never came to the town."""
    world = scene.world
    places = world.places
    here = scene.ordinary.take(places.x[scene.ordinary["place"]] < 200)
    came = np.bincount(here["patient"], minlength=world.people.count) > 0
    fit = world.people.guest & scene.alive & ~came & (balance >= _LEAST_ACCOUNT) & ~world.seats.guest_taken
    pool = np.flatnonzero(fit & (world.people.insured == EMPLOYEE))
    chance = np.where(world.people.area[pool] == 1, 1.6, 1.0)
    drawn = rng.choice(pool, min(len(pool), 3 * size), replace=False, p=chance / chance.sum()) if len(pool) else pool
    _, first = np.unique(world.people.household[drawn], return_index=True)
    chosen = drawn[np.sort(first)][:size]
    world.seats.guest_taken[chosen] = True
    return chosen


def _while_at_home(
    scene: Scene, rng: np.random.Generator, holders: Ints, row: Ints, at: Ints, start: int, span: int
) -> tuple[Ints, Flags]:
    """Return instants of which some fall within the hour of a visit of the holder at home, far away."""
    share = (0.8, 0.7, 0.6, 0.5)[scene.world.settings.difficulty]
    fixed = np.zeros(len(at), dtype=bool)
    for i, holder in enumerate(holders):
        home = scene.of_person(int(holder))
        day = home["at"] // DAY
        met = home.take((day >= start) & (day < start + span) & (home["admitted"] == NONE))
        if len(met) and rng.random() < share:
            first = int(np.searchsorted(row, i))
            at[first] = int(met["at"][0]) + rng.choice(np.array([-1, 1])) * rng.integers(2100, 4800)
            fixed[first] = True
    return at, fixed


def _bulk(scene: Scene, rng: np.random.Generator, site: int, wanted: Floats, swipes: Ints) -> Ints:
    """Return baskets of so many boxes of one dear product as bring the account down by what is wanted."""
    world = scene.world
    main = spread(rng, 0, BULK_DRUGS - 1)
    product = np.where(rng.random(len(wanted)) < 0.88, main, rng.integers(0, BULK_DRUGS, len(wanted)))
    price = world.catalogue.totals[BULK_BASKET + product * BULK_BOXES] * world.places.price_factor[site]
    own = wanted / swipes
    boxes = np.round((own + _CAP) / price)
    chosen = np.clip(boxes, 1, BULK_BOXES).astype(np.int64) - 1
    return np.asarray(BULK_BASKET + product * BULK_BOXES + chosen, dtype=np.int64)


def _one_hand(scene: Scene, rng: np.random.Generator, where: Ints) -> tuple[Ints, Ints]:
    """Return operator and till: the same hand at the same till, but for some swipes."""
    places, alone = scene.world.places, (1.0, 0.95, 0.88, 0.75)[scene.world.settings.difficulty]
    operator, terminal = np.full(len(where), NONE), np.full(len(where), NONE)
    for site in np.unique(where):
        here = (where == site) & (rng.random(len(where)) < alone)
        operator[here] = places.operator_first[site] + rng.integers(0, places.operator_count[site])
        terminal[here] = places.terminal_first[site] + rng.integers(0, places.terminal_count[site])
    return operator, terminal


def _small_purchases(scene: Scene, rng: np.random.Generator, events: Events) -> Events:
    """Return camouflage: a few holders also buy something small, at the same shop or elsewhere in the town."""
    world, level = scene.world, scene.world.settings.camouflage
    again = events.take(rng.random(len(events)) < 0.05 * level)
    who = again["patient"].astype(np.int64)
    near = rng.random(len(again)) < 0.6
    where = np.where(near, again["place"], scene.habits.pharmacy[who, 0])
    days = np.clip(
        again["at"] // DAY + rng.integers(-3, 4, len(again)), world.first_day, world.first_day + world.days - 1
    )
    return world.visits(rng, who, where.astype(np.int64), days, credential=0)


def dialysis_padding(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one T23 ring: a unit bills its patients more sessions than they have, and during stays elsewhere."""
    world, settings = scene.world, scene.world.settings
    site = int(world.ring_sites["T23", number][0])
    patients = _kidney_patients(scene, rng, spread(rng, 8, 18))
    odd = rng.random(len(patients)) < 0.5
    days = np.arange(world.first_day, world.first_day + world.days)
    weekday = (days + 3) % 7
    turn = np.where(odd[None, :], np.isin(weekday, (1, 3, 5))[:, None], np.isin(weekday, (0, 2, 4))[:, None])
    date, person = np.nonzero(turn & (rng.random(turn.shape) < 0.97))
    usual = rng.choice(np.array([7.6, 12.6]), len(patients)) * 3600 + rng.normal(0, 600, len(patients))
    at = days[date] * DAY + (usual[person] + rng.normal(0, 420, len(date))).astype(np.int64)
    billed = _lying_elsewhere(scene, patients[person], at) & (rng.random(len(at)) < 0.9 * settings.participation)
    real = _sessions(patients[person], site, at, billed)
    padding = _padding(scene, rng, patients, turn, usual, site)
    return Part("T23", patients, Events.joined([real, padding]), places=np.array([site]))


def _kidney_patients(scene: Scene, rng: np.random.Generator, size: int) -> Ints:
    """Cast patients, those who lie in hospital first; where most of them are cast, anybody who is old enough."""
    old = scene.alive & (scene.world.people.age >= 40)
    chosen = recruit(scene, rng, size, old, scene.stay_weight + 0.1)
    for _ in range(3):
        if len(chosen) < size:
            chosen = np.concatenate([chosen, recruit(scene, rng, size - len(chosen), old)])
    return chosen


def _sessions(who: Ints, site: int, at: Ints, fixed: Flags | bool, **more: object) -> Events:
    return Events.of(
        patient=who, place=site, at=at, kind=int(Kind.DIALYSIS), diagnosis=DIAGNOSIS["N18.001"], fixed=fixed, **more
    )


def _lying_elsewhere(scene: Scene, who: Ints, at: Ints) -> Flags:
    """Mark instants at which the person lies in a hospital."""
    inside = np.zeros(len(at), dtype=bool)
    for person in np.unique(who):
        lying = scene.of_person(int(person))
        lying = lying.take(lying["kind"] == Kind.STAY)
        mine = np.flatnonzero(who == person)
        within = (at[mine][:, None] > lying["admitted"]) & (at[mine][:, None] < lying["at"])
        inside[mine] = within.any(axis=1)
    return inside


def _padding(
    scene: Scene, rng: np.random.Generator, patients: Ints, turn: Flags, usual: Floats, site: int
) -> Events:
    """Return sessions that never were: in padded months two to six for each patient, on days that are not his turn.

    They stand at the patient's usual hour on days on which the unit is open: nothing but the turn is wrong with them.
    """
    world, settings = scene.world, scene.world.settings
    days = np.arange(world.first_day, world.first_day + world.days)
    month = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    who, when = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    for i in range(len(patients)):
        for one in np.unique(month):
            if rng.random() < settings.participation:
                free = days[(month == one) & ~turn[:, i] & ((days + 3) % 7 != 6)]
                more = rng.choice(free, min(len(free), spread(rng, 2, 6)), replace=False)
                who.append(np.full(len(more), i))
                when.append(more)
    places, clerk = world.places, rng.random()
    day, person = np.concatenate(when), np.concatenate(who)
    hand = places.operator_first[site] + int(clerk * places.operator_count[site])
    alone = rng.random(len(day)) < (1.0, 0.95, 0.88, 0.75)[settings.difficulty]
    at = day * DAY + (usual[person] + rng.normal(0, 420, len(day))).astype(np.int64)
    return _sessions(patients[person], site, at, False, operator=np.where(alone, hand, NONE))


def micro_claims(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one T24 ring: a clinic bills the people of a list once a round, small, alike, wherever they are."""
    world, settings = scene.world, scene.world.settings
    people, places = world.people, world.places
    site = int(world.ring_sites["T24", number][0])
    gap = np.hypot(people.village_x - places.x[site], people.village_y - places.y[site])
    around = scene.alive & np.isin(people.village, np.argsort(gap, kind="stable")[:8])
    size = spread(rng, 60, max(64, min(200, people.count // 110)))
    lying = recruit(scene, rng, max(6, size // 9), around & (scene.stay_weight >= 1))
    members = np.concatenate([recruit(scene, rng, size - len(lying), around), lying])
    rounds = spread(rng, 7, 11)
    length = min(world.days - 6, spread(rng, 150, 300)) // rounds
    begin = world.first_day + spread(rng, 1, max(1, world.days - rounds * length - 2))
    turn, person = np.nonzero(rng.random((rounds, len(members))) < np.sqrt(settings.participation))
    day = begin + turn * length + rng.integers(0, length, len(turn))
    where = np.full(len(turn), site)
    listed = _claims(scene, rng, number, members[person], day * DAY + observed_hours(scene, rng, where), site)
    absent = _during_stays(scene, rng, lying)
    caught = _claims(scene, rng, number, lying[absent[0]], absent[1], site).having(fixed=True)
    cover = cover_visits(scene, rng, members)
    return Part("T24", members, Events.joined([listed, caught]), cover=cover, places=np.array([site]))


def _claims(scene: Scene, rng: np.random.Generator, number: int, who: Ints, at: Ints, site: int) -> Events:
    """Return small bills from one template; the harder the town, the more of them differ."""
    world, level = scene.world, scene.world.settings.difficulty
    form = world.streams.rng("template", number)  # the same for all bills of the ring
    code = DIAGNOSIS[_MICRO_CODES[spread(form, 0, len(_MICRO_CODES) - 1)]]
    basket, fee = int(world.catalogue.near(form, 8, 26, 1)[0]), float(form.choice(np.array([4.8, 9.0])))
    doctor = int(world.places.doctor_first[site])
    same = rng.random(len(who)) < (1.0, 0.96, 0.87, 0.75)[level]
    alike = rng.random(len(who)) < (1.0, 0.95, 0.85, 0.7)[level]
    return Events.of(
        patient=who,
        place=site,
        at=at,
        kind=int(Kind.OUTPATIENT),
        diagnosis=np.where(same, code, NONE),
        basket=np.where(alike, basket, NONE),
        fee=np.where(alike, fee, np.nan),
        doctor=np.where(rng.random(len(who)) < 0.8, doctor, NONE),
    )


def _during_stays(scene: Scene, rng: np.random.Generator, lying: Ints) -> tuple[Ints, Ints]:
    """Return positions and instants of bills for people who lie in a hospital that day."""
    share = (1.0, 0.9, 0.8, 0.65)[scene.world.settings.difficulty]
    who, when = [], []
    for i, person in enumerate(lying):
        own = scene.of_person(int(person))
        own = own.take((own["kind"] == Kind.STAY) & (own["at"] - own["admitted"] > 3 * DAY))
        for begin, end in zip(own["admitted"], own["at"], strict=True):
            if rng.random() < share:
                days = np.arange(begin // DAY + 1, end // DAY)
                when.append(int(rng.choice(days)) * DAY + rng.integers(8, 17) * 3600 + rng.integers(0, 3600))
                who.append(i)
    return np.array(who, dtype=np.int64), np.array(when, dtype=np.int64)
