"""The residents of a town: households, villages, insurance, phones, chronic illness and deaths."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gangfinder.synth.settings import TownSettings
from gangfinder.synth.streams import Flags, Floats, Ints, Streams, zipf_weights

VILLAGE_SIZE = 260
NO_DEATH = 10**9
EMPLOYEE, RESIDENT = 0, 1
_SIZE_SHARES = np.array([0.18, 0.28, 0.27, 0.15, 0.08, 0.04])

AREAS = ("990101", *(f"995{n}00" for n in range(1, 10)))
"""Where people are insured: here, and at nine places elsewhere, first the city with the remote hospitals."""

GUEST_SHARE, MIGRANT_SHARE = 0.07, 0.03
_ELSEWHERE = np.array([0.36, 0.14, 0.1, 0.1, 0.08, 0.07, 0.06, 0.05, 0.04])

OWN_PHONE, JUNK_PHONE, HUB_PHONE, NO_PHONE = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class People:
    """Residents as parallel arrays; a person is an index.

    Parameters
    ----------
    household, village
        Household of each person and village or estate of each person.
    generation
        0 head, 1 spouse, 2 child, 3 grandparent, in the household.
    age
        Years at the start of the period.
    birth_day, death_day
        Days since 1970; ``NO_DEATH`` for the living.
    male, rural, chronic, poor
        Plain facts.
    insured
        ``EMPLOYEE`` or ``RESIDENT``; ``retired`` says who no longer works.
    employer
        Employer index, -1 for none.
    phone_source
        One of the ``*_PHONE`` codes.
    phone_of
        The person whose number is written (own number: himself), or the hub.
    chronic_basket
        The basket a chronic patient keeps buying.
    habit_hour
        Hour of the day at which the person likes to go out.
    village_x, village_y
        Kilometres.
    area
        Position in ``AREAS`` of the region that insures each person.
    guest
        Who lives elsewhere and is here, if ever, for days: no resident in anything but the register.
    """

    household: Ints
    village: Ints
    generation: Ints
    age: Ints
    birth_day: Ints
    death_day: Ints
    male: Flags
    rural: Flags
    chronic: Flags
    poor: Flags
    insured: Ints
    retired: Flags
    employer: Ints
    phone_source: Ints
    phone_of: Ints
    chronic_basket: Ints
    habit_hour: Floats
    village_x: Floats
    village_y: Floats
    area: Ints
    guest: Flags

    @property
    def count(self) -> int:
        """Number of residents."""
        return len(self.household)

    @property
    def villages(self) -> int:
        """Number of villages and estates."""
        return len(self.village_x)


def _households(rng: np.random.Generator, count: int) -> tuple[Ints, Ints]:
    """Return the household of each person and his place in it (0 is the head)."""
    sizes = rng.choice(np.arange(1, 7), size=count, p=_SIZE_SHARES)
    sizes = sizes[: int(np.searchsorted(np.cumsum(sizes), count)) + 1]
    household = np.repeat(np.arange(len(sizes)), sizes)[:count]
    first = np.searchsorted(household, household, side="left")
    return household, np.arange(count) - first


def _ages(rng: np.random.Generator, household: Ints, rank: Ints) -> tuple[Ints, Ints]:
    """Return age and generation: head and spouse alike in age, children younger, grandparents older."""
    heads = np.clip(rng.normal(52, 17, household[-1] + 1), 20, 92)
    head_age = heads[household]
    draw = rng.random(len(household))
    generation = np.where(rank < 2, rank, np.where((draw < 0.3) & (head_age < 62), 3, 2))
    shift = np.select(
        [generation == 0, generation == 1, generation == 2],
        [0.0, rng.normal(-1, 3, len(rank)), -28 - 4 * draw],
        26 + 4 * draw,
    )
    return np.clip(head_age + shift, 0, 98).astype(np.int64), generation


def mortality(age: Ints) -> Floats:
    """Return the chance of dying within a year at each age."""
    return np.asarray(0.00035 * np.exp(0.062 * np.maximum(age - 10, 0)), dtype=np.float64)


def _deaths(rng: np.random.Generator, age: Ints, start: int, days: int) -> Ints:
    """Return the day of death: some died before the period and stay on the register, some die in it."""
    yearly = mortality(age)
    draw = rng.random(len(age))
    past = draw < yearly
    inside = (draw >= yearly) & (draw < yearly + yearly * days / 365)
    when = rng.integers(0, days, len(age))
    before = start - rng.integers(1, 400, len(age))
    return np.where(past, before, np.where(inside, start + when, NO_DEATH))


def _phones(rng: np.random.Generator, people_age: Ints, household: Ints, rank: Ints) -> tuple[Ints, Ints]:
    """Return whose number is on record for each person, and what sort of number it is."""
    count = len(household)
    draw = rng.random(count)
    head = np.arange(count) - rank
    borrows = np.where(people_age < 15, 0.92, np.where(people_age >= 75, 0.35, np.where(rank == 1, 0.12, 0.03)))
    of = np.where((draw < borrows) & (rank > 0), head, np.arange(count))
    sort = rng.random(count)
    source = np.select([sort < 0.02, sort < 0.028, sort < 0.07], [JUNK_PHONE, HUB_PHONE, NO_PHONE], OWN_PHONE)
    return of, source


def make_people(settings: TownSettings, streams: Streams, chronic_baskets: Floats) -> People:
    """Draw the residents of a town.

    Parameters
    ----------
    settings
        Settings of the town.
    streams
        Random streams.
    chronic_baskets
        How often each basket is bought by the chronically ill.
    """
    rng = streams.rng("people")
    count = settings.patients
    start = int(np.datetime64(settings.start, "D").astype(np.int64))
    household, rank = _households(rng, count)
    age, generation = _ages(rng, household, rank)
    n_villages = max(24, count // VILLAGE_SIZE)
    # households of one village follow each other here; the tables are shuffled when they are written
    village = household * n_villages // (int(household[-1]) + 1)
    rural_village = rng.random(n_villages) < 0.55
    radius, angle = (
        9 * np.sqrt(n_villages / 77) * np.sqrt(rng.random(n_villages)),
        rng.random(n_villages) * 2 * np.pi,
    )
    employee_share = np.where(rural_village, 0.12, 0.5)[village]
    insured = np.where((rng.random(count) < employee_share) & (age >= 20), EMPLOYEE, RESIDENT)
    retired = (insured == EMPLOYEE) & (age >= 58)
    n_employers = max(8, count // 180)
    employer = np.where(
        (insured == EMPLOYEE) & ~retired, rng.choice(n_employers, count, p=zipf_weights(n_employers, 0.7)), -1
    )
    phone_of, phone_source = _phones(rng, age, household, rank)
    area, guest = _outsiders(streams.rng("outsiders"), household)
    insured = np.where(guest & (age >= 20), EMPLOYEE, insured)
    retired = (insured == EMPLOYEE) & (age >= 58)
    employer = np.where(guest, -1, employer)
    return People(
        household=household,
        village=village,
        generation=generation,
        age=age,
        birth_day=start - (age * 365.25 + rng.random(count) * 365).astype(np.int64),
        death_day=_deaths(rng, age, start, round(settings.months * 30.4)),
        male=rng.random(count) < 0.505,
        rural=rural_village[village],
        chronic=(rng.random(count) < np.where(age >= 50, 0.34, 0.04)) & ~guest,
        poor=(rng.random(count) < np.where(rural_village[village], 0.05, 0.02)) & ~guest,
        insured=insured,
        retired=retired,
        employer=employer,
        phone_source=phone_source,
        phone_of=phone_of,
        chronic_basket=rng.choice(len(chronic_baskets), count, p=chronic_baskets),
        habit_hour=rng.choice(np.array([8.2, 9.0, 9.8, 14.8, 15.8, 18.5]), count),
        village_x=radius * np.cos(angle),
        village_y=radius * np.sin(angle),
        area=area,
        guest=guest,
    )


def _outsiders(rng: np.random.Generator, household: Ints) -> tuple[Ints, Flags]:
    """Return where each person is insured and who lives elsewhere: whole households, residents or not."""
    homes = int(household[-1]) + 1
    draw = rng.random(homes)
    guest = draw < GUEST_SHARE
    foreign = draw < GUEST_SHARE + MIGRANT_SHARE
    area = np.where(foreign, 1 + rng.choice(len(_ELSEWHERE), homes, p=_ELSEWHERE), 0)
    return area[household], guest[household]
