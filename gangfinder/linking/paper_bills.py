"""Bills handed in on paper from houses that settle on the spot, and who among the claimants is ever seen there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gangfinder.engine.portable import string_key

if TYPE_CHECKING:
    import ibis.expr.types as ir

_BEDS = ("hospital", "laboratory")
"""Kinds of house to which people are sent from everywhere, so that strangers say nothing there."""


def hub_of(house: ir.StringValue) -> ir.StringValue:
    """Return the name of a house as a writer of paper bills: its desk may be a hub for other reasons."""
    import ibis

    return string_key(ibis.literal("paper"), house)


def stranger_bills(tables: Mapping[str, ir.Table]) -> ir.Table:
    """Return the paper bills of clinics and shops whose claimants never settled at the house.

    Parameters
    ----------
    tables
        ``reimbursements`` (reimbursement_id, patient_id, institution_id), ``institutions`` (institution_id, kind) and
        ``settlements`` (patient_id, institution_id).

    Returns
    -------
    ir.Table
        reimbursement_id, patient_id, house.
    """
    r = tables["reimbursements"]
    bills = r.filter(r.institution_id.notnull()).select("reimbursement_id", "patient_id", house="institution_id")
    bills = bills.semi_join(_counters(tables), "house")
    # whoever settled anything there, even what was refunded, was seen there
    seen = tables["settlements"].select("patient_id", house="institution_id")
    return bills.anti_join(seen.semi_join(bills, "house").distinct(), ["patient_id", "house"])


def writers(tables: Mapping[str, ir.Table], patrons: int) -> ir.Table:
    """Return the clinics and shops by size: who settles there, and how many strangers claim for their bills.

    Parameters
    ----------
    tables
        As for :func:`stranger_bills`, and its result as ``strange``.
    patrons
        Fewest people who settle at a house that is compared at all.

    Returns
    -------
    ir.Table
        house, kind, m_house_patrons, m_house_strangers (people).
    """
    seen, strange = tables["settlements"], tables["strange"]
    size = seen.group_by(house="institution_id").aggregate(m_house_patrons=seen.patient_id.nunique())
    size = size.filter(size.m_house_patrons >= patrons).inner_join(_counters(tables), "house")
    count = strange.group_by("house").aggregate(n=strange.patient_id.nunique())
    full = size.left_join(count, "house").drop("house_right")
    return full.mutate(m_house_strangers=full.n.fill_null(0)).drop("n")


def _counters(tables: Mapping[str, ir.Table]) -> ir.Table:
    """Return the houses with a counter and no beds: house, kind."""
    i = tables["institutions"]
    kept = i.filter(i.kind.notnull() & ~i.kind.isin(_BEDS))
    return kept.group_by(house="institution_id").aggregate(kind=kept.kind.min())
