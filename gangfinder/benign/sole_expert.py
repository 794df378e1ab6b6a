"""The county's only designated expert: everybody with the disease files through him (待遇鉴定专家).

Those referred to him from other counties have no earlier treatment in the data. What he alone does binds nobody: people
who share neither an agent nor the houses they go to are explained. People tied to each other beside him are not.
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
    """Parameters of the sole-expert explanation.

    Parameters
    ----------
    disease_share
        Share of all filings for a disease from which on the doctor is its expert.
    agent_people
        Filers of one agent from which on they are tied by him.
    house_share
        Share of the filers at one house from which on they are tied by it.
    """

    disease_share: float = 0.6
    agent_people: int = 3
    house_share: float = 0.4


def judge(group: Group, params: Params) -> Judgement:
    """Cover filers for a disease of which the doctor is the expert, unless an agent or a house ties them."""
    rows = group.rows
    if "m_hub_disease_filings" not in rows.columns:
        return Judgement("sole_expert", Result.UNTESTABLE, (), "untestable", {"missing": "filings.doctor_id"})
    papers = rows[rows["source_table"] == "filings"]
    share = papers["m_hub_disease_filings"] / papers["m_disease_filings"]
    expert = set(papers.loc[share >= params.disease_share, "subject_id"])
    known = papers[papers["m_agent"].notna()]
    agents = known.groupby("m_agent", sort=True)["subject_id"].transform("nunique")
    tied = set(known.loc[agents >= params.agent_people, "subject_id"])
    fetched = rows[rows["source_table"] == "settlements"]
    came = fetched.groupby("institution_id", sort=True)["subject_id"].nunique()
    busy = came[came >= max(params.agent_people, params.house_share * len(group.members))].index
    tied |= set(fetched.loc[fetched["institution_id"].isin(busy), "subject_id"])
    covered = tuple(sorted(expert - tied))
    detail = {"n_core": len(group.members), "n_covered": len(covered), "n_expert": len(expert)}
    result = Result.FAILS if not covered else Result.HOLDS if len(covered) == len(group.members) else Result.PARTLY
    return Judgement("sole_expert", result, covered, result.value, detail)


EXPLANATION = Explanation(
    code="5.26",
    slug="sole_expert",
    title="唯一指定鉴定专家",
    requires=MappingProxyType({"filings": frozenset({"doctor_id"})}),
    judge=judge,
    params=Params(),
    sentences=MappingProxyType(
        {
            "holds": "成立：该医师是该病种的指定鉴定专家，申报人之间没有共同代办人或共同取药点",
            "partly": "部分成立：{n_covered} 人属指定鉴定专家的正常受理，其余人员之间另有联系",
            "fails": "不成立：该医师并非该病种唯一的鉴定专家，或申报人之间另有联系",
            "untestable": "未能检验：缺少数据项 {missing}",
        }
    ),
)
