"""The ring lives in one region, and one office serves it: its papers come there, whoever is there (片区经办机构).

Within the office his share of the ring is then that of everybody else's papers.
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
    ratio
        His share of others' papers at the office is at least this part of his share of the ring's.
    papers
        Fewest papers of others that a share is taken of.
    """

    ratio: float = 0.8
    papers: int = 5


def judge(group: Group, params: Params) -> Judgement:
    """Cover members of staff whose share of the ring's papers at their office is about that of all others."""
    every = group.rows

    def fits(own: pd.DataFrame) -> bool | None:
        found = share_elsewhere(own, "rest", params.papers)
        staff, role = own["subject_id"].iloc[0], own["m_role"].iloc[0]
        here = every[(every["subject_id"] == staff) & (every["m_role"] == role)]
        return None if found is None else found >= params.ratio * len(own) / max(1, len(here))

    return judge_desks("regional_office", group, fits, "staff.office")


EXPLANATION = Explanation(
    code="5.54",
    slug="regional_office",
    title="所在片区的经办机构",
    requires=MappingProxyType({"staff": frozenset({"staff_id"})}),
    judge=judge,
    params=Params(),
    sentences=MappingProxyType(
        {
            "holds": "成立：该团伙业务集中于所在片区的经办机构，其份额与该机构其他业务一致",
            "partly": "部分成立：{n_covered} 名经办人员属此情形，其余仍须核实",
            "fails": "不成立：在同一经办机构内，其办理该团伙业务的份额仍高于其他业务",
            "untestable": "未能检验：缺少数据项 {missing}",
        }
    ),
)
