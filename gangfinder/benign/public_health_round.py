"""Contracted public-health services of clinics: the same small service for everybody, a few rounds a year (DOMAIN T24).

A round is short and rare. Whoever is billed month after month, or all the year round, is not covered.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from gangfinder.benign.contract import Explanation, Tables
from gangfinder.engine.portable import days_between, floor_divide

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of the public-health explanation.

    Parameters
    ----------
    round_people
        Fewest people of a round at one house.
    round_weeks
        Weeks of the rounds of a year, all together …
    round_share
        … in which at least this share of the visits falls.
    programme_weeks, programme_span
        Two contracted programmes of four rounds each take up to so many weeks; they count as rounds only where the
        service was seen over so many weeks at least, so that the others are known to be empty.
    gap_days
        Shortest time between two rounds of one person; visits this close belong to one round.
    per_year
        Most rounds of one person in a year: two programmes of four.
    """

    round_people: int = 15
    round_weeks: int = 14
    round_share: float = 0.9
    programme_weeks: int = 24
    programme_span: int = 40
    gap_days: int = 30
    per_year: int = 8


def rows(tables: Tables, params: Params) -> ir.Table:
    """Return ``source_table, source_key`` of the visits that belong to rounds of a preventive service."""
    import ibis

    own = tables["preventive"]
    by = ["institution_id", "diagnosis_code"]
    per = own.group_by(*by, "week").aggregate(n=own.count())
    rank = ibis.row_number().over(ibis.window(group_by=by, order_by=[per.n.desc(), per.week]))
    per = per.mutate(
        top=(rank < params.round_weeks).cast("int64"), more=(rank < params.programme_weeks).cast("int64")
    )
    fit = per.group_by(*by).aggregate(
        n=per.n.sum(), n_top=(per.n * per.top).sum(), n_more=(per.n * per.more).sum(),
        weeks=per.week.max() - per.week.min(),
    )
    two = (fit.n_more >= params.round_share * fit.n) & (fit.weeks >= params.programme_span)
    fit = fit.filter(((fit.n_top >= params.round_share * fit.n) | two) & (fit.n >= params.round_people))
    kept = own.semi_join(fit, by).semi_join(_seldom(own, params), ["patient_id", *by])
    people = kept.group_by(*by).aggregate(n=kept.patient_id.nunique())
    kept = kept.semi_join(people.filter(people.n >= params.round_people), by)
    return kept.select(source_table=ibis.literal("settlements"), source_key=kept.settlement_id)


def preventive(tables: Tables, params: Params) -> ir.Table:  # noqa: ARG001 - the signature of a step
    """Return the visits for examination, prevention or advice (ICD-10 Z00 to Z29, Z70 to Z76), with their week."""
    import ibis

    visits = tables["visits"]
    code = ibis.coalesce(visits.diagnosis_code.upper().substr(0, 3), ibis.literal(""))
    chosen = visits.filter(code.between("Z00", "Z29") | code.between("Z70", "Z76"))
    week = floor_divide(days_between(chosen["on"], ibis.date("1970-01-01")), 7)
    return chosen.select("settlement_id", "patient_id", "institution_id", "diagnosis_code", "on", week=week)


def _seldom(own: ir.Table, params: Params) -> ir.Table:
    """Return the people who came at most so often a year: patient_id, institution_id, diagnosis_code."""
    import ibis

    by = ["patient_id", "institution_id", "diagnosis_code"]
    days = own.select(*by, "on").distinct()
    gap = days_between(days["on"], days["on"].lag().over(ibis.window(group_by=by, order_by="on")))
    days = days.mutate(starts=ibis.coalesce((gap >= params.gap_days).cast("int64"), 1))
    size = days.group_by(*by).aggregate(
        n_rounds=days.starts.sum(), n=days.count(), span=days_between(days["on"].max(), days["on"].min())
    )
    most = params.per_year * (floor_divide(size.span, 365) + 1)
    return size.filter((size.n_rounds <= most) & (size.n <= 2 * size.n_rounds)).select(*by)


EXPLANATION = Explanation(
    code="5.31",
    slug="public_health_round",
    title="基本公共卫生与签约服务集中随访",
    requires=MappingProxyType({"settlements": frozenset({"diagnosis_code"})}),
    uses=frozenset({"visits"}),
    steps=(("preventive", preventive),),
    rows=rows,
    params=Params(),
    sentences=MappingProxyType(
        {
            "holds": "成立：{n_core} 人的记录均属一年数轮的预防保健或签约服务，已全部剔除",
            "partly": "部分成立：{n_covered} 人共 {n_rows} 条预防保健或签约服务记录已剔除，其余记录重新判断后仍成立",
            "fails": "不成立：不属预防保健诊断，或逐月、全年持续结算，不是一年数轮的集中服务",
            "untestable": "未能检验：缺少数据项 {missing}",
        }
    ),
)
