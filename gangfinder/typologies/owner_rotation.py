"""T12: one owner's hospitals hand the same patients to one another, among equals and again and again (医疗集团)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gangfinder.linking.control import OWNERSHIP
from gangfinder.linking.relay import relays
from gangfinder.model.evidence import Anomaly, Grade
from gangfinder.model.group import Group, Verdict
from gangfinder.model.tails import log10_corrected
from gangfinder.typologies._relay_measures import fixed_nights, handed_on, measured, moves_of, no_cash, same_houses
from gangfinder.typologies.contract import Tables, Typology

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of T12.

    Parameters
    ----------
    people
        Fewest unrelated people whom the owner's houses hand on.
    gap_days
        Longest time from a discharge to the next admission.
    relays
        Fewest such moves of a person between two of the owner's houses.
    inside_share
        Least share of these people's moves between houses that stay within the owner's.
    owner_cap_houses
        Most houses under one value; more is a public system or a placeholder.
    free_share
        Least share of stays without any cash that is reported.
    surprise_log10_p
        An anomaly is reported when its tail, corrected for the owners tested, is at most this.
    """

    people: int = 10
    gap_days: int = 3
    relays: int = 2
    inside_share: float = 0.6
    owner_cap_houses: int = 30
    free_share: float = 0.4
    surprise_log10_p: float = -3.0


def owners(institutions: ir.Table, cap: int) -> ir.Table:
    """Return houses that share an owner with another: house, owner (the smallest house id within two steps).

    Parameters
    ----------
    institutions
        With the columns of :data:`gangfinder.linking.control.OWNERSHIP`.
    cap
        A value shared by more houses says nothing.
    """
    import ibis

    i = institutions
    parts = [i.filter(i[c].notnull() & (i[c] != "")).select(value=i[c], house=i.institution_id) for c in OWNERSHIP]
    # a parent is a house of its own group
    child = i.filter(i.parent_id.notnull() & (i.parent_id != ""))
    parts.append(child.select(value="parent_id", house="parent_id").distinct())
    held = parts[0].union(*parts[1:], distinct=True)
    size = held.group_by("value").aggregate(n=held.house.nunique())
    held = held.semi_join(size.filter((size.n > 1) & (size.n <= cap)), "value")
    other = held.rename(value_r="value", partner="house")
    met = held.inner_join(other, held.value == other.value_r)
    once = met.group_by("house").aggregate(owner=met.partner.min())
    facing = once.rename(facing="house", further="owner")
    twice = once.inner_join(facing, once.owner == facing.facing)
    return twice.select("house", owner=ibis.least(twice.owner, twice.further))


def detect(tables: Tables, params: Params) -> ir.Table:
    """Return all stays of people whom houses of one owner handed to one another repeatedly."""
    import ibis

    stays, owned = tables["residual_stays"], owners(tables["institutions"], params.owner_cap_houses)
    often = stays.group_by("patient_id").aggregate(n=stays.count())
    moves = relays(stays.semi_join(often.filter(often.n > params.relays), "patient_id"), params.gap_days)
    moves = moves.filter(moves.from_house != moves.to_house)
    left = owned.select(from_house="house", owner="owner")
    came = owned.select(to_house="house", owner_r="owner")
    inside = moves.inner_join(left, "from_house").inner_join(came, "to_house")
    inside = inside.filter(inside.owner == inside.owner_r)
    people = inside.group_by("patient_id", "owner").aggregate(n=inside.count())
    people = people.filter(people.n >= params.relays).select("patient_id", "owner")
    # owners with too few such people are out before anything is measured
    size = people.group_by("owner").aggregate(n=people.patient_id.nunique())
    people = people.semi_join(size.filter(size.n >= params.people), "owner")
    tested = owned.aggregate(m_owners=owned.owner.nunique())
    rows = measured(stays, people.select("patient_id").distinct(), params.gap_days).inner_join(people, "patient_id")
    own = owned.select(institution_id="house", own="owner")
    rows = rows.left_join(own, "institution_id").drop("institution_id_right").cross_join(tested)
    return rows.select(
        group_id=rows.owner,
        subject_type=ibis.literal("patient"),
        subject_id=rows.patient_id,
        institution_id=rows.institution_id,
        source_table=ibis.literal("settlements"),
        source_key=rows.settlement_id,
        event_at=rows.admitted_on.cast("timestamp"),
        amount=rows.amount,
        grade=ibis.literal(Grade.E2.value),
        shows=ibis.literal("owner_stay"),
        m_owned=ibis.coalesce(rows.own == rows.owner, ibis.literal(value=False)).cast("int64"),
        **{c: rows[c] for c in rows.columns if c.startswith("m_")},
    )


