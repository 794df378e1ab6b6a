"""The leads of a run beside the register: which ids they have, what is different, and which stay out of the list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from gangfinder.leads.identity import fresh_id
from gangfinder.leads.register.matching import Matching, Trace, match
from gangfinder.leads.register.state import Dismissal, KnownLead, State
from gangfinder.leads.register.veil import Veil
from gangfinder.leads.tokens import Key, shown_id
from gangfinder.model.lead import Change, Departure, Lead

NEW, GROWN, SHRUNK, UNCHANGED, SPLIT, REOPENED, DISMISSED = (
    "new", "grown", "shrunk", "unchanged", "split", "reopened", "dismissed",
)


@dataclass(frozen=True, slots=True)
class RegisterParams:
    """Parameters of the comparison with the register (section ``[register]``).

    Parameters
    ----------
    reopen_rows
        A dismissed lead is listed again when it has this many evidence rows of days after the data on which it was
        dismissed; so it is when one of them is about a new core member, or when a typology came with new rows.
    reopen_share
        What is older than that decision (bills handed in late, but also a person who stood just below a threshold and
        now stands just above it) lists a dismissed lead again when it adds this share to the core, two members at
        least, or to the evidence, on new days.
    allow_older
        Take data that end before those of the last run; otherwise they are refused, for every lead of the last days
        would be said to have shrunk or vanished.
    """

    reopen_rows: int = 1
    reopen_share: float = 0.2
    allow_older: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """First and last day of the data, ``None`` where no row has a day."""

    first: date | None = None
    last: date | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A lead of this run with what it leaves behind, and what the register already has of it.

    Parameters
    ----------
    lead
        With its id, status, change, and rank; 0 where it is not listed.
    trace
        In the register's names.
    amounts_fen
        Evidence key → money of the row in fen.
    before
        The registered lead whose id it keeps.
    new_keys, gone_keys
        Evidence that came, and that went, sorted.
    inherited
        The dismissal that it takes over from the lead of which it was a part.
    """

    lead: Lead
    trace: Trace
    amounts_fen: Mapping[str, int]
    before: KnownLead | None = None
    new_keys: tuple[str, ...] = ()
    gone_keys: tuple[str, ...] = ()
    inherited: int | None = None

    @property
    def listed(self) -> bool:
        """Whether it stands in the list of the run."""
        return self.lead.status != DISMISSED


@dataclass(frozen=True, slots=True)
class _Own:
    """A lead of this run, its trace, the money of its rows, and what the names in the trace stand for."""

    lead: Lead
    trace: Trace
    amounts_fen: Mapping[str, int]
    meant: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Compared:
    """What came of the comparison.

    Parameters
    ----------
    seen
        All leads of the run that count, those that stay out of the list included, in order.
    departures
        Registered leads that are not in the data any more, sorted by id.
    silent
        Those of them that had been dismissed: nobody is told.
    """

    seen: tuple[Seen, ...] = ()
    departures: tuple[Departure, ...] = ()
    silent: frozenset[str] = field(default_factory=frozenset)

    @property
    def leads(self) -> list[Lead]:
        """The leads of the list, by rank."""
        return [one.lead for one in self.seen if one.listed]


def compare(
    leads: Sequence[Lead], state: State, window: Window, key: Key, veil: Veil, params: RegisterParams, top: int
) -> Compared:
    """Give the leads of a run their registered ids, and say what is different.

    Parameters
    ----------
    leads
        By rank, as they come out of the data.
    state
        What the register knows.
    window
        Of the data.
    key
        For the keys of evidence rows.
    veil
        How the register names things.
    params
        Parameters.
    top
        Most leads listed; what is ranked beyond does not count as seen.
    """
    own = [_own(lead, key, veil) for lead in leads]
    while True:
        found = _compared(own, state, window, key, params)
        over = {n for n, one in enumerate(found.seen) if one.listed and one.lead.rank > top}
        if not over:
            return found
        own = [one for n, one in enumerate(own) if n not in over]


