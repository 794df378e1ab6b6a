"""Visits of people who lay elsewhere or were dead, and houses compared with the quieter half of their kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gangfinder.engine.portable import add_days, days_between

if TYPE_CHECKING:
    import ibis.expr.types as ir

GRACE_DAYS = 30
"""Visits this soon after a registered death are late bills and late registrations."""


def absent_visits(visits: ir.Table, stays: ir.Table, patients: ir.Table) -> ir.Table:
    """Return the visits that their patient cannot have made: settlement_id, patient_id, institution_id, shows.

    Parameters
    ----------
    visits
        settlement_id, patient_id, institution_id, on.
    stays
        All stays.
    patients
        patient_id, death_date.

    Notes
    -----
    The days of admission and discharge are free, and a stay at the same house contradicts nothing. ``shows`` is
    ``in_hospital`` or ``after_death``.
    """
    import ibis

    lying = stays.filter(days_between(stays.discharged_on, stays.admitted_on) >= 2).select(
        "patient_id",
        stay_house="institution_id",
        begin=add_days(stays.admitted_on, 1),
        end=add_days(stays.discharged_on, -1),
    )
    own = visits.select("settlement_id", "patient_id", "institution_id", "on")
    met = own.inner_join(lying, "patient_id")
    inside = met.filter((met["on"] >= met.begin) & (met["on"] <= met.end) & (met.stay_house != met.institution_id))
    dead = own.inner_join(
        patients.filter(patients.death_date.notnull()).select("patient_id", "death_date"), "patient_id"
    )
    dead = dead.filter(dead["on"] > add_days(dead.death_date, GRACE_DAYS))
    keys = ("settlement_id", "patient_id", "institution_id")
    both = inside.select(*keys, shows=ibis.literal("in_hospital")).union(
        dead.select(*keys, shows=ibis.literal("after_death")), distinct=False
    )
    return both.group_by(*keys).aggregate(shows=both.shows.min())


def with_quiet(houses: ir.Table, cases: str, among: str, parts: int = 2, least: int = 1) -> ir.Table:
    """Add what a house's cases are compared with: those of the other houses in the quieter part of their kind.

    Parameters
    ----------
    houses
        One row per house, with ``m_house_<cases>`` and ``m_house_<among>``.
    cases, among
        Names of the columns without their prefix.
    parts
        2: houses up to the median rate; 4: up to the lower quartile, where a few houses are all there are.
    least
        Houses with fewer among whom cases occur have no say in which rate is usual.

    Returns
    -------
    ir.Table
        The same and ``m_rest_<cases>``, ``m_rest_<among>``.

    Notes
    -----
    Where few houses are of a kind, two rings among them would hide each other; the quieter part does not know them.
    Its rate is too low for the whole, so that whoever uses it asks for a multiple, or sets a floor.
    """
    import ibis

    n, size = houses[f"m_house_{cases}"].cast("float64"), houses[f"m_house_{among}"].cast("float64")
    rated = houses.mutate(_rate=ibis.ifelse(size > 0, n / size, 0.0).round(9))
    asked = rated.filter(rated[f"m_house_{among}"] >= least)
    rank = ibis.row_number().over(ibis.window(order_by=[asked._rate]))
    asked = asked.select("_rate", _rank=rank, _n=asked.count().over(ibis.window()))
    level = asked.filter(asked._rank * parts <= asked._n - 1).aggregate(_level=lambda t: t._rate.max())
    rated = rated.cross_join(level.select(_level=level._level.fill_null(1.0)))
    quiet = rated.filter(rated._rate <= rated._level)
    total = quiet.aggregate(
        _cases=quiet[f"m_house_{cases}"].sum().fill_null(0), _among=quiet[f"m_house_{among}"].sum().fill_null(0)
    )
    joined = rated.cross_join(total)
    own = (joined._rate <= joined._level).cast("int64")
    rest = {
        f"m_rest_{cases}": joined._cases - own * joined[f"m_house_{cases}"],
        f"m_rest_{among}": joined._among - own * joined[f"m_house_{among}"],
    }
    return joined.mutate(**rest).drop("_rate", "_level", "_cases", "_among")
