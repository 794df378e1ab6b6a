"""T04: boxes bought on some people's cards and sold again weeks later at another house (回流药).

Core members are those on whose cards the boxes were sold first; the house that sells them again is the hub. The second
buyer of a box is more likely a victim: he is never a member, and his settlement stands in the evidence as a line of
goods, without him.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gangfinder.engine.portable import days_between, string_key
from gangfinder.model.evidence import Anomaly, Family, Grade
from gangfinder.model.group import Group, Verdict
from gangfinder.model.tails import log10_binomial_tail, log10_corrected
from gangfinder.typologies._boxes import ITEM_COLUMNS, REQUIRES, boxes_again, lines_again, owners
from gangfinder.typologies._contradictions import with_rest
from gangfinder.typologies.contract import Tables, Typology

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of T04.

    Parameters
    ----------
    people
        Fewest unrelated people whose boxes came up again at one house.
    own_sales
        Fewest first sales, whose boxes came up again at that house, of the people who make it conspicuous: one is an
        accident.
    single_factor
        Once the house stands out, people with one such sale belong to it too, where there are at least this many times
        as many of them as slips would give.
    boxes
        Fewest boxes of such people.
    least_days, most_days
        Days between the two sales of a box.
    code_sales
        A code with more sales than this is copied, not a box that went round.
    code_houses
        A code sold at more houses than this is copied.
    surprise_log10_p
        The house is reported when the tail of so many boxes' sales, corrected for the houses tested, is at most
        this.
    rate_factor
        The house's rate is at least this many times that of quieter houses.
    """

    people: int = 3
    own_sales: int = 2
    single_factor: float = 5.0
    boxes: int = 5
    least_days: int = 2
    most_days: int = 180
    code_sales: int = 3
    code_houses: int = 2
    surprise_log10_p: float = -3.0
    rate_factor: float = 5.0


def detect(tables: Tables, params: Params) -> ir.Table:
    """Return both sales of boxes that came up again at another house, with facts on that house."""
    import ibis

    visits = tables["visits"]
    again = _again(tables, params)
    facts = _sinks(visits, again)
    firsts = again.group_by("sink", "patient_id", "key", "house").aggregate(
        at=again["at"].min(), amount=again.amount.min(), m_boxes=again.code.nunique()
    )
    first = firsts.select(
        "sink", "patient_id", "at", "amount", "m_boxes", house="house", table=ibis.literal("settlements"), key="key",
        shows=ibis.literal("first_sale"),
    )
    later = again.group_by("sink", "patient_id", "again_key").aggregate(
        at=again.again_at.min(), amount=again.again_amount.min(), line=again.again_line.min(),
        m_boxes=again.code.nunique(),
    )
    second = later.select(
        "sink", "patient_id", "at", "amount", "m_boxes", house="sink", table=ibis.literal("items"),
        key=string_key(later.again_key, later.line), shows=ibis.literal("second_sale"),
    )
    rows = first.union(second, distinct=False).inner_join(facts, "sink")
    return rows.select(
        group_id=rows.sink,
        subject_type=ibis.literal("patient"),
        subject_id=rows.patient_id,
        institution_id=rows.house,
        source_table=rows.table,
        source_key=rows.key,
        event_at=rows["at"],
        amount=rows.amount,
        grade=ibis.literal(Grade.E1.value),
        shows=rows.shows,
        **{c: rows[c] for c in sorted(rows.columns) if c.startswith("m_")},
    )


def _again(tables: Tables, params: Params) -> ir.Table:
    """Return boxes and their two sales at houses of different owners: code, patient_id, house, sink and both rows."""
    import ibis

    sold = tables["sold"]
    often = sold.group_by("code").aggregate(n=sold.count(), houses=sold.house.nunique())
    genuine = often.filter((often.n > 1) & (often.n <= params.code_sales) & (often.houses <= params.code_houses))
    sold = sold.semi_join(genuine, "code")
    sold = sold.left_join(owners(tables["institutions"]), "house").drop("house_right")
    window = ibis.window(group_by="code", order_by=["at", "key"])
    names = {"sink": "house", "sink_owner": "owner", "again_key": "key", "again_at": "at", "again_on": "on",
             "again_line": "line", "again_amount": "amount", "buyer": "patient_id"}
    met = sold.mutate(**{new: sold[old].lead().over(window) for new, old in names.items()})
    gap = days_between(met.again_on, met.on)
    met = met.filter((met.sink != met.house) & gap.between(params.least_days, params.most_days))
    inside = ibis.coalesce(met.owner == met.sink_owner, ibis.literal(value=False))
    # who buys his own box again elsewhere carries it about; nothing says that it was sold on
    return met.filter(~inside & (met.buyer != met.patient_id))