def _own(lead: Lead, key: Key, veil: Veil) -> _Own:
    ring = lead.scored.ring
    kind = ring.subject_type
    rows: dict[str, tuple[date | None, str, Decimal]] = {}
    for one in lead.evidence:
        row = one.row
        mark = key.mark("evidence", row.subject_type, row.subject_id, row.source_table, row.source_key)
        about = veil.name(row.subject_type, shown_id(key, row.subject_type, row.subject_id, kind))
        on = None if row.event_at is None else row.event_at.date()
        # a row that shows two things is one row; as in amounts.stake the larger amount counts
        rows[mark] = (on, about, max(row.amount, rows[mark][2] if mark in rows else row.amount))
    core = {veil.name(kind, shown): shown for shown in (shown_id(key, kind, one, kind) for one in ring.core)}
    codes = {veil.name("typology", code): code for code in lead.typologies}
    days, about_whom = {k: v[0] for k, v in rows.items()}, {k: v[1] for k, v in rows.items()}
    trace = Trace(kind, frozenset(core), days, frozenset(codes), about_whom)
    return _Own(lead, trace, {k: int((v[2] * 100).to_integral_value()) for k, v in rows.items()}, {**core, **codes})


def _compared(own: Sequence[_Own], state: State, window: Window, key: Key, params: RegisterParams) -> Compared:
    candidates = [one.registered() for one in state.leads.values() if one.status != "merged"]
    found = match([one.trace for one in own], candidates, window.first)
    taken = set(state.leads)
    seen: list[Seen] = []
    rank = 0
    for place, one in enumerate(own):
        lead_id = found.kept.get(place) or fresh_id(one.lead.scored.ring, key, taken)
        taken.add(lead_id)
        told = _one(place, one, state, found, window, params)
        rank += told.listed
        lead = replace(told.lead, lead_id=lead_id, rank=rank if told.listed else 0)
        seen.append(replace(told, lead=lead))
    return Compared(tuple(seen), *_departures(state, found, [one.lead.lead_id for one in seen]))


def _one(
    place: int, own: _Own, state: State, found: Matching, window: Window, params: RegisterParams
) -> Seen:
    """Return one lead with its status and change."""
    trace, before = own.trace, state.leads.get(found.kept.get(place, ""))
    merged = tuple(sorted(one for one, into in found.merged.items() if into == place))
    parts = found.split.get(place, ())
    old = before.trace if before else Trace(trace.subject_type, frozenset())
    new, gone = set(trace.evidence) - set(old.evidence), old.since(window.first) - set(trace.evidence)
    change = _change(before, old, trace, window, len(new), len(gone), merged, parts)
    known = [state.leads[i].dismissal for i in found.tied.get(place, ())]
    dismissed = [one for one in known if one is not None]
    tied = [state.leads[i] for i in merged + parts]
    status, why, inherited = _status(before, change, trace, tied, dismissed, window, params)
    change = replace(
        change, reopened_because=why, joined=tuple(own.meant[one] for one in change.joined),
        new_typologies=tuple(own.meant[one] for one in change.new_typologies),
    )
    told = replace(own.lead, status=status, change=change)
    return Seen(told, trace, own.amounts_fen, before, tuple(sorted(new)), tuple(sorted(gone)), inherited)


def _change(
    before: KnownLead | None, old: Trace, now: Trace, window: Window, n_new: int, n_gone: int,
    merged: tuple[str, ...], parts: tuple[str, ...],
) -> Change:
    if before is None:
        return Change(n_new_evidence=n_new, split_from=parts, merged_from=merged)
    left = old.core - now.core
    in_window = {old.subjects.get(k) for k in old.since(window.first)}
    once = set(old.subjects.values())
    return Change(
        previous_rank=before.rank,
        joined=tuple(sorted(now.core - old.core)),
        left=tuple(sorted(left)),
        aged=tuple(sorted(one for one in left if one in once and one not in in_window)),
        n_new_evidence=n_new, n_gone_evidence=n_gone,
        new_typologies=tuple(sorted(now.typologies - old.typologies)),
        previous_amount=None if before.amount_fen is None else Decimal(before.amount_fen) / 100,
        merged_from=merged, split_from=parts,
    )


