"""T05: a crew that moves from house to house and dispenses together (结伴多点开药)."""

from __future__ import annotations

from dataclasses import dataclass

from gangfinder.model.evidence import Family, Grade
from gangfinder.model.group import Group, Verdict
from gangfinder.network.cohort import Cohort, StepParams, cohort
from gangfinder.typologies.card_pooling import LINKS, STEP_SENTENCES, SUPPORTS, detect, is_pool, verdict
from gangfinder.typologies.contract import Typology


@dataclass(frozen=True, slots=True)
class Params(StepParams):
    """Parameters of T05, beside what "in step" means.

    Parameters
    ----------
    most_pool_houses
        With this many houses or fewer, and no tours, the group is a pool (T01).
    small_crew_households
        A crew of fewer households could be neighbours who shop together …
    small_crew_families
        … so it must be surprising in this many families of evidence, shared attributes not counted: a carer leaves a
        telephone for those he comes with …
    small_crew_tours
        … or go from house to house on this many days: neighbours rarely visit two pharmacies on one day.
    """

    most_pool_houses: int = 2
    small_crew_households: int = 5
    small_crew_families: int = 3
    small_crew_tours: int = 6


def confirm(group: Group, params: Params) -> Verdict | None:
    """Confirm a cohort in step at several houses."""
    found = cohort(group, params)
    if found is None or is_pool(found, params.most_pool_houses):
        return None
    return verdict(group, found) if _is_crew(found, params) else None


def _is_crew(found: Cohort, params: Params) -> bool:
    """Say whether the cohort is more than neighbours who go shopping together."""
    if found.n_units >= params.small_crew_households:
        return True
    told = found.families - {Family.ATTRIBUTE}
    return len(told) >= params.small_crew_families or found.tours >= params.small_crew_tours


TYPOLOGY = Typology(
    code="T05",
    slug="dispensing_crew",
    title="疑似结伴多点开药",
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
    provisions=("医疗保障基金使用监督管理条例 第十七条、第四十一条",),
    clears=("结伴就诊者的关系证明或班车、活动组织记录", "各人处方与病情相符的病历"),
    records=("各机构监控录像", "处方与取药签名", "药品追溯码去向", "交通与支付记录"),
    sentences=STEP_SENTENCES,
    params=Params(),
    minimum_subjects=3,
)
