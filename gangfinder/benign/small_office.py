"""One or two windows: with so few at hand, shares of a desk are what holidays and habits make them (小经办点)."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from gangfinder.benign._desk_rows import judge_desks
from gangfinder.benign.contract import Explanation
from gangfinder.model.evidence import Judgement, Result

if TYPE_CHECKING:
    import pandas as pd

    from gangfinder.model.group import Group


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of the explanation.

    Parameters
    ----------
    desks
        An office is small when at most so many people do its business of the kind in the same role.
    """

    desks: int = 2


def judge(group: Group, params: Params) -> Judgement:
    """Cover members of staff of offices where at most two people do the kind of business."""
    if "m_role" not in group.rows.columns and "m_desks" in group.rows.columns:
        return _of_offices(group, params)

    def fits(own: pd.DataFrame) -> bool | None:
        known = own["m_desks"].dropna()
        return None if known.empty else bool((known <= params.desks).all())

    return judge_desks("small_office", group, fits, "staff.office")


def _of_offices(group: Group, params: Params) -> Judgement:
    """Judge offices, where the office itself is the subject."""
    papers = group.rows[group.rows["m_desks"] > 0]  # a contract switched on is no paper of two desks
    if papers.empty:
        return Judgement("small_office", Result.UNTESTABLE, (), "untestable", {"missing": "reviewer_id"})
    most = papers.groupby("subject_id", sort=True)["m_desks"].max()
    covered = tuple(str(office) for office in most[most <= params.desks].index)
    result = Result.FAILS if not covered else Result.HOLDS if len(covered) == len(group.members) else Result.PARTLY
    detail = {"n_core": len(group.members), "n_covered": len(covered)}
    return Judgement("small_office", result, covered, result.value, detail)


EXPLANATION = Explanation(
    code="5.51",
    slug="small_office",
    title="经办点人手少",
    requires=MappingProxyType({"staff": frozenset({"staff_id"})}),
    judge=judge,
    params=Params(),
    sentences=MappingProxyType(
        {
            "holds": "成立：该经办机构同类业务只有一两人办理",
            "partly": "部分成立：{n_covered} 名经办人员属此情形，其余仍须核实",
            "fails": "不成立：该经办机构同类业务由多人办理",
            "untestable": "未能检验：缺少数据项 {missing}",
        }
    ),
)