def _status(
    before: KnownLead | None, change: Change, trace: Trace, tied: Sequence[KnownLead], dismissals: Sequence[Dismissal],
    window: Window, params: RegisterParams,
) -> tuple[str, str, int | None]:
    """Return the status of a lead, why it was reopened, and the dismissal that it inherits.

    ``tied`` are the leads that went into it or of which it was a part; ``dismissals`` those of all leads it touches.
    """
    touched = [one for one in [before, *tied] if one is not None]
    if touched and all(one.dismissal is not None for one in touched):
        why = _grown_beyond(trace, dismissals, window, params)
        if why:
            return (SPLIT, "", None) if before is None else (REOPENED, why, None)
        # a part of dismissed leads, or several in one: what is known of them together is dismissed from now on
        return DISMISSED, "", _longest(dismissals) if tied else None
    if before is None:
        return (SPLIT if change.split_from else NEW), "", None
    if before.dismissal is not None:  # something that nobody dismissed went into it
        return REOPENED, _grown_beyond(trace, [before.dismissal], window, params) or "merged", None
    if not before.live:
        return REOPENED, "vanished", None
    return _difference(change), "", None


def _longest(dismissals: Sequence[Dismissal]) -> int:
    """Return the number of the dismissal that lasts longest; of equal ones the oldest."""
    return max(dismissals, key=lambda d: (d.expires_on or date.max, -d.seq)).seq


def _difference(change: Change) -> str:
    """Return how a lead that lives on differs: by its core first, whichever more people did, then by its evidence."""
    left = set(change.left) - set(change.aged)
    if left or change.joined:
        return SHRUNK if len(left) > len(change.joined) else GROWN
    if change.n_new_evidence or change.new_typologies:
        return GROWN
    return SHRUNK if change.n_gone_evidence else UNCHANGED


def _grown_beyond(trace: Trace, dismissals: Iterable[Dismissal], window: Window, params: RegisterParams) -> str:
    """Return what a lead has that nobody knew when it was dismissed; empty for nothing."""
    made = list(dismissals)
    known_core = frozenset().union(*(d.known.core for d in made))
    known_rows = {k: on for d in made for k, on in d.known.evidence.items()}
    until = max((d.until for d in made if d.until is not None), default=None)
    fresh = {k: on for k, on in trace.evidence.items() if k not in known_rows}
    late = {k for k, on in fresh.items() if until is None or (on is not None and on > until)}
    joined = trace.core - known_core
    if any(trace.subjects[k] in joined for k in late) or len(joined) >= max(2.0, params.reopen_share * len(known_core)):
        return "members"
    if fresh and trace.typologies - frozenset().union(*(d.known.typologies for d in made)):
        return "typology"
    older = sum(k not in late and on not in known_rows.values() for k, on in fresh.items())
    if len(late) >= params.reopen_rows or (older and older >= params.reopen_share * len(known_rows)):
        return "evidence"
    ended = all(d.expires_on is not None and window.last is not None and d.expires_on <= window.last for d in made)
    return "expired" if ended else ""


def _departures(
    state: State, found: Matching, ids: Sequence[str]
) -> tuple[tuple[Departure, ...], frozenset[str]]:
    """Return the leads that are gone, and which of them were dismissed, so that nobody is told."""
    gone = [Departure(one, "merged", state.leads[one].rank, ids[into]) for one, into in found.merged.items()]
    gone += [Departure(one, "vanished", state.leads[one].rank) for one in found.vanished]
    silent = frozenset(d.lead_id for d in gone if state.leads[d.lead_id].dismissal is not None)
    return tuple(sorted(gone, key=lambda d: d.lead_id)), silent


__all__ = ["Compared", "RegisterParams", "Seen", "Window", "compare"]
