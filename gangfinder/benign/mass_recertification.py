"""Records moved from an older system, and yearly certification of a whole register: many filings on one day.

The earlier treatment of such people lies before the data begin. A doctor or hospital that files for dozens of people in
a day files for a register, not for the five to fifteen of a ring.
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
    """Parameters of the explanation.

    Parameters
    ----------
    day_filings
        Filings of one doctor or hospital on one day from which on they are a register's.
    """

    day_filings: int = 15


def judge(group: Group, params: Params) -> Judgement:
    """Cover people all of whose filings were made on a day of many."""
    rows = group.rows
    if "m_day_filings" not in rows.columns:
        return Judgement("mass_recertification", Result.UNTESTABLE, (), "untestable", {"missing": "filings.filed_at"})
    papers = rows[rows["source_table"] == "filings"]
    least = papers.groupby("subject_id", sort=True)["m_day_filings"].min()
    covered = tuple(str(p) for p in least[least >= params.day_filings].index)
    detail = {"n_core": len(group.members), "n_covered": len(covered)}
    result = Result.FAILS if not covered else Result.HOLDS if len(covered) == len(group.members) else Result.PARTLY
    return Judgement("mass_recertification", result, covered, result.value, detail)


EXPLANATION = Explanation(
    code="5.27",
    slug="mass_recertification",
    title="年度集中复审或数据迁移",
    requires=MappingProxyType({"filings": frozenset({"filed_at"})}),
    judge=judge,
    params=Params(),
    sentences=MappingProxyType(
        {
            "holds": "成立：所涉申报均属同一日集中办理",
            "partly": "部分成立：{n_covered} 人的申报属同一日集中办理，其余人员的申报分散",
            "fails": "不成立：申报不是集中办理",
            "untestable": "未能检验：缺少数据项 {missing}",
        }
    ),
)
