"""T18: bills of several people are paid twice, or are another payer's, through one hand or house (重复报销)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gangfinder.engine.portable import days_between, string_key
from gangfinder.model.evidence import Anomaly, Family, Grade
from gangfinder.model.group import Group, Verdict
from gangfinder.model.tails import log10_binomial_tail, log10_corrected
from gangfinder.typologies.contract import Tables, Typology

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

HANDS = ("agent_id_number", "agent_phone", "payee_account", "house")
"""What a bill goes through; of settlements the house and the agents."""

BASIC = ("basic", "inpatient", "outpatient", "chronic", "special_drug", "maternity")
"""Benefit kinds that are one layer with what is settled on the spot: each of them alone pays a bill once."""

INJURIES = ("traffic_injury", "work_injury")
"""Kinds of signals that say somebody else has to pay."""


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of T18.

    Parameters
    ----------
    people
        Fewest unrelated people of a group.
    full_share
        A payment is one of the whole bill, and not of a rest, when it is at least this share of the bill.
    injury_days
        A stay belongs to an injury on record when they are at most so many days apart.
    agents_people
        An agent who handed in such stays of at least so many people draws in the other injuries he handed in there.
    surprise_log10_p
        An anomaly is reported when its tail, corrected for the run's tests, is at most this.
    """

    people: int = 5
    full_share: float = 0.3
    injury_days: int = 3
    agents_people: int = 3
    surprise_log10_p: float = -3.0


def detect(tables: Tables, params: Params) -> ir.Table:
    """Return the payments of bills paid twice, and stays that another payer owed, by the hands they went through."""
    paid, twice, hurt = tables["paid"], tables["twice"], tables["hurt"]
    owed = hurt.filter(hurt.marked == 1)
    return _rows(paid, twice, twice, "payment", Grade.E1, params).union(
        _rows(hurt, owed, _same_agent(hurt, owed, params), "injury", Grade.E2, params), distinct=False
    )


def _payments(tables: Tables, params: Params) -> ir.Table:  # noqa: ARG001 - the signature of a step
    """Return every payment of a bill that was handed in, and of the same stays settled on the spot."""
    import ibis

    r = tables["reimbursements"]
    nothing = ibis.null().cast("string")
    at = ibis.coalesce(r.submitted_at, r.handled_at, r.paid_at, r.invoice_on.cast("timestamp"), r.discharged_at)
    r = r.mutate(house=ibis.coalesce(r.institution_id, r.institution_name), at=at.cast("timestamp"))
    kind = ibis.coalesce(r.benefit_kind, ibis.literal(BASIC[0]))
    stay = string_key(r.patient_id, r.house, r.admitted_at.cast("date"), r.discharged_at.cast("date"))
    known = r.house.notnull() & r.admitted_at.notnull() & r.discharged_at.notnull()
    claims = r.select(
        "patient_id", "house", "at", *HANDS[:3], source=ibis.literal("reimbursements"), key="reimbursement_id",
        fund=r.fund_amount, total=r.total_amount, layer=ibis.ifelse(kind.isin(BASIC), ibis.literal(BASIC[0]), kind),
        bill=ibis.ifelse(r.invoice_no.notnull(), string_key(r.house, r.invoice_no), nothing),
        stay=ibis.ifelse(known, stay, nothing),
    )
    s = tables["settlements"]
    s = s.filter(s.admitted_at.notnull() & s.discharged_at.notnull())
    settled = s.select(
        "patient_id", house="institution_id", at=s.settled_at.cast("timestamp"),
        agent_id_number="agent_id_number", agent_phone="agent_phone", payee_account=nothing,
        source=ibis.literal("settlements"), key="settlement_id", fund="fund_amount", total="total_amount",
        layer=ibis.literal(BASIC[0]),
        bill=ibis.ifelse(s.invoice_no.notnull(), string_key(s.institution_id, s.invoice_no), nothing),
        stay=string_key(s.patient_id, s.institution_id, s.admitted_at.cast("date"), s.discharged_at.cast("date")),
    )
    same_bill = settled.semi_join(claims.filter(claims.bill.notnull()), "bill")
    same_stay = settled.semi_join(claims.filter(claims.stay.notnull()), "stay").anti_join(same_bill, "key")
    return claims.union(same_bill, distinct=False).union(same_stay, distinct=False)


