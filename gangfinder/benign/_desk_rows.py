"""What innocent explanations of one desk ask of a T20 group: his own papers of the ring, and his share elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gangfinder.model.evidence import Judgement, Result

if TYPE_CHECKING:
    import pandas as pd

    from gangfinder.model.group import Group

Asked = Callable[["pd.DataFrame"], "bool | None"]
"""Whether the explanation fits somebody's papers of one role; ``None`` where the data cannot say."""


def judge_desks(slug: str, group: Group, fits: Asked, missing: str) -> Judgement:
    """Cover the members of staff whose every role in the ring an explanation fits.

    Parameters
    ----------
    slug
        Name of the explanation.
    group
        A group of T20: members are staff, rows are their papers of one ring.
    fits
        Asked of somebody's own papers of one role.
    missing
        What the data lack where nothing can be said.
    """
    if "m_role" not in group.rows.columns:
        return Judgement(slug, Result.UNTESTABLE, (), "untestable", {"missing": missing})
    own = group.rows[group.rows["m_role"].notna() & (group.rows["m_own"] == 1)]
    said: dict[str, list[bool | None]] = {}
    for (staff, _), part in own.groupby(["subject_id", "m_role"], sort=True):
        said.setdefault(str(staff), []).append(fits(part))
    if not any(one is not None for answers in said.values() for one in answers):
        return Judgement(slug, Result.UNTESTABLE, (), "untestable", {"missing": missing})
    covered = tuple(staff for staff, answers in said.items() if all(one is True for one in answers))
    result = Result.FAILS if not covered else Result.HOLDS if len(covered) == len(group.members) else Result.PARTLY
    return Judgement(slug, result, covered, result.value, {"n_core": len(group.members), "n_covered": len(covered)})


def share_elsewhere(own: pd.DataFrame, name: str, least: int) -> float | None:
    """Return his share of what others than the ring brought in like cases, weighted by the ring's papers.

    Parameters
    ----------
    own
        His papers of the ring in one role.
    name
        ``rest`` (same office and kind of business), ``home`` and ``name`` (same district, same surname besides),
        ``pair`` (same handler besides).
    least
        Fewest like cases that a share is taken of.
    """
    slots, marked = (own[f"m_{name}_{what}"].astype("float64") for what in ("slots", "marked"))
    known = slots.notna() & (slots >= least)
    if known.sum() * 2 < len(own):  # of most of his papers nothing alike is known
        return None
    return float((marked[known] / slots[known]).mean())
