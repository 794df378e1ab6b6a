"""T06: people brought to one ward in waves, in and out together, at no cost to them (结队住院)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from gangfinder.linking.co_admission import CONTACTS, joint_stays
from gangfinder.linking.co_admission import Params as LinkParams
from gangfinder.model.evidence import Anomaly, Family, Grade
from gangfinder.model.group import Group, Verdict
from gangfinder.model.tails import (
    log10_binomial_tail,
    log10_corrected,
    log10_hypergeometric_tail,
    log10_poisson_binomial_tail,
)
from gangfinder.typologies._stay_measures import measured_stays
from gangfinder.typologies.contract import Tables, Typology

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

LINKS = ("co_admission", "broker_contact")
_SHARED = {
    "contact_phone": ("phone", "shared_contact"),
    "agent_phone": ("phone", "shared_agent"),
    "agent_id_number": ("agent", "shared_agent"),
}


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of T06.

    Parameters
    ----------
    apart_days
        Stays of tied people whose admissions, and whose discharges, are this far apart are of one wave.
    wave_gap_days
        Admissions further apart than this belong to different waves.
    wave_people
        Fewest unrelated people in a wave.
    wave_overlap_share
        Least share of the smaller of two waves that is in the larger.
    surprise_log10_p
        An anomaly is reported when its tail, corrected for the run's tests, is at most this.
    contact_people
        Fewest unrelated people under one contact or agent.
    cost_bin_log
        Bills per day whose natural logarithms fall in one bin of this width count as equal.
    free_share
        Least share of stays without any cash that is reported.
    prior_stays
        Weight, in stays, of all houses' rate when the rate of one house's other patients is estimated: a ring
        may be most of a small house.
    """

    apart_days: int = 3
    wave_gap_days: int = 2
    wave_people: int = 4
    wave_overlap_share: float = 0.4
    surprise_log10_p: float = -3.0
    contact_people: int = 4
    cost_bin_log: float = 0.2
    free_share: float = 0.6
    prior_stays: float = 20.0


def detect(tables: Tables, params: Params) -> ir.Table:
    """Return the stays in which linked people were on one ward together, with facts on the house."""
    import ibis

    stays, links = tables["residual_stays"], tables["links"]
    tied = links.filter(links.kind.isin(LINKS)).select("source_id", "target_id").distinct()
    people = tied.select(patient_id="source_id").union(tied.select(patient_id="target_id"), distinct=True)
    met = joint_stays(
        stays.semi_join(people, "patient_id"), LinkParams(apart_days=params.apart_days)
    ).semi_join(tied, ["source_id", "target_id"])
    joint = met.select(stay_id="source_stay", patient_id="source_id").union(
        met.select(stay_id="target_stay", patient_id="target_id"), distinct=True
    )
    measured = measured_stays(tables["stays"], people, params.cost_bin_log, params.contact_people)
    rows = measured.semi_join(joint, ["stay_id", "patient_id"])
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
        shows=ibis.literal("joint_stay"),
        **{c: rows[c] for c in rows.columns if c.startswith("m_")},
    )


def confirm(group: Group, params: Params) -> Verdict | None:
    """Confirm people who were in waves together; their dates, contacts and bills are tested."""
    rows = _waves(group, params)
    if rows.empty:
        return None
    core = tuple(sorted(rows["subject_id"].unique()))
    if group.n_units(core) < params.wave_people:
        return None
    hubs: list[tuple[str, str, str]] = []
    found = [
        _returning(rows, params),
        *_contacts(rows, params, hubs),
        _free(rows, params),
        _equal_cost(rows, params),
    ]
    anomalies = tuple(a for a in found if a is not None)
    if not any(a.family in (Family.CALENDAR, Family.ATTRIBUTE) for a in anomalies):
        return None
    if len({a.family for a in anomalies}) < 2 and _testable(rows):
        return None
    houses = sorted(rows["institution_id"].unique())
    hubs += [("institution", str(h), "admits") for h in houses]
    return Verdict(core, anomalies, group.rows.index.to_series().isin(rows.index), tuple(hubs))


def _testable(rows: pd.DataFrame) -> bool:
    """Say whether contacts or cash are known: then dates alone have not been borne out by them."""
    known = [f"m_{column}" for column in CONTACTS]
    return bool(rows["m_cash_known"].any() or rows[known].notna().any().any())


def _waves(group: Group, params: Params) -> pd.DataFrame:
    """Return the rows that stand in a wave of enough unrelated people, with the wave's number."""
    rows = group.rows.sort_values(["institution_id", "event_at", "source_key"], kind="stable")
    day = rows["event_at"].dt.normalize()
    apart = (day.diff().dt.days > params.wave_gap_days) | (
        rows["institution_id"] != rows["institution_id"].shift()
    )
    rows = rows.assign(wave=apart.cumsum(), day=day, unit=[group.units.get(s, s) for s in rows["subject_id"]])
    return rows[rows.groupby("wave")["unit"].transform("nunique") >= params.wave_people]


