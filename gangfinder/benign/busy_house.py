"""Busy houses: large shops to which people come from everywhere (DOMAIN §5.8, §5.10).

A chain's main shop keeps what others do not, and people of the whole county buy there once, pay in cash and hand in the
bill. That is explained by size: the house has far more customers than others of its kind, and those who are only seen
on paper are few beside them. A house of ordinary size is not excused, nor a large one with bills out of proportion, nor
a clinic, whose patients are treated there and so are seen there.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from gangfinder.benign.contract import Explanation, Tables
from gangfinder.engine.portable import median_low
from gangfinder.linking.paper_bills import DRAWING, hub_of, stranger_bills, writers

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of the busy-house explanation.

    Parameters
    ----------
    patrons
        Fewest people who settle at a house that is judged.
    times_median
        A busy house has at least so many times the customers of the median house of its kind.
    stranger_share
        Largest ratio of people known by a paper bill only to those who settle there.
    """

    patrons: int = 5
    times_median: float = 2.0
    stranger_share: float = 0.06


def _strange(tables: Tables, params: Params) -> ir.Table:  # noqa: ARG001 - the signature of a step
    return stranger_bills(tables)


def hubs(tables: Tables, params: Params) -> ir.Table:
    """Return ``hub_type, hub_id``: houses whose paper bills are in proportion to their many customers."""
    import ibis

    houses = writers(tables, params.patrons)
    middle = median_low(houses, ["kind"], "m_house_patrons").rename(usual="m_house_patrons")
    full = houses.inner_join(middle, "kind")
    busy = full.filter(
        full.kind.isin(DRAWING)
        & (full.m_house_patrons >= params.times_median * full.usual)
        & (full.m_house_strangers <= params.stranger_share * full.m_house_patrons)
    )
    return busy.select(hub_type=ibis.literal("seller"), hub_id=hub_of(busy.house))


EXPLANATION = Explanation(
    code="5.43",
    slug="busy_house",
    title="连锁药店总店等顾客众多的机构",
    requires=MappingProxyType(
        {"reimbursements": frozenset({"institution_id"}), "institutions": frozenset({"institution_id", "kind"}),
            "settlements": frozenset({"patient_id", "institution_id"})}
    ),
    optional=MappingProxyType({"institutions": frozenset({"parent_id", "uscc"})}),
    steps=(("strange", _strange),),
    hubs=hubs,
    params=Params(),
    sentences=MappingProxyType(
        {
            "holds": "成立：该机构顾客数为同类机构中位数的两倍以上，仅见于票据的人员占其顾客的比例很小",
            "partly": "部分成立：{n_hubs_covered} 家机构顾客众多，未作为联系使用",
            "fails": "不成立：该机构规模与同类相当，或仅见于票据的人员与其顾客数不相称",
            "untestable": "未能检验：缺少数据项 {missing}",
        }
    ),
)
