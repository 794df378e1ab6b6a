"""T19: people are enrolled at an employer, or by an agent, shortly before they draw one benefit (虚假劳动关系)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gangfinder.engine.portable import add_days, days_between, floor_divide, string_key
from gangfinder.model.evidence import Anomaly, Family, Grade
from gangfinder.model.group import Group, Verdict
from gangfinder.model.tails import log10_binomial_tail, log10_corrected
from gangfinder.typologies.contract import Tables, Typology

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

HUBS = ("employer_id", "agent_id_number", "agent_phone")
"""Columns of an enrolment that name who brought a person in."""

_DELIVERY = "maternity"  # benefit of a stay whose diagnosis is of chapter O (childbirth)


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of T19.

    Parameters
    ----------
    people
        Fewest unrelated people of a group.
    before_days
        A benefit counts when it is drawn at most so many days after the person was enrolled.
    one_benefit_share
        Least share of a group's benefits that are of one kind.
    high_base_share
        A base is high when at most this share of all enrolments in the data have one as high.
    left_days
        Somebody left after the benefit when the enrolment ended at most so many days after it.
    surprise_log10_p
        An anomaly is reported when its tail, corrected for the run's tests, is at most this.
    """

    people: int = 5
    before_days: int = 365
    one_benefit_share: float = 0.6
    high_base_share: float = 0.05
    left_days: int = 90
    surprise_log10_p: float = -3.0


def detect(tables: Tables, params: Params) -> ir.Table:
    """Return the benefits drawn soon after enrolment, of employers and agents with several such people."""
    import ibis

    joined, drawn = _joined(tables, params), _drawn(tables)
    soon = joined.inner_join(drawn, "patient_id")
    soon = soon.filter((soon.on >= soon.since) & (soon.on <= add_days(soon.since, params.before_days)))
    whole = soon.group_by("hub").aggregate(m_all_kinds=soon.patient_id.nunique())
    mark = soon.group_by("hub", "kind").aggregate(m_benefit=soon.patient_id.nunique())
    mark = mark.filter(mark.m_benefit >= params.people).inner_join(whole, "hub")
    mark = mark.filter(mark.m_benefit >= params.one_benefit_share * mark.m_all_kinds)
    mark = mark.inner_join(_expected(tables, joined, drawn, mark, params), ["hub", "kind"])
    mark = mark.cross_join(_whole(joined, drawn, params))
    found = soon.inner_join(mark, ["hub", "kind"])
    left = ibis.coalesce(days_between(found.until, found.on), ibis.literal(-1))
    measures = {c: found[c] for c in found.columns if c.startswith("m_")}
    return found.select(
        group_id=found.hub,
        subject_type=ibis.literal("patient"), subject_id=found.patient_id, institution_id=found.house,
        source_table=found.source, source_key=found.key, event_at=found.at, amount=found.amount,
        grade=ibis.literal(Grade.E2.value), shows=ibis.literal("soon"), **measures,
        m_left=((left >= 0) & (left <= params.left_days)).cast("int64"),
        m_waited=days_between(found.on, found.since), m_hub=found.hub, m_hub_kind=found.hub_kind, m_kind=found.kind,
    )


def _joined(tables: Tables, params: Params) -> ir.Table:
    """Return one row per person and hub: since when, until when, on a high base or not, by a stranger or not."""
    import ibis

    spells = _strangers(_based(tables["enrolments"], params), tables["patients"])
    parts = []
    for column in HUBS:
        known = spells.filter(spells[column].notnull() & (spells[column] != ""))
        one = known.group_by("patient_id", hub=known[column]).aggregate(
            since=known.valid_from.min(), last=known.valid_to.max(), n_open=known.valid_to.isnull().cast("int64").sum(),
            m_based=known.based.max(), m_high=known.high.max(), m_known_agent=known.known_agent.max(),
            m_stranger=known.stranger.max(), m_agent=known.agent.min(),
        )
        until = ibis.ifelse(one.n_open > 0, ibis.null().cast("date"), one["last"])
        parts.append(one.mutate(until=until, hub_kind=ibis.literal(column)).drop("last", "n_open"))
    return parts[0].union(*parts[1:], distinct=False)


