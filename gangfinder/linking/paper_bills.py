"""Bills handed in on paper from houses that settle on the spot, and who among the claimants is ever seen there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gangfinder.engine.portable import string_key

if TYPE_CHECKING:
    import ibis.expr.types as ir

_BEDS = ("hospital", "laboratory")
"""Kinds of house to which people are sent from everywhere, so that strangers say nothing there."""


DRAWING = ("pharmacy",)
"""Kinds of house to which people of a whole county go for what others do not keep: the large shops of chains."""


def hub_of(house: ir.StringValue) -> ir.StringValue:
    """Return the name of a house as a writer of paper bills: its desk may be a hub for other reasons."""
    import ibis

    return string_key(ibis.literal("paper"), house)


def stranger_bills(tables: Mapping[str, ir.Table]) -> ir.Table:
    """Return the paper bills of clinics and shops whose claimants never settled at the house or one of its owner.

    Parameters
    ----------
    tables
        ``reimbursements`` (reimbursement_id, patient_id, institution_id), ``institutions`` (institution_id, kind, and
        where known parent_id and uscc) and ``settlements`` (patient_id, institution_id).

    Returns
    -------
    ir.Table
        reimbursement_id, patient_id, house.
    """
    r = tables["reimbursements"]
    bills = r.filter(r.institution_id.notnull()).select("reimbursement_id", "patient_id", house="institution_id")
    bills = bills.semi_join(_counters(tables), "house")
    owned = _owned(tables)
    bills = bills.inner_join(owned, "house")
    # whoever settled anything there, even what was refunded, was seen there; a sister shop's customers are its owner's
    sisters = owned.semi_join(bills, "owner")
    seen = tables["settlements"].select("patient_id", house="institution_id").inner_join(sisters, "house")
    return bills.anti_join(seen.select("patient_id", "owner").distinct(), ["patient_id", "owner"]).drop("owner")


def _owned(tables: Mapping[str, ir.Table]) -> ir.Table:
    """Return house, owner: the parent, the house itself where it is one, else its credit code, else the house."""
    import ibis

    i = tables["institutions"].filter(tables["institutions"].institution_id.notnull())
    known = i.select(house="institution_id", parent=i.parent_id.nullif(""), code=i.uscc.nullif(""))
    head = known.filter(known.parent.notnull()).select(head="parent").distinct()
    led = known.left_join(head, known.house == head["head"])
    owner = ibis.coalesce(led.parent, led["head"], led.code, led.house)
    return led.select("house", owner=owner).group_by("house").aggregate(owner=lambda t: t.owner.min())


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
