"""Check-up and vaccination days: one crowded day of an employer, a school or a health scheme (DOMAIN §5.5)."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from gangfinder.benign.contract import Explanation, Tables
from gangfinder.engine.portable import days_between

if TYPE_CHECKING:
    import ibis.expr.types as ir

CHECKUP_VISIT_TYPES = frozenset({"9107"})
CHECKUP_WORDS = ("体检", "健康检查", "疫苗", "接种")


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of the check-up explanation.

    Parameters
    ----------
    marked_people
        Fewest people with a check-up code, item or department at one house on one day.
    employer_people
        Fewest people of one employer or school at one house on one day.
    crowd_people
        Fewest people of an unmarked crowd day.
    crowd_factor
        Least ratio of an unmarked crowd day to the mean day of the house.
    quiet_days
        A person who comes to the same house again within so many days is not on a single outing: his row is not
        explained, so a group that repeats its visit keeps its rows.
    same_people_share
        An unmarked crowd, this share of which is in other crowds as well …
    same_crowds
        … in so many of them, one at another house at least, is a group that goes around, and not explained.
    """

    marked_people: int = 8
    employer_people: int = 8
    crowd_people: int = 40
    crowd_factor: float = 4.0
    quiet_days: int = 60
    same_people_share: float = 0.5
    same_crowds: int = 2


def rows(tables: Tables, params: Params) -> ir.Table:
    """Return ``source_table, source_key`` of the visits on such days by people for whom it was a single outing."""
    import ibis

    keys = _bursts(tables["single"], tables["crowds"], params).select("settlement_id").distinct()
    return keys.select(source_table=ibis.literal("settlements"), source_key=keys.settlement_id)


def known(tables: Tables, params: Params) -> ir.Table:  # noqa: ARG001 - the signature of a step
    """Return the visits with their mark and the employer of the patient."""
    employers = tables["patients"].select("patient_id", employer=tables["patients"].employer)
    return _marked(tables).left_join(employers.filter(employers.employer.notnull()), "patient_id").drop(
        "patient_id_right"
    )


def crowds(tables: Tables, params: Params) -> ir.Table:
    """Return the house days with many times the people of a mean day of that house, counting everybody."""
    return _crowds(tables["known"], params)


def single(tables: Tables, params: Params) -> ir.Table:
    """Return the single outings of the people who were at a house on some crowded day."""
    # nobody else is asked how often he comes
    candidates = _bursts(tables["known"], tables["crowds"], params).select("patient_id", "institution_id").distinct()
    return _single_outings(tables["known"].semi_join(candidates, ["patient_id", "institution_id"]), params)


def _bursts(visits: ir.Table, crowds: ir.Table, params: Params) -> ir.Table:
    """Return the visits on crowded days: marked ones, those of colleagues, and all on days far above the mean."""
    marked = _burst(visits.filter(visits.marked == 1), ("institution_id", "on"), params.marked_people)
    at_work = visits.filter(visits.employer.notnull() & (visits.employer != ""))
    worked = _burst(at_work, ("institution_id", "on", "employer"), params.employer_people)
    crowded = visits.semi_join(crowds, ["institution_id", "on"])
    crowded = crowded.anti_join(_going_around(crowded, params), ["institution_id", "on"])
    columns = ("settlement_id", "patient_id", "institution_id")
    return marked.select(*columns).union(worked.select(*columns), crowded.select(*columns), distinct=False)


