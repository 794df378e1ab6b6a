"""Care homes: residents of one home share an address, a doctor and his round; they count as one (DOMAIN §5.2)."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from gangfinder.benign.contract import Explanation, Tables
from gangfinder.engine.portable import days_between, string_key, stripped

if TYPE_CHECKING:
    import ibis.expr.types as ir

NAMES = ("养老院", "养老中心", "养老公寓", "护理院", "福利院", "敬老院", "康养", "托老所", "老年公寓")
"""What the registered address of a care home contains."""

_DAYS_PER_YEAR = 365.25


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of the care-home explanation.

    Parameters
    ----------
    named_people
        Fewest people at an address that is written as a care home.
    aged_years
        Age from which a resident counts as aged.
    aged_people
        Fewest aged people at one address without a telling name.
    aged_share
        Least share of the aged among the people at such an address.
    """

    named_people: int = 3
    aged_years: float = 60.0
    aged_people: int = 10
    aged_share: float = 0.8


def units(tables: Tables, params: Params) -> ir.Table:
    """Return ``patient_id, unit_id``: the residents of each care home."""
    import ibis

    patients = tables["patients"]
    last = tables["settlements"].settled_at.max().as_scalar()
    known = patients.filter(patients.address.notnull())
    address = stripped(known.address)
    named = address.contains(NAMES[0])
    for name in NAMES[1:]:
        named = named | address.contains(name)
    old = days_between(last.date(), known.birth_date) >= int(params.aged_years * _DAYS_PER_YEAR)
    known = known.select(
        "patient_id", home=address, named=named.cast("int64"), aged=ibis.coalesce(old.cast("int64"), 0)
    )
    size = known.group_by("home").aggregate(n=known.count(), n_aged=known.aged.sum(), named=known.named.max())
    homes = size.filter(
        ((size.named == 1) & (size.n >= params.named_people))
        | ((size.n_aged >= params.aged_people) & (size.n_aged >= params.aged_share * size.n))
    )
    kept = known.semi_join(homes, "home")
    return kept.select("patient_id", unit_id=string_key(ibis.literal("care_home"), kept.home))


EXPLANATION = Explanation(
    code="5.2",
    slug="care_home",
    title="养老院、护理院、福利院住养人员",
    requires=MappingProxyType({"patients": frozenset({"address"})}),
    optional=MappingProxyType({"patients": frozenset({"birth_date"}), "settlements": frozenset()}),
    units=units,
    params=Params(),
    sentences=MappingProxyType(
        {
            "holds": "成立：{n_core} 人均登记在同一养老或护理机构，按一户计；该机构的集中住院与零自付另行检验",
            "partly": "部分成立：{n_covered} 人登记在同一养老或护理机构，按一户计，其余人员已重新判断",
            "fails": "不成立：{n_core} 人没有共同登记的养老或护理机构地址",
            "untestable": "未能检验：缺少数据项 {missing}",
        }
    ),
)
