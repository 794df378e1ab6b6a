"""T20, T27: the circle of a member of staff (himself, his kin, what is theirs), and where it meets a ring, in the engine.

One human may be patient and staff: equal identity numbers are one person. A name alone never ties; an account is a
person's where his own claim is paid into it under his name, or where nobody else bears the name of its holder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gangfinder.typologies._office_desks import Params
from gangfinder.typologies.contract import Tables

if TYPE_CHECKING:
    import ibis.expr.types as ir

PERSON_TIES = ("spouse", "relative", "household", "kin", "family")
"""Kinds of declared ties that make somebody kin; every other tie of staff to a person is read as kin too."""

HOUSE_TIES = ("former_employer", "shareholder", "employee", "owner", "legal_representative")
"""Kinds of ties to an institution that are asked about."""

MEMBER, HUB, HOUSE = "member", "hub", "house"
"""Where in a ring the circle meets it: a member, an agent or shared account, a house."""


def kin_of(tables: Tables, params: Params) -> ir.Table:
    """Return staff_id, patient_id, how: himself, his household, declared relatives, and who lives at his door."""
    import ibis

    staff, patients = tables["staff"], tables["patients"]
    self_ = staff.inner_join(patients, "id_number").select("staff_id", "patient_id", "household_id")
    own = self_.select("staff_id", "patient_id", how=ibis.literal("self"))
    homes = self_.filter(self_.household_id.notnull() & (self_.household_id != "")).select("staff_id", "household_id")
    under = homes.inner_join(patients, "household_id").select("staff_id", "patient_id", how=ibis.literal("household"))
    at_door = patients.filter(patients.address.notnull() & (patients.address != ""))
    few = at_door.group_by("address").aggregate(n=at_door.patient_id.nunique())
    few = few.filter(few.n <= params.holders)
    door = staff.semi_join(few, "address").select("staff_id", "address").inner_join(at_door, "address")
    door = door.select("staff_id", "patient_id", how=ibis.literal("address"))
    people = own.union(under, door, _declared(tables["ties"], "patient", "relative"), distinct=True)
    # of several ways the nearest is told
    rank = ibis.cases(
        (people.how == "self", 0), (people.how == "household", 1), (people.how == "relative", 2), else_=3
    )
    near = people.mutate(rank=rank).group_by("staff_id", "patient_id").aggregate(rank=ibis._.rank.min())
    how = ibis.cases((near["rank"] == 0, "self"), (near["rank"] == 1, "household"), (near["rank"] == 2, "relative"),
                     else_="address")
    return near.select("staff_id", "patient_id", how=how)


def _declared(ties: ir.Table, other: str, how: str | None) -> ir.Table:
    """Return the declared ties of staff to people or houses, in whichever direction they are written."""
    import ibis

    parts = []
    for own, far in (("source", "target"), ("target", "source")):
        one = ties.filter((ties[f"{own}_type"] == "staff") & (ties[f"{far}_type"] == other))
        told = one["kind"] if how is None else ibis.literal(how)
        parts.append(one.select(staff_id=one[f"{own}_id"], other=one[f"{far}_id"], how=told))
    both = parts[0].union(parts[1], distinct=True)
    return both.select("staff_id", patient_id="other", how="how") if other == "patient" else both


def accounts_of(tables: Tables, params: Params) -> ir.Table:  # noqa: ARG001 - the signature of a step
    """Return patient_id, account: accounts that are a person's own."""
    patients, r = tables["patients"], tables["reimbursements"]
    paid = r.filter(r.payee_account.notnull() & (r.payee_account != "") & r.payee_name.notnull())
    named = patients.filter(patients.name.notnull() & (patients.name != ""))
    bearers = named.group_by("name").aggregate(n=named.patient_id.nunique())
    alone = named.semi_join(bearers.filter(bearers.n == 1), "name").select("patient_id", payee_name="name")
    by_name = alone.inner_join(paid.select("payee_name", account="payee_account").distinct(), "payee_name")
    own = named.select("patient_id", payee_name="name").inner_join(
        paid.select("patient_id", "payee_name", account="payee_account").distinct(), ["patient_id", "payee_name"]
    )
    return by_name.select("patient_id", "account").union(own.select("patient_id", "account"), distinct=True)