def _based(given: ir.Table, params: Params) -> ir.Table:
    """Mark spells on a base that few in the data have."""
    import ibis

    known = given.filter(given.base_amount.notnull())
    levels = known.group_by("base_amount").aggregate(n=known.count())
    above = ibis.window(order_by=levels.base_amount.desc(), preceding=None, following=0)
    levels = levels.mutate(n_as_high=levels.n.sum().over(above)).cross_join(known.aggregate(n_all=known.count()))
    high = levels.filter(levels.n_as_high <= params.high_base_share * levels.n_all)
    marked = given.left_join(high.select("base_amount", is_high=ibis.literal(1)), "base_amount")
    return marked.mutate(
        high=ibis.coalesce(marked.is_high, ibis.literal(0)), based=marked.base_amount.notnull().cast("int64")
    ).drop("base_amount_right", "is_high")


def _strangers(spells: ir.Table, patients: ir.Table) -> ir.Table:
    """Mark spells that were handed in by somebody who does not work for the employer himself."""
    import ibis

    people = spells.select("patient_id", "employer_id").distinct().inner_join(patients, "patient_id")
    own = people.select("employer_id", agent_id_number="id_number", own_id=ibis.literal(1))
    phones = people.select("employer_id", agent_phone="phone", own_phone=ibis.literal(1))
    spells = spells.left_join(own.distinct(), ["employer_id", "agent_id_number"])
    spells = spells.drop("employer_id_right", "agent_id_number_right")
    spells = spells.left_join(phones.distinct(), ["employer_id", "agent_phone"])
    spells = spells.drop("employer_id_right", "agent_phone_right")
    agent = ibis.coalesce(spells.agent_id_number, spells.agent_phone)
    known = agent.notnull() & spells.employer_id.notnull()
    member = spells.own_id.notnull() | spells.own_phone.notnull()
    return spells.mutate(
        agent=agent, known_agent=known.cast("int64"), stranger=(known & ~member).cast("int64")
    ).drop("own_id", "own_phone")


def _drawn(tables: Tables) -> ir.Table:
    """Return the benefits drawn: reimbursements by kind, and births among the stays."""
    import ibis

    r, s = tables["reimbursements"], tables["settlements"]
    at = ibis.coalesce(r.submitted_at, r.handled_at, r.paid_at, r.discharged_at)
    r = r.mutate(at=at).filter(r.benefit_kind.notnull() & at.notnull())
    zero = ibis.literal("0").cast("decimal(18,2)")
    r = r.filter(r.fund_amount > zero)
    claims = r.select(
        "patient_id", kind="benefit_kind", at=r["at"].cast("timestamp"), house="institution_id", key="reimbursement_id",
        amount="fund_amount", source=ibis.literal("reimbursements"),
    )
    s = s.filter(s.admitted_at.notnull() & s.diagnosis_code.startswith("O"))
    s = s.filter(s.fund_amount > zero)
    births = s.select(
        "patient_id", kind=ibis.literal(_DELIVERY), at=s.settled_at.cast("timestamp"), house="institution_id",
        key="settlement_id", amount="fund_amount", source=ibis.literal("settlements"),
    )
    drawn = claims.union(births, distinct=False)
    return drawn.mutate(on=drawn["at"].cast("date"))


def _expected(tables: Tables, joined: ir.Table, drawn: ir.Table, mark: ir.Table, params: Params) -> ir.Table:
    """Return, per marked hub and kind, how many joined, and how many of them would draw by chance.

    The chance is that of everybody else in the enrolments of the same sex and decade of birth to draw the benefit at
    any time in the data, which is longer than the stretch after joining.
    """
    import ibis

    stratum = _strata(joined, tables["patients"])
    has = drawn.select("patient_id", "kind").distinct()
    has = has.semi_join(mark, "kind")
    size = stratum.group_by("stratum").aggregate(n=stratum.count())
    cases = has.inner_join(stratum, "patient_id")
    cases = cases.group_by("kind", "stratum").aggregate(b=cases.count())
    first = drawn.aggregate(first=drawn.on.min())
    late = joined.semi_join(mark, "hub").cross_join(first)
    late = late.filter(late.since >= add_days(late["first"], -params.before_days)).inner_join(stratum, "patient_id")
    late = late.select("hub", "patient_id", "stratum")
    inside = late.group_by("hub", "stratum").aggregate(n_h=late.count())
    own = late.inner_join(has, "patient_id")
    own = own.group_by("hub", "kind", "stratum").aggregate(b_h=own.count())
    cell = mark.select("hub", "kind").inner_join(inside, "hub")
    cell = cell.inner_join(size, "stratum")
    cell = cell.left_join(cases, ["kind", "stratum"]).drop("kind_right", "stratum_right")
    cell = cell.left_join(own, ["hub", "kind", "stratum"]).drop("hub_right", "kind_right", "stratum_right")
    b, b_h = ibis.coalesce(cell.b, ibis.literal(0)), ibis.coalesce(cell.b_h, ibis.literal(0))
    chance = ((b - b_h).cast("float64") + 0.5) / ((cell.n - cell.n_h).cast("float64") + 1.0)
    cell = cell.mutate(chance=ibis.least(chance, ibis.literal(1.0)) * cell.n_h.cast("float64"))
    return cell.group_by("hub", "kind").aggregate(m_joined=cell.n_h.sum(), m_expected=cell.chance.sum().round(6))


