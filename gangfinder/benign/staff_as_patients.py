"""Staff and their families fall ill as others do: a relative among the members is not yet a tie (经办人员及家属就医).

A relative whose own papers went over other desks used no relation. An agent, an account or a house is not excused.
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
    """Parameters of the explanation.

    Parameters
    ----------
    own_rows
        A relative is an ordinary member where at most so many of his own papers went over the relative's desk.
    """

    own_rows: int = 0


def judge(group: Group, params: Params) -> Judgement:
    """Cover members of staff whose ties are all to ordinary members whose papers others handled."""
    if "m_strangers" in group.rows.columns:  # himself and his kin were left out before
        return Judgement("staff_as_patients", Result.FAILS, (), "fails", {"n_core": len(group.members), "n_covered": 0})
    if "m_part" not in group.rows.columns:
        return Judgement("staff_as_patients", Result.UNTESTABLE, (), "untestable", {"missing": "staff.id_number、ties"})
    ties = group.rows[group.rows["m_part"].notna()]
    done = group.rows[group.rows["m_role"].notna() & (group.rows["m_own"] == 1)]
    covered = tuple(
        str(staff) for staff, own in ties.groupby("subject_id", sort=True)
        if _as_patients(own, done[done["subject_id"] == staff], params)
    )
    result = Result.FAILS if not covered else Result.HOLDS if len(covered) == len(group.members) else Result.PARTLY
    detail = {"n_core": len(group.members), "n_covered": len(covered)}
    return Judgement("staff_as_patients", result, covered, result.value, detail)


def _as_patients(ties: pd.DataFrame, done: pd.DataFrame, params: Params) -> bool:
    if (ties["m_part"] != "member").any():
        return False
    people = set(ties["m_patient"].dropna())
    return int(done["m_patient"].isin(people).sum()) <= params.own_rows


EXPLANATION = Explanation(
    code="5.55",
    slug="staff_as_patients",
    title="经办人员及家属正常就医",
    requires=MappingProxyType({"staff": frozenset({"staff_id"})}),
    judge=judge,
    params=Params(),
    sentences=MappingProxyType(
        {
            "holds": "成立：有关联的人员只是普通参保人，其业务由他人办理",
            "partly": "部分成立：{n_covered} 名经办人员属此情形，其余仍须核实",
            "fails": "不成立：有关联的人员是代办人、收款人或机构，或其业务由其本人办理",
            "untestable": "未能检验：缺少数据项 {missing}",
        }
    ),
)