def _twice(tables: Tables, params: Params) -> ir.Table:
    """Return the payments of bills that were paid in full twice, or beyond their total; what was taken back is net."""
    import ibis

    paid = tables["paid"]
    size = ibis.literal(params.full_share)
    fund, total = paid.fund.cast("float64"), paid.total.cast("float64").abs()
    full = (fund.abs() >= size * total).cast("int64") * ibis.ifelse(fund < 0, -1, 1)
    full = ibis.ifelse(paid.total.isnull(), ibis.ifelse(fund < 0, -1, 1), full)
    marked = paid.mutate(full=full, yuan=fund, whole=total)
    found = []
    for name in ("bill", "stay"):
        known = marked.filter(marked[name].notnull())
        layer = known.group_by(name, "layer").aggregate(n_full=known.full.sum())
        most = layer.group_by(name).aggregate(n_full=layer.n_full.max())
        sums = known.group_by(name).aggregate(yuan=known.yuan.sum(), whole=known.whole.max(), n=known.count())
        both = sums.inner_join(most, name)
        beyond = ibis.coalesce(both.yuan > both.whole * 1.001 + 1.0, ibis.literal(value=False))
        double = both.filter((both.n >= 2) & ((both.n_full >= 2) | beyond))
        found.append(known.semi_join(double, name).mutate(same=known[name]))
    every = found[0].union(found[1], distinct=False)
    # a bill known by its number and by its stay counts once
    named = every.group_by("source", "key").aggregate(same=every.same.min())
    return paid.inner_join(named, ["source", "key"])


def _injured(tables: Tables, params: Params) -> ir.Table:
    """Return stays after injuries that the fund paid, marked where the injury is on record as another payer's."""
    import ibis

    s, told = tables["settlements"], tables["signals"]
    zero = ibis.literal("0").cast("decimal(18,2)")
    hurt = s.filter(
        s.admitted_at.notnull() & (s.fund_amount > zero)
        & (s.diagnosis_code.startswith("S") | s.diagnosis_code.startswith("T"))
    )
    told = told.filter((told.entity_type == "patient") & told.kind.isin(INJURIES))
    told = told.select(patient_id="entity_id", on="observed_on")
    near = hurt.inner_join(told, "patient_id")
    gap = days_between(near.admitted_at.cast("date"), near.on).abs()
    near = near.filter(gap <= params.injury_days).select("settlement_id").distinct().mutate(marked=1)
    hurt = hurt.left_join(near, "settlement_id").drop("settlement_id_right")
    return hurt.select(
        "patient_id", "agent_id_number", "agent_phone", payee_account=ibis.null().cast("string"),
        house="institution_id", at=hurt.settled_at.cast("timestamp"), source=ibis.literal("settlements"),
        key="settlement_id", fund="fund_amount", same="settlement_id",
        marked=ibis.coalesce(hurt.marked, ibis.literal(0)),
    )


def _same_agent(hurt: ir.Table, owed: ir.Table, params: Params) -> ir.Table:
    """Return the stays that another payer owed, and further injuries handed in by the agents of several of them."""
    import ibis

    by = ibis.coalesce(owed.agent_id_number, owed.agent_phone)
    agents = owed.mutate(by=by).filter(by.notnull()).group_by("house", "by").aggregate(n=ibis._.patient_id.nunique())
    agents = agents.filter(agents.n >= params.agents_people)
    more = hurt.mutate(by=ibis.coalesce(hurt.agent_id_number, hurt.agent_phone)).filter(hurt.marked == 0)
    return owed.union(more.semi_join(agents, ["house", "by"]).drop("by"), distinct=False)


