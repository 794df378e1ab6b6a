"""Referral along the levels: from the county hospital down to its branch, and up again when needed (DOMAIN §5.10).

A stay is explained when it follows within days on a stay at a house of another level, the way of discharge says
"transferred" (2) or "to the community" (3), and the person has made no more than a few such moves. Moves between houses
of one level are never explained, nor is a person who is sent down month after month.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from gangfinder.benign.contract import Explanation, Tables
from gangfinder.engine.portable import days_between

if TYPE_CHECKING:
    import ibis.expr.types as ir

REFERRED = ("2", "3")


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of the referral explanation.

    Parameters
    ----------
    gap_days
        Longest time from a discharge to the admission it leads to.
    moves_per_year
        Most such moves of a person a year; more is no pathway.
    """

    gap_days: int = 3
    moves_per_year: int = 4


def rows(tables: Tables, params: Params) -> ir.Table:
    """Return ``source_table, source_key`` of stays to which a person was referred along the levels."""
    import ibis

    stays = tables["stays"]
    level = tables["institutions"].filter(tables["institutions"].level.notnull()).select("institution_id", "level")
    known = stays.inner_join(level, "institution_id")
    order = ibis.window(group_by="patient_id", order_by=["admitted_on", "discharged_on", "settlement_id"])
    s = known.mutate(
        from_level=known.level.lag().over(order),
        from_way=known.discharge_way.lag().over(order),
        gap=days_between(known.admitted_on, known.discharged_on.lag().over(order)),
    )
    moved = s.filter(
        (s.gap >= 0) & (s.gap <= params.gap_days) & (s.level != s.from_level) & s.from_way.isin(REFERRED)
    )
    span = stays.aggregate(first=stays.admitted_on.min(), last=stays.discharged_on.max())
    years = (days_between(span["last"], span["first"]) / 365.0)
    span = span.select(years=ibis.greatest(1.0, years))
    own = moved.group_by("patient_id").aggregate(n=moved.count()).cross_join(span)
    fit = own.filter(own.n <= params.moves_per_year * own.years)
    found = moved.semi_join(fit, "patient_id")
    return found.select(source_table=ibis.literal("settlements"), source_key=found.settlement_id)


EXPLANATION = Explanation(
    code="5.10",
    slug="referral_down",
    title="医共体上下转诊或分级康复",
    requires=MappingProxyType(
        {
            "settlements": frozenset({"admitted_at", "discharged_at", "discharge_way"}),
            "institutions": frozenset({"level"}),
        }
    ),
    uses=frozenset({"stays"}),
    rows=rows,
    sentences=MappingProxyType(
        {
            "holds": "成立：全部住院均为不同级别机构间的转诊，可解释全部成员",
            "partly": "部分成立：{n_covered} 人的 {n_rows} 次住院属不同级别机构间的转诊，已扣除；其余仍成立",
            "fails": "不成立：所涉住院不是不同级别机构间的转诊",
            "untestable": "未能检验：缺少数据项 {missing}",
        }
    ),
    params=Params(),
)
