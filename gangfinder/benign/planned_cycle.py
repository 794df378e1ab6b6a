"""Planned cycles: short stays at one house for one illness at the same interval (DOMAIN §5.9; infusions, stages).

Chemotherapy has an explanation of its own; this one needs no diagnosis of a tumour, but the interval must be the
patient's own, kept to within days, and the stays short. Discharge on paper (long stays, in again the next day) is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from gangfinder.benign.contract import Explanation, Tables
from gangfinder.engine.portable import days_between, median_low

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of the planned cycle.

    Parameters
    ----------
    stays
        Fewest stays of one patient at one house for one illness.
    nights
        Longest stay of a cycle.
    low_days, high_days
        Shortest and longest interval between two admissions.
    slack_days
        Days by which an interval may miss the patient's median.
    share
        Least share of the intervals that keep to it.
    """

    stays: int = 4
    nights: int = 5
    low_days: int = 6
    high_days: int = 100
    slack_days: int = 3
    share: float = 0.7


def rows(tables: Tables, params: Params) -> ir.Table:
    """Return ``source_table, source_key`` of short stays that recur at the patient's own interval."""
    import ibis

    by = ["patient_id", "institution_id", "illness"]
    s = tables["stays"].mutate(
        illness=tables["stays"].diagnosis_code.substr(0, 3),
        nights=days_between(tables["stays"].discharged_on, tables["stays"].admitted_on),
    )
    s = s.filter(s.illness.notnull() & (s.nights <= params.nights))
    size = s.group_by(by).aggregate(n=s.count())
    s = s.semi_join(size.filter(size.n >= params.stays), by)
    order = ibis.window(group_by=by, order_by=["admitted_on", "settlement_id"])
    s = s.mutate(gap=days_between(s.admitted_on, s.admitted_on.lag().over(order)))
    steps = s.filter(s.gap.notnull())
    usual = median_low(steps, by, "gap").rename(usual="gap")
    kept = steps.inner_join(usual, by)
    kept = kept.mutate(
        near=((kept.gap - kept.usual).abs() <= params.slack_days).cast("int64"),
    )
    own = kept.group_by(by).aggregate(n=kept.count(), n_near=kept.near.sum(), usual=kept.usual.min())
    fit = own.filter(
        (own.n_near >= params.share * own.n) & (own.usual >= params.low_days) & (own.usual <= params.high_days)
    )
    found = s.semi_join(fit, by)
    return found.select(source_table=ibis.literal("settlements"), source_key=found.settlement_id)


EXPLANATION = Explanation(
    code="5.9",
    slug="planned_cycle",
    title="按计划的分次住院治疗",
    requires=MappingProxyType({"settlements": frozenset({"admitted_at", "discharged_at", "diagnosis_code"})}),
    uses=frozenset({"stays"}),
    rows=rows,
    sentences=MappingProxyType(
        {
            "holds": "成立：全部住院均按固定间隔分次进行，可解释全部成员",
            "partly": "部分成立：{n_covered} 人的 {n_rows} 次住院按固定间隔分次进行，已扣除；其余仍成立",
            "fails": "不成立：所涉住院没有固定的治疗间隔",
            "untestable": "未能检验：缺少数据项 {missing}",
        }
    ),
    params=Params(),
)
