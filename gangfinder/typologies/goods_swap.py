"""T03: one box of a drug settled again and again at the same house, while other goods leave it (串换药品)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gangfinder.engine.portable import days_between, first_rows
from gangfinder.model.evidence import Anomaly, Family, Grade
from gangfinder.model.group import Group, Verdict
from gangfinder.model.tails import log10_binomial_tail, log10_corrected
from gangfinder.typologies._boxes import ITEM_COLUMNS, REQUIRES, boxes_again, lines_again, whole_boxes
from gangfinder.typologies._contradictions import with_rest
from gangfinder.typologies.contract import Tables, Typology

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of T03.

    Parameters
    ----------
    people
        Fewest unrelated people on whose cards such boxes were settled.
    boxes
        Fewest boxes settled again and again at the house: one may be a slip of the scanner.
    box_settlements
        Fewest settlements of a box, to different people on different days, before it counts.
    most_settlements
        A code settled more often than this at a house is a label of the shelf: known boxes went round up to 14 times.
    box_houses
        A code sold at more houses than this is copied, not a box kept at a till.
    repeat_people
        Fewest unrelated people who were settled different such boxes on two days or more.
    people_share
        The boxes meet at most this share of the people whom as many settlements of the house's customers, drawn at
        random, would meet: a bad habit at the scanner meets whoever comes. Who is settled the same box again, as
        those who need a drug regularly are where its label is scanned, is counted once.
    label_share, label_days
        A code that stands on at least this share of the house's sales of the drug since it was first seen, and
        over so many days, is the label of the shelf.
    surprise_log10_p
        The house is reported when the tail of so many settlements, corrected for the houses tested, is at most
        this.
    rate_factor
        The house's rate is at least this many times that of quieter houses.
    """

    people: int = 5
    boxes: int = 3
    box_settlements: int = 2
    most_settlements: int = 15
    box_houses: int = 1
    repeat_people: int = 4
    people_share: float = 0.82
    label_share: float = 0.6
    label_days: int = 90
    surprise_log10_p: float = -3.0
    rate_factor: float = 5.0


def detect(tables: Tables, params: Params) -> ir.Table:
    """Return the settlements of boxes that one house settled again and again, with facts on the house."""
    import ibis

    visits = tables["visits"]
    sold = tables["sold"]
    where = sold.group_by("code").aggregate(houses=sold.house.nunique())
    sold = sold.semi_join(where.filter(where.houses <= params.box_houses), "code")
    per = sold.group_by("house", "code", "item").aggregate(
        uses=sold.key.nunique(), people=sold.patient_id.nunique(), days=sold.on.nunique(), first_on=sold.on.min(),
        last_on=sold.on.max(),
    )
    least = params.box_settlements
    per = per.filter((per.uses >= least) & (per.people >= least) & (per.days >= least))
    per = per.filter(per.uses <= params.most_settlements)
    at_house = ibis.window(group_by="house")
    per = per.mutate(boxes=per.code.count().over(at_house))
    boxes = per.anti_join(_labels(tables, per, params), ["house", "code"])
    rows = sold.inner_join(boxes.select("house", "code", "uses"), ["house", "code"])
    once = rows.group_by("house", "patient_id", "key").aggregate(
        at=rows["at"].min(), amount=rows.amount.min(), m_boxes=rows.code.nunique()
    )
    fresh = first_rows(rows, ("house", "code", "patient_id"), ("at", "key"))
    fresh = fresh.select("house", "patient_id", "key").distinct()
    once = once.left_join(fresh.mutate(m_fresh=1), ["house", "patient_id", "key"])
    once = once.drop(*(c for c in once.columns if c.endswith("_right"))).fill_null({"m_fresh": 0})
    once = once.inner_join(_houses(visits, rows), "house").inner_join(_customers(visits, once), "house")
    return once.select(
        group_id=once.house,
        subject_type=ibis.literal("patient"),
        subject_id=once.patient_id,
        institution_id=once.house,
        source_table=ibis.literal("settlements"),
        source_key=once.key,
        event_at=once["at"],
        amount=once.amount,
        grade=ibis.literal(Grade.E1.value),
        shows=ibis.literal("settled_again"),
        **{c: once[c] for c in sorted(once.columns) if c.startswith("m_")},
    )


def _labels(tables: Tables, per: ir.Table, params: Params) -> ir.Table:
    """Return house, code: codes that stand on nearly all sales of the drug for months."""
    visits = tables["visits"]
    # where few boxes repeat nothing is asked, so that nothing has to be cleared
    per = per.filter(per.boxes >= params.boxes)
    here = visits.semi_join(per.select(institution_id="house").distinct(), "institution_id")
    boxes = whole_boxes(tables["items"]).select("key", "item")
    sales = boxes.inner_join(here.select("on", key="settlement_id", house="institution_id"), "key").drop("key")
    met = per.inner_join(sales, ["house", "item"])
    met = met.filter(met.on >= met.first_on)
    share = met.group_by("house", "code").aggregate(
        n=met.count(), uses=met.uses.max(), days=days_between(met.last_on.max(), met.first_on.min())
    )
    long = share.days >= params.label_days
    return share.filter(long & (share.uses >= params.label_share * share.n)).select("house", "code")


