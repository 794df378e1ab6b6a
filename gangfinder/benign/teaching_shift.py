"""A trainee's papers all go to one reviewer for some weeks: that is how he learns (带教).

The reviewer's share of everybody else's papers of the same handlers says whether that is so.
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
        Share of the other papers of the same handlers from which on the reviewer is theirs.
    papers
        Fewest other papers of one handler that a share is taken of.
    """

    share: float = 0.8
    papers: int = 3


def judge(group: Group, params: Params) -> Judgement:
    """Cover reviewers to whom the other papers of the same handlers go too."""

    def fits(own: pd.DataFrame) -> bool | None:
        if own["m_role"].iloc[0] != "reviewer":
            return False
        found = share_elsewhere(own, "pair", params.papers)
        return None if found is None else found >= params.share

    return judge_desks("teaching_shift", group, fits, "reimbursements.reviewer_id、filings.reviewer_id")


EXPLANATION = Explanation(
    code="5.56",
    slug="teaching_shift",
    title="带教期间固定复核",
    requires=MappingProxyType({"staff": frozenset({"staff_id"})}),
    judge=judge,
    params=Params(),
    sentences=MappingProxyType(
        {
            "holds": "成立：同一受理人员的其他业务也由其复核",
            "partly": "部分成立：{n_covered} 名经办人员属此情形，其余仍须核实",
            "fails": "不成立：同一受理人员的其他业务由多人复核",
            "untestable": "未能检验：缺少数据项 {missing}",
        }
    ),
)
