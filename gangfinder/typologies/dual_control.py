"""T28: what an office's process must stop: one person handled and reviewed, or a suspended house was switched on.

This says that the office's process let it happen (不相容岗位未分离), not that a person gained by it: the subject is the
office, and the lead names nobody on its staff. A small office has it too; whether that is an excuse is for the office
to show.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gangfinder.model.evidence import Anomaly, Family, Grade
from gangfinder.model.group import Group, Verdict
from gangfinder.model.tails import log10_binomial_tail, log10_corrected
from gangfinder.typologies.contract import Tables, Typology

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

UNKNOWN_OFFICE = "未知经办机构"

SWITCHED_ON = "contract_switched_on"
"""The action by which a house may settle again."""

SWITCHED = "switched_row"


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of T28.

    Parameters
    ----------
    rows
        Fewest papers of one office that one person both handled and reviewed: a few are slips of the system.
    slip_share
        Share of papers that may be so by a slip: wrong login, a correction after the review.
    settled
        Fewest settlements of a house between the day on which somebody switched it on and the end of its suspension.
    surprise_log10_p
        An office is reported when the tail of its count, corrected for the offices, is at most this.
    """

    rows: int = 5
    slip_share: float = 0.01
    settled: int = 5
    surprise_log10_p: float = -3.0


def detect(tables: Tables, params: Params) -> ir.Table:
    """Return by office the papers of one pair of hands, and what suspended houses settled once switched on."""
    return _one_pair(tables, params).union(_switched(tables, params), distinct=False)


def _office_of(tables: Tables, column: str) -> ir.Table:
    staff = tables["staff"]
    return staff.group_by(**{column: staff.staff_id}).aggregate(office=staff.office.min())


def _switched(tables: Tables, params: Params) -> ir.Table:
    """Return the settlements of suspended houses from the day on which somebody switched them on."""
    import ibis

    a, c, s = tables["actions"], tables["contracts"], tables["settlements"]
    far, zero = ibis.literal("9999-12-31").cast("date"), ibis.literal(0).cast("int64")
    a = a.filter((a.action == SWITCHED_ON) & (a.target_type == "institution"))
    acted = a.select("staff_id", institution_id=a.target_id, on=a.acted_at.cast("date"))
    shut = c.filter(c.status == "suspended")
    shut = shut.select("institution_id", since=shut.valid_from, until=ibis.coalesce(shut.valid_to, far))
    met = acted.inner_join(shut, "institution_id")
    met = met.filter((met.on >= met.since) & (met.on <= met.until))
    met = met.left_join(_office_of(tables, "staff_id"), "staff_id").drop("staff_id_right")
    office = ibis.coalesce(met.office, ibis.literal(UNKNOWN_OFFICE))
    met = met.group_by("institution_id", "until", office=office).aggregate(on=met.on.min())
    done = s.mutate(day=s.settled_at.cast("date")).inner_join(met, "institution_id")
    done = done.filter((done.day >= done.on) & (done.day <= done.until))
    many = done.group_by("office", "institution_id").aggregate(m_papers=done.settlement_id.nunique())
    done = done.inner_join(many.filter(many.m_papers >= params.settled), ["office", "institution_id"])
    return done.select(
        group_id=done.office, subject_type=ibis.literal("office"), subject_id=done.office,
        institution_id=done.institution_id, source_table=ibis.literal("settlements"), source_key=done.settlement_id,
        event_at=done.settled_at.cast("timestamp"), amount=done.fund_amount.cast("decimal(18,2)"),
        grade=ibis.literal(Grade.E1.value), shows=ibis.literal(SWITCHED), m_papers=done.m_papers, m_same=zero,
        m_offices=zero, m_desks=zero, m_hands=zero, m_on=done.on.cast("string"),
    ).distinct()


def _one_pair(tables: Tables, params: Params) -> ir.Table:
    """Return the papers that one person handled and reviewed, by office."""
    import ibis

    r, f = tables["reimbursements"], tables["filings"]
    zero, when = ibis.literal("0").cast("decimal(18,2)"), "timestamp"
    claims = r.select(
        "handler_id", "reviewer_id", source=ibis.literal("reimbursements"), key=r.reimbursement_id,
        amount=r.fund_amount, at=ibis.coalesce(r.reviewed_at, r.handled_at, r.submitted_at).cast(when),
        house=r.institution_id,
    )
    filed = f.select(
        "handler_id", "reviewer_id", source=ibis.literal("filings"), key=f.filing_id, amount=zero,
        at=ibis.coalesce(f.reviewed_at, f.handled_at, f.filed_at).cast(when), house=f.institution_id,
    )
    p = claims.union(filed, distinct=False)
    p = p.filter(p.handler_id.notnull() & p.reviewer_id.notnull()).distinct()
    p = p.left_join(_office_of(tables, "handler_id"), "handler_id").drop("handler_id_right")
    p = p.mutate(office=ibis.coalesce(p.office, ibis.literal(UNKNOWN_OFFICE)))
    same = ibis.ifelse(p.handler_id == p.reviewer_id, 1, 0)
    whole = p.group_by("office").aggregate(
        m_papers=p.count(), m_same=same.sum(), m_hands=p.handler_id.nunique(where=p.handler_id == p.reviewer_id)
    )
    hands = p.select("office", who="handler_id").union(p.select("office", who="reviewer_id"), distinct=True)
    whole = whole.inner_join(hands.group_by("office").aggregate(m_desks=hands.count()), "office")
    offices = whole.aggregate(m_offices=whole.count())
    found = p.filter(p.handler_id == p.reviewer_id)
    found = found.inner_join(whole.filter(whole.m_same >= params.rows), "office").cross_join(offices)
    return found.select(
        group_id=found.office, subject_type=ibis.literal("office"), subject_id=found.office,
        institution_id=found.house, source_table=found.source, source_key=found.key, event_at=found["at"],
        amount=found.amount.cast("decimal(18,2)"), grade=ibis.literal(Grade.E1.value), shows=ibis.literal("both_hands"),
        m_papers=found.m_papers, m_same=found.m_same, m_offices=found.m_offices, m_desks=found.m_desks,
        m_hands=found.m_hands, m_on=ibis.null().cast("string"),
    )


