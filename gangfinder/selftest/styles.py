"""The styles of rings that a self-test plants, and what each of them needs of the data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

import numpy as np

from gangfinder.selftest.sample import House, Person, Record, Sample, days_of, instant_of

SESSIONS = 8
"""Dates on which a ring of cards meets."""

LEAST_DAYS_APART = 3

ATTENDANCE = 0.85
"""Share of the people who take part in one session: nobody always comes."""

AT_DESK = 0.9
"""Share of the rows of a card ring that its own desk posts."""

WAVES = 3
WAVE_DAYS_APART = 30
ALIKE, NIGHTS_APART = 3, 2
"""Stays of like length from which those of one wave are drawn, and by how many nights they may differ."""

SHARED_CONTACT = 0.6
"""Share of the people of an admission wave who leave one telephone number."""

CLAIMS = 2
CLAIM_DAYS = 120

Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Draft:
    """A row to be planted.

    Parameters
    ----------
    table
        ``settlements`` or ``reimbursements``.
    person
        Whose row it becomes.
    template
        A row of the house's own: amounts, basket, diagnosis and habits are those.
    at
        When it happens.
    changes
        Columns that make the style; only those that the data have are changed.
    """

    table: str
    person: Person
    template: Record
    at: datetime
    changes: Record = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Style:
    """A way in which a ring shows.

    Parameters
    ----------
    slug, title
        Name, and in words.
    untestable
        Why the data cannot show it; empty where they can.
    notes
        What it is planted without, because no column holds it.
    plant
        ``plant(sample, people, rng)``: the rows of one ring.
    """

    slug: str
    title: str
    untestable: Callable[[Sample], str]
    notes: Callable[[Sample], tuple[str, ...]]
    plant: Callable[[Sample, Sequence[Person], Rng], list[Draft]]


def _lacks(sample: Sample, table: str, *columns: str) -> list[str]:
    return [c for c in columns if c not in sample.available.get(table, frozenset())]


def _too_few_houses(sample: Sample, least: int) -> str:
    if len(sample.visited) >= least:
        return ""
    count = "no house has" if least == 1 else f"fewer than {least} houses have"
    return f"{count} enough out-patient rows on enough dates to hide a ring"


def _pick(houses: Sequence[House], rng: Rng, n: int) -> list[House]:
    """Return houses, those in the area of the first before others."""
    order = [houses[int(k)] for k in rng.permutation(len(houses))]
    first = order[0]
    near = [h for h in order if h.area == first.area]
    return (near + [h for h in order if h.area != first.area])[:n]


def _dates(own: Sequence[date], rng: Rng, n: int, apart: int = LEAST_DAYS_APART) -> list[date]:
    """Return some of the days on which a house posted rows, some days apart."""
    chosen: list[date] = []
    for k in rng.permutation(len(own)):
        if len(chosen) < n and all(abs((own[int(k)] - d).days) >= apart for d in chosen):
            chosen.append(own[int(k)])
    return sorted(chosen)


def _one(rows: Sequence[Record], rng: Rng) -> Record:
    return rows[int(rng.integers(len(rows)))]


def _present(people: Sequence[Person], rng: Rng) -> list[Person]:
    """Return who takes part, in the order in which they come."""
    here = [p for p in people if rng.random() < ATTENDANCE]
    return [here[int(k)] for k in rng.permutation(len(here))]


def _opening(house: House, day: date, rng: Rng) -> datetime:
    """Return an instant of the day at which the house posts: the time of day of one of its own rows."""
    return datetime.combine(day, instant_of(_one(house.rows, rng)).time())


def _queue(sample: Sample, house: House, start: datetime, n: int, rng: Rng) -> Iterator[datetime]:
    """Yield instants one after another, within the day; all the same where the house's clock says nothing."""
    still = not sample.clock or house.batch
    at, last = start, datetime.combine(start.date(), time(23, 59, 59))
    for _ in range(n):
        yield min(at, last)
        at += timedelta(seconds=0 if still else int(rng.integers(30, 150)))


