"""The fund's offices: who works there, at which desk, on which days, and who is related to whom.

All of it is drawn before anybody plays, and is the same whether or not rings are planted: a clean town has small
offices, sole handlers, and members of staff whose relatives own a shop, as every town has.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gangfinder.synth.events import NONE
from gangfinder.synth.people import People
from gangfinder.synth.places import Places
from gangfinder.synth.relations import Relations, make_relations
from gangfinder.synth.settings import TownSettings
from gangfinder.synth.standing import FAR, OUTSIDERS, Sites, Standing
from gangfinder.synth.streams import Flags, Floats, Ints, Streams, spread

ROLES = ("handler", "reviewer", "official", "trainee")
HANDLER, REVIEWER, OFFICIAL, TRAINEE = range(4)

KINDS = ("manual_reimbursement", "maternity", "special_drug", "filing", "enrolment", "contract")
"""``business_kind`` of a roster: ``reimbursements`` by their ``benefit_kind``, where that has a desk of its own,
``filings``, ``enrolments``, and contracts of houses (seen in ``actions`` alone)."""

REIMBURSEMENT, MATERNITY, DRUG, FILING, ENROLMENT, CONTRACT = range(len(KINDS))

CENTRE, BRANCH, SMALL = range(3)
"""Sorts of offices: many desks and a common queue; one window for a region; two people who do everything."""

_TITLES = ("测试县医保中心", "测试片区医保分中心", "测试镇医保窗口")
_SHARES = np.array([3.0, 1.5, 0.35])  # of the residents, each office
TRAINING_DAYS = 75
"""Days in which a trainee's files all go to one reviewer."""

HISTORY_DAYS = 4_300
"""Files of so long ago were handled too."""

_MARGIN_DAYS = 150
_RESIDENT = 0.92
_STRICT = (0.04, 0.08)
_LEAVING = 0.25  # share of houses with three operators or more of whom one leaves within the period

_DESKS: dict[int, tuple[tuple[int, int, tuple[int, ...]], ...]] = {
    # sort of office: (how many, role, kinds of business)
    CENTRE: (
        (5, HANDLER, (REIMBURSEMENT,)),
        (1, HANDLER, (MATERNITY,)),
        (1, HANDLER, (DRUG,)),
        (5, HANDLER, (FILING,)),
        (5, HANDLER, (ENROLMENT,)),
        (2, HANDLER, (CONTRACT,)),
        (3, REVIEWER, (REIMBURSEMENT, MATERNITY, DRUG, FILING)),
        (1, OFFICIAL, ()),
    ),
    BRANCH: (
        (1, HANDLER, (REIMBURSEMENT, FILING, ENROLMENT, MATERNITY, DRUG)),
        (2, HANDLER, (REIMBURSEMENT, FILING, ENROLMENT)),
        (1, TRAINEE, (REIMBURSEMENT, FILING)),
        (2, REVIEWER, (REIMBURSEMENT, MATERNITY, DRUG, FILING)),
        (1, OFFICIAL, ()),
    ),
    SMALL: (
        (1, HANDLER, (REIMBURSEMENT, MATERNITY, DRUG, FILING, ENROLMENT)),
        (1, REVIEWER, (REIMBURSEMENT, MATERNITY, DRUG, FILING)),
    ),
}


@dataclass(frozen=True, slots=True)
class Bureau:
    """The offices of a town; a member of staff is an index.

    Parameters
    ----------
    sort
        Sort of each office.
    office, role
        Of each member of staff.
    person
        Who he is: a resident, or an outsider of his own: none of those who work or own elsewhere.
    may
        Staff by kind of business: whether it is his desk.
    since
        First day at the desk.
    away
        Leave: staff, first and last day.
    pace
        How much each takes from a common queue.
    strict
        Share of what each reviewer sees and sends back.
    teacher
        Reviewer who sees all that a trainee handles, -1 for none.
    home_office
        Office that serves each resident.
    district
        District of each resident, by which branches divide their files.
    first_day
        First day for which ``on_duty`` is known.
    on_duty
        Staff by day: at the desk, on a working day.
    spare
        An adult in the household of each of those at a large office, -1 for none: no part of anybody else's play.
    relations
        Relatives, owners of houses, and past employers.
    operator_left
        Day on which each operator of a house left.
    stand_in
        Operator who works on when one has left.
    """

    sort: Ints
    office: Ints
    role: Ints
    person: Ints
    may: Flags
    since: Ints
    away: tuple[Ints, Ints, Ints]
    pace: Floats
    strict: Floats
    teacher: Ints
    home_office: Ints
    district: Ints
    first_day: int
    on_duty: Flags
    spare: Ints
    relations: Relations
    operator_left: Ints
    stand_in: Ints

    @property
    def count(self) -> int:
        """Members of staff."""
        return len(self.person)

    def titles(self) -> list[str]:
        """Return the names of the offices."""
        return [f"{_TITLES[sort]}{number + 1}" for number, sort in enumerate(self.sort)]

    def at(self, office: int, kind: int, *roles: int) -> Ints:
        """Return the members of staff of an office whose desk it is."""
        return np.flatnonzero((self.office == office) & self.may[:, kind] & np.isin(self.role, roles))

    def household(self, people: People, staff: int) -> Ints:
        """Return those who live with a member of staff."""
        person = int(self.person[staff])
        if person >= people.count:
            return np.empty(0, dtype=np.int64)
        home = np.flatnonzero(people.household == people.household[person])
        return np.asarray(home[home != person], dtype=np.int64)

    def present(self, operator: Ints, day: Ints) -> Ints:
        """Return who sits at the desk of an operator: another one when he has left."""
        known = np.maximum(operator, 0)
        gone = (operator != NONE) & (self.operator_left[known] <= day)
        return np.where(gone, self.stand_in[known], operator)