def _strata(joined: ir.Table, patients: ir.Table) -> ir.Table:
    """Return the sex and decade of birth of everybody enrolled, as one text; unknown is a stratum of its own."""
    import ibis

    decade = floor_divide(patients.birth_date.year().cast("int64"), 10)
    people = patients.select("patient_id", stratum=string_key(patients.gender, decade))
    everybody = joined.select("patient_id").distinct().left_join(people, "patient_id").drop("patient_id_right")
    return everybody.mutate(stratum=ibis.coalesce(everybody.stratum, ibis.literal("|")))


def _whole(joined: ir.Table, drawn: ir.Table, params: Params) -> ir.Table:
    """Return what the nulls need to know of the run: one row."""
    size = joined.group_by("hub").aggregate(n=joined.count())
    size = size.filter(size.n >= params.people)
    spells = joined.filter(joined.hub_kind == HUBS[0])
    run = spells.aggregate(
        m_spells=spells.count(), m_run_based=spells.m_based.sum(), m_run_high=spells.m_high.sum(),
        m_run_agents=spells.m_known_agent.sum(), m_run_strangers=spells.m_stranger.sum(),
    )
    span = drawn.aggregate(first=drawn.on.min(), final=drawn.on.max(), m_kinds=drawn.kind.nunique())
    ended = spells.filter(spells.until.notnull()).cross_join(span)
    ended = ended.filter((ended.until >= ended["first"]) & (ended.until <= ended.final))
    ended = ended.aggregate(m_ended=ended.count())
    span = span.mutate(m_span_days=days_between(span.final, span["first"])).drop("first", "final")
    return run.cross_join(span).cross_join(ended).cross_join(size.aggregate(m_hubs=size.count()))


def confirm(group: Group, params: Params) -> Verdict | None:
    """Confirm that more people than chance drew one benefit soon after they joined, and what else is odd about them.

    Notes
    -----
    Every hub and benefit is a test of the excess. Bases, agents and endings are looked at only where enough people
    drew one benefit, which says nothing of them by itself: the hubs where that is so are their tests.
    """
    if group.n_units() < params.people:
        return None
    rows = group.rows
    people = rows.drop_duplicates("subject_id")
    n_tests = int(people["m_hubs"].iloc[0]) * int(people["m_kinds"].iloc[0])
    excess = _excess(people, n_tests)
    if log10_corrected(excess.log10_p, excess.n_tests) > params.surprise_log10_p:
        return None
    looked_at = max(1, group.n_tests)
    others = (_base(people, looked_at), _stranger(people, looked_at), _left(rows, looked_at, params))
    kept = tuple(
        a for a in others if a is not None and log10_corrected(a.log10_p, a.n_tests) <= params.surprise_log10_p
    )
    hub, kind = str(people["m_hub"].iloc[0]), str(people["m_hub_kind"].iloc[0])
    entity = {"employer_id": "employer", "agent_id_number": "agent", "agent_phone": "phone"}[kind]
    return Verdict(group.members, (excess, *kept), None, ((entity, hub, "enrols"),))


def _excess(people: pd.DataFrame, n_tests: int) -> Anomaly:
    """Test how many of those who joined drew the benefit.

    Notes
    -----
    The chances differ by sex and age; the binomial tail at their mean is at least that of the sum (W. Hoeffding 1956).
    """
    k, joined = len(people), max(len(people), int(people["m_joined"].iloc[0]))
    expected = float(people["m_expected"].iloc[0])
    tail = float(log10_binomial_tail(k, joined, min(1.0, expected / joined)))
    return Anomaly(
        Family.CALENDAR, "soon_after_joining", tail, n_tests,
        {"n_core": k, "n_joined": joined, "expected": round(expected, 4), "days": int(people["m_waited"].max())},
    )


def _share(k: int, n: int, run_k: int, run_n: int) -> float:
    """Return the share in the rest of the run, smoothed."""
    return min(1.0, (max(0, run_k - k) + 0.5) / (max(0, run_n - n) + 1))


