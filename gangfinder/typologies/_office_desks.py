"""T20: who of the fund's staff handled or reviewed which paper, and what else passed the same desks, in the engine.

A *paper* is a reimbursement, a filing or an enrolment; an *act* is one paper in one role (handler, reviewer). The fair
comparison group of an act is the *stratum*: acts of the same role, office, kind of business and month. Whoever is
compared is compared only on days on which he was on the roster.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gangfinder.engine.portable import (
    days_between,
    epoch_seconds,
    floor_divide,
    is_midnight,
    minute_of_day,
    month_index,
    string_key,
    weekday,
)
from gangfinder.typologies.contract import Tables

if TYPE_CHECKING:
    import ibis.expr.types as ir

VILLAGE_WORDS = ("村", "社区", "小区", "街道", "镇", "乡")
"""An address is cut behind the first of these that it contains, finest first."""

FLAGS = ("quick", "off", "limit", "changed", "passed")
"""What is told of an act by itself: reviewed at once, out of hours, just under a limit, account changed before, and
whether the reviewer let it pass, as he does most but not all."""

REFUSED = ("rejected", "refused", "returned")
"""Decisions by which a paper is sent back."""


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of T20.

    Parameters
    ----------
    rows
        Fewest papers of a ring over one desk before the desk is looked at.
    ring_share
        Least share of a ring's papers over one desk before it is looked at.
    months
        Papers are compared within so many months of the calendar: in one month a ring is most of what a desk does in
        a kind of business, and explains itself.
    quick_seconds
        A review is quick when it follows the handling within so many seconds: nobody reads a file in that time.
    open_minute, shut_minute
        Minutes of the day between which windows are staffed, with an hour to spare on both sides.
    batch_rows
        From so many papers of one desk on one day, besides those of rings, the day is a batch: its hours and speed
        say nothing.
    limits_yuan
        Amounts from which on a second signature or a site visit is asked for.
    limit_share
        A claim is just under a limit when it lacks at most this share of it.
    changed_days
        An account that the handler changed at most so many days before he handled the claim.
    enrolled_share
        Enrolments are a ring's where an employer, agent or phone stands on those of at least this share of its members.
    holders
        A phone or address of more people than this ties nobody.
    desk_log10_p
        What a desk shows of a ring is told when its tail by itself is at most this; it names nobody.
    tie_log10_p
        A personal tie counts when the chance of any so rare tie to the ring is at most this, one in twenty: a desk
        may stand out for reasons that no table knows.
    namesake_log10_p
        That the holder of a shared account is called like one of the circle counts from this on: namesakes are common.
    surprise_log10_p
        A desk stands out by itself in what is at most this, corrected for the ring's desks.
    weak_tie_log10_p
        A namesake counts from this on where the desk stands out by itself in two ways.
    person_log10_p
        Desk and tie together, corrected for the ring's desks, name a person when their tail is at most this.
    second_log10_p
        The same for a further person, once one is named on the ring: a helper is looked for among a few.
    """

    rows: int = 3
    ring_share: float = 0.3
    months: int = 3
    quick_seconds: int = 120
    open_minute: int = 7 * 60
    shut_minute: int = 18 * 60
    batch_rows: int = 8
    limits_yuan: tuple[int, ...] = (5_000, 10_000, 20_000, 50_000, 100_000)
    limit_share: float = 0.03
    changed_days: int = 7
    enrolled_share: float = 0.2
    holders: int = 10
    desk_log10_p: float = -1.0
    tie_log10_p: float = -1.3
    namesake_log10_p: float = -2.0
    surprise_log10_p: float = -3.0
    weak_tie_log10_p: float = -0.5
    person_log10_p: float = -3.0
    second_log10_p: float = -2.0


