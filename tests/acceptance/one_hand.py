"""A sealed typology as a third party would write it: a handler of a ring's claims who is paid on one of its accounts.

It is dropped in by the tests of the sealed pass (:mod:`tests.acceptance.test_sealed`) to prove that leads on staff
really arise; it is no detector to rely on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gangfinder.model.evidence import Anomaly, Family, Grade
from gangfinder.model.group import Group, Verdict
from gangfinder.model.tails import log10_hypergeometric_tail
from gangfinder.typologies.contract import Tables, Typology

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of one hand.

    Parameters
    ----------
    claims
        Fewest claims of rings that a handler took in.
    """

    claims: int = 5


def detect(tables: Tables, params: Params) -> ir.Table:
    """Return the claims of the open leads, grouped by the member of staff who took them in."""
    import ibis

    claims, staff, found = tables["reimbursements"], tables["staff"], tables["ring_rows"]
    rings = found.filter(found.source_table == "reimbursements").select(claim="source_key").distinct()
    all_claims = claims.aggregate(m_all=claims.count(), m_ring=claims.reimbursement_id.isin(rings.claim).sum())
    own = claims.inner_join(staff, claims.handler_id == staff.staff_id)
    taken = own.group_by("staff_id").aggregate(m_taken=own.count())
    rows = own.semi_join(rings, own.reimbursement_id == rings.claim)
    rows = rows.inner_join(taken, "staff_id").cross_join(all_claims)
    return rows.select(
        group_id=rows.staff_id, subject_type=ibis.literal("staff"), subject_id=rows.staff_id,
        institution_id=rows.institution_id, source_table=ibis.literal("reimbursements"),
        source_key=rows.reimbursement_id, event_at=rows.submitted_at.cast("timestamp"), amount=rows.fund_amount,
        grade=ibis.literal(Grade.E2.value), shows=ibis.literal("taken"),
        m_own=ibis.coalesce(rows.payee_account == rows.bank_account, ibis.literal(value=False)).cast("int64"),
        m_taken=rows.m_taken, m_all=rows.m_all, m_ring=rows.m_ring,
    )


def confirm(group: Group, params: Params) -> Verdict | None:
    """Confirm a handler who took in more of the rings' claims than his share, some of them paid to himself."""
    rows, k = group.rows, len(group.rows)
    own = int(rows["m_own"].sum())
    if k < params.claims:
        return None
    taken, ring, every = (int(rows[c].iloc[0]) for c in ("m_taken", "m_ring", "m_all"))
    tail = float(log10_hypergeometric_tail(k, every, ring, taken))
    detail = {"n_claims": k, "n_taken": taken, "n_ring": ring, "n_all": every, "n_own": own}
    share = Anomaly(Family.CONTROL, "share", tail, group.n_tests, detail)
    tie = Anomaly(Family.PERSONAL, "own_account", -6.0, group.n_tests, detail)
    return Verdict(group.members, (share, tie) if own else (share,))


TYPOLOGY = Typology(
    code="T97",
    slug="one_hand",
    title="疑似经办人员与报销群体关联",
    grade=Grade.E2,
    requires={
        "staff": frozenset({"staff_id", "bank_account"}),
        "reimbursements": frozenset(
            {"reimbursement_id", "handler_id", "payee_account", "submitted_at", "institution_id"}
        ),
    },
    uses=frozenset({"ring_rows"}),
    detect=detect,
    confirm=confirm,
    benign=("local_agent",),
    provisions=("医疗保障基金使用监督管理条例",),
    clears=("岗位分工与排班表",),
    records=("经办日志",),
    sentences={
        "taken": "该笔报销由其受理",
        "share": "其受理 {n_taken} 笔中有 {n_claims} 笔属于线索涉及的 {n_ring} 笔（全部 {n_all} 笔）",
        "own_account": "其中 {n_own} 笔付至其本人账户",
    },
    params=Params(),
    minimum_subjects=0,
    subject_type="staff",
    sealed=True,
)
