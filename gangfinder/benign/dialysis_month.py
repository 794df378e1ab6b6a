"""Long dialysis months: three turns a week make fourteen sessions in some, and now and then there is one more.

A patient who changes the house has two short months, which are not added (DOMAIN §5.3). Sessions during a stay
elsewhere are never explained.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from gangfinder.benign.contract import Explanation
from gangfinder.model.evidence import Judgement, Result

if TYPE_CHECKING:
    import pandas as pd

    from gangfinder.model.group import Group


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of the long-month explanation.

    Parameters
    ----------
    turns
        Weekdays of a patient's turns.
    extra_sessions
        Sessions of a month beyond the days that fall on the turns: a moved turn, or one more in an illness.
    course_days
        Fewest days of a course; others are no dialysis.
    turn_share
        Least share of the days that fall on the turns.
    """

    turns: int = 3
    extra_sessions: int = 1
    course_days: int = 24
    turn_share: float = 0.8


def judge(group: Group, params: Params) -> Judgement:
    """Say whose months are explained by the calendar of his own turns, house by house."""
    rows = group.rows[group.rows["event_at"].notna()]
    days = rows.assign(on=rows["event_at"].dt.normalize()).drop_duplicates(["subject_id", "institution_id", "on"])
    covered = tuple(
        sorted(
            str(p)
            for p, own in days.groupby("subject_id")
            if all(_regular(part, params) for _, part in own.groupby("institution_id"))
        )
    )
    detail: dict[str, str | int | float] = {"n_core": len(group.members), "n_covered": len(covered)}
    if covered and len(covered) == len(group.members):
        return Judgement("dialysis_month", Result.HOLDS, covered, "holds_months", detail)
    if covered:
        return Judgement("dialysis_month", Result.PARTLY, covered, "partly_months", detail)
    return Judgement("dialysis_month", Result.FAILS, (), "fails_months", detail)


def _regular(days: pd.DataFrame, params: Params) -> bool:
    """Say whether the days keep to three weekdays and no month has more than one beyond them."""
    import pandas as pd

    if len(days) < params.course_days:
        return False
    weekday = days["on"].dt.day_of_week
    turns = weekday.value_counts().sort_index().sort_values(ascending=False, kind="stable").index[: params.turns]
    if weekday.isin(turns).mean() < params.turn_share:
        return False
    for month, own in days.groupby(days["on"].dt.to_period("M")):
        possible = pd.date_range(month.start_time.normalize(), month.end_time.normalize()).day_of_week.isin(turns).sum()
        if len(own) > possible + params.extra_sessions:
            return False
    return True


EXPLANATION = Explanation(
    code="5.32",
    slug="dialysis_month",
    title="长月份的规律透析与偶尔加透",
    judge=judge,
    params=Params(),
    sentences=MappingProxyType(
        {
            "holds_months": "成立：{n_core} 人的透析均在本人固定的每周三日，各月至多多一次，属长月份或偶尔加透",
            "partly_months": "部分成立：{n_covered} 人的透析均在本人固定的每周三日，各月至多多一次，其余人员不然",
            "fails_months": "不成立：单月透析次数超过本人固定透析日所能容纳的次数",
            "partly": "部分成立：{n_covered} 人的透析规律，其余人员已重新判断",
            "fails": "不成立：{n_core} 人没有规律透析的记录",
            "untestable": "未能检验：缺少数据项 {missing}",
        }
    ),
)
