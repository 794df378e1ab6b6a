"""Slips in counting stock: what is missing in one month is back in the next (DOMAIN T22, look-alikes).

The books of the houses of one owner are taken together, the first month of books is left out, and units that cannot be
compared are not compared, before anything is called short; what is judged here is whether the shortage lasts.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from gangfinder.benign.contract import Explanation
from gangfinder.model.evidence import Judgement, Result

if TYPE_CHECKING:
    from gangfinder.model.group import Group


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of the slip explanation.

    Parameters
    ----------
    months
        Months with a shortage from which a slip at one inventory no longer explains it.
    """

    months: int = 2


def judge(group: Group, params: Params) -> Judgement:
    """Say whether a slip at one inventory explains what is missing."""
    months = int(group.rows["event_at"].dt.strftime("%Y-%m").nunique())
    detail: dict[str, str | int | float] = {"n_rows": len(group.rows), "n_core": len(group.members), "n_dates": months}
    if months < params.months:
        return Judgement("stock_slip", Result.HOLDS, group.members, "holds", detail)
    return Judgement("stock_slip", Result.FAILS, (), "fails", detail)


EXPLANATION = Explanation(
    code="5.40",
    slug="stock_slip",
    title="盘点差错、计量单位或连锁调拨",
    requires=MappingProxyType({"stock": frozenset({"closing"})}),
    judge=judge,
    params=Params(),
    sentences=MappingProxyType(
        {
            "holds": "成立：短缺只见于一次盘点，盘点差错即可解释",
            "partly": "部分成立：部分短缺可由盘点差错解释",
            "fails": (
                "不成立：建账首月、计量单位不一致与同一所有者机构间的调拨已先行剔除，"
                "短缺仍见于多次盘点（{n_rows} 个品种月）"
            ),
            "untestable": "未能检验：缺少数据项 {missing}",
        }
    ),
)
