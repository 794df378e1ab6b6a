"""T28: one pair of hands where there must be two: the same person handled and reviewed (不相容岗位未分离).

This says that the office's process let it happen, not that the person gained by it: the subject is the office, and the
lead names nobody on its staff. A small office has it too; whether that is an excuse is for the office to show.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gangfinder.model.evidence import Anomaly, Family, Grade
from gangfinder.model.group import Group, Verdict
from gangfinder.model.tails import log10_binomial_tail
from gangfinder.typologies.contract import Tables, Typology

if TYPE_CHECKING:
    import ibis.expr.types as ir

UNKNOWN_OFFICE = "未知经办机构"


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of T28.

    Parameters
    ----------
    rows
        Fewest papers of one office that one person both handled and reviewed: a few are slips of the system.
    slip_share
        Share of papers that may be so by a slip: wrong login, a correction after the review.
    surprise_log10_p
        An office is reported when the tail of its count, corrected for the offices, is at most this.
    """

    rows: int = 5
    slip_share: float = 0.01
    surprise_log10_p: float = -3.0


def detect(tables: Tables, params: Params) -> ir.Table:
    """Return the papers that one person handled and reviewed, by office."""
    import ibis

    r, f, staff = tables["reimbursements"], tables["filings"], tables["staff"]
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
    place = staff.group_by(handler_id=staff.staff_id).aggregate(office=staff.office.min())
    p = p.left_join(place, "handler_id").drop("handler_id_right")
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
        m_hands=found.m_hands,
    )


def confirm(group: Group, params: Params) -> Verdict | None:
    """Confirm an office at which more papers were handled and reviewed by one person than slips explain."""
    rows = group.rows.drop_duplicates(["source_table", "source_key"])
    facts = rows.iloc[0]
    k, n, offices = len(rows), int(facts["m_papers"]), max(1, int(facts["m_offices"]))
    tail = float(log10_binomial_tail(k, max(n, k), params.slip_share))
    if k < params.rows or tail + float(len(str(offices)) - 1) > params.surprise_log10_p:
        return None
    days = sorted({f"{at:%Y-%m-%d}" for at in rows["event_at"].dropna()})
    detail: dict[str, str | int | float] = {
        "n_both": k, "n_papers": n, "n_hands": int(facts["m_hands"]), "slip_share": params.slip_share,
        "first_on": days[0] if days else "", "last_on": days[-1] if days else "",
    }
    return Verdict(group.members, (Anomaly(Family.CONTRADICTION, "one_pair_of_hands", tail, offices, detail),))


TYPOLOGY = Typology(
    code="T28",
    slug="dual_control",
    title="疑似经办与复核岗位未分离",
    grade=Grade.E1,
    requires={},
    optional={
        "reimbursements": frozenset(
            {"handler_id", "reviewer_id", "submitted_at", "handled_at", "reviewed_at", "institution_id"}
        ),
        "filings": frozenset({"handler_id", "reviewer_id", "handled_at", "reviewed_at", "institution_id"}),
        "staff": frozenset({"office"}),
    },
    one_of={"reimbursements": frozenset({"reviewer_id"}), "filings": frozenset({"reviewer_id"})},
    detect=detect,
    confirm=confirm,
    grouping="hub",
    benign=("small_office",),
    provisions=("社会保险经办条例 第二十九条", "医疗保障经办机构内部控制制度（不相容岗位分离）"),
    clears=("系统登录代用或补录的情况说明", "经批准的兼岗文件", "事后由他人补复核的记录"),
    records=("业务系统经办与复核日志", "岗位授权表", "内部控制检查记录"),
    sentences={
        "both_hands": "该笔业务的受理与复核为同一人",
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
