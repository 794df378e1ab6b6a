"""Innocent groups around claims, enrolment and laboratories."""

from __future__ import annotations

import numpy as np

from gangfinder.synth.benefits import basic_share, layered, maternity, special_drugs, young_women
from gangfinder.synth.casting import Part, Scene, recruit, villagers
from gangfinder.synth.catalogue import DEPARTMENT, DIAGNOSIS, STAY_DAILY, PlaceKind
from gangfinder.synth.claims import invoice_position, stays_far_away
from gangfinder.synth.events import NONE, Claims
from gangfinder.synth.ledgers.enrolments import Enrolments, employers, wages
from gangfinder.synth.ledgers.lab_reports import LabReports, chance, laboratories, make_bench, ordered
from gangfinder.synth.ordinary import length_of_stay, pick, stay_events
from gangfinder.synth.reimbursed import COMMERCIAL
from gangfinder.synth.streams import Flags, Ints, spread

_TRADES, _FIRMS, _FARMS, _CUSTOMERS = 1_000, 2_000, 3_000, 4_000
"""Where the numbers of these employers begin, beyond the town's own."""


def _staff(scene: Scene, rng: np.random.Generator, size: int, fit: Flags) -> Ints:
    """Draw people who take up work; they may be anything else besides."""
    pool = np.flatnonzero(fit & scene.alive & scene.world.for_hire())
    return rng.choice(pool, min(size, len(pool) // 2), replace=False)


def _births(scene: Scene, rng: np.random.Generator, spells: Enrolments, share: float, agent: int) -> Claims:
    """Return births of staff after they were enrolled, as often as in other trades or somewhat oftener."""
    world = scene.world
    who = spells["patient"].astype(np.int64)
    on = world.first_day + rng.integers(5, world.days - 2, len(who))
    until = np.where(spells["end"] == NONE, 1 << 40, spells["end"])
    gives = young_women(scene)[who] & (rng.random(len(who)) < share) & (on > spells["start"] + 30) & (on < until)
    who, on = who[gives], on[gives]
    return maternity(scene, rng, who, on, spells["base"][gives], np.where(who == agent, NONE, agent))


def maternity_trade(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one nursery or chain of nail salons: young women, some of them new, who have children as others do."""
    world = scene.world
    staff = _staff(scene, rng, spread(rng, 25, 60), young_women(scene))
    new = rng.random(len(staff)) < 0.4
    long_ago, lately = rng.integers(400, 3_000, len(staff)), rng.integers(-world.days + 60, 300, len(staff))
    spells = Enrolments.of(
        patient=staff, employer=employers(world) + _TRADES + number, base=wages(rng, len(staff)),
        start=world.first_day - np.where(new, lately, long_ago), agent=staff[0],
    )
    claims = _births(scene, rng, spells, 0.13, int(staff[0]))
    return Part("maternity_trade", staff, claims=claims, agents=staff[:1], more={"enrolments": spells})


def outsourcing_firm(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one firm that employs people for others: many members, much coming and going, one desk for all."""
    world = scene.world
    working_age = np.asarray((world.people.age >= 19) & (world.people.age < 56))
    staff = _staff(scene, rng, spread(rng, 120, max(160, world.people.count // 60)), working_age)
    start = world.first_day - rng.integers(-world.days + 30, 900, len(staff))
    gone = rng.random(len(staff)) < 0.3
    spells = Enrolments.of(
        patient=staff, employer=employers(world) + _FIRMS + number, base=wages(rng, len(staff)), start=start,
        end=np.where(gone, start + rng.integers(60, 700, len(staff)), NONE), agent=staff[0],
    )
    ill = rng.choice(staff[1:], max(2, len(staff) // 40), replace=False)
    claims = Claims.joined(
        [
            _births(scene, rng, spells, 0.06, int(staff[0])),
            stays_far_away(scene, rng, ill, account=ill, agent=staff[0]),
        ]
    )
    return Part("outsourcing_firm", staff, claims=claims, agents=staff[:1], more={"enrolments": spells})


def seasonal_farm(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one farm that enrols its hands in spring and lets them go in autumn."""
    world = scene.world
    age = world.people.age
    staff = _staff(scene, rng, spread(rng, 25, 90), np.asarray((age >= 25) & (age < 58) & world.people.rural))
    spring = world.first_day + spread(rng, 60, 110)
    spells = Enrolments.of(
        patient=staff, employer=employers(world) + _FARMS + number, base=wages(rng, len(staff)), agent=staff[0],
        start=spring + rng.integers(0, 12, len(staff)), end=spring + 190 + rng.integers(0, 15, len(staff)),
    )
    ill = rng.choice(staff, max(1, len(staff) // 25), replace=False)
    hand_in = np.minimum(spring + rng.integers(40, 180, len(ill)), world.first_day + world.days - 2)
    claims = stays_far_away(scene, rng, ill, account=ill, submitted=hand_in)
    claims = claims.having(admitted=claims["submitted"] - 20 - claims["nights"])
    return Part("seasonal_farm", staff, claims=claims, agents=staff[:1], more={"enrolments": spells})


def enrolment_desk(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one bookkeeper who enrols the staff of many small shops; he works in none of them."""
    world = scene.world
    working_age = np.asarray((world.people.age >= 19) & (world.people.age < 56))
    staff = _staff(scene, rng, spread(rng, 30, 80), working_age)
    keeper = _staff(scene, rng, 1, working_age)
    shops = employers(world) + _CUSTOMERS + number * 20 + rng.integers(0, 14, len(staff))
    start = world.first_day - rng.integers(-world.days + 30, 500, len(staff))
    spells = Enrolments.of(patient=staff, employer=shops, base=wages(rng, len(staff)), start=start, agent=keeper[0])
    claims = _births(scene, rng, spells, 0.05, int(keeper[0]))
    return Part("enrolment_desk", staff, claims=claims, agents=keeper, more={"enrolments": spells})


def referral_centre(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one centre to which other houses send patients who were found ill there: most results are positive."""
    world = scene.world
    where, doctor = make_bench(world).doctors
    houses = np.unique(where[np.isin(world.places.kind[where], [PlaceKind.LARGE, PlaceKind.SMALL])])
    houses = houses[~np.isin(houses, _ring_sites(scene))]
    site = int(houses[-1 - number % len(houses)])
    patients = recruit(scene, rng, spread(rng, 30, 70), scene.alive & (world.people.age >= 40))
    size, item = len(patients), int(ordered(rng, 1)[0])
    doctors = doctor[where == site][:2]
    on = world.first_day + rng.integers(60, world.days - 20, size)
    reports = LabReports.of(
        patient=patients, item=item, on=on, laboratory=laboratories(world) + 40 + number, place=site,
        doctor=doctors[rng.integers(0, len(doctors), size)],
        positive=rng.random(size) < chance(np.full(size, 1.6), np.full(size, item)),
    )
    others = pick(rng, scene.habits.hospital, patients)
    others = np.where(others == site, houses[number % len(houses)], others)
    seen = world.visits(
        rng, patients, others, on - rng.integers(8, 50, size), ward=DEPARTMENT["肿瘤科"],
        diagnosis=np.array([DIAGNOSIS["C34.900"], DIAGNOSIS["C50.900"]])[rng.integers(0, 2, size)],
    )
    claims = _drugs_of(scene, rng, reports)
    return Part(
        "referral_centre", patients, seen, claims, places=np.array([site]), doctors=doctors,
        more={"lab_reports": reports},
    )


def _ring_sites(scene: Scene) -> Ints:
    return np.concatenate([*scene.world.ring_sites.values(), np.empty(0, dtype=np.int64)])


def _drugs_of(scene: Scene, rng: np.random.Generator, reports: LabReports) -> Claims:
    """Return the special drugs of those of these patients whose result was positive."""
    world = scene.world
    taken = reports.take(reports["positive"] & (rng.random(len(reports)) < 0.6))
    claims = special_drugs(
        scene, rng, taken["patient"].astype(np.int64), taken["place"].astype(np.int64), taken["on"],
        rng.integers(8, 90, len(taken)),
    )
    return claims.take(claims["submitted"] < world.first_day + world.days)


def assay_change(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one laboratory whose coarse assay gives way to a finer one: from then on more is found, whoever orders."""
    world = scene.world
    bench = make_bench(world)
    patients = recruit(scene, rng, spread(rng, 40, 80), scene.alive & (world.people.age >= 40))
    place = pick(rng, scene.habits.hospital, patients)
    doctor = bench.orderer(rng, place)
    kept = doctor != NONE
    patients, place, doctor = patients[kept], place[kept], doctor[kept]
    size, item = len(patients), int(ordered(rng, 1)[0])
    change = world.first_day + spread(rng, min(60, world.days // 3), world.days // 2)
    on = world.first_day + rng.integers(0, world.days - 10, size)
    reports = LabReports.of(
        patient=patients, item=item, on=on, laboratory=laboratories(world) + 60 + number, place=place, doctor=doctor,
        positive=rng.random(size) < chance(np.where(on > change, 1.1, -0.3), np.full(size, item)),
    )
    return Part("assay_change", patients, claims=_drugs_of(scene, rng, reports), more={"lab_reports": reports})


def sole_specialist(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play the one doctor of a district who orders a test, all of them at one laboratory, with results as they come."""
    world = scene.world
    where, doctor = make_bench(world).doctors
    fit = ~np.isin(where, _ring_sites(scene))
    chosen = int(rng.choice(np.flatnonzero(fit)))
    patients = recruit(scene, rng, spread(rng, 30, 70), scene.alive & (world.people.age >= 40))
    size, item = len(patients), int(ordered(rng, 1)[0])
    reports = LabReports.of(
        patient=patients, item=item, on=world.first_day + rng.integers(0, world.days - 10, size),
        laboratory=laboratories(world) + 80 + number, place=int(where[chosen]), doctor=int(doctor[chosen]),
        positive=rng.random(size) < chance(np.zeros(size), np.full(size, item)),
    )
    return Part(
        "sole_specialist", patients, claims=_drugs_of(scene, rng, reports), doctors=doctor[[chosen]],
        more={"lab_reports": reports},
    )


def lawful_layering(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one village whose cadre hands in each bill up to three times: basic, catastrophic, assistance."""
    people = scene.world.people
    folk = villagers(scene, rng, spread(rng, 10, 25), np.asarray(people.age >= 20))
    same = people.village == people.village[folk[0]]
    cadre = recruit(scene, rng, 1, scene.alive & same & (people.age >= 20))
    first = stays_far_away(scene, rng, folk, account=folk, agent=cadre[0])
    claims = Claims.joined([first, layered(scene, rng, first)])
    return Part("lawful_layering", folk, claims=claims, agents=cadre)


def corrected_claims(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one office that paid some bills by a wrong rate: taken back and paid anew, or the rest paid later."""
    adults = scene.alive & (scene.world.people.age >= 20)
    folk = recruit(scene, rng, spread(rng, 8, 20), adults)
    first = stays_far_away(scene, rng, folk, account=folk)
    paid = np.round(first["total"] * 0.8 * basic_share(scene, first), 2)
    first = first.having(fund=paid)
    back = rng.random(len(folk)) < 0.6
    later = first["submitted"] + rng.integers(15, 60, len(folk))
    taken_back = first.having(fund=-paid, submitted=later).take(back)
    anew = first.having(fund=np.round(paid * 1.08, 2), submitted=later + 3).take(back)
    rest = first.having(fund=np.round(paid * rng.uniform(0.05, 0.15, len(folk)), 2), submitted=later).take(~back)
    return Part("corrected_claims", folk, claims=Claims.joined([first, taken_back, anew, rest]))


def commercial_top_up(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one group policy: what is left of stays that the fund settled on the spot is paid by an insurer."""
    world = scene.world
    folk = recruit(scene, rng, spread(rng, 8, 20), scene.alive & (world.people.age >= 20))
    size, nights = len(folk), np.clip(length_of_stay(rng, len(folk)), 3, 14)
    place = pick(rng, scene.habits.ward, folk)
    day = world.first_day + rng.integers(0, world.days - 80, size)
    level = STAY_DAILY[world.places.kind[place]] * nights**0.85
    cost = np.round(level * np.exp(rng.normal(-0.12, 0.5, size)), 2)
    stays = stay_events(rng, folk, place, day, nights, cost=cost)
    claims = Claims.of(
        patient=folk, place=place, admitted=day, nights=nights, submitted=day + nights + rng.integers(5, 60, size),
        total=cost, account=folk, invoice=invoice_position(world, place, day + nights) + rng.integers(0, 400, size),
        benefit=COMMERCIAL, fund=np.round(cost * rng.uniform(0.04, 0.08, size), 2),
    )
    return Part("commercial_top_up", folk, stays, claims)
