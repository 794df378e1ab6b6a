"""T27: papers that kin of a member of staff hand in for strangers, and how many of them came to his own desk.

That one's cousin is an agent is no offence, nor that now and then one of his files comes to one's desk: the roster
brings it there. Files that come there beyond the roster do not come by themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gangfinder.engine.portable import floor_divide, month_index, string_key
from gangfinder.typologies._office_desks import Params, placed
from gangfinder.typologies.contract import Tables

if TYPE_CHECKING:
    import ibis.expr.types as ir

KIN_AGENT, KIN_DRAWN = "kin_agent", "kin_drawn"

_ROLES = (("handler", "handler_id", "handled_at"), ("reviewer", "reviewer_id", "reviewed_at"))


def handed_in(tables: Tables, params: Params) -> ir.Table:
    """Return staff_id, agent, paper, patient_id: what kin handed in for strangers, where enough came to his own desk.

    Notes
    -----
    Strangers live neither with him nor with the agent. Desks are looked at over which as many such papers went as over
    that of T20.
    """
    import ibis

    p, circle, patients = tables["papers"], tables["circle"], tables["patients"]
    near = circle.filter((circle.entity_type == "agent") & ((circle.how == "household") | (circle.how == "relative")))
    near = near.select("staff_id", agent_id_number="entity_id")
    known = p.filter(p.agent_id_number.notnull()).inner_join(near, "agent_id_number")
    homes = patients.filter(patients.household_id.nullif("").notnull()).select("patient_id", "household_id")
    agents = patients.select("household_id", agent_id_number="id_number")
    at_home = agents.inner_join(homes, "household_id").select("agent_id_number", "patient_id")
    known = known.anti_join(tables["kin"], ["staff_id", "patient_id"])
    known = known.anti_join(at_home, ["agent_id_number", "patient_id"])
    own = ibis.coalesce(known.handler_id == known.staff_id, ibis.literal(value=False))
    own = own | ibis.coalesce(known.reviewer_id == known.staff_id, ibis.literal(value=False))
    many = known.filter(own).group_by("staff_id", "agent_id_number").aggregate(k=ibis._.paper.nunique())
    many = many.filter(many.k >= params.rows)
    known = known.semi_join(many, ["staff_id", "agent_id_number"])
    return known.select("staff_id", "paper", "patient_id", agent=known.agent_id_number).distinct()


def kin_slots(tables: Tables, params: Params) -> ir.Table:
    """Return everybody's acts in the roles and at the offices of whoever is looked at, on his days there."""
    import ibis

    p, desk = tables["papers"], tables["desks"]
    wanted = desk.semi_join(tables["handed_in"], "staff_id")
    there = desk.semi_join(wanted, "office").select(actor="staff_id").distinct()
    parts = []
    for role, who, when in _ROLES:
        one = p.mutate(role=ibis.literal(role), actor=p[who], at=ibis.coalesce(p[when], p.handled_at))
        parts.append(one.filter(one["at"].notnull()).semi_join(there, "actor"))
    done = parts[0].union(parts[1], distinct=False)
    done = placed(done.mutate(day=done["at"].cast("date")), desk)
    spell = wanted.select("staff_id", "office", "since", "until").distinct()
    met = done.inner_join(spell, "office")
    # whoever acts off the roster has acted: his own rows count
    met = met.filter(((met.day >= met.since) & (met.day <= met.until)) | (met.actor == met.staff_id))
    stratum = string_key(met.role, met.office, met["kind"], floor_divide(month_index(met.day), params.months))
    return met.select(
        "staff_id", "role", "paper", "source", "key", "amount", "institution_id", "patient_id", at=met["at"],
        stratum=stratum, mine=ibis.ifelse(met.actor == met.staff_id, 1, 0),
    ).distinct()


def kin_rows(tables: Tables) -> ir.Table:
    """Return the papers that kin handed in and that came up where he sits, with what his share of all of them is."""
    import ibis

    slots, handed = tables["kin_slots"], tables["handed_in"]
    whole = slots.group_by("staff_id", "stratum").aggregate(m_slots=slots.count(), m_marked=slots.mine.sum())
    seen = slots.inner_join(handed.select("staff_id", "paper", "agent"), ["staff_id", "paper"])
    desks = seen.filter(seen.mine == 1).select("staff_id", "agent", "role").distinct()
    seen = seen.inner_join(whole, ["staff_id", "stratum"]).cross_join(desks.aggregate(m_asked=desks.count()))
    return seen.select(
        "staff_id", "patient_id", "amount", "institution_id", "m_slots", "m_marked", "m_asked",
        source_table=seen.source, source_key=seen.key, event_at=seen["at"], shows=ibis.literal(KIN_AGENT),
        m_role=seen.role, m_stratum=seen.stratum, m_own=seen.mine, m_agent=seen.agent,
    )


def kin_drawn(tables: Tables) -> ir.Table:
    """Return what the fund paid for whom kin enrolled over his desk: an enrolment has no key to cite."""
    import ibis

    came = kin_rows(tables)
    came = came.filter((came.source_table == "enrolments") & (came.m_own == 1))
    came = came.select("staff_id", "patient_id", "m_role", "m_agent", since=came.event_at).distinct()
    s = tables["settlements"]
    paid = came.inner_join(s, "patient_id")
    paid = paid.filter(paid.settled_at >= paid.since)
    return paid.select(
        "staff_id", "patient_id", "institution_id", "m_role", "m_agent", amount=paid.fund_amount,
        source_table=ibis.literal("settlements"), source_key=paid.settlement_id,
        event_at=paid.settled_at.cast("timestamp"), shows=ibis.literal(KIN_DRAWN),
    )


__all__ = ["KIN_AGENT", "KIN_DRAWN", "handed_in", "kin_drawn", "kin_rows", "kin_slots"]
