"""What a self-test says: which planted rings were seen, style by style and size by size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

SEEN_SHARE = 0.75
"""A size counts as seen when this share of its rings was found, and of all rings of its size and above."""


@dataclass(frozen=True, slots=True)
class SizeResult:
    """Rings of one style and one size.

    Parameters
    ----------
    size
        People of each ring.
    planted, found
        Rings planted, and those that became a lead.
    """

    size: int
    planted: int
    found: int

    @property
    def recall(self) -> float | None:
        """Share of the planted rings that was found; ``None`` when none could be planted."""
        return self.found / self.planted if self.planted else None


@dataclass(frozen=True, slots=True)
class StyleResult:
    """Rings of one style.

    Parameters
    ----------
    style, title
        Which style, and in words.
    untestable
        Why it cannot be tested on these data; empty when it was.
    notes
        What of the style the data cannot show, so that it was planted without it.
    sizes
        Results by size.
    false_leads
        New leads on people of this style's rings that match no ring.
    """

    style: str
    title: str
    untestable: str = ""
    notes: tuple[str, ...] = ()
    sizes: tuple[SizeResult, ...] = ()
    false_leads: int = 0

    @property
    def planted(self) -> int:
        """Rings planted."""
        return sum(s.planted for s in self.sizes)

    @property
    def found(self) -> int:
        """Rings found."""
        return sum(s.found for s in self.sizes)

    @property
    def recall(self) -> float | None:
        """Share of the planted rings that was found."""
        return self.found / self.planted if self.planted else None

    @property
    def precision(self) -> float | None:
        """Share of the new leads on people of this style that are planted rings; ``None`` without leads."""
        leads = self.found + self.false_leads
        return self.found / leads if leads else None

    @property
    def smallest(self) -> int | None:
        """The smallest size that is seen here, together with all larger ones; ``None`` when none is."""
        seen = []
        for one in self.sizes:
            above = [s for s in self.sizes if s.size >= one.size]
            planted, found = sum(s.planted for s in above), sum(s.found for s in above)
            if one.planted and one.found >= SEEN_SHARE * one.planted and found >= SEEN_SHARE * planted:
                seen.append(one.size)
        return min(seen, default=None)


@dataclass(frozen=True, slots=True)
class CopyShare:
    """How much of one copy is planted: rings, and rows as a share of the copy's settlements."""

    rings: int
    rows: int
    share: float


@dataclass(frozen=True, slots=True)
class SelfTest:
    """The result of a self-test.

    Parameters
    ----------
    settlements
        Settlements in the data.
    copies
        What was planted in each private copy.
    background_leads
        Leads on the untouched copy: counted, never shown.
    styles
        Results by style.
    other_false_leads
        New leads that touch no planted ring at all.
    """

    settlements: int
    copies: tuple[CopyShare, ...]
    background_leads: int
    styles: tuple[StyleResult, ...]
    other_false_leads: int

    @property
    def found(self) -> int:
        """Rings found in all."""
        return sum(s.found for s in self.styles)

    @property
    def recall(self) -> float | None:
        """Share of all planted rings that was found."""
        planted = sum(s.planted for s in self.styles)
        return self.found / planted if planted else None

    @property
    def precision(self) -> float | None:
        """Share of all new leads that are planted rings."""
        leads = self.found + sum(s.false_leads for s in self.styles) + self.other_false_leads
        return self.found / leads if leads else None

    @property
    def smallest(self) -> str:
        """One sentence: the smallest ring that would be seen here, for every style that could be tested."""
        tested = [s for s in self.styles if not s.untestable]
        if not tested:
            return "The smallest ring that would be seen here: nothing could be tested on these data."
        parts = [f"{s.title}: {_people(s)}" for s in tested]
        return f"The smallest ring that would be seen here: {'; '.join(parts)}."

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain values."""
        return {
            "settlements": self.settlements,
            "copies": [asdict(c) for c in self.copies],
            "background_leads": self.background_leads,
            "recall": self.recall,
            "precision": self.precision,
            "other_false_leads": self.other_false_leads,
            "styles": [_style(s) for s in self.styles],
            "smallest": self.smallest,
        }

    def rows(self) -> list[dict[str, str | int]]:
        """Return one record per style and size, for a table; a style that was not tested has none."""
        return [
            {"style": s.style, "size": z.size, "planted": z.planted, "found": z.found, "recall": share(z.recall)}
            for s in self.styles for z in s.sizes
        ]


def share(value: float | None) -> str:
    """Return a share with two decimals, a dash for none."""
    return "–" if value is None else f"{value:.2f}"


def _people(style: StyleResult) -> str:
    largest = max((s.size for s in style.sizes), default=0)
    return f"{style.smallest} people" if style.smallest else f"none up to {largest} people"


def _style(one: StyleResult) -> dict[str, Any]:
    return {
        "style": one.style, "title": one.title, "testable": not one.untestable, "reason": one.untestable,
        "notes": list(one.notes), "planted": one.planted, "found": one.found, "recall": one.recall,
        "precision": one.precision, "smallest": one.smallest, "sizes": _sizes(one.sizes),
    }


def _sizes(sizes: Sequence[SizeResult]) -> list[dict[str, Any]]:
    return [{"size": s.size, "planted": s.planted, "found": s.found, "recall": s.recall} for s in sizes]
