"""Files wait for the end of the month and are then signed one after another, into the evening (月末集中办理).

A day on which one desk signs many papers is a batch: its speed and hours say nothing, and who signs has the turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from gangfinder.benign._desk_rows import judge_desks
from gangfinder.benign.contract import Explanation
from gangfinder.model.evidence import Judgement

if TYPE_CHECKING:
    import pandas as pd

    from gangfinder.model.group import Group


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of the explanation.

    Parameters
    ----------
    share
        Share of his papers of the ring that were done on days of many, from which on the batch explains them.
    """

    share: float = 0.8


def judge(group: Group, params: Params) -> Judgement:
    """Cover members of staff most of whose papers of the ring were signed in batches."""

    def fits(own: pd.DataFrame) -> bool | None:
        known = own["m_batch"].dropna()
        return None if known.empty else bool(known.astype("float64").mean() >= params.share)

    return judge_desks("month_end_batch", group, fits, "reimbursements.reviewed_at、filings.reviewed_at")


EXPLANATION = Explanation(
    code="5.53",
    slug="month_end_batch",
    title="月末集中办理",
    requires=MappingProxyType({"staff": frozenset({"staff_id"})}),
    judge=judge,
    params=Params(),
    sentences=MappingProxyType(
        {
            "holds": "成立：所涉业务八成以上在集中办理日与大量其他业务一并办理",
            "partly": "部分成立：{n_covered} 名经办人员属此情形，其余仍须核实",
            "fails": "不成立：所涉业务多不在集中办理日",
            "untestable": "未能检验：缺少数据项 {missing}",
        }
    ),
)
