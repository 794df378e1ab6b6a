"""Families and mutual aid: people who live together, are kin, or pay for each other count as one (DOMAIN §5.1)."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from types import MappingProxyType
from typing import TYPE_CHECKING

from gangfinder.benign.contract import Explanation, Tables
from gangfinder.engine.portable import string_key
from gangfinder.model.evidence import Judgement, Result
from gangfinder.network.lockstep import sessions

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from gangfinder.model.group import Group

KINSHIP = frozenset(
    {
        "household", "family", "spouse", "relative", "parent", "child", "sibling", "grandparent", "grandchild",
        "guardian", "mutual_aid", "家庭", "户", "同户", "配偶", "夫妻", "父母", "子女", "亲属", "祖孙", "兄弟姐妹",
        "监护", "共济",
    }
)
"""Kinds of ``ties`` between two patients that make them one family."""

WHOLE_DAY_MINUTES = 24 * 60
"""Members of a family come on one day, not within an hour: a session lasts a day."""


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of the family explanation.

    Parameters
    ----------
    household_people
        Largest register household taken for a family; larger ones are collective registrations (dormitories, works).
    same_home_people
        Most people with one address and one phone who are taken for a family.
    aided_people
        Most relatives for whom one account may pay; an account that pays for more is not excused.
    unknown_people
        Where no household is known: a group up to this size may be one family …
    tour_dates
        … unless it tours on this many dates: at least ``together_share`` of it at two houses or more on one day, and
        not only at its ``usual_houses``. A family has its clinic and the pharmacy beside it, and once or twice a year
        another counter; it does not go around several houses together every other month. The same number is asked of
        neighbours (T05, ``small_crew_tours``).
    usual_houses
        The houses where the group is together most often, going on from one to the other of which is no tour.
    together_share
        Least share of the group (two people at least) that is together at a house on a day.
    large_people
        A family of so many …
    large_share
        … hardly ever goes out with this share of it …
    large_houses
        … to this many houses or more; a group that does is none.
    """

    household_people: int = 12
    same_home_people: int = 6
    aided_people: int = 5
    unknown_people: int = 6
    tour_dates: int = 6
    usual_houses: int = 2
    together_share: float = 0.5
    large_people: int = 5
    large_share: float = 0.75
    large_houses: int = 4


def units(tables: Tables, params: Params) -> ir.Table:
    """Return ``patient_id, unit_id``: one row for each reason why a person belongs to a family."""
    patients = tables["patients"]
    found = _households(patients, params)
    for part in (_same_home(patients, params), _kin(tables["ties"]), _aided(tables, params)):
        found = found.union(part, distinct=False)
    return found.distinct()


def _households(patients: ir.Table, params: Params) -> ir.Table:
    known = patients.filter(patients.household_id.notnull() & (patients.household_id != ""))
    size = known.group_by("household_id").aggregate(n=known.patient_id.nunique())
    fit = size.filter((size.n > 1) & (size.n <= params.household_people))
    kept = known.semi_join(fit, "household_id")
    return kept.select("patient_id", unit_id=string_key(_word("household"), kept.household_id))


def _same_home(patients: ir.Table, params: Params) -> ir.Table:
    known = patients.filter(patients.address.notnull() & patients.phone.notnull())
    known = known.filter((known.address != "") & (known.phone.length() >= 7))
    size = known.group_by("address", "phone").aggregate(n=known.patient_id.nunique())
    fit = size.filter((size.n > 1) & (size.n <= params.same_home_people))
    kept = known.semi_join(fit, ["address", "phone"])
    return kept.select("patient_id", unit_id=string_key(_word("home"), kept.address, kept.phone))


def _kin(ties: ir.Table) -> ir.Table:
    t = ties.filter(
        ties.kind.lower().isin(sorted(KINSHIP)) & (ties.source_type == "patient") & (ties.target_type == "patient")
    )
    # a directed and its reverse tie are one unit
    import ibis

    unit = string_key(_word("tie"), ibis.least(t.source_id, t.target_id), ibis.greatest(t.source_id, t.target_id))
    t = t.mutate(unit_id=unit)
    both = t.select(patient_id=t.source_id, unit_id=t.unit_id)
    return both.union(t.select(patient_id=t.target_id, unit_id=t.unit_id), distinct=False)


