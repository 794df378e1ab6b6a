"""T08: stays of people who were somewhere else (挂床、虚假住院)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gangfinder.engine.portable import days_between
from gangfinder.model.evidence import Anomaly, Family, Grade
from gangfinder.model.group import Group, Verdict
from gangfinder.model.tails import log10_binomial_tail, log10_corrected, log10_hypergeometric_tail
from gangfinder.typologies._contradictions import absent, answers_stay, double_beds, with_rest
from gangfinder.typologies.contract import Tables, Typology

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of T08.

    Parameters
    ----------
    people
        Fewest unrelated people of one house whose stays are contradicted; one is a data error.
    surprise_log10_p
        The house is reported when the tail of so many people, corrected for the houses tested, is at most
        this.
    rate_factor
        The house's rate is at least this many times that of quieter houses: houses differ in care at the
        keyboard.
    capacity_factor
        More inpatients than beds times this are over capacity; extra beds are put up.
    capacity_nights
        Fewest nights over capacity that are reported.
    """

    people: int = 5
    surprise_log10_p: float = -3.0
    rate_factor: float = 3.0
    capacity_factor: float = 1.1
    capacity_nights: int = 14


def detect(tables: Tables, params: Params) -> ir.Table:
    """Return the contradicted stays for which their house has to answer, with facts on the house."""
    import ibis

    stays, visits = tables["stays"], tables["visits"]
    met = tables["absent"]
    met = met.filter(answers_stay(met))
    seen = met.group_by("patient_id", "stay_key", "stay_house").aggregate(
        m_days_out=met.on.nunique(), m_other_house=met.visit_house.min()
    )
    beds = double_beds(stays, met)
    lying = beds.select(
        "patient_id",
        "stay_key",
        "stay_house",
        m_days_out=ibis.literal(0).cast("int64"),
        m_other_house="other_house",
        shows=ibis.literal("stay_elsewhere"),
    )
    both = seen.mutate(shows=ibis.literal("visit_elsewhere")).union(lying, distinct=False)
    found = both.group_by("patient_id", "stay_key", "stay_house").aggregate(
        m_days_out=both.m_days_out.max(), m_other_house=both.m_other_house.min(), shows=both.shows.max()
    )
    facts = _houses(stays, visits, found)
    rows = (
        found.inner_join(
            stays.select(
                "patient_id",
                "admitted_on",
                "amount",
                stay_key="settlement_id",
                stay_house="institution_id",
                m_doctor_id="doctor_id",
                m_nights=days_between(stays.discharged_on, stays.admitted_on),
            ),
            ["patient_id", "stay_key", "stay_house"],
        )
        .inner_join(facts, "stay_house")
        .left_join(_doctors(stays), ["stay_house", "m_doctor_id"])
        .left_join(_crowded(stays, tables["institutions"], params), "stay_house")
    )
    return rows.select(
        group_id=rows.stay_house,
        subject_type=ibis.literal("patient"),
        subject_id=rows.patient_id,
        institution_id=rows.stay_house,
        source_table=ibis.literal("settlements"),
        source_key=rows.stay_key,
        event_at=rows.admitted_on.cast("timestamp"),
        amount=rows.amount,
        grade=ibis.literal(Grade.E1.value),
        shows=rows.shows,
        m_days_out=rows.m_days_out,
        m_other_house=rows.m_other_house,
        m_nights=rows.m_nights,
        m_doctor_id=rows.m_doctor_id,
        m_doctor_stays=rows.m_doctor_stays,
        m_house_stays=rows.m_house_stays,
        m_house_people=rows.m_house_people,
        m_house_exposure=rows.m_house_exposure,
        m_rest_exposure=rows.m_rest_exposure,
        m_rest_found=rows.m_rest_found,
        m_nights_over=rows.m_nights_over.fill_null(0),
        m_beds=rows.m_beds,
    )


