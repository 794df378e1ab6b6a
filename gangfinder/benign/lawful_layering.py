"""Lawful layers of one bill: basic insurance, then catastrophic, then assistance or a policy (DOMAIN §4 T18).

Several payments of one bill are lawful while together they stay within the bill; a payment taken back, and a rest paid
later, belong to them too. Payments beyond the bill are not explained, nor are two full ones of the same layer.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from gangfinder.benign.contract import Explanation, Tables
from gangfinder.engine.portable import string_key

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of the layering explanation.

    Parameters
    ----------
    tolerance_yuan
        Rounding by which the payments may exceed the bill.
    full_share
        A payment is one of the whole bill, and not of a rest, when it is at least this share of the bill.
    """

    tolerance_yuan: float = 1.0
    full_share: float = 0.3


def hubs(tables: Tables, params: Params) -> ir.Table:
    """Return ``hub_type, hub_id``: bills that several payments cover without exceeding them (house and invoice)."""
    import ibis

    r = tables["reimbursements"]
    house = ibis.coalesce(r.institution_id, r.institution_name)
    known = r.filter(r.invoice_no.notnull() & r.total_amount.notnull() & house.notnull())
    fund, total = known.fund_amount.cast("float64"), known.total_amount.cast("float64").abs()
    sign = ibis.ifelse(fund < 0, -1, 1)
    bills = known.select(
        "patient_id", bill=string_key(ibis.coalesce(known.institution_id, known.institution_name), known.invoice_no),
        layer=ibis.coalesce(known.benefit_kind, ibis.literal("basic")), fund=fund, total=total,
        full=(fund.abs() >= total * params.full_share).cast("int64") * sign,
    )
    layer = bills.group_by("bill", "layer").aggregate(n_full=bills.full.sum())
    most = layer.group_by("bill").aggregate(n_full=layer.n_full.max())
    sums = bills.group_by("bill").aggregate(
        n=bills.count(), people=bills.patient_id.nunique(), fund=bills.fund.sum(), total=bills.total.max()
    )
    full = sums.inner_join(most, "bill")
    lawful = full.filter(
        (full.n >= 2) & (full.people == 1) & (full.n_full <= 1) & (full.fund <= full.total + params.tolerance_yuan)
    )
    return lawful.select(hub_type=ibis.literal("bill"), hub_id=lawful.bill)


EXPLANATION = Explanation(
    code="5.20",
    slug="lawful_layering",
    title="基本、大病、救助等依次支付",
    requires=MappingProxyType({"reimbursements": frozenset({"invoice_no", "total_amount"})}),
    optional=MappingProxyType({"reimbursements": frozenset({"benefit_kind", "institution_id", "institution_name"})}),
    hubs=hubs,
    params=Params(),
    sentences=MappingProxyType(
        {
            "holds": "成立：同一票据的多笔支付属不同保障层次、更正或补差，合计不超过总费用",
            "partly": "部分成立：{n_hubs_covered} 张票据属依次支付，未作为重复支付",
            "fails": "不成立：同一票据同一层次被全额支付两次，或支付合计超过总费用",
            "untestable": "未能检验：缺少数据项 {missing}",
        }
    ),
)
