"""True patients of a rare disease: they gather at the one dual-channel pharmacy that keeps their drug (双通道).

They buy costly drugs for months, and take more of them than a label says where the body or the disease asks for it;
but a hospital's doctor has prescribed every box. Sales without a valid prescription are not explained.
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
    """Parameters of the rare-disease explanation.

    Parameters
    ----------
    valid_share
        Least share of a person's sales with a prescription by a doctor who stands in a register.
    """

    valid_share: float = 0.8


def judge(group: Group, params: Params) -> Judgement:
    """Cover people whose sales rest on valid prescriptions, and none of whose prescribers is unknown."""
    rows = group.rows
    if "m_is_forged" not in rows.columns:
        return Judgement("rare_disease", Result.UNTESTABLE, (), "untestable", {"missing": "prescriptions"})
    wrong = rows.assign(wrong=rows[["m_is_forged", "m_is_missing"]].max(axis=1))
    own = wrong.groupby("subject_id", sort=True).agg(wrong=("wrong", "mean"), forged=("m_is_forged", "max"))
    fit = own[(own["wrong"] <= 1 - params.valid_share) & (own["forged"] == 0)]
    covered = tuple(str(p) for p in fit.index)
    detail = {"n_core": len(group.members), "n_covered": len(covered)}
    result = Result.FAILS if not covered else Result.HOLDS if len(covered) == len(group.members) else Result.PARTLY
    return Judgement("rare_disease", result, covered, result.value, detail)


EXPLANATION = Explanation(
    code="5.25",
    slug="rare_disease",
    title="罕见病或肿瘤患者集中于少数双通道药店",
    requires=MappingProxyType({"prescriptions": frozenset({"doctor_id"})}),
    judge=judge,
    params=Params(),
    sentences=MappingProxyType(
        {
            "holds": "成立：所涉人员的购药均有医院医师开具的有效处方",
            "partly": "部分成立：{n_covered} 人的购药绝大多数有有效处方，其余人员没有",
            "fails": "不成立：所涉人员的购药缺少有效处方",
            "untestable": "未能检验：缺少数据项 {missing}",
        }
    ),
)