def _aided(tables: Tables, params: Params) -> ir.Table:
    """Pair a person with the holder of the card that paid for him by mutual aid."""
    s, cards = tables["settlements"], tables["cards"]
    aided = s.filter(s.mutual_aid_amount > 0).select("patient_id", "card_id").distinct()
    holder = cards.select("card_id", payer_id=cards.patient_id).distinct()
    paid = aided.inner_join(holder, "card_id")
    paid = paid.filter(paid.payer_id != paid.patient_id).select("patient_id", "payer_id").distinct()
    size = paid.group_by("payer_id").aggregate(n=paid.count())
    paid = paid.semi_join(size.filter(size.n <= params.aided_people), "payer_id")
    unit = string_key(_word("aid"), paid.payer_id)
    both = paid.select("patient_id", unit_id=unit)
    return both.union(paid.select(patient_id=paid.payer_id, unit_id=unit), distinct=False)


def _word(text: str) -> ir.StringValue:
    import ibis

    return ibis.literal(text)


def judge(group: Group, params: Params) -> Judgement:
    """Say whether a group may be one family, where the data hold no households (asked only then).

    Notes
    -----
    Reasons: ``holds_unknown``, ``fails_unknown`` (more people than a family), ``fails_tours`` (no more people than a
    family, but it tours as no family does), ``fails_houses`` (nearly all of a large one together at several houses).
    """
    n = len(group.members)
    if n > params.unknown_people:
        return Judgement("family", Result.FAILS, (), "fails_unknown", {"n_core": n})
    tours = tour_dates(group, params)
    detail: dict[str, str | int | float] = {"n_core": n, "n_dates": tours}
    if tours >= params.tour_dates:
        return Judgement("family", Result.FAILS, (), "fails_tours", detail)
    if n >= params.large_people and (houses := joint_houses(group, params)) >= params.large_houses:
        return Judgement("family", Result.FAILS, (), "fails_houses", {**detail, "n_houses": houses})
    return Judgement("family", Result.HOLDS, group.members, "holds_unknown", detail)


def tour_dates(group: Group, params: Params) -> int:
    """Return on how many dates the group was together at several houses, not only at its usual ones."""
    least = max(2, ceil(params.together_share * len(group.members)))
    table = sessions(group, WHOLE_DAY_MINUTES, least).table
    often = table.groupby("institution_id")["on"].nunique().reset_index()
    often = often.sort_values(["on", "institution_id"], ascending=[False, True])
    usual = frozenset(often["institution_id"].head(params.usual_houses))
    days = (frozenset(houses) for _, houses in table.groupby("on")["institution_id"])
    return sum(len(houses) > 1 and not houses <= usual for houses in days)


def joint_houses(group: Group, params: Params) -> int:
    """Return at how many houses nearly the whole group was together on one day."""
    least = ceil(params.large_share * len(group.members))
    return sessions(group, WHOLE_DAY_MINUTES, least).houses


EXPLANATION = Explanation(
    code="5.1",
    slug="family",
    title="家庭成员与账户共济",
    optional=MappingProxyType(
        {
            "patients": frozenset({"household_id", "address", "phone"}),
            "ties": frozenset(),
            "cards": frozenset(),
            "settlements": frozenset({"card_id", "mutual_aid_amount"}),
        }
    ),
    units=units,
    judge=judge,
    params=Params(),
    sentences=MappingProxyType(
        {
            "holds": "成立：{n_core} 人同属一个家庭或由家庭共济账户支付，按一户计",
            "partly": "部分成立：覆盖 {n_covered} 人（同户、亲属或共济），按户合并后仍有 {n_units} 户，已按户重新判断",
            "fails": "不成立：{n_core} 人分属 {n_units} 户，其间无同户、亲属或共济关系",
            "holds_unknown": "无法排除：户籍未知，{n_core} 人可能为同一家庭",
            "fails_unknown": "未能检验：户籍未知，各人按一户计；{n_core} 人已超过一个家庭的规模",
            "fails_tours": "未能检验：户籍未知，各人按一户计；但有 {n_dates} 天结伴一日到多家机构，"
            "且不限于常去的两家，不似一家人就医",
            "fails_houses": "未能检验：户籍未知，各人按一户计；"
            "但四分之三以上的人同日结伴到过 {n_houses} 家机构，不似一家人就医",
            "untestable": "未能检验：缺少数据项 {missing}，家庭关系未知，各人按一户计",
        }
    ),
)