def papers(tables: Tables, params: Params) -> ir.Table:  # noqa: ARG001 - the signature of a step
    """Return one row per reimbursement, filing and enrolment, with its desks and everybody it names."""
    import ibis

    r, f, e = tables["reimbursements"], tables["filings"], tables["enrolments"]
    nothing, never = ibis.null().cast("string"), ibis.null().cast("timestamp")
    zero = ibis.literal("0").cast("decimal(18,2)")
    when = "timestamp"
    claims = r.select(
        "patient_id", "handler_id", "reviewer_id", "agent_id_number", "agent_phone", "payee_account",
        "payee_name", "institution_id", employer_id=nothing, reviewed_at=r.reviewed_at.cast(when), decision=r.decision,
        source=ibis.literal("reimbursements"), key=r.reimbursement_id, amount=r.fund_amount,
        kind=ibis.coalesce(r.benefit_kind, ibis.literal("")),
        handled_at=ibis.coalesce(r.handled_at, r.submitted_at).cast(when),
    )
    filed = f.select(
        "patient_id", "handler_id", "reviewer_id", "agent_id_number", "agent_phone",
        reviewed_at=f.reviewed_at.cast(when), decision=f.decision, payee_account=nothing,
        payee_name=nothing, institution_id=f.institution_id, employer_id=nothing,
        source=ibis.literal("filings"), key=f.filing_id, amount=zero, kind=f["kind"],
        handled_at=ibis.coalesce(f.handled_at, f.filed_at).cast(when),
    )
    joined = e.select(
        "patient_id", "handler_id", reviewer_id=nothing, reviewed_at=never, decision=nothing,
        agent_id_number=e.agent_id_number, agent_phone=e.agent_phone, payee_account=nothing,
        payee_name=nothing, institution_id=nothing, employer_id=e.employer_id,
        source=ibis.literal("enrolments"), key=string_key(e.patient_id, e.valid_from, e.employer_id), amount=zero,
        kind=ibis.literal(""), handled_at=e.valid_from.cast("timestamp"),
    )
    out = claims.union(filed, joined, distinct=False)
    kind = string_key(out.source, out["kind"])
    return out.mutate(paper=string_key(out.source, out.key), kind=kind).distinct()


def desks(tables: Tables, params: Params) -> ir.Table:  # noqa: ARG001 - the signature of a step
    """Return staff_id, office, since, until: stretches on the roster; whoever has none is taken to be always there."""
    import ibis

    roster, staff, p = tables["roster"], tables["staff"], tables["papers"]
    nowhere = ibis.literal("")
    far = ibis.literal("9999-12-31").cast("date")
    known = roster.select(
        "staff_id", office=ibis.coalesce(roster.office, nowhere), since=roster.valid_from,
        until=ibis.coalesce(roster.valid_to, far), rostered=ibis.literal(1),
    ).distinct()
    everybody = p.select(staff_id=p.handler_id).union(p.select(staff_id=p.reviewer_id), distinct=True)
    everybody = everybody.filter(everybody.staff_id.notnull()).anti_join(known, "staff_id")
    place = staff.group_by("staff_id").aggregate(office=staff.office.min())
    rest = everybody.left_join(place, "staff_id").drop("staff_id_right")
    rest = rest.select(
        "staff_id", office=ibis.coalesce(rest.office, nowhere), since=ibis.literal("1000-01-01").cast("date"),
        until=far, rostered=ibis.literal(0),
    )
    return known.union(rest, distinct=False)


def acts(tables: Tables, params: Params) -> ir.Table:
    """Return one row per paper and role: who, when, at which office, in which stratum, and what is odd about it."""
    import ibis

    p = tables["papers"]
    parts = []
    for role, actor, at in (("handler", p.handler_id, p.handled_at), ("reviewer", p.reviewer_id, p.reviewed_at)):
        one = p.mutate(role=ibis.literal(role), actor=actor, at=ibis.coalesce(at, p.handled_at))
        parts.append(one.filter(one.actor.notnull() & one["at"].notnull()))
    done = parts[0].union(parts[1], distinct=False)
    done = placed(done.mutate(day=done["at"].cast("date")), tables["desks"])
    done = _flagged(done, tables, params)
    group = string_key(done.role, done.office, done["kind"])
    return done.mutate(queue=group, stratum=string_key(group, floor_divide(month_index(done.day), params.months)))


