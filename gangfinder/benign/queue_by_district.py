"""Files are divided by district or by surname, and a ring's people live together or are kin (按片区或姓氏分件).

His share of the papers of everybody else from the same villages, or of the same surnames, says whether that is so.
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
        Share of the papers of others from the same districts, or of the same surnames, from which on they are his.
    papers
        Fewest papers of others of one district or surname that a share is taken of.
    """

    share: float = 0.7
    papers: int = 3


def judge(group: Group, params: Params) -> Judgement:
    """Cover members of staff to whom the districts or surnames of the ring's people fall anyway."""

    def fits(own: pd.DataFrame) -> bool | None:
        found = [share_elsewhere(own, name, params.papers) for name in ("home", "name")]
        known = [one for one in found if one is not None]
        return max(known) >= params.share if known else None

    return judge_desks("queue_by_district", group, fits, "patients.address、patients.name")


EXPLANATION = Explanation(
    code="5.52",
    slug="queue_by_district",
    title="按片区或姓氏分件",
    requires=MappingProxyType({"staff": frozenset({"staff_id"}), "patients": frozenset()}),
    judge=judge,
    params=Params(),
    sentences=MappingProxyType(
        {
            "holds": "成立：同片区或同姓氏其他参保人的业务也由其办理",
            "partly": "部分成立：{n_covered} 名经办人员属此情形，其余仍须核实",
            "fails": "不成立：同片区或同姓氏其他参保人的业务并不由其办理",
            "untestable": "未能检验：缺少数据项 {missing}",
        }
    ),
)
