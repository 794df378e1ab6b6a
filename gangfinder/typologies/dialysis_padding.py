"""T23: dialysis units that bill more sessions than patients have turns, or during stays elsewhere (血透虚记)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gangfinder.engine.portable import month_index, weekday
from gangfinder.model.evidence import Anomaly, Family, Grade
from gangfinder.model.group import Group, Verdict
from gangfinder.model.tails import log10_binomial_tail, log10_corrected
from gangfinder.typologies._absent import absent_visits, with_quiet
from gangfinder.typologies._desks import busiest_desk
from gangfinder.typologies.contract import Tables, Typology

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

WORDS = ("透析", "血透", "血液净化")


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of T23.

    Parameters
    ----------
    people
        Fewest unrelated patients of one house with padded months, or with impossible sessions.
    surprise_log10_p
        Each tail, corrected for the houses tested, is at most this.
    rate_factor
        The house's rate is at least this many times that of the quieter quarter of the houses.
    usual_over, usual_absent
        Shares of patients that are taken for usual at least, however quiet the other units are: few units are all
        there are, and some patients need a fourth session a week.
    sessions
        Most session days of a month: three a week make 14 in a long month.
    months
        Fewest months with more, before a patient counts: one is an illness.
    course_sessions
        Fewest session days of a patient at the house.
    turns
        Weekdays that are a patient's turns; other sessions are out of turn.
    shifts
        Most patients that one station serves in a day.
    capacity_days
        Fewest days with more sessions than stations and shifts allow that are reported.
    """

    people: int = 5
    surprise_log10_p: float = -3.0
    rate_factor: float = 3.0
    usual_over: float = 0.05
    usual_absent: float = 0.01
    sessions: int = 14
    months: int = 2
    course_sessions: int = 8
    turns: int = 3
    shifts: int = 3
    capacity_days: int = 5


def detect(tables: Tables, params: Params) -> ir.Table:
    """Return the sessions of padded months and the impossible ones, with facts on the house."""
    import ibis

    sessions, months, gone, facts = tables["sessions"], tables["months"], tables["gone"], tables["facts"]
    chosen = facts.filter((facts.m_house_over >= params.people) | (facts.m_house_absent >= params.people))
    own = sessions.semi_join(chosen, "institution_id")
    own = own.mutate(month=month_index(own["on"]))
    turned = _out_of_turn(own, params)
    in_over = own.inner_join(months, ["patient_id", "institution_id", "month"])
    base = in_over.inner_join(turned, "settlement_id")
    base = base.mutate(grade=ibis.literal(Grade.E2.value), shows=ibis.ifelse(base.m_out == 1, "out_of_turn", "in_turn"))
    far = own.inner_join(gone.select("settlement_id", "shows"), "settlement_id").inner_join(turned, "settlement_id")
    far = far.mutate(grade=ibis.literal(Grade.E1.value), m_months=ibis.literal(0).cast("int64"))
    columns = [
        "settlement_id",
        "patient_id",
        "institution_id",
        "at",
        "amount",
        "operator_id",
        "terminal_id",
        "doctor_id",
        "m_months",
        "m_out",
        "grade",
        "shows",
    ]
    rows = base.select(*columns).union(far.select(*columns), distinct=False).inner_join(chosen, "institution_id")
    return rows.select(
        group_id=rows.institution_id,
        subject_type=ibis.literal("patient"),
        subject_id=rows.patient_id,
        institution_id=rows.institution_id,
        source_table=ibis.literal("settlements"),
        source_key=rows.settlement_id,
        event_at=rows["at"],
        amount=rows.amount,
        grade=rows.grade,
        shows=rows.shows,
        m_operator_id=rows.operator_id,
        m_terminal_id=rows.terminal_id,
        m_doctor_id=rows.doctor_id,
        **{c: rows[c] for c in sorted(rows.columns) if c.startswith("m_")},
    )


def _sessions(tables: Tables, params: Params) -> ir.Table:
    """Return the visits with a dialysis item, of patients who have a course at the house."""
    items, visits = tables["items"], tables["visits"]
    told = items.item_name.contains(WORDS[0])
    for word in WORDS[1:]:
        told = told | items.item_name.contains(word)
    keys = items.filter(told & items.settlement_id.notnull()).select("settlement_id").distinct()
    own = visits.semi_join(keys, "settlement_id")
    own = own.select(
        "settlement_id", "patient_id", "institution_id", "at", "on", "amount", "operator_id", "terminal_id", "doctor_id"
    )
    size = own.group_by("patient_id", "institution_id").aggregate(n=own["on"].nunique())
    return own.semi_join(size.filter(size.n >= params.course_sessions), ["patient_id", "institution_id"])


