"""T20, T27: the circle of a member of staff (himself, kin, what is theirs), and where it meets a ring, in the engine.

One human may be patient and staff: equal identity numbers are one person. An account is a person's where his own claim
is paid into it under his name. A name is no identity: that the holder of a shared account is called like one of the
circle is weighed against how many people bear such a name.
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

MEMBER, HUB, HOLDER, HOUSE = "member", "hub", "holder", "house"
"""Where in a ring the circle meets it: a member, an agent or shared account, the name of an account's holder, house."""

CHANCE = (
    "m_people", "m_houses", "m_contacts", "m_n_member", "m_n_hub", "m_n_holder", "m_n_house", "m_staff_tied",
    "m_house_tied", "m_staff_all", "m_patients", "m_institutions",
)
"""What the chance of a tie needs: his circle, what the ring has of each part, and how many there are of each."""


def kin_of(tables: Tables, params: Params) -> ir.Table:
    """Return staff_id, patient_id, how: himself, household, declared relatives, who may live under his roof."""
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
    # two households of one address are neighbours
    door = door.mutate(home=door.household_id.nullif("")).select("staff_id", "patient_id", "home")
    door = door.left_join(homes.select("staff_id", own="household_id").distinct(), "staff_id")
    apart = ibis.coalesce(door.home != door.own, ibis.literal(value=False))
    door = door.filter(~apart).select("staff_id", "patient_id", how=ibis.literal("address"))
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
    """Return patient_id, account: accounts into which a claim of a person's household is paid under his own name."""
    patients, r = tables["patients"], tables["reimbursements"]
    named = patients.filter(patients.name.notnull() & (patients.name != "")).select("patient_id", payee_name="name")
    paid = r.filter(r.payee_account.notnull() & (r.payee_account != "") & r.payee_name.notnull())
    paid = paid.select("payee_name", account="payee_account", claimant="patient_id").distinct()
    # where wages are paid from, each claim bears the claimant's name
    names = paid.group_by("account").aggregate(n=paid.payee_name.nunique())
    paid = paid.semi_join(names.filter(names.n == 1), "account")
    own = named.inner_join(paid.rename(patient_id="claimant"), ["patient_id", "payee_name"])
    homes = patients.filter(patients.household_id.notnull() & (patients.household_id != ""))
    homes = homes.select("patient_id", "household_id")
    at_home = paid.inner_join(homes.rename(claimant="patient_id"), "claimant")
    near = homes.inner_join(named, "patient_id").inner_join(at_home, ["household_id", "payee_name"])
    return own.select("patient_id", "account").union(near.select("patient_id", "account"), distinct=True)


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
    parts.append(known.select("staff_id", entity_type=yes("name"), entity_id=known.name, how=known.how))
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
    by = ("staff_id", "entity_type", "entity_id")
    least = near.group_by(*by).aggregate(rank=near["rank"].min(), told=near.how.max())
    how = ibis.ifelse(least["rank"] == 0, ibis.literal("self"), least.told)
    return least.select("staff_id", "entity_type", "entity_id", how=how)


def _houses(tables: Tables, kin: ir.Table, known: ir.Table) -> ir.Table:
    """Return the houses of a circle: owned by himself or kin, or where he worked."""
    import ibis

    house, ties = ibis.literal("institution"), tables["ties"]
    i = tables["institutions"].filter(tables["institutions"].legal_rep_id_number.notnull())
    own = i.select("institution_id", id_number="legal_rep_id_number")
    by_kin = known.inner_join(own, "id_number").select("staff_id", "institution_id", how=ibis.literal("owner"))
    by_self = tables["staff"].inner_join(own, "id_number")
    by_self = by_self.select("staff_id", "institution_id", how=ibis.literal("owner"))
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
        if kind == "agent":  # a member's own people are no agents, and one paper is enough to have handed in
            outside = _strangers(known, patients)
            many = many.filter(many.n >= 2).union(outside, distinct=True).distinct()
        else:
            many = many.filter(many.n >= 2)
        parts.append(many.select("ring_id", part=yes(HUB), entity_type=yes(kind), entity_id=many.entity_id))
        if kind == "agent":
            who = many.inner_join(patients.select("patient_id", entity_id="id_number"), "entity_id")
            parts.append(who.select("ring_id", part=yes(HUB), entity_type=yes("patient"), entity_id=who.patient_id))
        if kind == "bank_account":
            held = p.semi_join(many.select("ring_id", payee_account="entity_id"), ["ring_id", "payee_account"])
            parts.append(held.select("ring_id", part=yes(HOLDER), entity_type=yes("name"), entity_id=held.payee_name))
    houses = rings.filter(rings.subject_type == "institution")
    parts.append(
        houses.select("ring_id", part=yes(HOUSE), entity_type=yes("institution"), entity_id=houses.subject_id)
    )
    parts.append(_main_house(p))
    every = parts[0].union(*parts[1:], distinct=True)
    return every.filter(every.entity_id.notnull() & (every.entity_id != ""))


