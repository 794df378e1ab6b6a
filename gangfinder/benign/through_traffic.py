"""Travellers, patients from elsewhere, season guests: people seen at other counters as well (DOMAIN §5.8, 5.12).

A purchase that empties an account is never explained: being on a journey does not make anybody spend all he has.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from gangfinder.benign.contract import Explanation, Tables
from gangfinder.engine.portable import days_between

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of the through-traffic explanation.

    Parameters
    ----------
    around_days
        Another house of the same region within so many days shows that the person was there.
    left_share
        An account is emptied when at most this share of what it held is left …
    paid_yuan
        … and at least so much was paid from it.
    """

    around_days: int = 7
    left_share: float = 0.2
    paid_yuan: float = 300.0


def rows(tables: Tables, params: Params) -> ir.Table:
    """Return ``source_table, source_key`` of the visits of outsiders who are seen at other houses of the region."""
    import ibis

    houses = tables["institutions"].select("institution_id", area="area_code")
    visits = tables["visits"].filter(tables["visits"].area_code.notnull())
    seen = visits.inner_join(houses, "institution_id")
    seen = seen.filter(seen.area.notnull() & (seen.area_code != seen.area))
    seen = seen.select("settlement_id", "patient_id", "institution_id", "area", on=seen["on"])
    # two houses in the region at all: few people, so that the join by person stays small
    region = seen.group_by("patient_id", "area").aggregate(n=seen.institution_id.nunique())
    moved = seen.semi_join(region.filter(region.n > 1), ["patient_id", "area"])
    other = moved.select("patient_id", "area", other_house="institution_id", other_on="on")
    met = moved.inner_join(other, ["patient_id", "area"])
    gap = days_between(met.other_on, met["on"]).abs()
    met = met.filter((met.other_house != met.institution_id) & (gap <= params.around_days))
    keys = met.select("settlement_id").distinct().anti_join(_emptied(tables["settlements"], params), "settlement_id")
    return keys.select(source_table=ibis.literal("settlements"), source_key=keys.settlement_id)


def _emptied(settlements: ir.Table, params: Params) -> ir.Table:
    """Return the settlements that empty an account."""
    left, paid = settlements.account_balance.cast("float64"), settlements.account_amount.cast("float64")
    emptied = (paid >= params.paid_yuan) & (left <= params.left_share * (left + paid))
    return settlements.filter(emptied).select("settlement_id")


EXPLANATION = Explanation(
    code="5.8",
    slug="through_traffic",
    title="车站、医院门口及候鸟式旅居的异地人员",
    requires=MappingProxyType({"settlements": frozenset({"area_code"}), "institutions": frozenset({"area_code"})}),
    optional=MappingProxyType({"settlements": frozenset({"account_amount", "account_balance"})}),
    uses=frozenset({"visits"}),
    rows=rows,
    params=Params(),
    sentences=MappingProxyType(
        {
            "holds": "成立：{n_core} 名异地参保人七日内在本地其他机构也有结算，属旅居、过境或就医人员，且账户未被用尽",
            "partly": "部分成立：{n_covered} 人共 {n_rows} 条记录属旅居、过境或就医人员的一般消费，未作为依据",
            "fails": "不成立：所涉异地参保人前后七日在本地没有其他就诊购药，或账户余额被用尽",
            "untestable": "未能检验：缺少数据项 {missing}",
        }
    ),
)