def _over_months(tables: Tables, params: Params) -> ir.Table:
    """Return the months with too many session days of patients who have several: patient, house, month, m_months."""
    sessions = tables["sessions"]
    month = sessions.group_by("patient_id", "institution_id", month=month_index(sessions["on"])).aggregate(
        n=sessions["on"].nunique()
    )
    over = month.filter(month.n > params.sessions)
    often = over.group_by("patient_id", "institution_id").aggregate(m_months=over.count())
    often = often.filter(often.m_months >= params.months)
    return over.drop("n").inner_join(often, ["patient_id", "institution_id"])


def _gone(tables: Tables, params: Params) -> ir.Table:  # noqa: ARG001 - the signature of a step
    return absent_visits(tables["sessions"], tables["stays"], tables["patients"])


def _out_of_turn(own: ir.Table, params: Params) -> ir.Table:
    """Return for every session whether its weekday is one of the patient's turns: settlement_id, m_out."""
    import ibis

    by = ["patient_id", "institution_id"]
    day = own.mutate(weekday=weekday(own["on"]))
    per = day.group_by(*by, "weekday").aggregate(n=day.count())
    rank = ibis.row_number().over(ibis.window(group_by=by, order_by=[per.n.desc(), per.weekday]))
    per = per.mutate(m_out=(rank >= params.turns).cast("int64")).drop("n")
    return day.inner_join(per, [*by, "weekday"]).select("settlement_id", "m_out")


def _houses(tables: Tables, params: Params) -> ir.Table:
    """Return per house its patients, those with padded months and impossible sessions, and days over capacity."""
    sessions, months, gone = tables["sessions"], tables["months"], tables["gone"]
    institutions = tables["institutions"]
    key = "institution_id"
    house = sessions.group_by(key).aggregate(m_house_patients=sessions.patient_id.nunique())
    day = sessions.group_by(key, "on").aggregate(n=sessions.count())
    spots = institutions.filter(institutions.dialysis_stations > 0).select(key, stations="dialysis_stations")
    full = day.inner_join(spots, key)
    full = full.filter(full.n > full.stations * params.shifts)
    counts = {
        "over": months.group_by(key).aggregate(n=months.patient_id.nunique()),
        "absent": gone.group_by(key).aggregate(n=gone.patient_id.nunique()),
        "crowded": full.group_by(key).aggregate(n=full.count()),
        "stations": spots.select(key, n="stations"),
    }
    for name, count in counts.items():
        house = house.left_join(count, key).drop(f"{key}_right")
        house = house.mutate(**{f"m_house_{name}": house.n.fill_null(0)}).drop("n")
    for name in ("over", "absent"):
        house = with_quiet(house, name, "patients", parts=4, least=params.people)
    return house.cross_join(house.aggregate(m_houses=house.count()))


def confirm(group: Group, params: Params) -> Verdict | None:
    """Confirm a house with more padded patients, or more impossible sessions, than other units."""
    rows = group.rows
    e1 = rows["grade"] == Grade.E1.value
    padded = sorted(rows.loc[~e1, "subject_id"].unique())
    gone = sorted(rows.loc[e1, "subject_id"].unique())
    over = _excess(rows, padded, "over", Family.CALENDAR, "padded_months", group, params)
    absent = _excess(rows, gone, "absent", Family.CONTRADICTION, "impossible_sessions", group, params)
    anomalies = [a for a in (over, absent) if a is not None]
    if not anomalies:
        return None
    core = sorted({*(padded if over else ()), *(gone if absent else ())})
    own = rows[rows["subject_id"].isin(core) & (rows["m_out"] == 1)]
    hubs = [("institution", group.group_id, "bills")]
    desk = busiest_desk(own, group, int(rows["m_houses"].iloc[0]), params.surprise_log10_p)
    if desk is not None:
        anomalies.append(desk.anomaly)
        hubs.append((desk.kind, desk.desk, "operates"))
    if int(rows["m_house_crowded"].iloc[0]) >= params.capacity_days:
        anomalies.append(_crowded(rows.iloc[0], params))
    inside = rows["subject_id"].isin(core)
    keep = inside & ((~e1 & rows["m_out"].eq(1) & bool(over)) | (e1 & bool(absent)))
    return Verdict(tuple(core), tuple(anomalies), keep, tuple(hubs), inside & ~e1 & bool(over) & ~keep)