def confirm(group: Group, params: Params) -> Verdict | None:
    """Confirm an owner whose houses hand many people to one another, more than their share of stays explains."""
    moves = moves_of(group.rows)
    near = moves[(moves["gap"] >= 0) & (moves["gap"] <= params.gap_days) & (moves["from_house"] != moves["to_house"])]
    owned = frozenset(group.rows.loc[group.rows["m_owned"] == 1, "institution_id"])
    inside = near[near["from_house"].isin(owned) & near["to_house"].isin(owned)]
    counts = inside.groupby("subject_id").size()
    core = tuple(sorted(counts[counts >= params.relays].index))
    if group.n_units(core) < params.people:
        return None
    rows, own = group.rows[group.rows["subject_id"].isin(core)], near[near["subject_id"].isin(core)]
    k = int((own["from_house"].isin(owned) & own["to_house"].isin(owned)).sum())
    if k < params.inside_share * len(own):
        return None
    n_tests = max(group.n_tests, int(rows["m_owners"].iloc[0]))
    found = _tested(rows, moves[moves["subject_id"].isin(core)], (k, len(own)), owned, n_tests, params)
    if len({a.family for a in found}) < 2:
        return None
    houses = sorted(set(own["from_house"]) & owned | set(own["to_house"]) & owned)
    keep = group.rows.index.to_series().isin(rows.index[rows["m_owned"] == 1])
    return Verdict(core, found, keep, tuple(("institution", str(h), "admits") for h in houses))


def _tested(
    rows: pd.DataFrame, moves: pd.DataFrame, inside: tuple[int, int], owned: frozenset[str], n_tests: int,
    params: Params,
) -> tuple[Anomaly, ...]:
    """Return the anomalies that remain surprising after correction."""
    known = rows[rows["institution_id"].isin(owned)].drop_duplicates("institution_id")
    share = float(known["m_house_share"].sum())
    within = same_houses("one_owner", *inside, share, n_tests, n_houses=len(known))
    calendar = handed_on(moves, rows, params.gap_days, n_tests)
    strong = [a for a in (within, calendar) if log10_corrected(a.log10_p, n_tests) <= params.surprise_log10_p]
    here = rows[rows["m_owned"] == 1]
    more = [
        no_cash(here, params.free_share, params.surprise_log10_p),
        fixed_nights(here, params.surprise_log10_p),
    ]
    return (*strong, *(a for a in more if a is not None))


TYPOLOGY = Typology(
    code="T12",
    slug="owner_rotation",
    title="疑似同一举办者机构间轮转住院",
    grade=Grade.E2,
    requires={
        "settlements": frozenset(
            {
                "settlement_id", "patient_id", "institution_id", "settled_at", "fund_amount", "admitted_at",
                "discharged_at",
            }
        ),
        "institutions": frozenset({"institution_id"}),
    },
    optional={"institutions": frozenset(OWNERSHIP)},
    detect=detect,
    confirm=confirm,
    grouping="hub",
    uses=frozenset({"residual_stays"}),
    benign=("family", "serial_treatment", "care_home", "referral_down", "planned_cycle"),
    provisions=(
        "医疗保障基金使用监督管理条例 第十五条、第三十八条、第四十条",
        "法发〔2024〕6号 定点医药机构情形（虚假住院）",
    ),
    clears=("医共体协议与双向转诊记录", "各机构专科分工及转院指征", "分级诊疗下转康复的治疗计划"),
    records=(
        "各机构股权与法定代表人登记", "转院记录与接送车辆登记", "入院记录、护理记录与病区监控",
        "收费票据与现金流水",
    ),
    sentences={
        "owner_stay": "在同一举办者的机构之间先后住院",
        "handed_on": (
            "{n_core} 人共住院 {n_stays} 次，前后相接的 {n_moves} 次中有 {n_relays} 次"
            "在出院后 {gap_days} 天内再次入院；"
            "其他住院患者前后相接的 {n_other_moves} 次中有 {n_other_relays} 次"
        ),
        "one_owner": (
            "数日内转住他院的 {n_between} 次中有 {n_inside} 次在同一举办者的 {n_houses} 家机构之间，"
            "这些机构的住院量按比例不足以解释"
        ),
        "no_cash": (
            "{n_stays} 次住院中有 {n_free} 次个人现金为零且无救助支付；"
            "上述机构其他 {n_other_stays} 次住院中有 {n_other_free} 次"
        ),
        "fixed_nights": (
            "{n_stays} 次住院中有 {n_same} 次恰为 {n_nights} 天；"
            "上述机构其他 {n_other_stays} 次住院中有 {n_other_same} 次"
        ),
    },
    params=Params(),
    minimum_subjects=10,
)
