"""Trace codes that repeat for honest reasons: opened packs, returns, uploads repeated, stock from before the codes.

Each reason leaves a mark that single lines carry, and the typologies of traced boxes leave such lines out before they
count (DOMAIN §5.18). What is judged here is whether a group has anything left beside them.
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
    """Parameters of the trace-code explanation.

    Parameters
    ----------
    days
        Dates on which a person's boxes repeat, from which a slip at the scanner no longer explains them.
    """

    days: int = 2


def judge(group: Group, params: Params) -> Judgement:
    """Say whether slips explain the repeated codes: then they meet people on one date each."""
    rows = group.rows.assign(day=group.rows["event_at"].dt.floor("D"))
    per = rows.groupby("subject_id", sort=True)["day"].nunique()
    slips = tuple(str(p) for p in per.index[per < params.days])
    detail: dict[str, str | int | float] = {
        "n_core": len(group.members), "n_covered": len(slips), "n_rows": len(rows), "days": params.days,
    }
    if len(slips) == len(group.members):
        return Judgement("trace_reuse", Result.HOLDS, slips, "holds", detail)
    # a person met once may be a slip, but whether he is one the codes do not say
    return Judgement("trace_reuse", Result.FAILS, (), "fails", detail)


EXPLANATION = Explanation(
    code="5.18",
    slug="trace_reuse",
    title="拆零、退货、重传或无码库造成的追溯码重复",
    requires=MappingProxyType({"items": frozenset({"trace_code"})}),
    judge=judge,
    params=Params(),
    sentences=MappingProxyType(
        {
            "holds": "成立：{n_core} 人均只在一个日期出现重复追溯码，扫码差错即可解释",
            "partly": "部分成立：{n_covered} 人的重复追溯码可由扫码差错解释",
            "fails": "不成立：拆零、退货、退费与重传的行已先行剔除，仍有人在多个日期出现重复追溯码（共 {n_rows} 行）",
            "untestable": "未能检验：缺少数据项 {missing}",
        }
    ),
)