def placed(done: ir.Table, desk: ir.Table) -> ir.Table:
    """Add the office of whoever acted, and whether he was off the roster on that day."""
    import ibis

    usual = desk.group_by("staff_id").aggregate(usual=desk.office.min(), rostered=desk.rostered.max())
    spell = desk.select(actor="staff_id", there="office", since="since", until="until")
    there = done.select("paper", "role", "actor", "day").inner_join(spell, "actor")
    there = there.filter((there.day >= there.since) & (there.day <= there.until))
    there = there.group_by("paper", "role").aggregate(there=there.there.min())
    done = done.left_join(there, ["paper", "role"]).drop("paper_right", "role_right")
    done = done.left_join(usual.rename(actor="staff_id"), "actor").drop("actor_right")
    absent = (done.rostered == 1) & done.there.isnull() & (done.source != "enrolments")
    office = ibis.coalesce(done.there, done.usual, ibis.literal(""))
    return done.mutate(office=office, absent=ibis.ifelse(absent, 1, 0)).drop("there", "usual")


def _flagged(done: ir.Table, tables: Tables, params: Params) -> ir.Table:
    """Add what is odd about an act by itself; days of a batch are excused their hours and their speed."""
    import ibis

    no = ibis.literal(value=False)
    # a ring that hands in all its papers on one day makes no batch
    apart = done.anti_join(tables["ring_papers"], "paper")
    day = apart.group_by("role", "actor", "day").aggregate(n_day=apart.count())
    done = done.left_join(day, ["role", "actor", "day"]).drop("role_right", "actor_right", "day_right")
    batch = ibis.coalesce(done.n_day >= params.batch_rows, no)
    wait = epoch_seconds(done.reviewed_at) - epoch_seconds(done.handled_at)
    clock = ~is_midnight(done["at"])
    quick = (done.role == "reviewer") & clock & (wait >= 0) & (wait <= params.quick_seconds)
    minute = minute_of_day(done["at"])
    late = (minute < params.open_minute) | (minute >= params.shut_minute) | (weekday(done.day) >= 5)
    off = (clock & late) | (done.absent == 1)
    yuan, near = done.amount.cast("float64"), no
    for limit in params.limits_yuan:
        near = near | ((yuan <= limit) & (yuan >= limit * (1 - params.limit_share)))
    flags = {"quick": quick & ~batch, "off": off & ~batch & (done.source != "enrolments"), "limit": near,
             "passed": (done.role == "reviewer") & ~done.decision.isin(REFUSED)}
    done = done.mutate(
        batch=ibis.ifelse(batch, 1, 0), **{f: ibis.ifelse(ibis.coalesce(v, no), 1, 0) for f, v in flags.items()}
    ).drop("n_day")
    changed = _changed(done, tables["actions"], params).mutate(changed=1)
    done = done.left_join(changed, ["paper", "role"]).drop("paper_right", "role_right")
    return done.mutate(changed=ibis.coalesce(done.changed, ibis.literal(0).cast("int8")))


def _changed(done: ir.Table, actions: ir.Table, params: Params) -> ir.Table:
    """Return paper, role of claims whose account the handler himself changed days before."""
    made = actions.filter(actions.action == "account_changed")
    made = made.select(actor="staff_id", patient_id="target_id", changed_on=made.acted_at.cast("date"))
    paid = done.filter((done.role == "handler") & done.payee_account.notnull())
    met = paid.select("paper", "role", "actor", "patient_id", "day").inner_join(made, ["actor", "patient_id"])
    gap = days_between(met.day, met.changed_on)
    return met.filter((gap >= 0) & (gap <= params.changed_days)).select("paper", "role").distinct()


