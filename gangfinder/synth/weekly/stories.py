"""The lives of rings: in which week which of their cells act."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gangfinder.synth.weekly.calendar import Calendar

MAIN, SECOND = "a", "b"
"""Cells of a ring. The first is always the larger: where two leads become one, or one two, it keeps the id."""

_BURST = 6
"""Sessions of an act by which a ring could be known."""

_VISIT = 2
"""Sessions of an act that adds to what is known."""


@dataclass(frozen=True, slots=True)
class Act:
    """What cells of a ring do together in one week.

    Parameters
    ----------
    week
        Week, as in :class:`~gangfinder.synth.weekly.calendar.Calendar`.
    cells
        ``a``, ``b`` or ``ab``.
    sessions
        Days on which they meet.
    site
        Which of the ring's houses or accounts they use.
    """

    week: int
    cells: str
    sessions: int
    site: int = 0


@dataclass(frozen=True, slots=True)
class Life:
    """The plan of a ring.

    Parameters
    ----------
    story
        One of ``settings.STORIES``.
    acts
        What it does.
    corrected
        Week in which what the second cell did is taken back as wrongly settled; 0 for never.
    """

    story: str
    acts: tuple[Act, ...]
    corrected: int = 0

    @property
    def cells(self) -> str:
        """The cells that act at all, in order."""
        return "".join(sorted({cell for act in self.acts for cell in act.cells}))


def life(story: str, calendar: Calendar, rng: np.random.Generator) -> Life:
    """Plan the life of a ring.

    Parameters
    ----------
    story
        What shall become of it. ``splits``: what ties its cells leaves the window, what each did alone stays. ``worn``:
        what it was first known by leaves the window while it lives on.
    calendar, rng
        The weeks, and the ring's random stream.
    """
    last, window = calendar.weeks, calendar.window
    early = _early(calendar, rng)
    turn = int(rng.choice(calendar.turns(3, last - 1) or calendar.turns(2, last) or [last]))  # few weeks have no middle
    first = Act(early, MAIN, _BURST)
    if story in {"quiet", "steady"}:
        return Life(story, (first, *_later(calendar, rng, 2, story == "steady")))
    if story == "appears":
        return Life(story, (Act(turn, MAIN, _BURST), *_later(calendar, rng, turn + 1)))
    if story == "grows":
        return Life(story, (first, Act(turn, MAIN + SECOND, _BURST), *_later(calendar, rng, turn + 1)))
    if story == "shrinks":
        return Life(story, (Act(early, MAIN + SECOND, _BURST),), corrected=turn)
    if story == "merges":
        other = Act(_early(calendar, rng), SECOND, _BURST, 1)
        return Life(story, (first, other, Act(turn, MAIN + SECOND, _BURST)))
    leaving = turn - window  # the last week in whose snapshot it is seen is the one before the turn
    if story == "splits":
        other = Act(_early(calendar, rng), SECOND, _BURST, 1)
        return Life(story, (Act(leaving, MAIN + SECOND, _BURST), first, other))
    if story == "worn":
        return Life(story, (Act(leaving, MAIN, _BURST), first))
    gone = Act(leaving, MAIN, _BURST)
    if story == "returns":
        back = calendar.turns(min(turn + 2, last), last)
        return Life(story, (gone, Act(int(rng.choice(back or [last])), MAIN, _BURST)))
    return Life("fades", (gone,))


def _early(calendar: Calendar, rng: np.random.Generator) -> int:
    """Return a week before the first snapshot that stays in the window to the end."""
    return int(rng.integers(calendar.weeks - calendar.window + 1, 1))


def _later(calendar: Calendar, rng: np.random.Generator, since: int, often: bool = True) -> tuple[Act, ...]:
    """Return the lesser acts of a ring that goes on: in some weeks, or in none."""
    weeks = [week for week in calendar.turns(since, calendar.weeks) if rng.random() < 0.35]  # noqa: PLR2004
    return tuple(Act(week, MAIN, _VISIT) for week in weeks) if often else ()