def _rows(
    every: ir.Table, marked: ir.Table, shown: ir.Table, shows: str, grade: Grade, params: Params
) -> ir.Table:
    """Return the evidence rows: what is shown, of hands through which enough marked people's went."""
    import ibis

    bills, hit = _by_hand(every, "key"), _by_hand(marked, "same")
    count = bills.group_by("hand").aggregate(m_bills=bills.unit.nunique())
    hands = hit.group_by("hand").aggregate(m_marked=hit.unit.nunique(), n_people=hit.patient_id.nunique())
    hands = hands.filter(hands.n_people >= params.people).inner_join(count, "hand").drop("n_people")
    shared = _shared(every)
    run = every.aggregate(m_run_bills=every.count()).cross_join(marked.aggregate(m_run_marked=marked.same.nunique()))
    run = run.cross_join(every.semi_join(shared, "key").aggregate(m_run_shared=ibis._.count()))
    large = count.filter(count.m_bills >= params.people)
    run = run.cross_join(large.aggregate(m_tests=large.count()))
    rows = _by_hand(shown, "same").inner_join(hands, "hand").left_join(shared, "key").drop("key_right").cross_join(run)
    # of a bill paid twice the first payment was due
    order = ibis.window(group_by="same", order_by=["at", "key"])
    ranked = marked.mutate(nth=ibis.row_number().over(order))
    first = ranked.filter(ranked.nth == 0).select("key", first=ibis.literal(1)).distinct()
    rows = rows.left_join(first, "key").drop("key_right")
    rows = rows.left_join(marked.select("key", hit=ibis.literal(1)).distinct(), "key").drop("key_right")
    due = rows["first"].notnull() if shows == "payment" else ibis.literal(value=False)
    return rows.select(
        group_id=ibis.literal(f"{shows}|").concat(rows.hand), subject_type=ibis.literal("patient"),
        subject_id=rows.patient_id, institution_id=rows.house, source_table=rows.source, source_key=rows.key,
        event_at=rows.at, amount=rows.fund.cast("decimal(18,2)"),
        grade=ibis.ifelse(due, ibis.literal(Grade.E3.value), ibis.literal(grade.value)),
        shows=ibis.ifelse(due, ibis.literal("first_payment"), ibis.literal(shows)),
        m_hit=rows.hit.notnull().cast("int64"), m_bills=rows.m_bills, m_marked=rows.m_marked,
        m_run_bills=rows.m_run_bills, m_run_marked=rows.m_run_marked,
        m_tests=rows.m_tests, m_hand=rows.hand, m_hand_kind=rows.hand_kind, m_same=rows.unit,
        m_run_shared=rows.m_run_shared, m_agent=rows.agent, m_shared=rows.agent.notnull().cast("int64"),
    )


def _shared(every: ir.Table) -> ir.Table:
    """Return what was handed in by agents of several people: key, agent."""
    import ibis

    named = every.select("key", "patient_id", agent=ibis.coalesce(every.agent_id_number, every.agent_phone))
    named = named.filter(named.agent.notnull())
    several = named.group_by("agent").aggregate(n=named.patient_id.nunique())
    return named.semi_join(several.filter(several.n >= 2), "agent").select("key", "agent").distinct()


def _by_hand(given: ir.Table, unit: str) -> ir.Table:
    """Return the rows once for each hand they went through."""
    import ibis

    parts = []
    for column in HANDS:
        known = given.filter(given[column].notnull() & (given[column] != ""))
        parts.append(
            known.select(
                "patient_id", "house", "at", "source", "key", "fund", "agent_id_number", "agent_phone",
                hand=known[column], hand_kind=ibis.literal(column), unit=known[unit],
            )
        )
    return parts[0].union(*parts[1:], distinct=False)


def confirm(group: Group, params: Params) -> Verdict | None:
    """Confirm that more bills than chance were paid twice, or owed by another payer, through one hand."""
    if group.n_units() < params.people:
        return None
    rows = group.rows
    if group.group_id.startswith("payment|"):
        found: tuple[Anomaly | None, ...] = (_marked(rows, Family.CONTRADICTION, "paid_twice"),)
    else:
        found = (_marked(rows, Family.ATTRIBUTE, "other_payer"), _one_agent(rows))
    kept = tuple(
        a for a in found if a is not None and log10_corrected(a.log10_p, a.n_tests) <= params.surprise_log10_p
    )
    if not kept or kept[0].name == "one_agent":
        return None
    return Verdict(group.members, kept, None, _hubs(rows))


def _hubs(rows: pd.DataFrame) -> tuple[tuple[str, str, str], ...]:
    """Name the hand, where it is not the house, and the agent of most rows."""
    names = {"agent_id_number": "agent", "agent_phone": "phone", "payee_account": "bank_account"}
    kind, hand = str(rows["m_hand_kind"].iloc[0]), str(rows["m_hand"].iloc[0])
    return ((names[kind], hand, "agent"),) if kind in names else ()