def circle(tables: Tables, params: Params) -> ir.Table:
    """Return staff_id, entity_type, entity_id, how: everybody and everything in the circle of each member of staff."""
    import ibis

    staff, patients, kin = tables["staff"], tables["patients"], tables["kin"]
    yes, me = ibis.literal, ibis.literal("self")
    known = kin.inner_join(patients, "patient_id")
    parts = [kin.select("staff_id", entity_type=yes("patient"), entity_id=kin.patient_id, how=kin.how)]
    for kind, own, theirs in (("agent", staff.id_number, known.id_number), ("phone", staff.phone, known.phone)):
        parts.append(staff.select("staff_id", entity_type=yes(kind), entity_id=own, how=me))
        parts.append(known.select("staff_id", entity_type=yes(kind), entity_id=theirs, how=known.how))
    parts.append(staff.select("staff_id", entity_type=yes("bank_account"), entity_id=staff.bank_account, how=me))
    held = kin.inner_join(tables["accounts"], "patient_id")
    parts.append(held.select("staff_id", entity_type=yes("bank_account"), entity_id=held.account, how=held.how))
    parts += [_houses(tables, kin, known)]
    every = parts[0].union(*parts[1:], distinct=True)
    every = every.filter(every.entity_id.notnull() & (every.entity_id != ""))
    # a phone on many people's files is a switchboard
    phones = patients.filter(patients.phone.notnull()).group_by("phone").aggregate(n=ibis._.patient_id.nunique())
    busy = phones.filter(phones.n > params.holders).select(entity_id="phone", entity_type=yes("phone"))
    every = every.anti_join(busy, ["entity_type", "entity_id"])
    near = every.mutate(rank=ibis.ifelse(every.how == "self", 0, 1))
    least = near.group_by("staff_id", "entity_type", "entity_id").aggregate(rank=near["rank"].min(), told=near.how.max())
    how = ibis.ifelse(least["rank"] == 0, ibis.literal("self"), least.told)
    return least.select("staff_id", "entity_type", "entity_id", how=how)


def _houses(tables: Tables, kin: ir.Table, known: ir.Table) -> ir.Table:
    """Return the houses of a circle: owned by himself or kin, or where he worked."""
    import ibis

    house, ties = ibis.literal("institution"), tables["ties"]
    i = tables["institutions"].filter(tables["institutions"].legal_rep_id_number.notnull())
    own = i.select("institution_id", id_number="legal_rep_id_number")
    by_kin = known.inner_join(own, "id_number").select("staff_id", "institution_id", how=ibis.literal("owner"))
    by_self = tables["staff"].inner_join(own, "id_number").select("staff_id", "institution_id", how=ibis.literal("owner"))
    held = ties.filter((ties.source_type == "patient") & (ties.target_type == "institution"))
    held = held.filter(held["kind"].isin(["shareholder", "owner", "legal_representative"]))
    shares = kin.inner_join(held.select(patient_id="source_id", institution_id="target_id"), "patient_id")
    shares = shares.select("staff_id", "institution_id", how=ibis.literal("owner"))
    told = _declared(ties, "institution", None)
    told = told.filter(told.how.isin(HOUSE_TIES)).select("staff_id", institution_id="other", how="how")
    every = by_kin.union(by_self, shares, told, distinct=True)
    return every.select("staff_id", entity_type=house, entity_id=every.institution_id, how=every.how)