def _going_around(crowded: ir.Table, params: Params) -> ir.Table:
    """Return the crowds most of whose people stand in other crowds too, at another house among them."""
    who = crowded.select("patient_id", "institution_id", "on").distinct()
    size = who.group_by("institution_id", "on").aggregate(n=who.count())
    other = who.rename(other_house="institution_id", other_on="on")
    met = who.inner_join(other, "patient_id")
    met = met.filter((met.institution_id != met.other_house) | (met["on"] != met.other_on))
    both = met.group_by("institution_id", "on", "other_house", "other_on").aggregate(n_both=met.count())
    both = both.inner_join(size, ["institution_id", "on"])
    both = both.filter(both.n_both >= params.same_people_share * both.n)
    away = (both.institution_id != both.other_house).cast("int64")
    again = both.mutate(away=away).group_by("institution_id", "on").aggregate(
        n_again=lambda t: t.count(), n_away=lambda t: t.away.sum()
    )
    kept = again.filter((again.n_again >= params.same_crowds) & (again.n_away >= 1))
    return kept.select("institution_id", "on")


def _marked(tables: Tables) -> ir.Table:
    """Return visits with ``marked`` 1 where a code, department or item says check-up."""
    import ibis

    visits, items = tables["visits"], tables["items"]
    said = items.item_name.contains(CHECKUP_WORDS[0])
    for word in CHECKUP_WORDS[1:]:
        said = said | items.item_name.contains(word)
    told = items.filter(said & items.settlement_id.notnull()).select("settlement_id").distinct().mutate(told=1)
    joined = visits.left_join(told, "settlement_id")
    coded = joined.visit_type.isin(sorted(CHECKUP_VISIT_TYPES)) | joined.department.contains(CHECKUP_WORDS[0])
    by_item = ibis.coalesce(joined.told, 0)
    mark = ibis.greatest(ibis.coalesce(coded.cast("int64"), 0), by_item.cast("int64"))
    return joined.select("settlement_id", "patient_id", "institution_id", "on", marked=mark)


def _single_outings(visits: ir.Table, params: Params) -> ir.Table:
    """Return the visits whose patient was not at the house within the quiet days before and after."""
    import ibis

    days = visits.group_by("patient_id", "institution_id", "on").aggregate(n=visits.count())
    window = ibis.window(group_by=["patient_id", "institution_id"], order_by="on")
    near = days.mutate(
        before=days_between(days.on, days.on.lag().over(window)),
        after=days_between(days.on.lead().over(window), days.on),
    )
    quiet = (near.before.isnull() | (near.before > params.quiet_days)) & (
        near.after.isnull() | (near.after > params.quiet_days)
    )
    return visits.semi_join(near.filter(quiet), ["patient_id", "institution_id", "on"])


def _burst(visits: ir.Table, by: tuple[str, ...], people: int) -> ir.Table:
    """Return the visits of days on which enough people came."""
    size = visits.group_by(*by).aggregate(n=visits.patient_id.nunique())
    return visits.semi_join(size.filter(size.n >= people), by)


def _crowds(visits: ir.Table, params: Params) -> ir.Table:
    """Return the house days with many times the people of a mean day of that house."""
    size = visits.group_by("institution_id", "on").aggregate(n=visits.patient_id.nunique())
    mean = size.group_by("institution_id").aggregate(mean=size.n.mean())
    both = size.inner_join(mean, "institution_id")
    return both.filter((both.n >= params.crowd_people) & (both.n >= params.crowd_factor * both["mean"]))


EXPLANATION = Explanation(
    code="5.5",
    slug="checkup_day",
    title="单位或学校体检、疫苗接种日",
    optional=MappingProxyType(
        {"patients": frozenset({"employer"}), "items": frozenset({"item_name", "settlement_id"})}
    ),
    uses=frozenset({"visits"}),
    steps=(("known", known), ("crowds", crowds), ("single", single)),
    rows=rows,
    params=Params(),
    sentences=MappingProxyType(
        {
            "holds": "成立：{n_core} 人的同日就诊均为单次集中体检或接种，已全部剔除",
            "partly": "部分成立：{n_covered} 人共 {n_rows} 条体检日记录已剔除，其余记录重新判断后仍成立",
            "fails": "不成立：没有体检或接种日记录；集中日期多次重复",
            "untestable": "未能检验：缺少数据项 {missing}",
        }
    ),
)
