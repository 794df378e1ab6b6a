"""A house that was renamed, moved or merged: its people go where it went (DOMAIN §4 T13, look-alikes).

The contract ended for good, was not suspended, and a house of the same credit code, legal representative, parent
or address has a contract that begins about then, or goes on. A suspended house is never excused by its owner's
other house.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from gangfinder.benign.contract import Explanation, Tables
from gangfinder.engine.portable import days_between

if TYPE_CHECKING:
    import ibis.expr.types as ir

ENDED = ("ended", "terminated", "解除", "终止")
SUSPENDED = ("suspended", "暂停", "中止")
SAME = ("uscc", "legal_rep_id_number", "parent_id", "address")


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of the explanation.

    Parameters
    ----------
    handover_days
        The successor's contract begins at most so many days after the end; one that began before is open then.
    """

    handover_days: int = 60


def hubs(tables: Tables, params: Params) -> ir.Table:
    """Return ``hub_type, hub_id`` of houses whose contract ended and was taken over."""
    import ibis

    contracts, houses = tables["contracts"], tables["institutions"]
    held = contracts.filter(contracts.status.isin(SUSPENDED)).select("institution_id").distinct()
    ended = contracts.filter(contracts.status.isin(ENDED)).anti_join(held, "institution_id")
    over = ended.group_by("institution_id").aggregate(end=ended.valid_from.min())
    parts = [
        houses.filter(houses[c].notnull() & (houses[c] != "")).select("institution_id", value=houses[c]) for c in SAME
    ]
    heads = houses.filter(houses.parent_id.notnull() & (houses.parent_id != ""))
    parts.append(heads.select(institution_id="parent_id", value="parent_id"))
    ties = parts[0].union(*parts[1:], distinct=True)
    other = ties.select(successor="institution_id", value_r="value")
    pairs = ties.inner_join(other, ties.value == other.value_r)
    pairs = pairs.filter(pairs.institution_id != pairs.successor).inner_join(over, "institution_id")
    active = contracts.filter(contracts.status == "active").select(
        "valid_from", "valid_to", successor="institution_id"
    )
    met = pairs.inner_join(active, "successor")
    begins = days_between(met.valid_from, met.end) <= params.handover_days
    open_then = met.valid_to.isnull() | (met.valid_to >= met.end)
    found = met.filter(begins & open_then).select("institution_id").distinct()
    hub = ibis.literal("contract|").concat(found.institution_id)
    return found.select(hub_type=ibis.literal("institution"), hub_id=hub)


EXPLANATION = Explanation(
    code="5.42",
    slug="relocation",
    title="机构更名、搬迁或合并",
    requires=MappingProxyType({"contracts": frozenset({"institution_id", "valid_from", "status"})}),
    optional=MappingProxyType(
        {"contracts": frozenset({"valid_to"}), "institutions": frozenset({"institution_id", *SAME})}
    ),
    hubs=hubs,
    sentences=MappingProxyType(
        {
            "holds": "成立：原机构协议已终止，由同一主体的机构承接",
            "partly": "部分成立：部分机构由同一主体承接，其余仍成立",
            "fails": "不成立：协议属暂停而非终止，或没有同一主体的承接机构",
            "untestable": "未能检验：缺少数据项 {missing}",
        }
    ),
    params=Params(),
)
