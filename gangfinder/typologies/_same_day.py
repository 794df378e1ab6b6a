"""Visits of people who were settled more than once on a day: all that a comparison within a day needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from gangfinder.typologies.contract import Tables


def same_day(tables: Tables, params: Any) -> ir.Table:  # noqa: ANN401, ARG001 - the signature of a step
    """Return the visits of people with another visit on that day: a step that several typologies share.

    Returns
    -------
    ir.Table
        settlement_id, patient_id, institution_id, on, at, amount, total_amount.
    """
    visits = tables["visits"]
    day = ["patient_id", "on"]
    several = visits.group_by(*day).aggregate(n=visits.count())
    chosen = visits.semi_join(several.filter(several.n > 1), day)
    return chosen.select("settlement_id", "patient_id", "institution_id", "on", "at", "amount", "total_amount")
