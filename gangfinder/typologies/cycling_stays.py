"""T07: people who go round the same few houses, or out of one and into it again, all year (循环住院、假出院)."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import TYPE_CHECKING

from gangfinder.model.evidence import Anomaly, Grade
from gangfinder.model.group import Group, Verdict
from gangfinder.model.tails import log10_corrected
from gangfinder.typologies._relay_measures import fixed_nights, handed_on, measured, moves_of, no_cash, same_houses
from gangfinder.typologies.contract import Tables, Typology

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

LINKS = ("relay",)


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of T07.

    Parameters
    ----------
    people
        Fewest unrelated people on one round.
    houses
        Most houses of a round.
    gap_days
        Longest time from a discharge to the next admission.
    relays
        Fewest such moves of a person at the round's houses.
    stays_per_year
        Least stays a year of the person in the middle; a year of data counts as what it is, less as it is.
    free_share
        Least share of stays without any cash that is reported.
    surprise_log10_p
        An anomaly is reported when its tail, corrected for the run's tests, is at most this.
    """

    people: int = 10
    houses: int = 5
    gap_days: int = 3
    relays: int = 2
    stays_per_year: float = 5.0
    free_share: float = 0.4
    surprise_log10_p: float = -3.0


def detect(tables: Tables, params: Params) -> ir.Table:
    """Return all stays of people tied by relays, with facts on their houses and on everybody else."""
    import ibis

    links = tables["links"].filter(tables["links"].kind.isin(LINKS))
    people = links.select(patient_id="source_id").union(links.select(patient_id="target_id"), distinct=True)
    rows = measured(tables["residual_stays"], people, params.gap_days)
    return rows.select(
        group_id=ibis.null().cast("string"),
        subject_type=ibis.literal("patient"),
        subject_id=rows.patient_id,
        institution_id=rows.institution_id,
        source_table=ibis.literal("settlements"),
        source_key=rows.settlement_id,
        event_at=rows.admitted_on.cast("timestamp"),
        amount=rows.amount,
        grade=ibis.literal(Grade.E2.value),
        shows=ibis.literal("relay_stay"),
        **{c: rows[c] for c in rows.columns if c.startswith("m_")},
    )


def confirm(group: Group, params: Params) -> Verdict | None:
    """Confirm people who often move on within days among the same few houses."""
    moves = moves_of(group.rows)
    near = moves[(moves["gap"] >= 0) & (moves["gap"] <= params.gap_days)]
    houses = _round(near, params)
    inside = near[near["from_house"].isin(houses) & near["to_house"].isin(houses)]
    counts = inside.groupby("subject_id").size()
    core = tuple(sorted(counts[counts >= params.relays].index))
    if group.n_units(core) < params.people:
        return None
    rows = group.rows[group.rows["subject_id"].isin(core)]
    if _per_year(rows) < params.stays_per_year:
        return None
    own = moves[moves["subject_id"].isin(core)]
    anomalies = _tested(rows, own, houses, max(1, group.n_tests), params)
    if not anomalies or len({a.family for a in anomalies}) < 2 and bool(rows["m_cash_known"].any()):
        return None
    here = rows[rows["institution_id"].isin(houses)]
    keep = group.rows.index.to_series().isin(here.index)
    return Verdict(core, anomalies, keep, tuple(("institution", str(h), "admits") for h in sorted(houses)))


def _round(near: pd.DataFrame, params: Params) -> frozenset[str]:
    """Return the few houses at whose doors most of the moves are."""
    import pandas as pd

    ends = pd.concat([near["from_house"], near["to_house"]]).value_counts()
    ordered = sorted(ends.index, key=lambda h: (-int(ends[h]), h))[: params.houses]
    return frozenset(h for h in ordered if ends[h] >= 0.05 * ends.sum())


def _per_year(rows: pd.DataFrame) -> float:
    years = max(float(rows["m_span_days"].iloc[0]) / 365.0, 1.0)
    return float(rows.groupby("subject_id").size().median()) / years


def _tested(
    rows: pd.DataFrame, moves: pd.DataFrame, houses: frozenset[str], n_tests: int, params: Params
) -> tuple[Anomaly, ...]:
    """Return the anomalies that remain surprising after correction; none without that of the dates."""
    calendar = handed_on(moves, rows, params.gap_days, n_tests)
    if log10_corrected(calendar.log10_p, n_tests) > params.surprise_log10_p:
        return ()
    found = [
        calendar,
        _steered(rows, moves, houses, params),
        no_cash(rows, params.free_share, params.surprise_log10_p),
        fixed_nights(rows[rows["institution_id"].isin(houses)], params.surprise_log10_p),
    ]
    return tuple(a for a in found if a is not None)


def _steered(rows: pd.DataFrame, moves: pd.DataFrame, houses: frozenset[str], params: Params) -> Anomaly | None:
    """Test that those who move to another house stay among the round's; every choice of houses is a test."""
    between = moves[(moves["gap"] <= params.gap_days) & (moves["gap"] >= 0)]
    between = between[between["from_house"] != between["to_house"]]
    if len(houses) < 2 or len(between) < params.people:
        return None
    known = rows[rows["institution_id"].isin(houses)].drop_duplicates("institution_id")
    k = int((between["from_house"].isin(houses) & between["to_house"].isin(houses)).sum())
    n_tests = comb(max(int(rows["m_houses"].iloc[0]), len(houses)), len(houses))
    found = same_houses(
        "same_round", k, len(between), float(known["m_house_share"].sum()), n_tests, n_houses=len(houses)
    )
    return found if log10_corrected(found.log10_p, n_tests) <= params.surprise_log10_p else None


TYPOLOGY = Typology(
    code="T07",
    slug="cycling_stays",
    title="疑似循环住院或频繁住院",
    grade=Grade.E2,
    requires={
        "settlements": frozenset(
            {
                "settlement_id", "patient_id", "institution_id", "settled_at", "fund_amount", "admitted_at",
                "discharged_at",
            }
        )
    },
    detect=detect,
    confirm=confirm,
    grouping="links",
    links=LINKS,
    uses=frozenset({"residual_stays", "links"}),
    benign=("family", "serial_treatment", "care_home", "referral_down", "planned_cycle"),
    provisions=(
        "医疗保障基金使用监督管理条例 第十五条、第三十八条、第四十条",
        "法发〔2024〕6号 定点医药机构情形（诱导、协助虚假住院）",
    ),
    clears=("各次住院的入院指征与转院记录", "分期手术、放化疗或康复的治疗计划", "长期照护床位短缺的说明及转介记录"),
    records=("入院记录、出院小结与护理记录", "转院与接送车辆登记", "病区监控与门禁", "收费票据与现金流水"),
    sentences={
        "relay_stay": "出院后数日内再次入院，与多名无亲属关系的参保人往来于相同机构",
        "handed_on": (
            "{n_core} 人共住院 {n_stays} 次，前后相接的 {n_moves} 次中有 {n_relays} 次"
            "在出院后 {gap_days} 天内再次入院；"
            "其他住院患者前后相接的 {n_other_moves} 次中有 {n_other_relays} 次"
        ),
        "same_round": "在机构之间转住的 {n_between} 次中有 {n_inside} 次始终在相同的 {n_houses} 家机构之间",
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