def contacts(tables: Tables, params: Params) -> ir.Table:  # noqa: ARG001 - the signature of a step
    """Return ring_id, part, entity_type, entity_id: members, agents and shared accounts, and the ring's main house."""
    import ibis

    rings, patients = tables["rings"], tables["patients"]
    yes = ibis.literal
    people = rings.filter(rings.subject_type == "patient").select("ring_id", patient_id="subject_id").distinct()
    parts = [people.select("ring_id", part=yes(MEMBER), entity_type=yes("patient"), entity_id=people.patient_id)]
    phones = people.inner_join(patients, "patient_id")
    parts.append(phones.select("ring_id", part=yes(MEMBER), entity_type=yes("phone"), entity_id=phones.phone))
    p = tables["papers"].inner_join(tables["ring_papers"], "paper")
    for kind, column in (("agent", "agent_id_number"), ("phone", "agent_phone"), ("bank_account", "payee_account")):
        known = p.filter(p[column].notnull() & (p[column] != ""))
        many = known.group_by("ring_id", entity_id=known[column]).aggregate(n=known.patient_id.nunique())
        many = many.filter(many.n >= 2)
        parts.append(many.select("ring_id", part=yes(HUB), entity_type=yes(kind), entity_id=many.entity_id))
        if kind == "agent":
            who = many.inner_join(patients.select("patient_id", entity_id="id_number"), "entity_id")
            parts.append(who.select("ring_id", part=yes(HUB), entity_type=yes("patient"), entity_id=who.patient_id))
    houses = rings.filter(rings.subject_type == "institution")
    parts.append(
        houses.select("ring_id", part=yes(HOUSE), entity_type=yes("institution"), entity_id=houses.subject_id)
    )
    parts.append(_main_house(p))
    every = parts[0].union(*parts[1:], distinct=True)
    return every.filter(every.entity_id.notnull() & (every.entity_id != ""))


def _main_house(p: ir.Table) -> ir.Table:
    """Return the house at which most of a ring's papers were made out."""
    import ibis

    known = p.filter(p.institution_id.notnull())
    each = known.group_by("ring_id", entity_id=known.institution_id).aggregate(k=known.count())
    every = known.group_by("ring_id").aggregate(n=known.count())
    most = each.inner_join(every, "ring_id")
    most = most.filter(most.k * 2 >= most.n)
    house = ibis.literal("institution")
    return most.select("ring_id", part=ibis.literal(HOUSE), entity_type=house, entity_id=most.entity_id)


def tied(tables: Tables, params: Params) -> ir.Table:  # noqa: ARG001 - the signature of a step
    """Return where a circle meets a ring: ring_id, staff_id, part, how, entity_type, entity_id, and what chance needs."""
    import ibis

    own, far = tables["circle"], tables["contacts"]
    met = own.inner_join(far, ["entity_type", "entity_id"])
    sizes = far.group_by("ring_id", "part").aggregate(m_contacts=far.count())
    people = own.filter(own.entity_type == "patient").group_by("staff_id").aggregate(m_people=ibis._.count())
    houses = own.filter(own.entity_type == "institution").group_by("staff_id").aggregate(m_houses=ibis._.count())
    rivals = met.group_by("ring_id", "part").aggregate(m_staff_tied=met.staff_id.nunique())
    out = met.inner_join(sizes, ["ring_id", "part"]).inner_join(rivals, ["ring_id", "part"])
    out = out.left_join(people, "staff_id").drop("staff_id_right")
    out = out.left_join(houses, "staff_id").drop("staff_id_right")
    one = ibis.literal(1).cast("int64")
    # his own phone and account count as one person of the circle, whether or not he is insured here
    circle_size = ibis.ifelse(out.part == HOUSE, out.m_houses, ibis.coalesce(out.m_people, one - 1) + 1)
    out = out.mutate(m_circle=ibis.coalesce(circle_size, one)).drop("m_people", "m_houses")
    whole = tables["patients"].aggregate(m_patients=ibis._.patient_id.nunique())
    whole = whole.cross_join(tables["institutions"].aggregate(m_institutions=ibis._.institution_id.nunique()))
    return out.cross_join(whole.cross_join(tables["staff"].aggregate(m_staff_all=ibis._.staff_id.nunique())))