def _returning(rows: pd.DataFrame, params: Params) -> Anomaly | None:
    """Test whether the people of one wave came back in another together.

    Notes
    -----
    Given the people of the larger wave and how often each was in the house, each of his other stays began in
    the days of the smaller wave with the share of those days; the number who came is a sum of independent
    trials. Every two windows of days of every house are tests.
    """
    best: tuple[float, int, int] | None = None
    for _, here in rows.groupby("institution_id", sort=True):
        waves = [part for _, part in here.groupby("wave", sort=True)]
        for one, other in combinations(waves, 2):
            tail, n_both = _overlap(one, other, params)
            if tail < 0 and (best is None or tail < best[0]):
                best = (tail, n_both, len(here))
    if best is None:
        return None
    days, houses = int(rows["m_house_span"].max()), int(rows["m_houses"].iloc[0])
    n_tests = max(1, houses) * max(1, days * (days - 1) // 2)
    if log10_corrected(best[0], n_tests) > params.surprise_log10_p:
        return None
    units = rows.groupby("unit")["wave"].nunique()
    detail: dict[str, str | int | float] = {
        "n_waves": int(rows["wave"].nunique()),
        "n_core": int(rows["subject_id"].nunique()),
        "n_units": int(units.size),
        "n_back": best[1],
        "n_repeaters": int((units >= 2).sum()),
    }
    return Anomaly(Family.CALENDAR, "same_waves", best[0], n_tests, detail)


def _overlap(one: pd.DataFrame, other: pd.DataFrame, params: Params) -> tuple[float, int]:
    """Tail of the overlap of two waves, and its size in units; 0 where it is too small."""
    large, small = (one, other) if one["unit"].nunique() >= other["unit"].nunique() else (other, one)
    back = set(large["unit"]) & set(small["unit"])
    if len(back) < max(2, params.wave_overlap_share * small["unit"].nunique()):
        return 0.0, 0
    days = open_days(large.iloc[0])
    window = (small["day"].max() - small["day"].min()).days + 1
    stays = large.groupby("unit")["m_own_stays"].max()
    chance = 1 - (1 - min(1.0, window / days)) ** (stays.to_numpy(dtype=float) - 1)
    return log10_poisson_binomial_tail(len(back), chance), len(back)


def open_days(facts: pd.Series[float]) -> float:
    """Return on how many days a house admits, judged by its patients without ties to others.

    Notes
    -----
    Stays spread over D days fall on D (1 − (1 − 1/D)^n) of them; D is the largest number of days, up to the
    span of the house's admissions, that explains no more than the days seen. The tied people are left out:
    their own waves would make the house look as if it admitted on few days.
    """
    span, n, seen = float(facts["m_house_span"]), float(facts["m_other_stays"]), float(facts["m_other_days"])
    if n < 2 or seen >= span * (1 - (1 - 1 / max(span, 2.0)) ** n):
        return max(1.0, span)
    low, high = max(seen, 2.0), max(span, 3.0)
    for _ in range(60):
        middle = (low + high) / 2
        if middle * (1 - (1 - 1 / middle) ** n) < seen:
            low = middle
        else:
            high = middle
    return max(1.0, low)


def _contacts(rows: pd.DataFrame, params: Params, hubs: list[tuple[str, str, str]]) -> list[Anomaly]:
    """Test contacts and agents shared by unrelated people; adds those found to the hubs."""
    best: Anomaly | None = None
    for column, (entity, name) in _SHARED.items():
        known = rows[rows[f"m_{column}"].notna()]
        n_core = int(rows["unit"].nunique())
        for value, part in known.groupby(f"m_{column}", sort=True):
            k = int(part["unit"].nunique())
            if k < params.contact_people:
                continue
            house, served = int(part["m_house_patients"].max()), int(part[f"m_{column}_patients"].max())
            prior = params.prior_stays * float(part[f"m_{column}_rate"].iloc[0])
            rate = (max(0, served - k) + prior + 0.5) / (max(0, house - n_core) + params.prior_stays + 1)
            tail = float(log10_binomial_tail(k, n_core, min(1.0, rate)))
            n_tests = max(1, house) * max(
                1, int(rows["m_houses"].iloc[0])
            )  # as many contacts as patients, in every house
            if log10_corrected(tail, n_tests) > params.surprise_log10_p:
                continue
            hubs.append((entity, str(value), "contact" if name == "shared_contact" else "agent"))
            detail: dict[str, str | int | float] = {
                "n_shared": k,
                "n_core": n_core,
                "n_served": served,
                "n_house": house,
            }
            if best is None or tail < best.log10_p:
                best = Anomaly(Family.ATTRIBUTE, name, tail, n_tests, detail)
    return [best] if best else []


def _free(rows: pd.DataFrame, params: Params) -> Anomaly | None:
    """Test stays without cash against the house's other stays; all houses' rate counts as some stays more."""
    known = rows[rows["m_cash_known"] == 1]
    n, k = len(known), int(known["m_free"].sum())
    if n == 0 or k < params.wave_people or k < params.free_share * n:
        return None
    house = known.drop_duplicates("institution_id")
    stays, marked = int(house["m_house_cash_known"].sum()) - n, int(house["m_house_free"].sum()) - k
    run = float(known["m_run_free"].iloc[0]) / max(1.0, float(known["m_run_cash_known"].iloc[0]))
    rate = (max(0, marked) + params.prior_stays * run) / (max(0, stays) + params.prior_stays)
    tail, n_tests = float(log10_binomial_tail(k, n, min(1.0, rate))), max(1, int(known["m_houses"].iloc[0]))
    if log10_corrected(tail, n_tests) > params.surprise_log10_p:
        return None
    return Anomaly(
        Family.AMOUNT,
        "no_cash",
        tail,
        n_tests,
        {"n_free": k, "n_stays": n, "n_other_free": max(0, marked), "n_other_stays": max(0, stays)},
    )


def _equal_cost(rows: pd.DataFrame, params: Params) -> Anomaly | None:
    """Test, wave by wave, bills per day in one bin against the house's other stays; waves are independent."""
    import numpy as np

    from gangfinder.model.tails import fisher

    tails, k_all, n_all = [], 0, 0
    for _, wave in rows.groupby("wave", sort=True):
        counts = wave["m_cost_bin"].value_counts()
        bins = [
            (int(counts[b]), int(wave.loc[wave["m_cost_bin"] == b, "m_bin_stays"].iloc[0]))
            for b in sorted(counts.index)
        ]
        house = int(wave["m_house_stays"].iloc[0])
        options = [float(log10_hypergeometric_tail(k, house, marked, len(wave))) for k, marked in bins]
        tails.append(min(0.0, min(options) + float(np.log10(len(options)))))
        k_all, n_all = k_all + max(k for k, _ in bins), n_all + len(wave)
    tail, n_tests = fisher(np.array(tails)), max(1, int(rows["m_houses"].iloc[0]))
    if log10_corrected(tail, n_tests) > params.surprise_log10_p:
        return None
    return Anomaly(
        Family.AMOUNT,
        "equal_cost",
        tail,
        n_tests,
        {"n_equal": k_all, "n_stays": n_all, "n_waves": len(tails)},
    )


TYPOLOGY = Typology(
    code="T06",
    slug="brokered_admission",
    title="疑似组织结队住院",
    grade=Grade.E2,
    requires={
        "settlements": frozenset(
            {
                "settlement_id",
                "patient_id",
                "institution_id",
                "settled_at",
                "fund_amount",
                "admitted_at",
                "discharged_at",
            }
        )
    },
    detect=detect,
    confirm=confirm,
    grouping="links",
    links=LINKS,
    uses=frozenset({"residual_stays", "stays", "links"}),
    benign=("family", "serial_treatment", "care_home", "outbreak"),
    provisions=(
        "医疗保障基金使用监督管理条例 第三十八条、第四十条",
        "法发〔2024〕6号 定点医药机构情形（诱导、协助虚假就医）",
    ),
    clears=("公共卫生项目或义诊批文及名单", "同批患者各自的门诊检查与入院指征记录", "低保、特困等减免依据"),
    records=("入院记录与护理记录", "接送车辆与陪护登记", "联系人与患者关系证明", "收费票据与现金流水"),
    sentences={
        "joint_stay": "与多名无亲属关系的参保人同科室同进同出住院",
        "same_waves": (
            "{n_core} 人（{n_units} 户）分 {n_waves} 批同进同出住院，其中 {n_repeaters} 户至少两批在列；"
            "重合最多的两批有 {n_back} 户相同，按各人住院次数难以偶然出现"
        ),
        "shared_contact": (
            "{n_core} 户中有 {n_shared} 户留同一联系电话，"
            "该电话在该机构 {n_house} 名住院患者中仅涉及 {n_served} 人"
        ),
        "shared_agent": (
            "{n_core} 户中有 {n_shared} 户由同一代办人办理，"
            "该代办人在该机构 {n_house} 名住院患者中仅涉及 {n_served} 人"
        ),
        "no_cash": (
            "{n_stays} 次住院中有 {n_free} 次个人现金为零且无救助支付；"
            "该机构其他 {n_other_stays} 次住院中有 {n_other_free} 次"
        ),
        "equal_cost": (
            "{n_waves} 批 {n_stays} 次住院中，同批日均费用落在同一区间的有 {n_equal} 次，"
            "与该机构其他住院的分布不符"
        ),
    },
    params=Params(),
    minimum_subjects=5,
)
