"""T26: one clinic or shop writes the paper bills of many strangers who never settle there (代开票据).

The hub in between, as the repairer in motor insurance: who delivers what is claimed. Its own customers settle on the
spot; when its line is down, its own customers hand in paper, and who settles at another house of its owner is a
customer of that owner. To a large shop some come from afar, the more the larger it is. People from everywhere who are
never seen there but hold its bills, more than its size explains, are none of these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gangfinder.engine.portable import median_low
from gangfinder.linking.paper_bills import DRAWING, hub_of, stranger_bills, writers
from gangfinder.model.evidence import Anomaly, Family, Grade
from gangfinder.model.group import Group, Verdict
from gangfinder.model.tails import log10_beta_binomial_tail, log10_corrected
from gangfinder.typologies._claim_hubs import origins_of
from gangfinder.typologies.contract import Tables, Typology

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd


_ALIKE = 1000.0
"""Shape of the beta distribution of houses that hardly differ: 3 % about the mean, next to a binomial."""


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
        Strangers are at least so many times what houses of the kind and size let expect.
    drawn_share
        Strangers that a shop draws, at least, on each customer it has beyond the usual number of its kind: with the
        spread, one large shop in a hundred draws more than the six in a hundred that are nothing special.
    spread_shape
        Shape of the beta distribution of what honest houses of one kind and size draw: 8 is a coefficient of variation
        of about 35 %.
    local_share
        People of one employer or village, from this share of a group on, have a reason of their own to go there.
    surprise_log10_p
        The tail, corrected for its tests, is at most this.
    """

    people: int = 5
    patrons: int = 5
    rate_factor: float = 3.0
    drawn_share: float = 0.03
    spread_shape: float = 8.0
    local_share: float = 0.5
    surprise_log10_p: float = -3.0


def detect(tables: Tables, params: Params) -> ir.Table:
    """Return the bills of strangers at houses that have enough of them, with the size of the house and of its peers."""
    import ibis

    houses = _with_size(_with_peers(writers(tables, params.patrons)))
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


def _with_size(houses: ir.Table) -> ir.Table:
    """Add the usual number of customers, and how many strangers go with custom beyond it at the others of the kind.

    All others count, whatever their share: the largest are few, and leaving out those above a house would leave it
    alone. A ring at a house of usual size weighs nothing, for what counts is the custom beyond.
    """
    import ibis

    usual = median_low(houses, ["kind"], "m_house_patrons").rename(m_usual="m_house_patrons")
    full = houses.inner_join(usual, "kind")
    full = full.mutate(_beyond=ibis.greatest(full.m_house_patrons - full.m_usual, 0).cast("int64"))
    full = full.mutate(_drawn=full._beyond * full.m_house_strangers, _square=full._beyond * full._beyond)
    kind = ibis.window(group_by="kind")
    full = full.mutate(
        m_rest_drawn=full._drawn.sum().over(kind) - full._drawn,
        m_rest_square=full._square.sum().over(kind) - full._square,
        m_draws=full.kind.isin(DRAWING).cast("int64"),
    )
    return full.drop("_beyond", "_drawn", "_square")


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
    """Test the unrelated strangers against houses of the kind and size.

    Notes
    -----
    Of everybody known at the house, by settlements or by a bill alone, so many are strangers. Expected is their share
    among the peers, to whom half a stranger is added, and what custom beyond the usual draws. What honest houses of one
    size draw differs from one to the next, so that the tail is beta-binomial: its beta distribution has the expected
    mean and the standard deviation of the drawn part. Every house of the kinds is a test.
    """
    patrons, rest = int(facts["m_house_patrons"]), int(facts["m_rest_patrons"])
    n, strangers = patrons + max(k, int(facts["m_house_strangers"])), int(facts["m_rest_strangers"])
    drawn = _drawn_share(facts, params)
    beyond = drawn * max(0, patrons - int(facts["m_usual"]))
    expected = n * (strangers + 0.5) / max(1, rest + strangers) + beyond
    expected = min(n / 2, max(1e-4, round(expected, 4)))  # the tail is that of the number printed
    if k < params.rate_factor * expected:
        return None
    shape = _ALIKE if beyond == 0 else round(min(_ALIKE, params.spread_shape * (expected / beyond) ** 2), 4)
    tail = float(log10_beta_binomial_tail(k, n, shape, shape * (n - expected) / expected))
    n_tests = int(facts["m_houses"])
    if log10_corrected(tail, n_tests) > params.surprise_log10_p:
        return None
    detail: dict[str, str | int | float] = {
        "n_units": k, "n_known": n, "n_patrons": patrons, "n_rest": rest, "n_rest_strangers": strangers,
        "n_usual": int(facts["m_usual"]), "drawn_percent": round(100 * drawn, 2), "expected": expected,
        "spread_shape": shape, "hub_alone": 1,
    }
    return Anomaly(Family.ATTRIBUTE, "strangers_at_house", tail, n_tests, detail)


def _drawn_share(facts: pd.Series[float], params: Params) -> float:
    """Return how many strangers go with each customer beyond the usual number, to four digits.

    Notes
    -----
    Least squares through the origin over the other houses of the kind, ``Σ kx / Σ x²`` with x their custom beyond the
    usual. A shop draws at least what the settings say: a town may have but one that does.
    """
    seen = float(facts["m_rest_drawn"]) / max(1.0, float(facts["m_rest_square"]))
    return round(max(seen, params.drawn_share if int(facts["m_draws"]) else 0.0), 4)


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
        "institutions": frozenset({"parent_id", "uscc"}),
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
            "同类其他机构 {n_rest} 名结算人员之外，此种人员合计 {n_rest_strangers} 人；"
            "同类机构一般有 {n_usual} 名结算人员，按该机构规模预计此种人员 {expected} 人（超出一般规模的顾客每百名计"
            " {drawn_percent} 人）"
        ),
    },
    params=Params(),
    minimum_subjects=5,
)