def _houses(visits: ir.Table, rows: ir.Table) -> ir.Table:
    """Return per house its settlements and those of a box settled before, and the same of quieter houses."""
    house = visits.group_by(house=visits.institution_id).aggregate(m_house_sales=visits.count())
    found = rows.group_by("house").aggregate(
        m_house_boxes=rows.code.nunique(), m_house_most=rows.uses.max(), lines=rows.count()
    )
    house = house.left_join(found, "house").drop("house_right").fill_null(
        {"m_house_boxes": 0, "m_house_most": 0, "lines": 0}
    )
    house = house.mutate(m_house_swaps=house.lines - house.m_house_boxes).drop("lines")
    return with_rest(house, "house", "swaps", "sales")


def _customers(visits: ir.Table, once: ir.Table) -> ir.Table:
    """Return per house how many people its settlements of such boxes would meet, were they made for any customer.

    Notes
    -----
    A person with v of the n other settlements of the house is among k drawn ones with probability 1 - (1 - v/n)^k: with
    replacement, which understates the number of people and so overstates how often they come back.
    """
    fresh = once.filter(once.m_fresh == 1)
    found = fresh.group_by("house").aggregate(k=fresh.key.nunique(), seen=fresh.patient_id.nunique())
    here = visits.select("patient_id", key="settlement_id", house="institution_id").inner_join(found, "house")
    other = here.anti_join(once.select("key", "house"), ["key", "house"])
    own = other.group_by("house", "patient_id", "k").aggregate(v=other.count())
    size = own.group_by("house").aggregate(n=own.v.sum())
    own = own.inner_join(size, "house")
    own = own.mutate(met=1.0 - (1.0 - own.v.cast("float64") / own.n) ** own.k)
    expected = own.group_by("house").aggregate(m_house_expected=own.met.sum().round(6))
    joined = found.left_join(expected, "house").drop("house_right")
    return joined.select(
        "house", m_house_drawn="k", m_house_seen="seen", m_house_expected=joined.m_house_expected.fill_null(0.0)
    )


def confirm(group: Group, params: Params) -> Verdict | None:
    """Confirm a house that settled more boxes again, and to the same people again, than slips explain."""
    rows = group.rows
    facts = rows.iloc[0]
    unit = rows["subject_id"].map(lambda s: group.units.get(s, s))
    units = unit.nunique()
    fresh = rows.assign(unit=unit, day=rows["event_at"].dt.floor("D"))[rows["m_fresh"] == 1]
    again = fresh.groupby("unit")["day"].nunique()
    repeat = int((again >= 2).sum())
    enough = units >= params.people and int(facts["m_house_boxes"]) >= params.boxes
    expected = float(facts["m_house_expected"])
    few = int(facts["m_house_seen"]) <= params.people_share * expected
    if not enough or repeat < params.repeat_people or not few:
        return None
    k, n = int(facts["m_house_swaps"]), int(facts["m_house_sales"])
    rest, rest_k = int(facts["m_rest_sales"]), int(facts["m_rest_swaps"])
    rate = min(1.0, (rest_k + 0.5) / max(1.0, rest))
    tail = float(log10_binomial_tail(min(k, n), n, rate))
    n_tests = max(1, group.n_tests)
    if k < params.rate_factor * rate * n or log10_corrected(tail, n_tests) > params.surprise_log10_p:
        return None
    detail: dict[str, str | int | float] = {
        "n_core": len(group.members), "n_units": int(units), "n_boxes": int(facts["m_house_boxes"]),
        "n_most": int(facts["m_house_most"]), "n_again": k, "n_sales": n, "n_repeat": repeat,
        "n_expected": round(expected), "n_rest": rest, "n_elsewhere": rest_k,
    }
    anomaly = Anomaly(Family.CONTRADICTION, "same_box_again", tail, n_tests, detail)
    return Verdict(group.members, (anomaly,), None, (("institution", group.group_id, "settles"),))


TYPOLOGY = Typology(
    code="T03",
    slug="goods_swap",
    title="疑似串换药品结算",
    grade=Grade.E1,
    requires=REQUIRES,
    optional={"items": ITEM_COLUMNS},
    steps=(("lines_again", lines_again), ("sold", boxes_again)),
    detect=detect,
    confirm=confirm,
    grouping="hub",
    uses=frozenset({"visits"}),
    benign=("family", "trace_reuse"),
    provisions=(
        "医疗保障基金使用监督管理条例 第十五条、第三十八条（串换药品）",
        "医疗保障定点管理办法 关于串换药品结算的约定",
    ),
    clears=("拆零销售登记", "退货后再次销售的退货单", "追溯码扫码设备或软件故障记录", "该药品购进票据与实物库存"),
    records=("追溯码扫码原始日志", "进销存台账与购进发票", "结算时的监控录像", "所涉参保人的购药凭证"),
    sentences={
        "settled_again": "该次结算所售药盒的追溯码在同一机构曾为不同人多次结算",
        "same_box_again": (
            "该机构有 {n_boxes} 个药盒在不同日期为不同参保人反复结算，单盒最多 {n_most} 次，"
            "共 {n_again} 次为再次结算（该机构结算 {n_sales} 次），涉及 {n_core} 人（{n_units} 户），"
            "其中 {n_repeat} 户在两日以上；按随机顾客计应有 {n_expected} 人；"
            "发生率不高于该机构的其他机构合计 {n_rest} 次结算中 {n_elsewhere} 次"
        ),
    },
    params=Params(),
    minimum_subjects=5,
)
