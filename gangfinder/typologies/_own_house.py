"""T27: a member of staff acts for a house that is his own or his kin's (回避).

Where the house is in an open lead, its settlements there are cited. Where it is not, the act alone is the breach, if
somebody else could have done it; then the settlements that followed are cited.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gangfinder.typologies.contract import Tables

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from gangfinder.typologies.own_interest import Params

HOUSE_OF_RING, OWN_HOUSE = "own_house_of_ring", "own_house"

FAVOURS = ("contract_switched_on", "contract_approved", "quota_raised")
"""Actions by which a house gains."""

OWNERS = ("owner", "shareholder", "legal_representative")
"""Ties by which a house is somebody's."""


def own_houses(tables: Tables, params: Params) -> ir.Table:
    """Return the settlements of houses for which somebody acted although the owner is of his circle."""
    first = _acted(tables)
    told, alone = _of_rings(tables, first), _after(tables, first, params)
    return told.union(alone.anti_join(told, ["staff_id", "m_house"]), distinct=False)


def _acted(tables: Tables) -> ir.Table:
    """Return staff_id, m_house, the first act and its day."""
    import ibis

    circle, a = tables["circle"], tables["actions"]
    owned = circle.filter((circle.entity_type == "institution") & circle.how.isin(OWNERS))
    owned = owned.select("staff_id", target_id="entity_id")
    done = a.filter((a.target_type == "institution") & a.action.isin(FAVOURS))
    done = done.inner_join(owned, ["staff_id", "target_id"])
    return done.group_by("staff_id", m_house=done.target_id).aggregate(
        m_action=done.action.min(), m_acted_on=ibis._.acted_at.min().cast("date")
    )


def _of_rings(tables: Tables, first: ir.Table) -> ir.Table:
    import ibis

    rows = tables["ring_rows"]
    rings = tables["rings"].filter(tables["rings"].subject_type == "institution")
    rings = rings.select("ring_id", m_house="subject_id").distinct()
    own = rows.select("ring_id", "source_table", "source_key", "event_at", "amount").distinct()
    met = first.inner_join(rings, "m_house").inner_join(own, "ring_id")
    return _rows(met.mutate(m_others=ibis.literal(0)), HOUSE_OF_RING)


def _after(tables: Tables, first: ir.Table, params: Params) -> ir.Table:
    """Return the first settlements after the act, where others did such acts and could have done this one."""
    import ibis

    a, s = tables["actions"], tables["settlements"]
    able = a.filter((a.target_type == "institution") & a.action.isin(FAVOURS))
    able = able.select(other=able.staff_id).distinct()
    others = first.select("staff_id").distinct().cross_join(able)
    others = others.filter(others.other != others.staff_id)
    others = others.group_by("staff_id").aggregate(m_others=others.count())
    met = first.inner_join(others, "staff_id").inner_join(s.rename(m_house="institution_id"), "m_house")
    met = met.filter(met.settled_at.cast("date") >= met.m_acted_on)
    order = ibis.window(group_by=["staff_id", "m_house"], order_by=["settled_at", "settlement_id"])
    met = met.mutate(place=ibis.row_number().over(order))
    met = met.filter(met.place < params.settled)
    return _rows(met.mutate(
        source_table=ibis.literal("settlements"), source_key=met.settlement_id, event_at=met.settled_at,
        amount=met.fund_amount,
    ), OWN_HOUSE)


def _rows(met: ir.Table, shows: str) -> ir.Table:
    import ibis

    return met.select(
        "staff_id", "source_table", "source_key", "m_house", "m_action", "m_acted_on", institution_id=met.m_house,
        amount=met.amount.cast("decimal(18,2)"), event_at=met.event_at.cast("timestamp"),
        patient_id=ibis.null().cast("string"), shows=ibis.literal(shows), m_others=met.m_others.cast("int64"),
    )


__all__ = ["HOUSE_OF_RING", "OWN_HOUSE", "own_houses"]
