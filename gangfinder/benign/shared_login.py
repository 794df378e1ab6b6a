"""Shared logins and front-end servers: a terminal or operator that serves a whole house binds nobody (DOMAIN §5.14)."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from gangfinder.benign.contract import Explanation, Tables

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of the shared-login explanation.

    Parameters
    ----------
    constant_share
        Least share of a house's settlements that go through the terminal or operator.
    house_settlements
        Fewest settlements of a house before anything is called constant.
    """

    constant_share: float = 0.95
    house_settlements: int = 30


def hubs(tables: Tables, params: Params) -> ir.Table:
    """Return ``hub_type, hub_id``: terminals and operators that are constants of their house."""
    settlements = tables["settlements"]
    found = _constant(settlements, "terminal", "terminal_id", params)
    return found.union(_constant(settlements, "operator", "operator_id", params), distinct=False).distinct()


def _constant(settlements: ir.Table, hub_type: str, column: str, params: Params) -> ir.Table:
    import ibis

    known = settlements.filter(settlements[column].notnull() & (settlements[column] != ""))
    used = known.group_by("institution_id", hub_id=known[column]).aggregate(n=known.count())
    house = used.group_by("institution_id").aggregate(total=used.n.sum())
    both = used.inner_join(house, "institution_id")
    both = both.filter((both.total >= params.house_settlements) & (both.n >= params.constant_share * both.total))
    return both.select(hub_type=ibis.literal(hub_type), hub_id=both.hub_id)


EXPLANATION = Explanation(
    code="5.14",
    slug="shared_login",
    title="共用登录账号或前置机",
    optional=MappingProxyType({"settlements": frozenset({"terminal_id", "operator_id"})}),
    hubs=hubs,
    params=Params(),
    sentences=MappingProxyType(
        {
            "holds": "成立：该终端或操作员承担本机构几乎全部结算，属机构常量，不能作为联系",
            "partly": "部分成立：{n_hubs_covered} 个终端或操作员是本机构常量，未作为联系使用",
            "fails": "不成立：所涉终端与操作员不是机构常量，同机构另有其他终端或操作员办理结算",
            "untestable": "未能检验：缺少数据项 {missing}",
        }
    ),
)
