"""Records of one person in two places, and which of the two houses has to answer for them.

A stay and a visit that contradict each other do not say which of them is false. The house where such
contradictions gather is asked: a house of empty beds is contradicted by visits everywhere, a shop that uses
other people's cards contradicts beds everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gangfinder.engine.portable import add_days, days_between

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from gangfinder.typologies.contract import Tables


def absences(stays: ir.Table, visits: ir.Table) -> ir.Table:
    """Return visits to another house on days strictly inside a stay.

    Returns
    -------
    ir.Table
        patient_id, stay_key, stay_house, visit_key, visit_house, on, at, visit_amount, stay_house_weight,
        visit_house_weight: how much contradictions gather at either house.

    Notes
    -----
    The days of admission and discharge are free: half-open nights, and one day of grace for a discharge
    written late.
    """
    lying = stays.filter(days_between(stays.discharged_on, stays.admitted_on) >= 2).select(
        "patient_id",
        stay_key="settlement_id",
        stay_house="institution_id",
        begin=add_days(stays.admitted_on, 1),
        end=add_days(stays.discharged_on, -1),
    )
    out = visits.select(
        patient_id="patient_id",
        visit_key="settlement_id",
        visit_house="institution_id",
        on="on",
        at="at",
        visit_amount="amount",
    )
    met = lying.inner_join(out, "patient_id")
    met = met.filter((met.on >= met.begin) & (met.on <= met.end) & (met.visit_house != met.stay_house))
    by_stay = _weights(met, "stay_house", stays)
    by_visit = _weights(met, "visit_house", visits)
    return met.drop("begin", "end").inner_join(by_stay, "stay_house").inner_join(by_visit, "visit_house")


def absent(tables: Tables, params: Any) -> ir.Table:  # noqa: ANN401, ARG001 - the signature of a step
    """Return :func:`absences` of the stays and visits: a step that the typologies of contradictions share."""
    return absences(tables["stays"], tables["visits"])


def _weights(met: ir.Table, side: str, records: ir.Table) -> ir.Table:
    """Return how much contradictions gather at each house of one side, beyond its share of all people of that side.

    Notes
    -----
    The number alone would ask the busiest house, the share alone the smallest. With n people where e would be expected
    (a half more), the weight is ``n · ln(n / e) − (n − e)``, the log-likelihood ratio of a Poisson count, and its
    negative where there are fewer than expected.
    """
    import ibis

    people = met.group_by(side).aggregate(n=met.patient_id.nunique())
    size = records.group_by(**{side: records.institution_id}).aggregate(size=records.patient_id.nunique())
    whole = size.aggregate(_size=size["size"].sum()).cross_join(people.aggregate(_n=people.n.sum()))
    joined = people.inner_join(size, side).cross_join(whole)
    n = joined.n.cast("float64")
    expected = joined["size"].cast("float64") * joined._n / ibis.greatest(joined._size, 1) + 0.5
    ratio = n * (n / expected).ln() - (n - expected)
    weight = ibis.ifelse(n >= expected, ratio, -ratio)
    return joined.select(side, **{f"{side}_weight": weight.round(9)})


def answers_stay(met: ir.Table) -> ir.BooleanValue:
    """Say of each row of :func:`absences` whether the house of the stay has to answer for it."""
    return met.stay_house_weight >= met.visit_house_weight


def double_beds(stays: ir.Table, absent: ir.Table) -> ir.Table:
    """Return stays of one person that share two nights or more with a stay in another house.

    Parameters
    ----------
    stays
        All stays.
    absent
        Rows of :func:`absences` for which the house of the stay answers: they say which of two houses is the
        likelier.

    Returns
    -------
    ir.Table
        patient_id, stay_key, stay_house, other_house; of both stays of a pair the one at the house where
        contradictions of both kinds gather more (both where equal).

    Notes
    -----
    One shared night is a transfer.
    """
    import ibis

    s = stays.select("patient_id", "institution_id", "settlement_id", "admitted_on", "discharged_on")
    other = s.rename({f"{c}_r": c for c in s.columns})
    met = s.inner_join(other, s.patient_id == other.patient_id_r)
    shared = days_between(
        ibis.least(met.discharged_on, met.discharged_on_r), ibis.greatest(met.admitted_on, met.admitted_on_r)
    )
    met = met.filter((met.institution_id != met.institution_id_r) & (shared >= 2)).select(
        "patient_id", stay_key="settlement_id", stay_house="institution_id", other_house="institution_id_r"
    )
    gathered = met.select("patient_id", "stay_house").union(
        absent.select("patient_id", "stay_house"), distinct=True
    )
    weight = _weights(gathered, "stay_house", stays)
    facing = weight.select(other_house="stay_house", other_house_weight="stay_house_weight")
    met = met.inner_join(weight, "stay_house").inner_join(facing, "other_house")
    answers = met.stay_house_weight >= met.other_house_weight
    return met.filter(answers).drop("stay_house_weight", "other_house_weight")


def with_rest(houses: ir.Table, key: str, cases: str, among: str) -> ir.Table:
    """Add what a house's cases are compared with: those of all other houses whose rate is no higher.

    Parameters
    ----------
    houses
        One row per house: ``key``, number of cases, and among how much they occur.
    key, cases, among
        Names of those columns, the latter two with the prefix ``m_house_``, given without it.

    Returns
    -------
    ir.Table
        The same and ``m_rest_<cases>``, ``m_rest_<among>``.

    Notes
    -----
    Houses with a higher rate are under question themselves: counting them would let one ring hide another.
    For the house with the highest rate these are all other houses. Those below the middle are compared with the lower
    half of everybody: the few that are lower still are no rule for them.
    """
    import ibis

    n, size = houses[f"m_house_{cases}"].cast("float64"), houses[f"m_house_{among}"].cast("float64")
    rated = houses.mutate(_rate=ibis.ifelse(size > 0, n / size, 0.0).round(9))
    level = rated.group_by("_rate").aggregate(
        _cases=rated[f"m_house_{cases}"].sum(), _among=rated[f"m_house_{among}"].sum()
    )
    up_to = ibis.window(order_by="_rate", preceding=None, following=0)
    level = level.select(
        "_rate", _cases=level._cases.sum().over(up_to), _among=level._among.sum().over(up_to)
    )
    joined = rated.inner_join(level, "_rate").cross_join(_lower_half(level))
    joined = joined.mutate(
        _cases=ibis.greatest(joined._cases, joined._cases_half), _among=ibis.greatest(joined._among, joined._among_half)
    )
    rest = {
        f"m_rest_{cases}": _exact(joined._cases - joined[f"m_house_{cases}"]),
        f"m_rest_{among}": _exact(joined._among - joined[f"m_house_{among}"]),
    }
    return joined.mutate(**rest).drop("_rate", "_cases", "_among", "_cases_half", "_among_half")


def _lower_half(level: ir.Table) -> ir.Table:
    """Return how many cases, among how much, the houses of the lowest rates have that together are half of all."""
    whole = level.cross_join(level.aggregate(_all=level._among.max()))
    upper = whole.filter(whole._among * 2 >= whole._all)
    return upper.aggregate(_cases_half=upper._cases.min(), _among_half=upper._among.min())


def _exact(number: ir.NumericValue) -> ir.NumericValue:
    """Round what is no whole number: an engine adds such numbers in any order, and the last digits differ."""
    return number.round(6) if number.type().is_floating() else number