def _marked(rows: pd.DataFrame, family: Family, name: str) -> Anomaly:
    """Test the hand's bills against the rest of the run."""
    first = rows.iloc[0]
    k, run_k = int(rows.loc[rows["m_hit"] == 1, "m_same"].nunique()), int(first["m_run_marked"])
    run_k -= int(first["m_marked"]) - k  # rows of the hand that are not at hand are nobody's
    n, run = max(k, int(first["m_bills"])), max(int(first["m_run_bills"]), int(first["m_bills"]))
    chance = min(1.0, (max(0, run_k - k) + 0.5) / (max(0, run - n) + 1))
    detail = {
        "n_marked": k, "n_bills": n, "n_core": int(rows["subject_id"].nunique()), "n_rest_marked": max(0, run_k - k),
        "n_rest": max(0, run - n),
    }
    return Anomaly(family, name, float(log10_binomial_tail(k, n, chance)), max(1, int(first["m_tests"])), detail)


def _one_agent(rows: pd.DataFrame) -> Anomaly | None:
    """Test how many of a house's rows one agent handed in, against agents of several people in the rest."""
    first = rows.iloc[0]
    known = rows[rows["m_agent"].notna() & (rows["m_shared"] == 1)]
    if known.empty or first["m_hand_kind"] != "house":
        return None
    k, n = int(known["m_agent"].value_counts().iloc[0]), len(rows)
    run_k, run = int(first["m_run_shared"]), int(first["m_run_bills"])
    chance = min(1.0, (max(0, run_k - k) + 0.5) / (max(0, run - n) + 1))
    detail = {"n_agent": k, "n_rows": n, "n_rest_agents": max(0, run_k - k), "n_rest": max(0, run - n)}
    tail = float(log10_binomial_tail(k, n, chance))
    return Anomaly(Family.CONTROL, "one_agent", tail, max(1, int(first["m_tests"])), detail)


TYPOLOGY = Typology(
    code="T18",
    slug="double_reimbursement",
    title="疑似重复报销或隐瞒第三方责任",
    grade=Grade.E1,
    requires={"reimbursements": frozenset({"reimbursement_id", "patient_id", "fund_amount"})},
    optional={
        "reimbursements": frozenset(
            {
                "total_amount", "benefit_kind", "invoice_no", "invoice_on", "institution_id", "institution_name",
                "admitted_at", "discharged_at", "payee_account", "agent_id_number", "agent_phone", "submitted_at",
                "handled_at", "paid_at",
            }
        ),
        "settlements": frozenset(
            {
                "admitted_at", "discharged_at", "total_amount", "invoice_no", "diagnosis_code", "agent_id_number",
                "agent_phone",
            }
        ),
        "signals": frozenset({"entity_type", "entity_id", "kind", "observed_on"}),
    },
    steps=(("paid", _payments), ("twice", _twice), ("hurt", _injured)),
    detect=detect,
    confirm=confirm,
    grouping="hub",
    benign=("family", "lawful_layering", "local_agent"),
    provisions=("医疗保障基金使用监督管理条例 第十七条、第四十条、第四十一条", "社会保险法 第三十条"),
    clears=("更正、退回或补差的业务记录", "基本、大病、救助依次支付的分割单", "交警、工伤部门关于责任未认定的证明"),
    records=(
        "票据原件与电子票据查验结果", "就地结算与零星报销的经办日志", "交通事故认定书或工伤认定书", "收款账户流水",
    ),
    sentences={
        "payment": "该票据被重复支付",
        "first_payment": "该票据的首次支付",
        "injury": "该次外伤住院另有责任方记录，或由同一代办人办理",
        "paid_twice": (
            "经同一渠道的 {n_bills} 张票据中有 {n_marked} 张被全额支付两次或支付合计超过总费用，涉及 {n_core} 人；"
            "其余 {n_rest} 张中有 {n_rest_marked} 张"
        ),
        "other_payer": (
            "经同一渠道的 {n_bills} 次外伤住院中有 {n_marked} 次另有交通事故或工伤记录，涉及 {n_core} 人；"
            "其余 {n_rest} 次中有 {n_rest_marked} 次"
        ),
        "one_agent": (
            "其中 {n_rows} 次有 {n_agent} 次由同一代办人办理；其余 {n_rest} 次外伤住院中由多人共用代办人办理的有"
            " {n_rest_agents} 次"
        ),
    },
    params=Params(),
    minimum_subjects=5,
)
