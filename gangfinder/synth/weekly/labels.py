"""What a perfect tool could say of every ring at the end of every week.

A ring is the people with rows in the window that were not taken back, three at least: the one bill that a terminal
without a line sent days later is no ring. Two cells are one ring while a common act is in the window. What merely
leaves the window is no shrinking.

Labels: ``new``; ``grown``: people or rows came; ``shrunk``: more people left than came; ``unchanged``; ``merged``
into another; ``split`` from another; ``vanished``; ``reopened``: it was vanished and is back; ``""`` while there is
nothing to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gangfinder.synth.truth import Group
from gangfinder.synth.weekly.calendar import Calendar
from gangfinder.synth.weekly.stories import MAIN, SECOND

_FEWEST = 3  # people

LABELS = ("new", "grown", "shrunk", "unchanged", "merged", "split", "vanished", "reopened")


@dataclass(frozen=True, slots=True)
class Deed:
    """One row of a ring.

    Parameters
    ----------
    key, table
        Which row.
    patient, day
        Whose, and when: days since 1970.
    act
        Position of the act of the ring to which it belongs.
    until
        Day on which it was taken back; ``None`` for never.
    """

    key: str
    table: str
    patient: str
    day: int
    act: int
    until: int | None = None

    def seen(self, span: tuple[int, int]) -> bool:
        """Whether it stands in a snapshot."""
        return span[0] <= self.day <= span[1] and (self.until is None or self.until > span[1])


@dataclass(frozen=True, slots=True)
class State:
    """One ring at the end of one week.

    Parameters
    ----------
    identity
        Name that it keeps through the weeks: the ring's, with ``-b`` for a second cell by itself.
    ring
        The planted ring.
    label, other
        What is to be said of it; where it went or came from, for ``merged`` and ``split``.
    deeds
        Its rows in the snapshot.
    joined, left
        People who came and who left.
    new_rows
        Rows that came since the snapshot before.
    """

    identity: str
    ring: Group
    label: str
    deeds: tuple[Deed, ...] = ()
    other: str = ""
    joined: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    new_rows: int = 0
    members: frozenset[str] = field(default_factory=frozenset)


def states(ring: Group, deeds: Sequence[Deed], calendar: Calendar) -> list[list[State]]:
    """Return, for each week, the states of the identities that a ring ever has.

    Parameters
    ----------
    ring
        A ring with a life.
    deeds
        All its rows.
    calendar
        The weeks.
    """
    known: dict[str, State] = {}
    weeks: list[list[State]] = []
    for week in range(1, calendar.weeks + 1):
        span = calendar.span(week)
        seen = _together(ring, [d for d in deeds if d.seen(span)])
        now = [_state(ring, name, seen, known, span) for name in sorted({*seen, *known})]
        known |= {one.identity: one for one in now}
        weeks.append([one for one in now if one.label])
    return weeks


def _together(ring: Group, deeds: Iterable[Deed]) -> dict[str, list[Deed]]:
    """Return the rows of each identity that is there: one for cells that act together, else one for each."""
    assert ring.life is not None  # noqa: S101 - asked of rings with a life
    cell_of = {patient: cell for cell, people in zip(MAIN + SECOND, ring.cells, strict=False) for patient in people}
    cells: dict[str, list[Deed]] = {}
    acts: dict[int, set[str]] = {}
    for deed in deeds:
        cells.setdefault(cell_of[deed.patient], []).append(deed)
        acts.setdefault(deed.act, set()).add(deed.patient)
    main, second = cells.get(MAIN, []), cells.get(SECOND, [])
    joint = (len({cell_of[one] for one in who}) > 1 for who in acts.values() if len(who) >= _FEWEST)
    if any(joint) or ring.life.corrected:
        main, second = [*main, *second], []
    both = ((ring.group_id, main), (f"{ring.group_id}-b", second))
    return {name: rows for name, rows in both if len({deed.patient for deed in rows}) >= _FEWEST}


def _state(
    ring: Group, name: str, seen: Mapping[str, list[Deed]], known: Mapping[str, State], span: tuple[int, int]
) -> State:
    before, rows = known.get(name), seen.get(name, [])
    members = frozenset(d.patient for d in rows)
    if not rows:
        label, other = _gone(ring, before, seen)
        return State(name, ring, label, other=other, members=before.members if before else members)
    old = {d.key for d in before.deeds} if before else set()
    came = len({d.key for d in rows} - old)
    if before is None or before.label in {"", "vanished", "merged"}:
        label, other = _came(ring, name, before, known)
        return State(name, ring, label, tuple(rows), other, tuple(sorted(members)), (), came, members)
    # who left the window with his last row did not leave the ring
    stays = {d.patient for d in before.deeds if d.day >= span[0]}
    left = (before.members - members) & stays
    joined = members - before.members
    label = "shrunk" if len(left) > len(joined) else "grown" if joined or came else "unchanged"
    return State(name, ring, label, tuple(rows), "", tuple(sorted(joined)), tuple(sorted(left)), came, members)


def _gone(ring: Group, before: State | None, seen: Mapping[str, list[Deed]]) -> tuple[str, str]:
    if before is None or before.label in {"", "vanished", "merged"}:
        return "", ""
    if before.identity != ring.group_id and ring.group_id in seen:
        return "merged", ring.group_id
    return "vanished", ""


def _came(ring: Group, name: str, before: State | None, known: Mapping[str, State]) -> tuple[str, str]:
    if before is not None:
        return "reopened", ""
    whole = known.get(ring.group_id)
    if name != ring.group_id and whole is not None and whole.members & set(ring.cells[1]):
        return "split", ring.group_id
    return "new", ""
