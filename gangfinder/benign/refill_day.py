"""Refills of the chronically ill: each returns when his own supply ends, often in the first days of a month (§5.7).

With items the interval is compared with the days supplied, row by row. Without them, a person's own regular interval
explains his dates, provided he queues like people and pays his own bill.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from gangfinder.benign._cycles import Cycle, judge_cycle
from gangfinder.benign.contract import Explanation, Tables
from gangfinder.engine.portable import days_between, epoch_seconds, is_midnight

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from gangfinder.model.evidence import Judgement
    from gangfinder.model.group import Group


@dataclass(frozen=True, slots=True)
class Params(Cycle):
    """Parameters of the refill explanation; a person's own cycle counts where the supply is not known.

    Parameters
    ----------
    supply_days
        Shortest supply that makes a refill; shorter packs are bought as needed.
    slack_days
        Days by which an interval may miss the supply, and
    slack_share
        the share by which it may, whichever is more.
    refills
        Fewest intervals of one product that keep to the supply.
    regular_share
        Least share of a product's intervals that do.
    run_seconds
        Two refills this close at one house with equal bills are a run, and not explained.
    """

    supply_days: int = 14
    slack_days: int = 5
    slack_share: float = 0.2
    refills: int = 2
    regular_share: float = 0.6
    run_seconds: int = 180


def rows(tables: Tables, params: Params) -> ir.Table:
    """Return ``source_table, source_key`` of the visits at which a supply was refilled in its own time."""
    import ibis

    chosen = tables["in_time"]
    refills = tables["visits"].semi_join(chosen.select("settlement_id").distinct(), "settlement_id")
    keys = refills.anti_join(_runs(refills, params), "settlement_id").select("settlement_id")
    return keys.select(source_table=ibis.literal("settlements"), source_key=keys.settlement_id)


def in_time(tables: Tables, params: Params) -> ir.Table:
    """Return settlement_id of the purchases in series that keep to the supply: a supply refilled in its own time."""
    import ibis

    bought = tables["bought"]
    by = ("patient_id", "item_code")
    window = ibis.window(group_by=list(by), order_by=["on", "settlement_id"])
    bought = bought.mutate(
        gap=days_between(bought.on, bought.on.lag().over(window)), due=bought.supply.lag().over(window),
        due_whole=bought.whole.lag().over(window),
    )
    kept = _in_time(bought.gap, bought.due, params) | _in_time(bought.gap, bought.due_whole, params)
    bought = bought.mutate(kept=kept.cast("int64"))
    own = bought.group_by(*by).aggregate(n=bought.gap.count(), n_kept=bought.kept.sum())
    regular = own.filter((own.n_kept >= params.refills) & (own.n_kept >= params.regular_share * own.n))
    # the first purchase has no interval before it: it starts the series
    chosen = bought.semi_join(regular, by).filter(lambda t: t.gap.isnull() | (t.kept == 1))
    return chosen.select("settlement_id").distinct()


def _in_time(gap: ir.IntegerValue, due: ir.FloatingValue, params: Params) -> ir.BooleanValue:
    import ibis

    slack = ibis.greatest(due * params.slack_share, float(params.slack_days))
    return ibis.coalesce((gap - due).abs() <= slack, ibis.literal(value=False))


def bought(tables: Tables, params: Params) -> ir.Table:
    """Return one row per settlement and product with a long supply: patient, item, day, days of a pack and of all.

    Only of people with enough lines of the product to make the intervals asked for: most buy it once or twice.
    """
    import ibis

    items, visits = tables["items"], tables["visits"]
    kept = items.filter(items.settlement_id.notnull() & (items.days_supplied >= params.supply_days))
    kept = kept.filter(~ibis.coalesce(kept.returned, ibis.literal(value=False)))
    # exports give the days of one pack or of the whole line: either may be the interval
    packs = ibis.greatest(ibis.coalesce(kept.quantity.cast("float64"), 1.0), 1.0)
    lines = kept.select(
        "settlement_id", "item_code", supply=kept.days_supplied.cast("float64"),
        whole=kept.days_supplied.cast("float64") * packs,
    )
    lines = lines.inner_join(visits.select("settlement_id", "patient_id", "on"), "settlement_id")
    often = lines.group_by("patient_id", "item_code").aggregate(n=lines.count())
    lines = lines.semi_join(often.filter(often.n > params.refills), ["patient_id", "item_code"])
    return lines.group_by("patient_id", "item_code", "settlement_id", "on").aggregate(
        supply=lines.supply.max(), whole=lines.whole.sum()
    )


def _runs(refills: ir.Table, params: Params) -> ir.Table:
    """Return the refills that stand in a run: another patient's, minutes apart at one house, with an equal bill."""
    import ibis

    timed = refills.filter(~is_midnight(refills.at))
    timed = timed.select(
        "settlement_id", "patient_id", "institution_id", "on", second=epoch_seconds(timed.at),
        bill=timed.amount.cast("float64"),
    )
    window = ibis.window(group_by=["institution_id", "on"], order_by=["second", "settlement_id"])
    never = ibis.literal(value=False)

    def beside(second: ir.IntegerValue, bill: ir.FloatingValue, who: ir.StringValue) -> ir.BooleanValue:
        close = (second - timed.second).abs() <= params.run_seconds
        equal = (bill - timed.bill).abs() <= params.equal_share * ibis.greatest(bill, timed.bill)
        return ibis.coalesce(close & equal & (who != timed.patient_id), never)

    before = beside(*(timed[c].lag().over(window) for c in ("second", "bill", "patient_id")))
    after = beside(*(timed[c].lead().over(window) for c in ("second", "bill", "patient_id")))
    return timed.mutate(run=before | after).filter(lambda t: t.run).select("settlement_id")


def judge(group: Group, params: Params) -> Judgement:
    """Say which members' own monthly interval explains the dates on which they met the others."""
    return judge_cycle(group, "refill_day", params)


EXPLANATION = Explanation(
    code="5.7",
    slug="refill_day",
    title="慢性病定期取药",
    optional=MappingProxyType({"items": frozenset({"settlement_id", "days_supplied", "quantity", "returned"})}),
    uses=frozenset({"visits"}),
    steps=(("bought", bought), ("in_time", in_time)),
    rows=rows,
    judge=judge,
    params=Params(),
    sentences=MappingProxyType(
        {
            "holds": "成立：{n_core} 人共 {n_rows} 条取药记录与开药天数相符，已全部剔除",
            "holds_cycle": "成立：{n_regular} 人按各自固定间隔（约一个月）取药，先后间隔与金额如常人",
            "partly_cycle": "部分成立：{n_covered} 人按各自固定间隔（约一个月）取药，其余人员已重新判断",
            "partly": "部分成立：{n_covered} 人共 {n_rows} 条按开药天数取药的记录已剔除，其余记录重新判断后仍成立",
            "fails": "不成立：间隔与开药天数不符",
            "fails_cycle": "不成立：间隔与开药天数不符（多数间隔 {gap_low}–{gap_high} 天）",
            "fails_run": "不成立：虽有固定间隔，但到店首尾相接或金额相同",
            "untestable": "未能检验：缺少数据项 {missing}",
        }
    ),
)