def _excess(
    rows: pd.DataFrame, people: list[str], cases: str, family: Family, name: str, group: Group, params: Params
) -> Anomaly | None:
    """Test the number of unrelated patients among the house's, at the rate of the quieter quarter of the houses.

    Notes
    -----
    Binomial tail; half a case is added to the others', so that units without any still have a rate.
    """
    k, facts = group.n_units(people), rows.iloc[0]
    n, rest = max(int(facts["m_house_patients"]), k), int(facts["m_rest_patients"])
    elsewhere = int(facts[f"m_rest_{cases}"])
    floor = params.usual_over if cases == "over" else params.usual_absent
    rate = min(1.0, max(floor, (elsewhere + 0.5) / max(1.0, rest)))
    if k < params.people or k < params.rate_factor * rate * n:
        return None
    tail, n_tests = float(log10_binomial_tail(k, n, rate)), 2 * int(facts["m_houses"])
    if log10_corrected(tail, n_tests) > params.surprise_log10_p:
        return None
    own = rows[rows["subject_id"].isin(people)]
    sort = own["grade"].eq(Grade.E1.value)
    detail: dict[str, str | int | float] = {
        "n_core": len(people),
        "n_units": k,
        "n_patients": n,
        "n_elsewhere": elsewhere,
        "n_rest": rest,
        "n_floor": round(100 * floor),
        "n_sessions": params.sessions,
        "n_rows": int((own["m_out"].eq(1) & ~sort).sum()),
        "n_impossible": int(sort.sum()),
    }
    return Anomaly(family, name, tail, n_tests, detail)


def _crowded(facts: pd.Series[float], params: Params) -> Anomaly:
    detail: dict[str, str | int | float] = {
        "n_days": int(facts["m_house_crowded"]),
        "n_stations": int(facts["m_house_stations"]),
        "n_shifts": params.shifts,
    }
    return Anomaly(Family.CONTRADICTION, "over_capacity", 0.0, 1, detail)


TYPOLOGY = Typology(
    code="T23",
    slug="dialysis_padding",
    title="疑似虚记血液透析次数",
    grade=Grade.E1,
    requires={"items": frozenset({"settlement_id", "item_name"})},
    optional={
        "institutions": frozenset({"institution_id", "dialysis_stations"}),
        "patients": frozenset({"patient_id", "death_date"}),
    },
    steps=(("sessions", _sessions), ("months", _over_months), ("gone", _gone), ("facts", _houses)),
    detect=detect,
    confirm=confirm,
    grouping="hub",
    uses=frozenset({"visits", "stays"}),
    benign=("dialysis_month", "serial_treatment", "family"),
    provisions=(
        "医疗保障基金使用监督管理条例 第三十八条、第四十条",
        "法发〔2024〕6号 定点医药机构情形（虚构医疗服务项目）",
    ),
    clears=("每周四次或加透的医嘱及病情记录", "透析机运行日志与耗材批号一一对应", "住院期间外出透析的转运与审批记录"),
    records=("透析记录单与患者签名", "透析机开机日志", "透析器及管路的领用与批号", "候诊与透析室监控"),
    sentences={
        "out_of_turn": "单月透析超过常规次数，且不在本人固定透析日",
        "in_turn": "该月其余透析记录",
        "in_hospital": "在其他医院住院期间（不含入院、出院当日）仍有透析结算",
        "after_death": "登记死亡三十日后仍有透析结算",
        "padded_months": (
            "该机构 {n_patients} 名透析患者中有 {n_core} 人（{n_units} 户）两个月以上单月透析超过 {n_sessions} 次，"
            "其中 {n_rows} 次不在本人固定透析日；"
            "比例最低的四分之一透析机构 {n_rest} 名患者中有 {n_elsewhere} 人（按不低于 {n_floor}% 计）"
        ),
        "impossible_sessions": (
            "该机构 {n_patients} 名透析患者中有 {n_core} 人（{n_units} 户）共 {n_impossible} 次透析"
            "发生在外院住院期间或死亡之后；"
            "比例最低的四分之一透析机构 {n_rest} 名患者中有 {n_elsewhere} 人（按不低于 {n_floor}% 计）"
        ),
        "one_desk": (
            "不在固定透析日的 {n_known} 次中有 {n_desk} 次由同一操作员、终端或医师办理，"
            "其在该机构 {n_house} 次结算中共办理 {n_desk_all} 次"
        ),
        "over_capacity": "当日透析人次超过 {n_stations} 台透析机每台 {n_shifts} 班的天数为 {n_days}",
    },
    params=Params(),
    minimum_subjects=5,
)
