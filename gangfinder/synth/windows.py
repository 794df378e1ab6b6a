"""The common rule of the windows: which office, which desk, which day, and what comes of a file.

It is blind to who planned a file. What an insider does is given as a wish (``Wishes``): the file waits for his desk
and for nobody else's; everything that is not wished for follows the rule.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gangfinder.synth.bureau import BRANCH, ENROLMENT, FILING, HANDLER, REIMBURSEMENT, REVIEWER, TRAINING_DAYS, Bureau
from gangfinder.synth.events import DAY, NONE
from gangfinder.synth.streams import Flags, Floats, Ints

_ELSEWHERE = 0.06  # files that go to some other office
_OVERTIME = 0.012  # files that are handled or reviewed in the evening
_SLIPS = 0.0015  # files that are reviewed with the login of their handler
_PATIENCE = 25  # days for which a file waits for a desk of its wish
OPENS, _NOON, _BACK, SHUTS = 8 * 3600 + 1800, 12 * 3600, 13 * 3600 + 1800, 17 * 3600 + 1800
"""Seconds of the day at which windows open and shut."""


@dataclass(frozen=True, slots=True)
class Files:
    """Files that come to the windows, as parallel arrays.

    Parameters
    ----------
    person
        Whose home decides the office: he who hands in, -1 where he lives elsewhere.
    patient
        Whom the file is about.
    kind
        Kind of business.
    arrived
        When it arrived, in seconds since 1970.
    lag
        Days after which it is taken up.
    """

    person: Ints
    patient: Ints
    kind: Ints
    arrived: Ints
    lag: Ints


@dataclass(frozen=True, slots=True)
class Wishes:
    """What insiders want of some files; -1 and False where the rule holds.

    Parameters
    ----------
    handler, reviewer
        Whose desk it shall be.
    quick
        Whether it is reviewed within a minute or so.
    late
        Whether it is handled in the evening or reviewed on a day off.
    passed
        Whether it is never sent back.
    """

    handler: Ints
    reviewer: Ints
    quick: Flags
    late: Flags
    passed: Flags

    @classmethod
    def none(cls, size: int) -> Wishes:
        """Return wishes for nothing."""
        nobody, no = np.full(size, NONE, dtype=np.int64), np.zeros(size, dtype=bool)
        return cls(nobody, nobody.copy(), no, no.copy(), no.copy())


@dataclass(frozen=True, slots=True)
class Handled:
    """What came of the files; instants in seconds since 1970."""

    handler: Ints
    reviewer: Ints
    handled: Ints
    reviewed: Ints
    paid: Ints
    refused: Flags


def handle(bureau: Bureau, rng: np.random.Generator, surname: Ints, files: Files, wishes: Wishes) -> Handled:
    """Send each file through an office.

    Parameters
    ----------
    bureau, rng
        The offices, and the random stream of this batch of files.
    surname
        Number of each resident's surname.
    files, wishes
        What comes in, and what insiders want.
    """
    size = len(files.kind)
    office = _offices(bureau, rng, files)
    wished = np.maximum(wishes.handler, wishes.reviewer)
    office = np.where(wished != NONE, bureau.office[np.maximum(wished, 0)], office)
    begin = files.arrived // DAY + files.lag
    draw, wait = rng.random((2, size)), rng.integers(1, 9, size)
    out = np.full((4, size), NONE, dtype=np.int64)  # handler, his day, reviewer, his day
    for one in np.unique(office * 10 + files.kind):
        rows = np.flatnonzero(office * 10 + files.kind == one)
        place, kind = divmod(int(one), 10)
        desks, liked = bureau.at(place, kind, HANDLER), wishes.handler[rows].copy()
        common = liked == NONE
        liked[common] = _queue(bureau, place, kind, desks, surname, files, rows[common])
        out[0, rows], out[1, rows] = _taken_up(bureau, desks, begin[rows], draw[0][rows], liked, ~common)
        judges = bureau.at(place, kind, REVIEWER)
        if len(judges):
            day = out[1, rows]
            first = np.where(wishes.quick[rows], day, day + wait[rows])
            if _by_month(bureau, place, kind):
                first = np.where(wishes.quick[rows], day, _month_end(day + 4))
            wish = np.where(wishes.reviewer[rows] != NONE, wishes.reviewer[rows], _teacher(bureau, out[0, rows], day))
            out[2, rows], out[3, rows] = _taken_up(bureau, judges, first, draw[1][rows], wish, wish != NONE)
    slips = (rng.random(size) < _SLIPS) & (out[2] != NONE) & (wished == NONE)
    out[2, slips] = out[0, slips]
    batch = (bureau.sort[office] == BRANCH) & (files.kind == FILING) & ~wishes.quick
    handled, reviewed = _clock(rng, files.arrived, out, batch, wishes)
    strict = bureau.strict[np.maximum(out[2], 0)]
    refused = (rng.random(size) < strict) & ~wishes.passed & (out[2] != NONE)
    paid = (reviewed // DAY + rng.integers(1, 15, size)) * DAY + opening_hours(rng, size)
    return Handled(out[0], out[2], handled, reviewed, paid, refused)


def _offices(bureau: Bureau, rng: np.random.Generator, files: Files) -> Ints:
    """Return the office each file goes to: that of the home of whoever hands it in, now and then another."""
    size = len(files.person)
    other = rng.integers(0, len(bureau.sort), size)
    strays = (rng.random(size) < _ELSEWHERE) | (files.person == NONE)
    return np.where(strays, other, bureau.home_office[np.maximum(files.person, 0)])


def _queue(
    bureau: Bureau, office: int, kind: int, desks: Ints, surname: Ints, files: Files, rows: Ints
) -> Ints:
    """Return whose queue each file stands in: at a branch by district or by surname, elsewhere whoever is free."""
    if bureau.sort[office] != BRANCH or kind not in {REIMBURSEMENT, ENROLMENT}:
        return np.full(len(rows), NONE, dtype=np.int64)
    desks = desks[bureau.teacher[desks] == NONE]
    patient = files.patient[rows]
    return desks[(bureau.district[patient] if kind == REIMBURSEMENT else surname[patient]) % len(desks)]


def _by_month(bureau: Bureau, office: int, kind: int) -> bool:
    """Return whether files of a kind are reviewed at the end of the month: at branches, filings."""
    return bool(bureau.sort[office] == BRANCH) and kind == FILING


def _taken_up(
    bureau: Bureau, desks: Ints, begin: Ints, draw: Floats, liked: Ints, sure: Flags
) -> tuple[Ints, Ints]:
    """Return who takes up each file and on which day.

    Parameters
    ----------
    bureau, desks
        The offices, and those who may take it.
    begin, draw
        First possible day, and a number from 0 to 1.
    liked
        Whose queue it stands in, -1 for the common one.
    sure
        Whether it waits for him when he is away.
    """
    last = bureau.on_duty.shape[1] - 1
    at = np.clip(begin - bureau.first_day, 0, last)
    duty = bureau.on_duty[desks]
    at_any = _next(np.asarray(duty.any(axis=0)))[at]
    weight = duty[:, at_any].T * bureau.pace[desks]
    chance = np.cumsum(weight, axis=1)
    who = desks[np.minimum((draw[:, None] * chance[:, -1:] >= chance).sum(axis=1), len(desks) - 1)]
    when = at_any.copy()
    for staff in np.unique(liked[liked != NONE]).tolist():
        rows = np.flatnonzero(liked == staff)
        own = _next(bureau.on_duty[staff])[at[rows]]
        waits = np.where(sure[rows], own - at[rows] <= _PATIENCE, own == at_any[rows])
        who[rows[waits]], when[rows[waits]] = staff, own[waits]
    return who, when + bureau.first_day


def _next(open_days: Flags) -> Ints:
    """Return, for each day, the same or the next one that is open; the last day where there is none."""
    at = np.where(open_days, np.arange(len(open_days)), len(open_days) - 1)
    return np.asarray(np.minimum.accumulate(at[::-1])[::-1], dtype=np.int64)


def _teacher(bureau: Bureau, handler: Ints, day: Ints) -> Ints:
    """Return the reviewer of what a trainee handles in his first weeks, -1 for all others."""
    learning = (bureau.teacher[handler] != NONE) & (day < bureau.since[handler] + TRAINING_DAYS)
    return np.where(learning, bureau.teacher[handler], NONE)


def _clock(rng: np.random.Generator, arrived: Ints, out: Ints, batch: Flags, wishes: Wishes) -> tuple[Ints, Ints]:
    """Return when each file was handled and reviewed, in seconds since 1970."""
    _, day, reviewer, back = out
    size = len(day)
    evening = rng.integers(18 * 3600, 20 * 3600 + 1800, (2, size))
    overtime = rng.random((2, size)) < _OVERTIME
    overtime[0] |= wishes.late & (wishes.handler != NONE)
    second = np.where(overtime[0], evening[0], opening_hours(rng, size))
    early = arrived % DAY + rng.integers(600, 5_400, size)
    second = np.where(arrived // DAY == day, np.maximum(second, early), second)
    handled = day * DAY + second
    second = np.where(overtime[1], evening[1], opening_hours(rng, size))
    second = np.where(batch, _one_by_one(rng, reviewer, back, batch), second)
    reviewed = back * DAY + second
    quick = wishes.quick & (back == day)
    reviewed = np.where(quick, handled + rng.integers(15, 100, size), reviewed)
    saturday = (day + 5 - (day + 3) % 7) * DAY + opening_hours(rng, size)
    reviewed = np.where(wishes.late & (wishes.reviewer != NONE) & ~quick, saturday, reviewed)
    return handled, np.maximum(reviewed, handled + 900 * ~quick)


def opening_hours(rng: np.random.Generator, size: int) -> Ints:
    """Return seconds of the day at which a window is open: not at noon."""
    at = rng.integers(OPENS, SHUTS - (_BACK - _NOON), size)
    return np.where(at >= _NOON, at + _BACK - _NOON, at)


def _month_end(day: Ints) -> Ints:
    """Return the last Monday to Friday of the month of each day."""
    month = day.astype("datetime64[D]").astype("datetime64[M]") + 1
    last = month.astype("datetime64[D]").astype(np.int64) - 1
    weekday = (last + 3) % 7
    return np.asarray(last - np.maximum(weekday - 4, 0), dtype=np.int64)


def _one_by_one(rng: np.random.Generator, reviewer: Ints, back: Ints, batch: Flags) -> Ints:
    """Return seconds of the day in a batch: from the afternoon on, one file after another, into the evening."""
    key = np.where(batch, reviewer * 100_000 + back, -1)
    order = np.argsort(key, kind="stable")
    first = np.searchsorted(key[order], key[order], side="left")
    rank = np.empty(len(key), dtype=np.int64)
    rank[order] = np.arange(len(key)) - first
    return np.asarray(np.minimum(15 * 3600 + 1800 + rank * 45 + rng.integers(0, 40, len(key)), 21 * 3600))
