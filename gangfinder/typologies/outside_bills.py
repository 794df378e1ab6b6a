"""T26: one clinic or shop writes the paper bills of many strangers who never settle there (代开票据).

The hub in between, as the repairer in motor insurance: who delivers what is claimed. Its own customers settle on the
spot; when its line is down, its own customers hand in paper. People from everywhere who are never seen there but hold
its bills are neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gangfinder.linking.paper_bills import hub_of, stranger_bills, writers
from gangfinder.model.evidence import Anomaly, Family, Grade
from gangfinder.model.group import Group, Verdict
from gangfinder.model.tails import log10_binomial_tail, log10_corrected
from gangfinder.typologies._claim_hubs import origins_of
from gangfinder.typologies.contract import Tables, Typology

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of T26.

    Parameters
    ----------
    people
        Fewest unrelated strangers of a group.
    patrons
        Fewest people who settle on the spot at a house that is judged: of one that is not on line everybody's bill is
        on paper.
    rate_factor
        Strangers are at least so many times what houses of the kind let expect.
    local_share
        People of one employer or village, from this share of a group on, have a reason of their own to go there.
    surprise_log10_p
        The tail, corrected for its tests, is at most this.
    """

    people: int = 5
    patrons: int = 5
    rate_factor: float = 3.0
    local_share: float = 0.5
    surprise_log10_p: float = -3.0


def detect(tables: Tables, params: Params) -> ir.Table:
    """Return the bills of strangers at houses that have enough of them, with the size of the house and of its peers."""
    import ibis

    houses = _with_peers(writers(tables, params.patrons))
    chosen = houses.filter(houses.m_house_strangers >= params.people).drop("kind")
    r = tables["reimbursements"]
    zero = ibis.literal("0").cast("decimal(18,2)")
    at = ibis.coalesce(r.submitted_at, r.handled_at, r.paid_at, r.invoice_on.cast("timestamp"))
    bills = r.filter(r.fund_amount >= zero).select("reimbursement_id", "fund_amount", event_at=at)
    rows = tables["strange"].inner_join(chosen, "house").inner_join(bills, "reimbursement_id")
    rows = rows.left_join(origins_of(tables["patients"]), "patient_id").drop("patient_id_right")
    return rows.select(
        group_id=hub_of(rows.house),
        subject_type=ibis.literal("patient"),
        subject_id=rows.patient_id,
        institution_id=rows.house,
        source_table=ibis.literal("reimbursements"),
        source_key=rows.reimbursement_id,
        event_at=rows.event_at,
        amount=rows.fund_amount,
        grade=ibis.literal(Grade.E2.value),
        shows=ibis.literal("outside_bill"),
        **{c: rows[c] for c in sorted(rows.columns) if c.startswith("m_")},
    )


def _strange(tables: Tables, params: Params) -> ir.Table:  # noqa: ARG001 - the signature of a step
    return stranger_bills(tables)


def _with_peers(houses: ir.Table) -> ir.Table:
    """Add what a house is compared with: all others of its kind whose share of strangers is no higher.

    Houses with a higher share are under question themselves: counting them would let one ring hide another.
    """
    import ibis

    share = (houses.m_house_strangers.cast("float64") / houses.m_house_patrons.cast("float64")).round(9)
    rated = houses.mutate(_share=share)
    level = rated.group_by("kind", "_share").aggregate(
        _strangers=rated.m_house_strangers.sum(), _patrons=rated.m_house_patrons.sum()
    )
    up_to = ibis.window(group_by="kind", order_by="_share", preceding=None, following=0)
    level = level.select(
        "kind", "_share", _strangers=level._strangers.sum().over(up_to), _patrons=level._patrons.sum().over(up_to)
    )
    full = rated.inner_join(level, ["kind", "_share"]).cross_join(rated.aggregate(m_houses=rated.count()))
    full = full.mutate(
        m_rest_strangers=full._strangers - full.m_house_strangers, m_rest_patrons=full._patrons - full.m_house_patrons
    )
    return full.select(
        "house", "kind", "m_house_strangers", "m_house_patrons", "m_rest_strangers", "m_rest_patrons", "m_houses"
    )