def _sinks(visits: ir.Table, again: ir.Table) -> ir.Table:
    """Return per house its settlements and those in which a box came up again, and the same of quieter houses."""
    house = visits.group_by(sink=visits.institution_id).aggregate(m_house_sales=visits.count())
    found = again.group_by("sink").aggregate(m_house_again=again.again_key.nunique())
    house = house.left_join(found, "sink").drop("sink_right").fill_null({"m_house_again": 0})
    return with_rest(house, "sink", "again", "sales")


def confirm(group: Group, params: Params) -> Verdict | None:
    """Confirm a house at which boxes of the same people come up again and again, beyond what slips explain."""
    first = group.rows[group.rows["shows"] == "first_sale"]
    own = first.groupby("subject_id", sort=True)["source_key"].nunique()
    often = tuple(str(p) for p in own.index[own >= params.own_sales])
    mine = first[first["subject_id"].isin(often)]
    if group.n_units(often) < params.people or int(mine["m_boxes"].sum()) < params.boxes:
        return None
    facts = mine.iloc[0]
    rest, rest_k = int(facts["m_rest_sales"]), int(facts["m_rest_again"])
    rate = min(1.0, (rest_k + 0.5) / max(1.0, rest))
    n = int(facts["m_house_sales"])
    with_singles = len(own) - len(often) >= params.single_factor * rate * n
    core = tuple(str(p) for p in own.index) if with_singles else often
    mine = first[first["subject_id"].isin(core)]
    second = group.rows[(group.rows["shows"] == "second_sale") & group.rows["subject_id"].isin(core)]
    k = int(second["source_key"].nunique())
    tail = float(log10_binomial_tail(min(k, n), n, rate))
    n_tests = max(1, group.n_tests)
    if k < params.rate_factor * rate * n or log10_corrected(tail, n_tests) > params.surprise_log10_p:
        return None
    detail: dict[str, str | int | float] = {
        "n_core": len(core), "n_units": group.n_units(core), "n_boxes": int(mine["m_boxes"].sum()),
        "n_first": int(mine["source_key"].nunique()), "n_houses": int(mine["institution_id"].nunique()),
        "n_again": k, "n_sales": n, "n_rest": rest, "n_elsewhere": rest_k,
    }
    anomaly = Anomaly(Family.CONTRADICTION, "boxes_came_back", tail, n_tests, detail)
    keep = group.rows["subject_id"].isin(core)
    return Verdict(core, (anomaly,), keep, (("institution", group.group_id, "settles"),))


TYPOLOGY = Typology(
    code="T04",
    slug="recycled_drugs",
    title="疑似回流药品再次销售结算",
    grade=Grade.E1,
    requires=REQUIRES,
    optional={"items": ITEM_COLUMNS, "institutions": frozenset({"institution_id", "parent_id", "uscc"})},
    steps=(("lines_again", lines_again), ("sold", boxes_again)),
    detect=detect,
    confirm=confirm,
    grouping="hub",
    uses=frozenset({"visits"}),
    benign=("family", "trace_reuse"),
    provisions=(
        "医疗保障基金使用监督管理条例 第十七条、第四十一条（转卖药品）",
        "法发〔2024〕6号 关于利用享受医疗保障待遇的机会转卖药品的规定",
        "药品管理法 关于药品购进渠道的规定",
    ),
    clears=("药品生产企业或追溯平台确认追溯码被仿制", "连锁门店调拨单", "退货后再次销售的退货单", "扫码错误更正记录"),
    records=(
        "再次销售机构的购进票据与供货单位资质",
        "追溯码全流程流向",
        "首次购药人的购药记录与用药依据",
        "药盒实物与批号",
    ),
    sentences={
        "first_sale": "该次购药的药盒此后在另一机构再次结算",
        "second_sale": "此前在其他机构已结算的药盒在此再次结算（本次购药人未列为对象）",
        "boxes_came_back": (
            "{n_core} 人（{n_units} 户）在 {n_houses} 家机构 {n_first} 次购药的 {n_boxes} 个药盒，"
            "数日至数月后在同一机构再次结算 {n_again} 次（该机构结算 {n_sales} 次）；"
            "发生率不高于该机构的其他机构合计 {n_rest} 次结算中 {n_elsewhere} 次"
        ),
    },
    params=Params(),
    minimum_subjects=3,
)
