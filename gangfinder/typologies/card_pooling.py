"""T01: cards of unrelated people settled together, again and again, at one house (集中持卡结算)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gangfinder.linking.behaviour import visits_of_linked
from gangfinder.model.evidence import Grade
from gangfinder.model.group import Group, Verdict
from gangfinder.network.cohort import Cohort, StepParams, cohort
from gangfinder.typologies.contract import Tables, Typology

if TYPE_CHECKING:
    import ibis.expr.types as ir

LINKS = ("co_presence", "near_presence", "recurrence")
SUPPORTS = ("shared_phone", "shared_account", "shared_agent")

STEP_SENTENCES = {
    "session": "与多名无亲属关系的参保人同时段在同一机构结算",
    "outside": "同一机构、同一时期的其他结算，未见与他人同时段",
    "same_dates": "{n_core} 人（{n_units} 户）在 {n_dates} 个不同日期先后到 {n_houses} 家机构结算，"
    "远多于各人平时到店次数所能解释的",
    "same_occasions": "{n_counted} 人对 {n_dates} 个日期应到 {n_possible} 次，实到 {n_attended} 次；"
    "按他人的到店日期和各人平时的到店次数，任取这样一组人、机构和日期都难以如此（日期容许相差 {slack_days} 天）",
    "same_minutes": "同到的日子里，结算时间集中在 {span_minutes} 分钟之内（{n_sessions} 次的中位数），不像各自排队",
    "same_amounts": "同一次里多人金额相差不到 5%，与该机构其他人的金额分布不符",
    "same_bills": "同一次里先后 {n_compared} 笔中有 {n_equal} 笔的医疗总费用与同伴一分不差；"
    "按该机构其他人和这些人自己平时的费用，难以如此",
    "same_attribute": "不同户的成员之间另有 {n_ties} 处共用电话、账户或代办人，高于全体参保人的平均水平",
    "same_terminal": "{desk_of} 次中有 {desk_sessions} 次集中在同一终端（该终端平时占该机构结算的比例为 {desk_share}）",
    "same_operator": "{desk_of} 次中有 {desk_sessions} 次由同一操作员办理（其平时占该机构结算的比例为 {desk_share}）",
    "same_doctor": "{desk_of} 次中有 {desk_sessions} 次由同一医师开具（其平时占该机构就诊的比例为 {desk_share}）",
}
"""Sentences on conduct in step; T05 uses the same."""


@dataclass(frozen=True, slots=True)
class Params(StepParams):
    """Parameters of T01, beside what "in step" means.

    Parameters
    ----------
    most_houses
        A pool is settled at one house or at this many at most.
    """

    most_houses: int = 2


def detect(tables: Tables, params: Params) -> ir.Table:
    """Return all visits of patients linked by co-presence."""
    return visits_of_linked(tables["residual_visits"], tables["links"], LINKS)


def confirm(group: Group, params: Params) -> Verdict | None:
    """Confirm a cohort in step whose sessions are at one house, or at two on different days."""
    found = cohort(group, params)
    if found is None or not is_pool(found, params.most_houses):
        return None
    return verdict(group, found)


def is_pool(found: Cohort, most_houses: int) -> bool:
    """Say whether the cohort stays at one house (or two, without tours between them)."""
    return found.found.houses <= most_houses and found.tours < 2


def verdict(group: Group, found: Cohort) -> Verdict | None:
    """Return the verdict on a cohort: its session rows are the evidence; ``None`` without an anomaly.

    What the core settled at the same houses in the same months outside the sessions may be honest, or not: it is the
    upper end of the amount.
    """
    if not found.anomalies:
        return None
    rows, seen = group.rows, found.found.rows
    keep = rows.index.to_series().isin(seen.index)
    here = rows["subject_id"].isin(found.core) & rows["institution_id"].isin(seen["institution_id"])
    window = rows["event_at"].between(seen["event_at"].min(), seen["event_at"].max())
    return Verdict(found.core, found.anomalies, keep, weaker=here & window)


TYPOLOGY = Typology(
    code="T01",
    slug="card_pooling",
    title="疑似集中持卡结算",
    grade=Grade.E2,
    requires={"settlements": frozenset({"settlement_id", "patient_id", "institution_id", "settled_at", "fund_amount"})},
    detect=detect,
    confirm=confirm,
    grouping="links",
    links=LINKS,
    supports=SUPPORTS,
    uses=frozenset({"residual_visits", "links"}),
    benign=(
        "family", "serial_treatment", "care_home", "clinic_day", "checkup_day", "refill_day", "shared_login",
        "house_staff",
    ),
    provisions=("医疗保障基金使用监督管理条例 第十七条、第三十八条、第四十条",),
    clears=("机构的代购登记与委托人身份证件", "同一护理机构或帮扶项目的服务记录"),
    records=("终端监控录像", "取药签名与处方", "追溯码扫描记录", "操作员排班表"),
    sentences=STEP_SENTENCES,
    params=Params(),
    minimum_subjects=5,
)