def _base(people: pd.DataFrame, n_tests: int) -> Anomaly | None:
    """Test how many were enrolled on a base that few people have."""
    k, n = int(people["m_high"].sum()), int(people["m_based"].sum())
    if k == 0:
        return None
    run_high, run = int(people["m_run_high"].iloc[0]), int(people["m_run_based"].iloc[0])
    tail = float(log10_binomial_tail(k, n, _share(k, n, run_high, run)))
    detail = {"n_high": k, "n_based": n, "n_run_high": run_high, "n_run": run}
    return Anomaly(Family.AMOUNT, "high_base", tail, n_tests, detail)


def _stranger(people: pd.DataFrame, n_tests: int) -> Anomaly | None:
    """Test how many were enrolled by somebody who does not work there."""
    k, n = int(people["m_stranger"].sum()), int(people["m_known_agent"].sum())
    if k == 0:
        return None
    run_k, run = int(people["m_run_strangers"].iloc[0]), int(people["m_run_agents"].iloc[0])
    tail = float(log10_binomial_tail(k, n, _share(k, n, run_k, run)))
    detail = {"n_stranger": k, "n_known": n, "n_run_stranger": run_k, "n_run": run}
    return Anomaly(Family.CONTROL, "enrolled_by_stranger", tail, n_tests, detail)


def _left(rows: pd.DataFrame, n_tests: int, params: Params) -> Anomaly | None:
    """Test how many left right after the benefit, against how often anybody leaves in so many days."""
    gone = rows.groupby("subject_id")["m_left"].max()
    k, n, first = int(gone.sum()), len(gone), rows.iloc[0]
    if k == 0:
        return None
    span = max(int(first["m_span_days"]), params.left_days)
    chance = _share(k, n, int(first["m_ended"]), int(first["m_spells"])) * params.left_days / span
    detail = {
        "n_left": k, "n_core": n, "left_days": params.left_days, "n_ended": int(first["m_ended"]),
        "n_spells": int(first["m_spells"]), "span_days": span,
    }
    tail = float(log10_binomial_tail(k, n, min(1.0, chance)))
    return Anomaly(Family.TEMPO, "left_after_benefit", tail, n_tests, detail)


TYPOLOGY = Typology(
    code="T19",
    slug="fake_eligibility",
    title="疑似挂靠参保集中享受待遇",
    grade=Grade.E2,
    requires={
        "enrolments": frozenset({"patient_id", "valid_from", "employer_id"}),
        "reimbursements": frozenset({"reimbursement_id", "patient_id", "fund_amount", "benefit_kind"}),
    },
    optional={
        "enrolments": frozenset({"valid_to", "base_amount", "agent_id_number", "agent_phone"}),
        "reimbursements": frozenset({"submitted_at", "handled_at", "paid_at", "discharged_at", "institution_id"}),
        "patients": frozenset({"gender", "birth_date", "id_number", "phone"}),
        "settlements": frozenset({"admitted_at", "diagnosis_code"}),
    },
    detect=detect,
    confirm=confirm,
    grouping="hub",
    benign=("family", "outsourcing_firm"),
    provisions=("医疗保障基金使用监督管理条例 第四十条、第四十一条", "社会保险法 第八十八条"),
    clears=("劳动合同、考勤与工资发放记录", "单位经营情况与社保缴费来源说明", "代办单位的委托协议与营业资质"),
    records=("参保登记与增减员申报材料", "工资银行流水", "生育或住院原始材料", "代办人身份与委托书"),
    sentences={
        "soon": "该项待遇在参保登记后不久申领",
        "soon_after_joining": (
            "近期参保的 {n_joined} 人中有 {n_core} 人在参保后 {days} 天内享受同一种待遇，"
            "按同性别同年龄段参保人的比例预计 {expected} 人"
        ),
        "high_base": "{n_based} 人中有 {n_high} 人按高缴费基数参保，全部 {n_run} 条参保关系中有 {n_run_high} 条",
        "enrolled_by_stranger": (
            "{n_known} 人中有 {n_stranger} 人由不在该单位任职的人代办参保，全部 {n_run} 条中有 {n_run_stranger} 条"
        ),
        "left_after_benefit": (
            "{n_core} 人中有 {n_left} 人在享受待遇后 {left_days} 天内停保；"
            "全部 {n_spells} 条参保关系在 {span_days} 天内停保 {n_ended} 条"
        ),
    },
    params=Params(),
    minimum_subjects=5,
)