def _houses(stays: ir.Table, visits: ir.Table, found: ir.Table) -> ir.Table:
    """Return per house its inpatients, their exposure and contradicted people, and those of quieter houses.

    Notes
    -----
    A person's exposure is his visits times the days he lay in the house, over the days of the data: how many
    contradictions there would be if beds and visits knew nothing of each other.
    """
    import ibis

    span = visits.aggregate(first=visits.on.min(), last=visits.on.max())
    span = span.select(span=ibis.greatest(1, days_between(span["last"], span["first"]) + 1))
    went = visits.group_by("patient_id").aggregate(n_visits=visits.count())
    lay = stays.group_by("patient_id", stay_house=stays.institution_id).aggregate(
        inside=ibis.greatest(0, days_between(stays.discharged_on, stays.admitted_on) - 1).sum(),
        n_stays=stays.count(),
    )
    own = lay.left_join(went, "patient_id").cross_join(span)
    own = own.mutate(exposure=own.n_visits.fill_null(0) * own.inside.cast("float64") / own.span)
    house = own.group_by("stay_house").aggregate(
        m_house_people=own.count(), m_house_exposure=own.exposure.sum(), m_house_stays=own.n_stays.sum()
    )
    count = found.group_by("stay_house").aggregate(n_found=found.patient_id.nunique())
    house = house.left_join(count, "stay_house").drop("stay_house_right")
    house = house.mutate(
        m_house_found=house.n_found.fill_null(0), m_house_exposure=house.m_house_exposure.round(6)
    )
    return with_rest(house.drop("n_found"), "stay_house", "found", "exposure")


def _doctors(stays: ir.Table) -> ir.Table:
    """Return how many stays each doctor has in each house."""
    known = stays.filter(stays.doctor_id.notnull())
    own = known.group_by(stay_house=known.institution_id, m_doctor_id=known.doctor_id)
    return own.aggregate(m_doctor_stays=known.count())


def _crowded(stays: ir.Table, institutions: ir.Table, params: Params) -> ir.Table:
    """Return the nights on which each house billed more inpatients than its beds allow."""
    import ibis

    s = stays.filter(stays.discharged_on > stays.admitted_on)
    come = s.group_by(stay_house=s.institution_id, on=s.admitted_on).aggregate(step=s.count())
    gone = s.group_by(stay_house=s.institution_id, on=s.discharged_on).aggregate(step=-s.count())
    steps = come.union(gone, distinct=False)
    steps = steps.group_by("stay_house", "on").aggregate(step=steps.step.sum())
    order = ibis.window(group_by="stay_house", order_by="on", preceding=None, following=0)
    level = steps.mutate(inside=steps.step.sum().over(order))
    after = level["on"].lead().over(ibis.window(group_by="stay_house", order_by="on"))
    level = level.mutate(nights=days_between(after, level["on"]))
    beds = institutions.filter(institutions.beds.notnull() & (institutions.beds > 0)).select(
        stay_house="institution_id", m_beds="beds"
    )
    over = level.inner_join(beds, "stay_house")
    over = over.filter(over.inside > over.m_beds * params.capacity_factor)
    return over.group_by("stay_house").aggregate(m_nights_over=over.nights.sum(), m_beds=over.m_beds.max())


def confirm(group: Group, params: Params) -> Verdict | None:
    """Confirm a house with contradicted stays of more unrelated people than errors elsewhere explain."""
    people = group.n_units()
    if people < params.people:
        return None
    facts = group.rows.iloc[0]
    tail = _excess(people, facts, params)
    if log10_corrected(tail, max(1, group.n_tests)) > params.surprise_log10_p:
        return None
    detail: dict[str, str | int | float] = {
        "n_core": len(group.members),
        "n_units": people,
        "n_stays": len(group.rows),
        "n_inpatients": int(facts["m_house_people"]),
        "n_elsewhere": int(facts["m_rest_found"]),
        "n_days_out": int(group.rows["m_days_out"].sum()),
        "n_other_houses": int(group.rows["m_other_house"].nunique()),
    }
    anomalies = [Anomaly(Family.CONTRADICTION, "absent_inpatients", tail, max(1, group.n_tests), detail)]
    hubs = [("institution", group.group_id, "bills")]
    doctor = _one_doctor(group.rows, group, params)
    if doctor is not None:
        anomalies.append(doctor[0])
        hubs.append(("doctor", doctor[1], "attends"))
    if int(facts["m_nights_over"]) >= params.capacity_nights:
        more: dict[str, str | int | float] = {
            "n_nights": int(facts["m_nights_over"]),
            "n_beds": int(facts["m_beds"]),
        }
        anomalies.append(Anomaly(Family.CONTRADICTION, "over_capacity", 0.0, 1, more))
    return Verdict(group.members, tuple(anomalies), None, tuple(hubs))