def confirm(group: Group, params: Params) -> Verdict | None:
    """Confirm an office at which one person did both more often than slips explain, or a shut house was switched on."""
    rows = group.rows
    both, on = rows[rows["shows"] == "both_hands"], rows[rows["shows"] == SWITCHED]
    pair = _of_hands(both.drop_duplicates(["source_table", "source_key"]), params) if len(both) else None
    houses = [_of_house(str(house), part) for house, part in on.groupby("institution_id", sort=True)]
    found = (*((pair,) if pair else ()), *houses)
    if not found:
        return None
    kept = (rows["shows"] == SWITCHED) | (pair is not None)
    hubs = tuple(("institution", str(a.detail["house"]), "settles") for a in houses)
    return Verdict(group.members, found, kept, hubs)


def _of_house(house: str, rows: pd.DataFrame) -> Anomaly:
    """Say what a house settled after it was switched on and before its suspension ended: no chance is computed."""
    detail: dict[str, str | int | float] = {
        "house": house, "acted_on": str(rows["m_on"].min()), "n_rows": int(rows["source_key"].nunique()),
        "last_on": f"{rows['event_at'].max():%Y-%m-%d}",
    }
    return Anomaly(Family.CONTROL, "switched_on", 0.0, 1, detail)


def _of_hands(rows: pd.DataFrame, params: Params) -> Anomaly | None:
    facts = rows.iloc[0]
    k, n, offices = len(rows), int(facts["m_papers"]), max(1, int(facts["m_offices"]))
    tail = float(log10_binomial_tail(k, max(n, k), params.slip_share))
    if k < params.rows or log10_corrected(tail, offices) > params.surprise_log10_p:
        return None
    days = sorted({f"{at:%Y-%m-%d}" for at in rows["event_at"].dropna()})
    detail: dict[str, str | int | float] = {
        "n_both": k, "n_papers": n, "n_hands": int(facts["m_hands"]), "slip_share": params.slip_share,
        "first_on": days[0] if days else "", "last_on": days[-1] if days else "",
    }
    return Anomaly(Family.CONTROL, "one_pair_of_hands", tail, offices, detail)


TYPOLOGY = Typology(
    code="T28",
    slug="dual_control",
    title="疑似经办流程失控",
    grade=Grade.E1,
    requires={},
    optional={
        "reimbursements": frozenset(
            {"handler_id", "reviewer_id", "submitted_at", "handled_at", "reviewed_at", "institution_id"}
        ),
        "filings": frozenset({"handler_id", "reviewer_id", "handled_at", "reviewed_at", "institution_id"}),
        "staff": frozenset({"office"}),
        "actions": frozenset({"target_type", "target_id"}),
        "contracts": frozenset({"valid_to", "status"}),
        "settlements": frozenset(),
    },
    one_of={
        "reimbursements": frozenset({"reviewer_id"}), "filings": frozenset({"reviewer_id"}),
        "actions": frozenset({"target_id"}),
    },
    without="no paper says who reviewed it, and nobody is known to have switched on a house",
    detect=detect,
    confirm=confirm,
    grouping="hub",
    benign=("small_office",),
    provisions=("社会保险经办条例（内部控制）", "医疗保障经办机构内部控制制度（不相容岗位分离）"),
    clears=("系统登录代用或补录的情况说明", "经批准的兼岗文件", "事后由他人补复核的记录"),
    records=("业务系统经办与复核日志", "岗位授权表", "内部控制检查记录"),
    sentences={
        "both_hands": "该笔业务的受理与复核为同一人",
        SWITCHED: "该机构协议暂停期间、被恢复结算之后的结算",
        "switched_on": (
            "机构 {house} 协议暂停期间，该经办机构于 {acted_on} 为其恢复结算，此后至 {last_on} 仍在暂停期内结算"
            " {n_rows} 笔。仅说明流程，不指向个人"
        ),
        "one_pair_of_hands": (
            "该经办机构 {n_papers} 笔业务中有 {n_both} 笔由同一人受理并复核（涉及 {n_hands} 个岗位账号，"
            "{first_on} 至 {last_on}）；按差错率 {slip_share} 计远少于此。仅说明流程，不指向个人"
        ),
    },
    params=Params(),
    minimum_subjects=0,
    subject_type="office",
    sealed=True,
)