def _at_desk(house: House, rng: Rng) -> tuple[list[Record], Record]:
    """Return the rows of one desk of the house, and what marks it."""
    desk = _one(house.rows, rng).get("terminal_id")
    if desk is None:
        return list(house.rows), {}
    own = [r for r in house.rows if r.get("terminal_id") == desk]
    return own, {"terminal_id": desk}


def cards(sample: Sample, people: Sequence[Person], rng: Rng) -> list[Draft]:
    """Plant cards settled one after another at one desk of one house, again and again."""
    house = _pick(sample.visited, rng, 1)[0]
    own, desk = _at_desk(house, rng)
    rows = []
    for day in _dates(days_of(house.rows), rng, SESSIONS):
        here = _present(people, rng)
        instants = _queue(sample, house, _opening(house, day, rng), len(here), rng)
        for person, at in zip(here, instants, strict=True):
            mine = rng.random() < AT_DESK
            template = _one(own if mine else house.rows, rng)
            rows.append(Draft("settlements", person, template, at, desk if mine else {}))
    return rows


def tours(sample: Sample, people: Sequence[Person], rng: Rng) -> list[Draft]:
    """Plant people who go through two or three of four houses in half a day, time after time."""
    houses = _pick(sample.visited, rng, 4)
    rows = []
    for day in _dates(days_of(houses[0].rows), rng, SESSIONS):
        stops = [houses[int(k)] for k in rng.permutation(len(houses))[: int(rng.integers(2, 4))]]
        start = _opening(stops[0], day, rng)
        for leg, house in enumerate(stops):
            here = _present(people, rng)
            begin = _later(sample, house, start, leg * int(rng.integers(45, 90)), rng)
            instants = _queue(sample, house, begin, len(here), rng)
            rows += [
                Draft("settlements", p, _one(house.rows, rng), at) for p, at in zip(here, instants, strict=True)
            ]
    return rows


def _later(sample: Sample, house: House, start: datetime, minutes: int, rng: Rng) -> datetime:
    """Return an instant some minutes later on that day; where the house's clock says nothing, one of its own."""
    if not sample.clock or house.batch:
        return _opening(house, start.date(), rng)
    return min(start + timedelta(minutes=minutes), datetime.combine(start.date(), time(23, 0)))


def lockstep(sample: Sample, people: Sequence[Person], rng: Rng) -> list[Draft]:
    """Plant people who come to the same houses on the same dates, at any hour."""
    houses = _pick(sample.visited, rng, 3)
    rows = []
    for number, day in enumerate(_dates(days_of(houses[0].rows), rng, SESSIONS)):
        house = houses[number % len(houses)]
        rows += [
            Draft("settlements", p, _one(house.rows, rng), _opening(house, day, rng)) for p in _present(people, rng)
        ]
    return rows


def waves(sample: Sample, people: Sequence[Person], rng: Rng) -> list[Draft]:
    """Plant people who are admitted to one ward together and leave together, in several waves, free of charge."""
    house = _pick(sample.admitting, rng, 1)[0]
    wards = [r.get("department") for r in house.rows]
    ward = max(sorted(set(wards), key=str), key=wards.count)
    own = [r for r in house.rows if r.get("department") == ward and r.get("admitted_at") and r.get("discharged_at")]
    if not own:
        return []
    phone = people[0].latest.get("contact_phone")
    led = {p.patient_id for p in people[: round(SHARED_CONTACT * len(people))]}
    rows = []
    for day in _dates(sorted({r["admitted_at"].date() for r in own}), rng, WAVES, WAVE_DAYS_APART):
        length = _nights(_one(own, rng))
        alike = _alike(own, length)
        for person in _present(people, rng):
            template = _one(alike, rng)
            at = datetime.combine(day, template["admitted_at"].time())
            changes = {"cash_amount": 0} | ({"contact_phone": phone} if phone and person.patient_id in led else {})
            rows.append(Draft("settlements", person, template, at, changes))
    return rows