def make_bureau(
    settings: TownSettings, streams: Streams, people: People, places: Places, sites: Sites, standing: Standing
) -> Bureau:
    """Draw the offices of a town.

    Parameters
    ----------
    settings, streams, people, places
        The town.
    sites
        Sites of the rings, planted or not.
    standing
        Doctors, who work elsewhere, and houses of one owner.
    """
    rng = streams.rng("bureau")
    sort, office, role, may = _desks(settings)
    first = int(np.datetime64(settings.start, "D").astype(np.int64))
    days = int(settings.months * 30.5) + 5
    person = _persons(rng, people, first + days, standing, len(office))
    since = _service(rng, first, days, office, role)
    away = _leave(rng, first, days, len(office))
    left, stand_in = _operators(streams.rng("operators who leave"), places, sites, first, days)
    begin, length = first - HISTORY_DAYS, HISTORY_DAYS + days + _MARGIN_DAYS
    return Bureau(
        sort=sort, office=office, role=np.where(role == TRAINEE, HANDLER, role), person=person, may=may, since=since,
        away=away, pace=np.exp(rng.normal(0, 0.2, len(office))), strict=rng.uniform(*_STRICT, len(office)),
        teacher=_teachers(office, role), home_office=_served(people, sort), district=people.village,
        first_day=begin,
        on_duty=_on_duty(begin, length, since, away),
        spare=_spare(people, person, sort[office] == CENTRE, first + days),
        relations=make_relations(streams.rng("relations"), settings, people, places, sites, standing, person,
                                 may[:, CONTRACT]),
        operator_left=left, stand_in=stand_in,
    )


