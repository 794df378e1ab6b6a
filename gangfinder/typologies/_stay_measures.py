"""What the nulls of T06 need to know of a house: how its other stays look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gangfinder.engine.portable import days_between
from gangfinder.linking.co_admission import CONTACTS

if TYPE_CHECKING:
    import ibis.expr.types as ir


def measured_stays(stays: ir.Table, tied: ir.Table, cost_bin_log: float, contact_people: int) -> ir.Table:
    """Return every stay with what the nulls need: how its house's other stays look."""
    import ibis

    nothing = ibis.literal("0").cast("decimal(18,2)")
    nights = ibis.greatest(1, days_between(stays.discharged_on, stays.admitted_on))
    total = ibis.coalesce(stays.total_amount, stays.amount).cast("float64")
    # assistance pays the share of the poor: their stays without cash are expected
    free = (stays.cash_amount == nothing) & (ibis.coalesce(stays.assistance_amount, nothing) == nothing)
    daily = ibis.greatest(total / nights, 1.0)
    s = stays.mutate(
        m_nights=nights,
        m_free=ibis.coalesce(free, ibis.literal(value=False)).cast("int64"),
        m_cash_known=stays.cash_amount.notnull().cast("int64"),
        m_cost_bin=(daily.ln().round(9) / cost_bin_log).floor().cast("int64"),
    )
    at_house = ibis.window(group_by="institution_id")
    s = s.mutate(
        m_house_stays=s.count().over(at_house),
        m_house_free=s.m_free.sum().over(at_house),
        m_house_cash_known=s.m_cash_known.sum().over(at_house),
        m_bin_stays=s.count().over(group_by=["institution_id", "m_cost_bin"]),
    )
    # a distinct count over a window exists on DuckDB only
    own = stays.group_by("institution_id", "patient_id").aggregate(m_own_stays=stays.admitted_on.nunique())
    s = s.inner_join(own, ["institution_id", "patient_id"]).inner_join(_houses(stays, tied), "institution_id")
    run = s.aggregate(
        m_houses=s.institution_id.nunique(), m_run_free=s.m_free.sum(), m_run_cash_known=s.m_cash_known.sum()
    )
    s = s.cross_join(run)
    for column in CONTACTS:
        s = s.mutate(**{f"m_{column}": s[column]})
        s = s.left_join(_served(stays, column), ["institution_id", column])
        s = s.drop("institution_id_right", f"{column}_right").cross_join(
            _shared_rate(stays, column, contact_people)
        )
    return s


def _houses(stays: ir.Table, tied: ir.Table) -> ir.Table:
    """Return per house its patients, its span in days, and stays and admission days of untied people."""
    house = stays.group_by("institution_id").aggregate(
        m_house_patients=stays.patient_id.nunique(),
        m_house_span=days_between(stays.admitted_on.max(), stays.admitted_on.min()) + 1,
    )
    other = stays.anti_join(tied, "patient_id")
    other = other.group_by("institution_id").aggregate(
        m_other_stays=other.count(), m_other_days=other.admitted_on.nunique()
    )
    joined = house.left_join(other, "institution_id").drop("institution_id_right")
    return joined.mutate(
        m_other_stays=joined.m_other_stays.fill_null(0), m_other_days=joined.m_other_days.fill_null(0)
    )


def _served(stays: ir.Table, column: str) -> ir.Table:
    """Return how many patients of each house gave each contact."""
    known = stays.filter(stays[column].notnull())
    return known.group_by("institution_id", column).aggregate(
        **{f"m_{column}_patients": known.patient_id.nunique()}
    )


def _shared_rate(stays: ir.Table, column: str, contact_people: int) -> ir.Table:
    """Return the share of patients (once per house) whose contact serves several patients of the house."""
    served = _served(stays, column)[f"m_{column}_patients"]
    shared = _served(stays, column)
    shared = shared.aggregate(n=served.sum(where=served >= contact_people).fill_null(0))
    all_of = stays.select("institution_id", "patient_id").distinct()
    both = shared.cross_join(all_of.aggregate(people=all_of.count()))
    return both.select(**{f"m_{column}_rate": (both.n / both.people).cast("float64").round(9)})