def _alike(stays: Sequence[Record], nights: int) -> list[Record]:
    """Return stays of nearly that length: they leave together too."""
    near = [[r for r in stays if abs(_nights(r) - nights) <= apart] for apart in range(NIGHTS_APART + 1)]
    return next((found for found in near if len(found) >= ALIKE), near[-1])


def _nights(stay: Record) -> int:
    nights: timedelta = stay["discharged_at"] - stay["admitted_at"]
    return nights.days


def star(sample: Sample, people: Sequence[Person], rng: Rng) -> list[Draft]:
    """Plant manual reimbursements of strangers with bills of one house, paid to one account."""
    house = _pick(sample.claimed, rng, 1)[0]
    account = "".join(str(int(d)) for d in rng.integers(0, 10, 19))
    rows = []
    first = _one(house.rows, rng)
    for person in people:
        for _ in range(1 + int(rng.integers(CLAIMS))):
            template = _one(house.rows, rng)
            at = claimed_at(first) + timedelta(days=int(rng.integers(CLAIM_DAYS)))
            rows.append(Draft("reimbursements", person, template, at, {"payee_account": account}))
    return _of_one_book(rows, house, rng)


def claimed_at(row: Record) -> datetime:
    """Return when a claim was made."""
    at = row.get("submitted_at") or row.get("paid_at") or row["invoice_on"]
    return at if isinstance(at, datetime) else datetime.combine(at, time())


def _of_one_book(rows: Sequence[Draft], house: House, rng: Rng) -> list[Draft]:
    """Give the bills numbers that follow one another, as if torn from one book, none of them in use."""
    used = {str(r.get("invoice_no")) for r in house.rows}
    numbered = [r for r in house.rows if str(r.get("invoice_no") or "")[-6:].isdigit()]
    if not numbered:
        return list(rows)
    base = _one(numbered, rng)["invoice_no"]
    number, made = int(str(base)[-6:]), []
    for row in rows:
        while (name := f"{str(base)[:-6]}{number % 10**6:06d}") in used:
            number += 1
        used.add(name)
        number += int(rng.integers(1, 6))
        made.append(Draft(row.table, row.person, row.template, row.at, {**row.changes, "invoice_no": name}))
    return made


def _cards_reason(sample: Sample) -> str:
    if not sample.clock:
        return "the instants of the settlements are dates only: who comes minutes apart cannot be told"
    return _too_few_houses(sample, 1)


def _waves_reason(sample: Sample) -> str:
    lacking = _lacks(sample, "settlements", "admitted_at", "discharged_at")
    if lacking:
        return f"needs {' and '.join(lacking)} of table 'settlements', absent or empty"
    return "" if sample.admitting else "no house has enough stays on enough dates to hide a wave"


def _star_reason(sample: Sample) -> str:
    if "reimbursements" not in sample.available:
        return "needs table 'reimbursements', which is absent"
    lacking = _lacks(sample, "reimbursements", "payee_account", "institution_id")
    if lacking:
        return f"needs {' and '.join(lacking)} of table 'reimbursements', absent or empty"
    return "" if sample.claimed else "no house has enough reimbursements on enough dates to hide a ring"


def _without(table: str, *columns: str) -> Callable[[Sample], tuple[str, ...]]:
    return lambda sample: tuple(f"planted without {c}: absent or empty" for c in _lacks(sample, table, *columns))


def _lockstep_notes(sample: Sample) -> tuple[str, ...]:
    if not sample.clock:
        return ()
    return ("dates alone are not listed where the data have a time of day: something else must bear them out",)


STYLES = (
    Style("cards", "card sessions at one desk", _cards_reason, _without("settlements", "terminal_id"), cards),
    Style("tours", "tours of several houses", lambda s: _too_few_houses(s, 3), lambda _: (), tours),
    Style("lockstep", "the same dates alone", lambda s: _too_few_houses(s, 2), _lockstep_notes, lockstep),
    Style(
        "waves", "waves of admissions", _waves_reason, _without("settlements", "cash_amount", "contact_phone"), waves
    ),
    Style("star", "one payee account", _star_reason, _without("reimbursements", "invoice_no"), star),
)
"""In the order of the report."""