def _excess(people: int, facts: pd.Series[float], params: Params) -> float:
    """Tail of so many contradicted people, at the rate per exposure of quieter houses.

    Notes
    -----
    Half a person is added to the others' count, so that a town without any error still has a rate.
    """
    rate = (float(facts["m_rest_found"]) + 0.5) / max(float(facts["m_rest_exposure"]), 1.0)
    n, exposure = int(facts["m_house_people"]), float(facts["m_house_exposure"])
    if people < params.rate_factor * rate * exposure:
        return 0.0
    return float(log10_binomial_tail(people, max(n, people), min(1.0, rate * exposure / max(1, n))))


def _one_doctor(rows: pd.DataFrame, group: Group, params: Params) -> tuple[Anomaly, str] | None:
    """Test the doctor with most contradicted stays against his share of the house's stays."""
    known = rows[rows["m_doctor_id"].notna() & rows["m_doctor_stays"].notna()]
    best: tuple[Anomaly, str] | None = None
    counts = known.groupby("m_doctor_id", sort=True).size()
    for doctor, k in counts.items():
        own = int(known.loc[known["m_doctor_id"] == doctor, "m_doctor_stays"].iloc[0])
        house = int(known["m_house_stays"].iloc[0])
        tail = float(log10_hypergeometric_tail(int(k), house, own, len(known)))
        if best is None or tail < best[0].log10_p:
            n_tests = max(1, group.n_tests) * len(counts)
            detail: dict[str, str | int | float] = {
                "n_doctor": int(k),
                "n_stays": len(known),
                "n_doctor_all": own,
                "n_house": house,
            }
            best = Anomaly(Family.CONTROL, "one_doctor", tail, n_tests, detail), str(doctor)
    if best is None or log10_corrected(best[0].log10_p, best[0].n_tests) > params.surprise_log10_p:
        return None
    return best


TYPOLOGY = Typology(
    code="T08",
    slug="ghost_beds",
    title="疑似挂床住院或虚假住院",
    grade=Grade.E1,
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
    optional={"institutions": frozenset({"institution_id", "beds"})},
    detect=detect,
    confirm=confirm,
    grouping="hub",
    uses=frozenset({"stays", "visits"}),
    steps=(("absent", absent),),
    benign=("family", "serial_treatment"),
    provisions=(
        "医疗保障基金使用监督管理条例 第三十八条、第四十条",
        "法发〔2024〕6号 定点医药机构情形（挂床住院、虚构服务）",
    ),
    clears=("请假离院审批与返院记录", "外院结算由家属代购的登记", "入出院时间补录或更正的系统日志"),
    records=("病历与护理记录", "床位使用与查房记录", "病区监控与门禁", "外院就诊的原始处方与签名"),
    sentences={
        "visit_elsewhere": "住院期间（不含入院、出院当日）在其他机构就诊或购药",
        "stay_elsewhere": "同时在两家机构住院两夜以上",
        "absent_inpatients": (
            "{n_core} 名住院患者（{n_units} 户）共 {n_stays} 次住院期间在其他机构有结算或住院记录；"
            "发生率不高于该机构的其他机构合计仅 {n_elsewhere} 人有此情形"
        ),
        "one_doctor": (
            "上述 {n_stays} 次住院中有 {n_doctor} 次由同一医师主管，"
            "其在该机构 {n_house} 次住院中共主管 {n_doctor_all} 次"
        ),
        "over_capacity": "登记住院人数超过核定床位（{n_beds} 张）一成以上的夜数为 {n_nights}",
    },
    params=Params(),
    minimum_subjects=5,
)
