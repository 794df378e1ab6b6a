"""What a register knows when a run begins: every lead as it was last seen, and what was decided on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from gangfinder.leads.register.matching import Registered, Trace
from gangfinder.leads.register.schema import decisions, evidence, leads, members, relations, runs, sightings
from gangfinder.leads.tokens import TOKEN_TYPES
from gangfinder.model.remembered import Remembered

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row, Table

GONE = ("merged", "vanished")


@dataclass(frozen=True, slots=True)
class Dismissal:
    """A dismissal that is in force.

    Parameters
    ----------
    seq
        Of its decision.
    expires_on
        The day of the data on which it ends, if any.
    known
        All that was ever known of the lead when it was made.
    until
        Last day of the data then.
    """

    seq: int
    expires_on: date | None
    known: Trace
    until: date | None = None


@dataclass(frozen=True, slots=True)
class KnownLead:
    """A registered lead.

    Parameters
    ----------
    lead_id
        Its id.
    age
        Place in the order of first sightings.
    status
        Of its last sighting.
    rank
        Of its last sighting, ``None`` if it was not listed then.
    amount_fen
        Upper amount of its last sighting.
    members_run
        Under which its last list of members stands.
    members
        That list: entity type, id, role, membership, subject.
    trace
        What it left behind when it was last in the data.
    dismissal
        In force, if any.
    confirmed
        Whether the last word on it is that it is a case.
    """

    lead_id: str
    age: int
    status: str
    rank: int | None
    amount_fen: int | None
    members_run: str | None
    members: frozenset[tuple[str, str, str, str, int]]
    trace: Trace
    dismissal: Dismissal | None
    confirmed: bool

    @property
    def live(self) -> bool:
        """Whether it was in the data of the last run."""
        return self.status not in GONE

    def registered(self) -> Registered:
        """Return it as :func:`~gangfinder.leads.register.matching.match` wants it.

        A dismissed one is recognised by all that was known when it was dismissed: of a lead of which a part was seen
        last week, the other part does not come back this week as a new one.
        """
        trace = self.trace if self.dismissal is None else self.dismissal.known
        return Registered(self.lead_id, self.age, self.live, trace, lasting=self.dismissal is not None)


@dataclass(frozen=True, slots=True)
class State:
    """A register at one moment.

    Parameters
    ----------
    seq
        The last history entry that it knows.
    leads
        All leads by id, merged ones included.
    last_run
        Row of the last run, if any.
    remembered
        What decisions mean for an inquiry.
    """

    seq: int
    leads: Mapping[str, KnownLead] = field(default_factory=dict)
    last_run: Row[Any] | None = None
    remembered: Remembered = Remembered()  # noqa: RUF009 - frozen


def read_state(connection: Connection, until: int) -> State:
    """Return the state after a history entry.

    Parameters
    ----------
    connection
        A reading one.
    until
        Number of the entry.
    """
    made = _rows(connection, decisions, until)
    revoked = {d.target_seq for d in made if d.kind == "revoke"}
    standing = [d for d in made if d.kind != "revoke" and d.seq not in revoked]
    known = _leads(connection, until, standing)
    last = max(_rows(connection, runs, until), key=lambda r: r.seq, default=None)
    return State(until, known, last, _remembered(known, standing))


def _rows(connection: Connection, table: Table, until: int) -> list[Row[Any]]:
    from sqlalchemy import select

    return list(connection.execute(select(table).where(table.c.seq <= until).order_by(table.c.seq)))


@dataclass(slots=True)
class _Story:
    """A lead as its rows are read, oldest first."""

    subject_type: str
    sightings: list[Row[Any]] = field(default_factory=list)
    lists: dict[str, list[Row[Any]]] = field(default_factory=dict)
    evidence: list[Row[Any]] = field(default_factory=list)
    decisions: list[Row[Any]] = field(default_factory=list)


def _leads(connection: Connection, until: int, standing: Iterable[Row[Any]]) -> dict[str, KnownLead]:
    stories = {r.lead_id: _Story(r.subject_type) for r in _rows(connection, leads, until)}
    for row in _rows(connection, sightings, until):
        stories[row.lead_id].sightings.append(row)
    for row in _rows(connection, members, until):
        stories[row.lead_id].lists.setdefault(row.run_id, []).append(row)
    for row in _rows(connection, evidence, until):
        stories[row.lead_id].evidence.append(row)
    for row in standing:
        stories[row.lead_id].decisions.append(row)
    made = _rows(connection, runs, until)
    order = sorted(stories, key=lambda i: (stories[i].sightings[0].seq, i))
    return {i: _lead(i, age, stories[i], made) for age, i in enumerate(order)}


def _lead(lead_id: str, age: int, story: _Story, made: Sequence[Row[Any]]) -> KnownLead:
    last = story.sightings[-1]
    present = [s for s in story.sightings if s.status not in GONE]
    own = story.lists.get(present[-1].members_run, [])
    word = _last_word(story.decisions)
    return KnownLead(
        lead_id, age, last.status, last.rank, present[-1].amount_high_fen, present[-1].members_run,
        frozenset((m.entity_type, m.entity_id, m.role, m.membership, m.subject) for m in own),
        _trace(story, _held(story.evidence), [present[-1]]), _dismissal(story, word, made),
        word is not None and (word.kind in ("confirm", "transfer") or word.result == "verified"),
    )


def _trace(story: _Story, rows: Mapping[str, Row[Any]], seen: Iterable[Row[Any]]) -> Trace:
    """Return what a lead left behind: some evidence, and the cores and typologies of some sightings."""
    seen = list(seen)
    core = {m.entity_id for s in seen for m in story.lists.get(s.members_run, ()) if m.subject}
    return Trace(
        story.subject_type, frozenset(core), {k: _day(r.event_on) for k, r in rows.items()},
        frozenset(code for s in seen for code in s.typologies.split()), {k: r.subject for k, r in rows.items()},
    )


def _held(rows: Iterable[Row[Any]]) -> dict[str, Row[Any]]:
    held: dict[str, Row[Any]] = {}
    for row in rows:
        if row.gone:
            held.pop(row.key, None)
        else:
            held[row.key] = row
    return held


def _last_word(made: Iterable[Row[Any]]) -> Row[Any] | None:
    """Return the last decision that says what a lead is."""
    words = [d for d in made if d.kind in ("dismiss", "confirm", "transfer") or d.result in ("verified", "unfounded")]
    return words[-1] if words else None


def _dismissal(story: _Story, word: Row[Any] | None, made: Sequence[Row[Any]]) -> Dismissal | None:
    """Return the dismissal in force: the last word, and no run that knew it has reopened the lead."""
    if word is None or word.kind != "dismiss":
        return None
    known_by = {r.run_id: r.known_seq for r in made}
    if any(s.status == "reopened" and known_by[s.run_id] >= word.seq for s in story.sightings):
        return None
    ends = [r.window_to for r in made if r.seq < word.seq and r.window_to]
    rows = {r.key: r for r in story.evidence if r.seq < word.seq and not r.gone}
    seen = [s for s in story.sightings if s.seq < word.seq and s.status not in GONE]
    return Dismissal(word.seq, _day(word.expires_on), _trace(story, rows, seen), _day(max(ends, default=None)))


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _remembered(known: Mapping[str, KnownLead], standing: Iterable[Row[Any]]) -> Remembered:
    never = [d for d in standing if d.kind == "never_link"]
    values = {(kind, one) for d in never if not d.other for kind, _, one in [d.entity.partition(":")]}
    cases = {(m[0], m[1]) for one in known.values() if one.confirmed for m in one.members if m[3] == "core"}
    return Remembered(
        values=frozenset((kind, f"{kind}:{one}" if kind in TOKEN_TYPES else one) for kind, one in values),
        pairs=frozenset((min(d.entity, d.other), max(d.entity, d.other)) for d in never if d.other),
        cases=frozenset(cases),
        spare=sum(one.dismissal is not None and one.live for one in known.values()),
    )


def merged_into(connection: Connection) -> dict[str, str]:
    """Return the leads that went into others: id → id of the one that took it in."""
    from sqlalchemy import select

    rows = connection.execute(select(relations).where(relations.c.kind == "merged_into"))
    return {r.lead_id: r.other for r in rows}


__all__ = ["GONE", "Dismissal", "KnownLead", "State", "merged_into", "read_state"]