def ring_papers(tables: Tables, params: Params) -> ir.Table:
    """Return ring_id, paper: what the open leads rest on, and how the members of an enrolment ring came in."""
    p, rows, rings = tables["papers"], tables["ring_rows"], tables["rings"]
    own = rows.select("ring_id", source="source_table", key="source_key").distinct()
    cited = p.inner_join(own, ["source", "key"]).select("ring_id", "paper")
    enrolled = rings.filter((rings.typology == "T19") & (rings.subject_type == "patient"))
    enrolled = enrolled.select("ring_id", patient_id="subject_id").distinct()
    came = p.filter(p.source == "enrolments").inner_join(enrolled, "patient_id")
    return cited.union(_together(came, enrolled, params), distinct=True)


def _together(came: ir.Table, enrolled: ir.Table, params: Params) -> ir.Table:
    """Return the enrolments by which a ring came in: through an employer, agent or phone of several members."""
    import ibis

    sizes = enrolled.group_by("ring_id").aggregate(n=enrolled.count())
    parts = []
    for column in ("employer_id", "agent_id_number", "agent_phone"):
        known = came.filter(came[column].notnull())
        each = known.group_by("ring_id", column).aggregate(k=known.patient_id.nunique())
        many = each.inner_join(sizes, "ring_id")
        many = many.filter((many.k >= params.rows) & (many.k >= params.enrolled_share * many.n))
        parts.append(known.semi_join(many, ["ring_id", column]).select("ring_id", "paper"))
    return ibis.union(*parts, distinct=True)


def ring_acts(tables: Tables, params: Params) -> ir.Table:  # noqa: ARG001 - the signature of a step
    """Return the acts on a ring's papers, with the ring."""
    return tables["acts"].inner_join(tables["ring_papers"], "paper")


def looked_at(tables: Tables, params: Params) -> ir.Table:
    """Return ring_id, role, staff_id: desks over which enough of a ring's papers went, and how many were asked.

    Notes
    -----
    All desks that a ring's papers passed are the tests of the ring; that there are many rings is for the error control
    over the run's groups.
    """
    own = tables["ring_acts"]
    each = own.group_by("ring_id", "role", "actor").aggregate(k=own.count())
    every = own.group_by("ring_id", "role").aggregate(n=own.count())
    asked = each.group_by("ring_id").aggregate(m_tests=each.count())
    both = each.inner_join(every, ["ring_id", "role"]).inner_join(asked, "ring_id")
    wanted = (both.k >= params.rows) & (both.k >= params.ring_share * both.n)
    return both.filter(wanted).select("ring_id", "role", "m_tests", staff_id="actor")


def slots(tables: Tables, params: Params) -> ir.Table:  # noqa: ARG001 - the signature of a step
    """Return the acts of everybody at the office of somebody looked at, on his days there: staff_id, and the act."""
    wanted = tables["looked_at"].select("staff_id", "role").distinct()
    desk = tables["desks"].inner_join(wanted, "staff_id")
    spell = desk.select("staff_id", "role", "office", "since", "until").distinct()
    met = tables["acts"].inner_join(spell, ["role", "office"])
    # whoever acts off the roster has acted: his own rows count
    met = met.filter(((met.day >= met.since) & (met.day <= met.until)) | (met.actor == met.staff_id))
    return met.drop("since", "until").distinct()


def district_of(patients: ir.Table) -> ir.Table:
    """Return patient_id, home (village or street), surname: by what queues are divided."""
    import ibis

    cut = patients.address.substr(0, 10)
    for word in reversed(VILLAGE_WORDS):
        at = patients.address.find(word)
        cut = ibis.ifelse(at > 0, patients.address.substr(0, at + len(word)), cut)
    bare = patients.name.replace("测试", "")  # synthetic names begin with it
    placed = patients.select("patient_id", home=cut.nullif(""), surname=bare.substr(0, 1).nullif(""))
    return placed.group_by("patient_id").aggregate(home=placed.home.min(), surname=placed.surname.min())


__all__ = [
    "FLAGS", "Params", "acts", "desks", "district_of", "looked_at", "papers", "placed", "ring_acts", "ring_papers",
    "slots",
]
