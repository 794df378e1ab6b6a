"""Renewals and online follow-up: a doctor who knows the patient renews in seconds what was found before (续方).

A renewal names the prescription that it renews; where it does, speed and the missing visit say nothing. It does not
explain a sale before its prescription, nor a prescription that renews nothing.
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
    """Parameters of the renewal explanation.

    Parameters
    ----------
    renewed_share
        Least share of a person's prescriptions that renew an earlier one.
    """

    renewed_share: float = 0.8


def judge(group: Group, params: Params) -> Judgement:
    """Cover people nearly all of whose prescriptions are renewals, none of them written after the sale."""
    rows = group.rows
    if "m_renewal" not in rows.columns:
        return Judgement("renewal", Result.UNTESTABLE, (), "untestable", {"missing": "prescriptions.renewal_of"})
    own = rows.groupby("subject_id", sort=True).agg(renewed=("m_renewal", "mean"), late=("m_late", "max"))
    fit = own[(own["renewed"] >= params.renewed_share) & (own["late"] == 0)]
    covered = tuple(str(p) for p in fit.index)
    detail = {"n_core": len(group.members), "n_covered": len(covered)}
    result = Result.FAILS if not covered else Result.HOLDS if len(covered) == len(group.members) else Result.PARTLY
    return Judgement("renewal", result, covered, result.value, detail)


EXPLANATION = Explanation(
    code="5.24",
    slug="renewal",
    title="长期处方续方与线上复诊",
    requires=MappingProxyType({"prescriptions": frozenset({"renewal_of"})}),
    judge=judge,
    params=Params(),
    sentences=MappingProxyType(
        {
            "holds": "成立：{n_covered} 人的处方绝大多数为续方，且均先开方后结算",
            "partly": "部分成立：{n_covered} 人的处方绝大多数为续方，其余人员的处方不是续方",
            "fails": "不成立：所涉处方不是续方，或先结算后开方",
            "untestable": "未能检验：缺少数据项 {missing}",
        }
    ),
)
