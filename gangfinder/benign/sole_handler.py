"""Somebody does all business of a kind at his office: that a ring's papers pass his desk says nothing (专岗).

His share of everybody else's papers at the same office and of the same kind says whether there is anybody else.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from gangfinder.benign._desk_rows import judge_desks, share_elsewhere
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
        Share of everybody else's papers of the office and kind from which on he is the desk.
    papers
        Fewest papers of others that a share is taken of.
    """

    share: float = 0.9
    papers: int = 5


def judge(group: Group, params: Params) -> Judgement:
    """Cover members of staff who do nearly all business of the kind at their office."""

    def fits(own: pd.DataFrame) -> bool | None:
        found = share_elsewhere(own, "rest", params.papers)
        return None if found is None else found >= params.share

    return judge_desks("sole_handler", group, fits, "reimbursements.handler_id、filings.handler_id")


EXPLANATION = Explanation(
    code="5.50",
    slug="sole_handler",
    title="该类业务仅由一人办理",
    requires=MappingProxyType({"staff": frozenset({"staff_id"})}),
    judge=judge,
    params=Params(),
    sentences=MappingProxyType(
        {
            "holds": "成立：该机构同类业务九成以上本由其一人办理",
            "partly": "部分成立：{n_covered} 名经办人员属此情形，其余仍须核实",
            "fails": "不成立：该机构同类业务另有他人办理",
            "untestable": "未能检验：缺少数据项 {missing}",
        }
    ),
)
