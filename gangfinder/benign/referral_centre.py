"""Referral centres: other houses send patients who were found ill there, so most results are positive (DOMAIN §4 T16).

A laboratory is explained at a house when most of those it found positive there had been treated for a tumour at another
house before the report. Patients whom nobody else has seen are not explained.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from gangfinder.benign.contract import Explanation, Tables
from gangfinder.engine.portable import days_between, string_key

if TYPE_CHECKING:
    import ibis.expr.types as ir

POSITIVE = ("positive", "pos", "1", "+", "阳性", "检出", "突变", "扩增")
"""Texts of ``result`` that count as positive."""


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of the referral explanation.

    Parameters
    ----------
    patients
        Fewest patients with positive results of a laboratory that is judged.
    referred_share
        Least share of them who were treated for a tumour at another house before.
    known_days
        How many days before the report that counts.
    """

    patients: int = 5
    referred_share: float = 0.8
    known_days: int = 365


def hubs(tables: Tables, params: Params) -> ir.Table:
    """Return ``hub_type, hub_id``: laboratory and house (``L|H``) to which patients come who are known to be ill."""
    import ibis

    reports, s = tables["lab_reports"], tables["settlements"]
    found = reports.filter(reports.result.isin(POSITIVE) & reports.laboratory_id.notnull())
    desk = string_key(found.laboratory_id, found.institution_id)
    found = found.select("patient_id", "reported_at", desk=desk, house="institution_id")
    ill = s.filter(s.diagnosis_code.startswith("C") | s.diagnosis_code.startswith("D0"))
    ill = ill.select("patient_id", elsewhere="institution_id", on=ill.settled_at.cast("date"))
    near = found.inner_join(ill, "patient_id")
    gap = days_between(near.reported_at.cast("date"), near.on)
    other = ibis.coalesce(near.elsewhere != near.house, ibis.literal(value=True))
    sent = near.filter((gap > 0) & (gap <= params.known_days) & other)
    sent = sent.group_by("desk").aggregate(n_sent=sent.patient_id.nunique())
    size = found.group_by("desk").aggregate(n_patients=found.patient_id.nunique())
    full = size.inner_join(sent, "desk")
    many = full.n_patients >= params.patients
    centre = full.filter(many & (full.n_sent >= params.referred_share * full.n_patients))
    return centre.select(hub_type=ibis.literal("laboratory"), hub_id=centre.desk)


EXPLANATION = Explanation(
    code="5.21",
    slug="referral_centre",
    title="转诊中心（患者经筛选）",
    requires=MappingProxyType(
        {
            "lab_reports": frozenset({"laboratory_id", "result"}),
            "settlements": frozenset({"diagnosis_code"}),
        }
    ),
    optional=MappingProxyType({"lab_reports": frozenset({"institution_id"})}),
    hubs=hubs,
    params=Params(),
    sentences=MappingProxyType(
        {
            "holds": "成立：阳性患者八成以上此前已在其他医院按肿瘤诊治，阳性率高由病情决定",
            "partly": "部分成立：{n_hubs_covered} 家检测机构的患者多为转诊，未作为联系使用",
            "fails": "不成立：阳性患者此前多无其他医院的肿瘤诊治记录",
            "untestable": "未能检验：缺少数据项 {missing}",
        }
    ),
)
