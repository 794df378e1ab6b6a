"""T16 laboratory rings, T18 bills paid twice, T19 employers that enrol people for one benefit."""

from __future__ import annotations

import numpy as np

from gangfinder.synth.benefits import maternity, special_drugs, young_women
from gangfinder.synth.casting import Part, Scene, bystanders, cover_visits, recruit
from gangfinder.synth.catalogue import DEPARTMENT, DIAGNOSIS, STAY_DAILY
from gangfinder.synth.claims import claim_rate, stays_far_away
from gangfinder.synth.events import DAY, NONE, Claims, Events
from gangfinder.synth.ledgers.enrolments import Enrolments, employers, wages
from gangfinder.synth.ledgers.lab_reports import COPIES, LabReports, chance, laboratories, make_bench, ordered
from gangfinder.synth.ledgers.signals import TRAFFIC, WORK, Signals
from gangfinder.synth.ordinary import length_of_stay, stay_events, stay_rate, ward_rate
from gangfinder.synth.streams import Floats, Ints, spread

_NEW_EMPLOYERS = 10_000
"""Employers of rings are numbered from here on beyond the town's own; those of look-alikes below."""


def laboratory_ring(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one T16 ring: doctors of one house send patients to one laboratory that finds what the drug needs.

    Notes
    -----
    The harder the town, the more doctors share the orders, the fewer reports are copies of one file, and the more
    real tests stand between them; from difficulty 2 on the laboratory is one that works for others too.
    """
    world, settings = scene.world, scene.world.settings
    site = int(world.ring_sites["T16", number][0])
    patients = recruit(scene, rng, spread(rng, 15, 45), scene.alive & (world.people.age >= 40))
    bench = make_bench(world)
    where, doctor = bench.doctors
    doctors = rng.permutation(doctor[where == site])[: 1 + min(settings.difficulty, 2)]
    usual = int(bench.laboratory[site])
    laboratory = usual if settings.difficulty >= 2 else laboratories(world) + 10 + number
    item, size = int(ordered(rng, 1)[0]), len(patients)
    reports = LabReports.of(
        patient=patients, item=item, on=_spread_days(scene, rng, size, 40), laboratory=laboratory, place=site,
        doctor=doctors[rng.integers(0, len(doctors), size)], positive=True,
        digest=_copies(rng, size, 0.35 * settings.participation, number),
    )
    real = _real_tests(scene, rng, reports, round(0.12 * settings.camouflage * size), float(bench.case_mix[site]))
    quick = rng.random(size) < settings.participation
    waited = np.where(quick, rng.integers(2, 9, size), rng.integers(8, 40, size))
    claims = special_drugs(scene, rng, patients, np.full(size, site), reports["on"], waited)
    return Part(
        "T16", patients, claims=claims, places=np.array([site]), doctors=doctors,
        more={"lab_reports": LabReports.joined([reports, real])},
    )


def _spread_days(scene: Scene, rng: np.random.Generator, size: int, before_end: int) -> Ints:
    """Return days over most of the period, in order, none in its last days."""
    world = scene.world
    span = world.days - before_end
    stretch = int(span * rng.uniform(0.5, 0.95))
    begin = world.first_day + int(rng.integers(0, span - stretch + 1))
    return begin + np.sort(rng.integers(0, stretch, size))


def _copies(rng: np.random.Generator, size: int, share: float, number: int) -> Ints:
    """Return the number of each report's file: some in groups of two to four are one file."""
    copied = rng.permutation(size)[: max(4, round(share * size))]
    digest = np.full(size, NONE, dtype=np.int64)
    digest[copied] = COPIES + 1_000_000 + number * 1_000 + np.arange(len(copied)) // spread(rng, 2, 4)
    return digest


def _real_tests(
    scene: Scene, rng: np.random.Generator, reports: LabReports, size: int, case_mix: float
) -> LabReports:
    """Return tests of other patients at the same doctors and laboratory, with results as they come."""
    fit = bystanders(scene, np.asarray(scene.world.people.age >= 40))
    like = reports.take(rng.integers(0, len(reports), size))
    odds = chance(np.full(size, case_mix), like["item"].astype(np.int64))
    return like.having(
        patient=rng.choice(fit, size), digest=NONE, positive=rng.random(size) < odds,
        on=_spread_days(scene, rng, size, 40),
    )


def double_bills(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one T18 ring: bills go in twice through an agent, or on the spot and by hand, or another payer is hidden."""
    play = (_twice_by_hand, _settled_and_claimed, _other_payer)[number % 3]
    return play(scene, rng, number)


def _claimants(scene: Scene, rng: np.random.Generator, low: int, high: int, rate: Floats) -> tuple[Ints, Ints]:
    """Return who claims, by how often each has such a bill, and the one who hands in for them."""
    world = scene.world
    adults = scene.alive & (world.people.age >= 20)
    holders = recruit(scene, rng, spread(rng, low, high), adults, rate * 10)
    return holders, recruit(scene, rng, 1, adults & (world.people.age < 62))


def _twice_by_hand(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Return bills of far hospitals, handed in by the holder and once more through the agent, weeks later."""
    world, settings = scene.world, scene.world.settings
    holders, agent = _claimants(scene, rng, 6, 15, claim_rate(world))
    who = np.repeat(holders, rng.integers(1, 3, len(holders)))
    last = world.first_day + world.days
    first = stays_far_away(scene, rng, who, account=who)
    first = first.having(submitted=np.minimum(first["submitted"], last - 75))
    through = rng.random(len(who)) < 0.65 + 0.35 * settings.participation
    second = first.having(
        agent=np.where(through, agent[0], NONE), submitted=first["submitted"] + rng.integers(15, 75, len(who))
    )
    kept = np.isin(np.arange(len(who)), np.unique(who, return_index=True)[1]) | (
        rng.random(len(who)) < settings.participation
    )
    once = rng.choice(holders, round(0.2 * settings.camouflage * len(holders)))
    honest = stays_far_away(scene, rng, once, account=once, agent=agent[0])
    claims = Claims.joined([first, second.take(kept), honest])
    return Part("T18", holders, claims=claims, agents=agent)


def _settled_and_claimed(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Return stays at one house that the fund settles on the spot and pays once more by hand."""
    world, settings = scene.world, scene.world.settings
    site = int(world.ring_sites["T18", number][0])
    holders, agent = _claimants(scene, rng, 6, 15, stay_rate(world))
    who = np.repeat(holders, rng.integers(1, 3, len(holders)))
    stays = _stays(scene, rng, who, site, 70)
    again = (rng.random(len(who)) < settings.participation) | (np.diff(who, prepend=-1) != 0)
    twice = stays.take(again)
    size = len(twice)
    claims = Claims.of(
        patient=twice["patient"], place=site, admitted=twice["admitted"] // DAY,
        nights=twice["at"] // DAY - twice["admitted"] // DAY, submitted=twice["at"] // DAY + rng.integers(8, 60, size),
        total=twice["cost"], account=twice["patient"],
        agent=np.where(rng.random(size) < settings.participation, agent[0], NONE),
        invoice=rng.integers(100_000, 900_000, size),
    )
    return Part(
        "T18", holders, stays, claims, cover=cover_visits(scene, rng, holders), places=np.array([site]), agents=agent
    )


def _stays(scene: Scene, rng: np.random.Generator, who: Ints, site: int, before_end: int, **more: object) -> Events:
    """Return a stay at the site for each person, with the bill of an ordinary stay; nobody lies there twice at once."""
    nights = np.clip(length_of_stay(rng, len(who)), 3, 14)
    days = _spread_days(scene, rng, len(who), before_end)
    _, rank = np.unique(who, return_inverse=True)
    later = np.diff(rank, prepend=-1) == 0  # the second stay of a person, well after the first
    days = np.where(later, np.roll(days, 1) + 16 + rng.integers(0, 20, len(who)), days)
    days = np.minimum(days, scene.world.first_day + scene.world.days - before_end)
    level = STAY_DAILY[scene.world.places.kind[site]] * nights**0.85
    cost = np.round(level * np.exp(rng.normal(-0.12, 0.5, len(who))), 2)
    return stay_events(rng, who, np.full(len(who), site), days, nights, cost=cost, **more)


def _other_payer(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Return injuries on the road and at work that one house and one agent bill as falls at home."""
    world, settings = scene.world, scene.world.settings
    site = int(world.ring_sites["T18", number][0])
    hurt, agent = _claimants(scene, rng, 9, 15, ward_rate(world, DEPARTMENT["骨科"]))
    size = len(hurt)
    codes = np.array([DIAGNOSIS[code] for code in ("S52.500", "S82.800", "T14.900")])
    stays = _stays(
        scene, rng, hurt, site, 20, ward=DEPARTMENT["骨科"], diagnosis=rng.choice(codes, size),
        agent=np.where(rng.random(size) < 0.3 + 0.7 * settings.participation, agent[0], NONE),
    )
    known = rng.random(size) < 0.6 + 0.4 * settings.participation  # the others' accidents are on no record
    signals = Signals.of(
        patient=hurt, kind=rng.choice([TRAFFIC, WORK], size), severity=1,
        on=stays["admitted"] // DAY - rng.integers(0, 2, size),
    )
    return Part(
        "T18", hurt, stays, cover=cover_visits(scene, rng, hurt), places=np.array([site]), agents=agent,
        more={"signals": signals.take(known)},
    )


def shell_employer(scene: Scene, rng: np.random.Generator, number: int) -> Part:
    """Play one T19 ring: an employer enrols women shortly before they claim, on a high base, and lets them go after.

    Notes
    -----
    The harder the town, the more of its people are on the books for show, and the fewer are enrolled by the common
    agent, on a raised base, or leave at once.
    """
    world, settings = scene.world, scene.world.settings
    share = settings.participation
    members = recruit(scene, rng, spread(rng, 10, 30), young_women(scene) & (world.people.employer < 0))
    agent = recruit(scene, rng, 1, scene.alive & (world.people.age >= 20) & (world.people.age < 62))
    size, employer = len(members), employers(world) + _NEW_EMPLOYERS + number
    waves = world.first_day + np.sort(rng.integers(-60, max(world.days - 200, 1), spread(rng, 2, 5)))
    start = waves[rng.integers(0, len(waves), size)] + rng.integers(0, 6, size)
    submitted = np.maximum(start + rng.integers(60, 300, size), world.first_day + 5 + rng.integers(0, 60, size))
    submitted = np.minimum(submitted, world.first_day + world.days - 2)
    base = np.where(rng.random(size) < share, _high_wages(rng, size), wages(rng, size))
    by_agent = np.where(rng.random(size) < share, agent[0], NONE)
    gone = (rng.random(size) < share) & (submitted + 60 < world.first_day + world.days)
    spells = Enrolments.of(
        patient=members, employer=employer, start=start, base=base, agent=by_agent,
        end=np.where(gone, submitted + rng.integers(8, 60, size), NONE),
    )
    show = _for_show(scene, rng, round(0.2 * settings.camouflage * size), employer, waves)
    claims = maternity(scene, rng, members, submitted, base, np.where(rng.random(size) < share, agent[0], NONE))
    return Part(
        "T19", members, claims=claims, agents=agent, more={"enrolments": Enrolments.joined([spells, show])}
    )


def _high_wages(rng: np.random.Generator, size: int) -> Floats:
    """Return the highest bases that people have."""
    drawn = wages(rng, 60 * size)
    return np.asarray(rng.permutation(np.sort(drawn)[-2 * size :])[:size])


def _for_show(scene: Scene, rng: np.random.Generator, size: int, employer: int, waves: Ints) -> Enrolments:
    """Return people on the books who claim nothing."""
    age = scene.world.people.age
    fit = bystanders(scene, np.asarray((age >= 20) & (age < 55)))
    size = min(size, len(fit))
    return Enrolments.of(
        patient=rng.choice(fit, size, replace=False), employer=employer, base=wages(rng, size),
        start=waves[rng.integers(0, len(waves), size)] + rng.integers(0, 40, size),
    )


