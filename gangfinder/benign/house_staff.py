"""Staff as patients: who works at a hospital is treated there too, often with colleagues (DOMAIN §5.15).

Visits are explained, stays are not: houses have admitted their own staff and relatives to fill beds. A month with
more visits than illness brings is not explained either.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from gangfinder.benign.contract import Explanation, Tables
from gangfinder.engine.portable import month_index

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of the explanation.

    Parameters
    ----------
    month_visits
        Most visits of a person to his own house in a calendar month that are explained: a check-up, a vaccination and
        an illness. A card that is swiped by its holder's colleagues is swiped more often.
    """

    month_visits: int = 3


def rows(tables: Tables, params: Params) -> ir.Table:
    """Return ``source_table, source_key`` of ordinary visits of a hospital's staff to that hospital."""
    import ibis

    visits = tables["visits"].select("settlement_id", "patient_id", "institution_id", "on")
    own = visits.semi_join(_at_work(tables), ["patient_id", "institution_id"])
    own = own.mutate(month=month_index(own["on"]))
    by = ["patient_id", "institution_id", "month"]
    usual = own.group_by(*by).aggregate(n=own.count())
    kept = own.semi_join(usual.filter(usual.n <= params.month_visits), by)
    return kept.select(source_table=ibis.literal("settlements"), source_key=kept.settlement_id)


def _at_work(tables: Tables) -> ir.Table:
    """Return which patients work at which hospitals, by their identity numbers."""
    doctors, operators = tables["doctors"], tables["operators"]
    staff = doctors.select("id_number", "institution_id").union(
        operators.select("id_number", "institution_id"), distinct=True
    )
    houses = tables["institutions"]
    staff = staff.filter(staff.id_number.notnull() & (staff.id_number != ""))
    staff = staff.semi_join(houses.filter(houses.kind == "hospital"), "institution_id")
    return tables["patients"].select("patient_id", "id_number").inner_join(staff, "id_number")


EXPLANATION = Explanation(
    code="5.15",
    slug="house_staff",
    title="医院职工在本院就诊",
    requires=MappingProxyType(
        {
            "patients": frozenset({"id_number"}),
            "doctors": frozenset({"id_number", "institution_id"}),
            "institutions": frozenset({"kind"}),
        }
    ),
    optional=MappingProxyType({"operators": frozenset({"id_number", "institution_id"})}),
    uses=frozenset({"visits"}),
    rows=rows,
    params=Params(),
    sentences=MappingProxyType(
        {
            "holds": "成立：{n_core} 人均为所就诊医院的职工，其本院门诊已剔除；住院与金额不因此排除",
            "partly": "部分成立：{n_covered} 人为所就诊医院的职工，其本院门诊已剔除，其余记录已重新判断",
            "fails": "不成立：{n_core} 人在本人任职医院没有可剔除的门诊",
            "untestable": "未能检验：缺少数据项 {missing}",
        }
    ),
)
