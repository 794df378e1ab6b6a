"""Doctors lawfully at several houses: reading centres, and accounts of a department that are nobody (DOMAIN §4 T21).

Practice at two registered houses on different days needs no excuse: it is in no two places at once. What would look
impossible and is not, is an account without an identity number where doctors have one, under which a whole department
signs, and a doctor of an imaging, pathology or remote-diagnosis department who reads at his desk for many houses.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from gangfinder.benign.contract import Explanation, Tables

if TYPE_CHECKING:
    import ibis.expr.types as ir

READING = ("影像", "放射", "病理", "心电", "远程", "检验", "超声")


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of the explanation.

    Parameters
    ----------
    named_share
        Least share of the register's doctors with an identity number, for its absence to mean that there is no person.
    """

    named_share: float = 0.8


def hubs(tables: Tables, params: Params) -> ir.Table:
    """Return ``hub_type, hub_id`` of signatures at two places that are lawful, and of accounts that are nobody."""
    import ibis

    doctors = tables["doctors"]
    known = (doctors.id_number.notnull() & (doctors.id_number != "")).cast("int64")
    row = doctors.mutate(known=known, reads=_reads(doctors).cast("int64"))
    own = row.group_by("doctor_id").aggregate(known=row.known.max(), reads=row.reads.max())
    share = own.aggregate(share=own.known.mean())
    nobody = own.cross_join(share).filter(lambda t: (t.known == 0) & (t.share >= params.named_share))
    readers = own.filter(own.reads == 1)
    parts = [nobody.select(hub_id=ibis.literal(f"{way}|").concat(nobody.doctor_id)) for way in ("two", "left")]
    parts.append(readers.select(hub_id=ibis.literal("two|").concat(readers.doctor_id)))
    found = parts[0].union(*parts[1:], distinct=True)
    return found.select(hub_type=ibis.literal("doctor"), hub_id="hub_id")


def _reads(doctors: ir.Table) -> ir.BooleanValue:
    """Say whether a doctor's department reads for others, and the register allows more than one house."""
    import ibis

    said = doctors.department.contains(READING[0])
    for word in READING[1:]:
        said = said | doctors.department.contains(word)
    return ibis.coalesce(said & doctors.multi_site, ibis.literal(value=False))


EXPLANATION = Explanation(
    code="5.41",
    slug="multi_site",
    title="多点执业、远程诊断或科室共用账号",
    requires=MappingProxyType({"doctors": frozenset({"doctor_id", "id_number"})}),
    optional=MappingProxyType({"doctors": frozenset({"department", "multi_site"})}),
    hubs=hubs,
    sentences=MappingProxyType(
        {
            "holds": "成立：登记为远程诊断医师，或为没有身份证号的科室账号",
            "partly": "部分成立：部分签名属远程诊断或科室账号，其余仍成立",
            "fails": "不成立：登记为有身份证号的医师本人，且不属可远程出具诊断的科室，多点执业不能在同一时刻",
            "untestable": "未能检验：缺少数据项 {missing}",
        }
    ),
    params=Params(),
)
