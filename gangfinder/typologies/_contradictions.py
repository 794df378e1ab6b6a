"""Records of one person in two places, and which of the two houses has to answer for them.

A stay and a visit that contradict each other do not say which of them is false. The house where such contradictions
gather is asked: a house of empty beds is contradicted by visits everywhere, a shop that uses other people's cards
contradicts beds everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gangfinder.engine.portable import add_days, days_between

if TYPE_CHECKING:
    import ibis.expr.types as ir


def absences(stays: ir.Table, visits: ir.Table) -> ir.Table:
    """Return visits to another house on days strictly inside a stay.

    Returns
    -------
    ir.Table
        patient_id, stay_key, stay_house, visit_key, visit_house, on, at, visit_amount, stay_people, visit_people: how
        many people's records contradict one another at either house.

    Notes
    -----
    The days of admission and discharge are free: half-open nights, and one day of grace for a discharge written late.
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
    by_stay = met.group_by("stay_house").aggregate(stay_people=met.patient_id.nunique())
    by_visit = met.group_by("visit_house").aggregate(visit_people=met.patient_id.nunique())
    return met.drop("begin", "end").inner_join(by_stay, "stay_house").inner_join(by_visit, "visit_house")


def answers_stay(met: ir.Table) -> ir.BooleanValue:
    """Say of each row of :func:`absences` whether the house of the stay has to answer for it."""
    return met.stay_people >= met.visit_people


def double_beds(stays: ir.Table) -> ir.Table:
    """Return stays of one person that share two nights or more with a stay in another house.

    Returns
    -------
    ir.Table
        patient_id, stay_key, stay_house, other_house, of both stays of a pair the one whose house has more people with
        such pairs (both where equal).

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
    people = met.group_by("stay_house").aggregate(people=met.patient_id.nunique())
    met = met.inner_join(people, "stay_house")
    met = met.inner_join(people.select(other_house="stay_house", other_people="people"), "other_house")
    return met.filter(met.people >= met.other_people).drop("people", "other_people")