def _desks(settings: TownSettings) -> tuple[Ints, Ints, Ints, Flags]:
    """Return the sort of each office; and office, role and kinds of business of each member of staff."""
    alike = max(3, settings.lookalikes)
    sort = np.repeat([CENTRE, BRANCH, SMALL], [max(2, (settings.rings_per_typology + 1) // 2), alike, alike])
    office, role, may = [], [], []
    for number, kind in enumerate(sort.tolist()):
        for count, duty, desks in _DESKS[kind]:
            office += [number] * count
            role += [duty] * count
            may += [np.isin(np.arange(len(KINDS)), desks)] * count
    return sort, np.array(office), np.array(role), np.array(may)


def _persons(rng: np.random.Generator, people: People, end: int, standing: Standing, size: int) -> Ints:
    """Return who works there: mostly residents of working age with a household, who are insured like others."""
    grown = np.bincount(people.household, (people.age >= 20) & (people.death_day > end))
    fit = (people.age >= 24) & (people.age < 58) & (people.death_day > end) & ~people.guest & (people.area == 0)
    fit &= grown[people.household] >= 2
    fit[standing.doctor_person[standing.doctor_person < people.count]] = False
    fit[_acting(people, end)] = False
    pool = rng.permutation(np.flatnonzero(fit))
    _, one = np.unique(people.household[pool], return_index=True)
    resident = pool[np.sort(one)][:size]
    outsider = people.count + OUTSIDERS + np.arange(size)
    out = outsider.copy()
    out[: len(resident)] = np.where(rng.random(len(resident)) < _RESIDENT, resident, outsider[: len(resident)])
    return np.asarray(out, dtype=np.int64)


def _acting(people: People, end: int) -> Ints:
    """Return who acts for others by office: the clerk of each employer, now and all year, and whose phone many give."""
    working = np.flatnonzero(people.employer >= 0)
    staying = working[people.death_day[working] > end]
    clerks = [who[np.unique(people.employer[who], return_index=True)[1]] for who in (working, staying)]
    return np.concatenate([*clerks, np.searchsorted(people.village, np.arange(people.villages))])


def _spare(people: People, person: Ints, large: Flags, end: int) -> Ints:
    """Return another adult of the household of each of those at a large office."""
    spare = np.full(len(person), NONE, dtype=np.int64)
    for staff in np.flatnonzero(large & (person < people.count)).tolist():
        home = np.flatnonzero(people.household == people.household[person[staff]])
        home = home[(people.age[home] >= 20) & (people.death_day[home] > end) & (home != person[staff])]
        spare[staff] = home[0] if len(home) else NONE
    return spare


def _service(rng: np.random.Generator, first: int, days: int, office: Ints, role: Ints) -> Ints:
    """Return since when each is at the desk: most for years, trainees since some day of the year."""
    since = first - rng.integers(300, 3_500, len(office))
    since = np.where(rng.random(len(office)) < 0.4, first - HISTORY_DAYS, since)
    _, oldest = np.unique(office * 10 + role, return_index=True)
    since[oldest] = first - HISTORY_DAYS  # somebody has always been there
    trainee = role == TRAINEE
    since[trainee] = first + rng.integers(20, max(days - 2 * TRAINING_DAYS, 21), int(trainee.sum()))
    return since


def _leave(rng: np.random.Generator, first: int, days: int, size: int) -> tuple[Ints, Ints, Ints]:
    """Return leave: two to four times a year for some days, and for some a long one."""
    times = rng.integers(2, 5, size)
    who = np.repeat(np.arange(size), times)
    begin, length = first + rng.integers(0, days, len(who)), rng.integers(3, 13, len(who))
    long = np.flatnonzero(rng.random(size) < 0.06)
    who = np.concatenate([who, long])
    begin = np.concatenate([begin, first + rng.integers(0, max(days - 60, 1), len(long))])
    length = np.concatenate([length, rng.integers(40, 100, len(long))])
    return who, begin, begin + length - 1


def _teachers(office: Ints, role: Ints) -> Ints:
    """Return the reviewer who sees all that a trainee handles at first."""
    teacher = np.full(len(office), NONE)
    for trainee in np.flatnonzero(role == TRAINEE):
        teacher[trainee] = np.flatnonzero((office == office[trainee]) & (role == REVIEWER))[0]
    return teacher


def _served(people: People, sort: Ints) -> Ints:
    """Return the office that serves each resident: offices share the county like slices of a cake, by villages."""
    angle = np.arctan2(people.village_y, people.village_x)[people.village]
    order = np.lexsort((people.household, people.village, angle))
    share = np.cumsum(_SHARES[sort]) / _SHARES[sort].sum()
    out = np.empty(people.count, dtype=np.int64)
    out[order] = np.searchsorted(share, (np.arange(people.count) + 0.5) / people.count)
    return out


def _on_duty(begin: int, length: int, since: Ints, away: tuple[Ints, Ints, Ints]) -> Flags:
    """Return, for staff and days, who is at the desk: nobody on Saturdays and Sundays or on leave."""
    day = begin + np.arange(length)
    duty = (since[:, None] <= day) & ((day + 3) % 7 < 5)
    for who, leaves, returns in zip(*(part.tolist() for part in away), strict=True):
        duty[who, max(leaves - begin, 0) : max(returns - begin + 1, 0)] = False
    return np.asarray(duty, dtype=bool)


def _operators(
    rng: np.random.Generator, places: Places, sites: Sites, first: int, days: int
) -> tuple[Ints, Ints]:
    """Return when operators of houses left, and who works on: few do, and one at each first site of a T11 ring."""
    count = places.operator_count[places.operator_place]
    rank = np.arange(len(count)) - places.operator_first[places.operator_place]
    ringed = np.isin(places.operator_place, np.concatenate([*sites.values(), np.empty(0, dtype=np.int64)]))
    left = np.full(len(count), FAR)
    going = np.flatnonzero((count >= 3) & (rank == count - 1) & ~ringed & (rng.random(len(count)) < _LEAVING))
    left[going] = first + rng.integers(30, max(days - 20, 31), len(going))
    for (typology, number), houses in sorted(sites.items()):
        house = int(houses[0])
        if typology == "T11" and number % 2 == 1 and places.operator_count[house] >= 2:
            left[places.operator_first[house] + places.operator_count[house] - 1] = first + spread(
                rng, int(0.3 * days), int(0.4 * days)
            )
    return left, places.operator_first[places.operator_place].astype(np.int64)