def confirm(group: Group, params: Params) -> Verdict | None:
    """Confirm a house with more strangers on paper than its size and kind let expect, who are of no one place."""
    rows = group.rows
    if group.n_units() < params.people or _of_one_place(rows, group, params):
        return None
    anomaly = _strangers(rows.iloc[0], group.n_units(), params)
    if anomaly is None:
        return None
    return Verdict(group.members, (anomaly,), None, (("institution", str(rows["institution_id"].iloc[0]), "bills"),))


def _of_one_place(rows: pd.DataFrame, group: Group, params: Params) -> bool:
    """Say whether many of the group are of one employer or village."""
    people = rows.drop_duplicates("subject_id")
    people = people.assign(unit=[group.units.get(s, s) for s in people["subject_id"]]).drop_duplicates("unit")
    tops = [people[c].value_counts().max() for c in ("m_work", "m_home") if people[c].notna().any()]
    return bool(tops) and int(max(tops)) > params.local_share * len(people)


def _strangers(facts: pd.Series[float], k: int, params: Params) -> Anomaly | None:
    """Test the unrelated strangers against houses of the kind, by the number of those who settle there.

    Notes
    -----
    Of everybody known at the house, by settlements or by a bill alone, so many are strangers: binomial tail at the
    share among its peers, to whom half a stranger is added. Every house of the kinds is a test.
    """
    patrons, rest = int(facts["m_house_patrons"]), int(facts["m_rest_patrons"])
    n = patrons + max(k, int(facts["m_house_strangers"]))
    strangers = int(facts["m_rest_strangers"])
    rate = min(1.0, (strangers + 0.5) / max(1.0, rest + strangers))
    if k < params.rate_factor * rate * n:
        return None
    tail, n_tests = float(log10_binomial_tail(k, n, rate)), int(facts["m_houses"])
    if log10_corrected(tail, n_tests) > params.surprise_log10_p:
        return None
    detail: dict[str, str | int | float] = {
        "n_units": k, "n_known": n, "n_patrons": patrons, "n_rest": rest, "n_rest_strangers": strangers, "hub_alone": 1,
    }
    return Anomaly(Family.ATTRIBUTE, "strangers_at_house", tail, n_tests, detail)


TYPOLOGY = Typology(
    code="T26",
    slug="outside_bills",
    title="疑似同一机构为外来人员集中开具报销票据",
    grade=Grade.E2,
    requires={
        "reimbursements": frozenset({"reimbursement_id", "patient_id", "fund_amount", "institution_id"}),
        "institutions": frozenset({"institution_id", "kind"}),
        "settlements": frozenset({"patient_id", "institution_id"}),
    },
    optional={
        "patients": frozenset({"employer", "address"}),
        "reimbursements": frozenset({"submitted_at", "handled_at", "paid_at", "invoice_on"}),
    },
    steps=(("strange", _strange),),
    detect=detect,
    confirm=confirm,
    grouping="hub",
    benign=("family", "care_home", "busy_house"),
    provisions=("医疗保障基金使用监督管理条例 第三十八条、第四十条", "法发〔2024〕6号 定点医药机构情形（虚开单据）"),
    clears=("机构的销售或诊疗记录与实物交付凭证", "停机、断网期间改用纸质票据的说明", "患者就诊、验配时的登记与签名"),
    records=("票据存根与收款流水", "进货与销售台账", "验配、诊疗记录", "领取人签名与监控"),
    sentences={
        "outside_bill": "该机构开具的票据，持票人从未在该机构直接结算",
        "strangers_at_house": (
            "有 {n_units} 户不同单位、村社的人员凭该机构票据报销，但从未在该机构结算；"
            "该机构直接结算的有 {n_patrons} 人。"
            "同类其他机构 {n_rest} 名结算人员之外，此种人员合计 {n_rest_strangers} 人"
        ),
    },
    params=Params(),
    minimum_subjects=5,
)