def _strangers(handed_in: ir.Table, patients: ir.Table) -> ir.Table:
    """Return the agents of a ring's papers who live with none of those for whom they act."""
    import ibis

    homes = patients.filter(patients.household_id.nullif("").notnull())
    own = homes.select("patient_id", "household_id")
    agents = homes.select("household_id", agent_id_number="id_number")
    pairs = own.inner_join(agents, "household_id").select("patient_id", "agent_id_number")
    apart = handed_in.anti_join(pairs, ["patient_id", "agent_id_number"])
    return apart.group_by("ring_id", entity_id=apart.agent_id_number).aggregate(n=ibis._.patient_id.nunique())


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
    """Return where a circle meets a ring: ring_id, staff_id, part, how, entity_type, entity_id, what chance needs."""
    import ibis

    own, far = tables["circle"], tables["contacts"]
    met = own.inner_join(far, ["entity_type", "entity_id"])
    rivals = met.group_by("ring_id", "part").aggregate(m_staff_tied=met.staff_id.nunique())
    people = own.filter(own.entity_type == "patient").group_by("staff_id").aggregate(m_people=ibis._.count())
    houses = own.filter(own.entity_type == "institution").group_by("staff_id").aggregate(m_houses=ibis._.count())
    out = _weighed(met.inner_join(rivals, ["ring_id", "part"]), far, tables["patients"])
    for more in (people, houses):
        out = out.left_join(more, "staff_id").drop("staff_id_right")
    from_house = rivals.filter(rivals.part == HOUSE).select("ring_id", m_house_tied="m_staff_tied")
    out = out.left_join(from_house, "ring_id").drop("ring_id_right")
    nobody = ibis.literal(0).cast("int64")
    out = out.mutate(m_house_tied=ibis.coalesce(out.m_house_tied, nobody))
    # his own phone and account count as one person of the circle, whether or not he is insured here
    out = out.mutate(
        m_people=ibis.coalesce(out.m_people, nobody) + 1, m_houses=ibis.coalesce(out.m_houses, nobody)
    )
    whole = tables["patients"].aggregate(m_patients=ibis._.patient_id.nunique())
    whole = whole.cross_join(tables["institutions"].aggregate(m_institutions=ibis._.institution_id.nunique()))
    return out.cross_join(whole.cross_join(tables["staff"].aggregate(m_staff_all=ibis._.staff_id.nunique())))


def _weighed(met: ir.Table, far: ir.Table, patients: ir.Table) -> ir.Table:
    """Add how many a ring has of each part, of holders all who bear their names, and those of names as rare as this."""
    import ibis

    one = ibis.literal(1).cast("int64")
    bearers = patients.group_by(entity_id=patients.name).aggregate(n=patients.patient_id.nunique())
    held = far.filter(far.part == HOLDER).select("ring_id", "entity_id").left_join(bearers, "entity_id")
    held = held.drop("entity_id_right")
    held = held.mutate(n=ibis.coalesce(held.n, one))
    rarer = held.inner_join(held.select("ring_id", n_other="n"), "ring_id")
    rarer = rarer.filter(rarer.n_other <= rarer.n)
    sums = rarer.group_by("ring_id", "entity_id").aggregate(n_bearers=rarer.n_other.sum())
    sums = sums.mutate(part=ibis.literal(HOLDER))
    by = ["ring_id", "part", "entity_id"]
    out = met.left_join(sums, by).drop(*(f"{c}_right" for c in by))
    sizes = far.group_by("ring_id").aggregate(
        **{f"m_n_{part}": (far.part == part).sum() for part in (MEMBER, HUB, HOUSE)}
    )
    sizes = sizes.left_join(held.group_by("ring_id").aggregate(m_n_holder=held.n.sum()), "ring_id")
    sizes = sizes.drop("ring_id_right").mutate(m_n_holder=ibis.coalesce(sizes.m_n_holder, one - 1))
    out = out.inner_join(sizes, "ring_id")
    every = ibis.cases(
        (out.part == MEMBER, out.m_n_member), (out.part == HUB, out.m_n_hub), else_=out.m_n_house
    )
    return out.mutate(m_contacts=ibis.coalesce(out.n_bearers, every)).drop("n_bearers")
