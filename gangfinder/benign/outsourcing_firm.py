"""Firms that employ people for others: many members, much coming and going, benefits as elsewhere (DOMAIN §4 T19).

A firm is explained when it has many members, they came at many different times, and those who came of late drew no
benefit oftener than a few in a hundred. A small employer, or a large one most of whose newcomers draw the same benefit,
is not excused.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from gangfinder.benign.contract import Explanation, Tables
from gangfinder.engine.portable import add_days, month_index

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of the outsourcing explanation.

    Parameters
    ----------
    members
        Fewest members of such a firm.
    months
        Fewest different months in which members joined.
    benefit_share
        Largest share of the members who drew one kind of benefit within ``before_days`` of joining.
    before_days
        Days after joining within which a benefit counts.
    """

    members: int = 80
    months: int = 8
    benefit_share: float = 0.08
    before_days: int = 365


def hubs(tables: Tables, params: Params) -> ir.Table:
    """Return ``hub_type, hub_id``: employers of many who came and went as in any such firm."""
    import ibis

    given = tables["enrolments"]
    known = given.filter(given.employer_id.notnull() & (given.employer_id != ""))
    since = known.group_by("employer_id", "patient_id").aggregate(since=known.valid_from.min())
    firm = since.group_by("employer_id").aggregate(
        n_members=since.count(), n_months=month_index(since.since).nunique()
    )
    firm = firm.filter((firm.n_members >= params.members) & (firm.n_months >= params.months))
    r = tables["reimbursements"]
    at = ibis.coalesce(r.submitted_at, r.handled_at, r.paid_at)
    drawn = r.mutate(on=at.cast("date")).filter(r.benefit_kind.notnull() & at.notnull())
    drawn = drawn.select("patient_id", "benefit_kind", "on")
    soon = since.semi_join(firm, "employer_id").inner_join(drawn, "patient_id")
    soon = soon.filter((soon.on >= soon.since) & (soon.on <= add_days(soon.since, params.before_days)))
    kinds = soon.group_by("employer_id", "benefit_kind").aggregate(n=soon.patient_id.nunique())
    most = kinds.group_by("employer_id").aggregate(n_most=kinds.n.max())
    full = firm.left_join(most, "employer_id").drop("employer_id_right")
    lawful = full.filter(ibis.coalesce(full.n_most, ibis.literal(0)) <= params.benefit_share * full.n_members)
    return lawful.select(hub_type=ibis.literal("employer"), hub_id=lawful.employer_id)


EXPLANATION = Explanation(
    code="5.19",
    slug="outsourcing_firm",
    title="劳务派遣或人力资源外包单位",
    requires=MappingProxyType({"enrolments": frozenset({"employer_id"})}),
    optional=MappingProxyType(
        {"reimbursements": frozenset({"benefit_kind", "submitted_at", "handled_at", "paid_at"})}
    ),
    hubs=hubs,
    params=Params(),
    sentences=MappingProxyType(
        {
            "holds": "成立：单位参保人数多、增减员分散，新参保人员享受同一待遇的比例与其他单位相近",
            "partly": "部分成立：{n_hubs_covered} 个参保单位属劳务派遣或外包，未作为联系使用",
            "fails": "不成立：参保单位人数少，或参保时间集中，或新参保人员多享受同一待遇",
            "untestable": "未能检验：缺少数据项 {missing}",
        }
    ),
)
