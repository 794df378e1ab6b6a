"""When people from elsewhere arrive, and who is in two regions within a time in which nobody travels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gangfinder.engine.portable import add_days, days_between, epoch_minutes, is_midnight

if TYPE_CHECKING:
    import ibis.expr.types as ir


def two_regions(
    outside: ir.Table, visits: ir.Table, institutions: ir.Table, km_apart: float, km_per_hour: float
) -> ir.Table:
    """Return purchases within a time of a visit far away in which nobody gets from there.

    Parameters
    ----------
    outside
        settlement_id, patient_id, house, on, at.
    visits, institutions
        All visits, and where the houses are.
    km_apart
        Houses this far apart are in two regions …
    km_per_hour
        … and nobody gets from one to the other faster than this.

    Returns
    -------
    ir.Table
        settlement_id, patient_id, house; distinct.

    Notes
    -----
    Plane distances on degrees of 111 km. Rows at midnight carry a date only and are left out. Days are compared with
    the same and both neighbouring days, so that the join has no range.
    """
    import ibis

    spots = institutions.filter(institutions.longitude.notnull() & institutions.latitude.notnull())
    spots = spots.select(house="institution_id", x="longitude", y="latitude")
    here = outside.filter(~is_midnight(outside["at"])).select(
        "settlement_id", "patient_id", "house", "on", minute=epoch_minutes(outside["at"])
    )
    here = here.inner_join(spots, "house")
    other = visits.semi_join(here, "patient_id")
    other = other.filter(~is_midnight(other["at"])).select(
        "patient_id", other_house="institution_id", other_on="on", other_minute=epoch_minutes(other["at"])
    )
    other = other.inner_join(spots.select(other_house="house", x_r="x", y_r="y"), "other_house")
    near = [other.mutate(on=add_days(other.other_on, step)) for step in (-1, 0, 1)]
    met = here.inner_join(near[0].union(*near[1:], distinct=False), ["patient_id", "on"])
    north = (met.y - met.y_r) * 111.0
    east = (met.x - met.x_r) * 111.0 * (met.y / 57.29577951308232).cos()
    km = (north * north + east * east).sqrt()
    minutes = (met.minute - met.other_minute).abs()
    far = (km >= km_apart) & (minutes * km_per_hour < km * 60.0)
    return (
        met.filter(ibis.coalesce(far, ibis.literal(value=False)))
        .select("settlement_id", "patient_id", "house")
        .distinct()
    )


def arrivals(strange: ir.Table, burst_days: int) -> ir.Table:
    """Return per region and date how many strangers first came within the burst from then on, and in all.

    Parameters
    ----------
    strange
        area, first_on: one row for each stranger and house.
    burst_days
        Length of the burst.
    """
    day = strange.group_by("area", on=strange.first_on).aggregate(n=strange.count())
    later = day.select(area="area", later_on="on", n_later="n")
    met = day.select("area", "on").inner_join(later, "area")
    gap = days_between(met.later_on, met["on"])
    near = met.filter((gap >= 0) & (gap < burst_days))
    near = near.group_by("area", "on").aggregate(m_near=near.n_later.sum())
    return near.inner_join(day.group_by("area").aggregate(m_arrived=day.n.sum()), "area")
