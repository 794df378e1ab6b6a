"""T21: doctors who sign at two houses at once, after they left, in a hospital bed, or after death (挂证、冒名诊疗)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gangfinder.engine.portable import add_days, days_between, epoch_minutes, is_midnight
from gangfinder.model.evidence import Anomaly, Family, Grade
from gangfinder.model.group import Group, Verdict
from gangfinder.model.tails import log10_binomial_tail, log10_corrected
from gangfinder.typologies._contradictions import with_rest
from gangfinder.typologies.contract import Tables, Typology

if TYPE_CHECKING:
    import ibis.expr.types as ir

TWO_PLACES, AFTER_EXIT, IN_HOSPITAL, AFTER_DEATH = "two_places", "after_exit", "while_inpatient", "after_death"
_BESIDE = "same_day"
_WAYS = {"two": "at_once", "left": "after_leaving", "ill": "in_bed", "dead": "posthumous"}


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of T21.

    Parameters
    ----------
    rows
        Fewest impossible signatures of one doctor in one way; one is a slip of the keyboard.
    days
        Fewest days on which they lie.
    people
        Fewest patients they concern.
    apart_minutes
        Signatures at two houses within this time cannot both be the doctor's own …
    apart_km
        … where the houses are at least this far apart (and where coordinates are known).
    first_hour, last_hour
        Clock times before and after these hours are uploads, not treatment.
    grace_days
        Signatures so soon after a doctor left or died are late bills.
    prior_rows
        Weight, in signatures, of a town without any error when other doctors' rate is estimated.
    surprise_log10_p
        A doctor is reported when the tail, corrected for all doctors, is at most this.
    """

    rows: int = 8
    days: int = 5
    people: int = 5
    apart_minutes: int = 20
    apart_km: float = 1.0
    first_hour: int = 6
    last_hour: int = 21
    grace_days: int = 15
    prior_rows: float = 200.0
    surprise_log10_p: float = -3.0


def detect(tables: Tables, params: Params) -> ir.Table:
    """Return signatures that cannot be the doctor's own, with the rate of other doctors."""
    import ibis

    signed = tables["visits"].filter(tables["visits"].doctor_id.notnull())
    signed = signed.select("settlement_id", "patient_id", "institution_id", "doctor_id", "at", "on", "amount")
    parts = [
        _two_places(signed, tables["institutions"], params),
        _after(signed, _left(tables["doctors"]), "left", AFTER_EXIT, params),
        _inside_stays(signed, tables),
        _after(signed, _dead(tables), "dead", AFTER_DEATH, params),
    ]
    found = parts[0]
    for part in parts[1:]:
        found = found.union(part, distinct=False)
    facts = _facts(signed, found, params)
    rows = found.inner_join(facts, ["way", "doctor_id"])
    return rows.select(
        group_id=rows.way.concat("|", rows.doctor_id),
        subject_type=ibis.literal("doctor"),
        subject_id=rows.doctor_id,
        institution_id=rows.institution_id,
        source_table=ibis.literal("settlements"),
        source_key=rows.settlement_id,
        event_at=rows["at"].cast("timestamp"),
        amount=rows.amount,
        grade=ibis.ifelse(rows.shows == _BESIDE, Grade.E2.value, Grade.E1.value),
        shows=rows.shows,
        m_patient_id=rows.patient_id,
        m_way=rows.way,
        **{c: rows[c] for c in facts.columns if c.startswith("m_")},
    )


_ROW = ("settlement_id", "patient_id", "institution_id", "doctor_id", "at", "on", "amount")


def _tagged(rows: ir.Table, way: str, shows: str) -> ir.Table:
    import ibis

    return rows.select(*_ROW, way=ibis.literal(way), shows=ibis.literal(shows))


def _facts(signed: ir.Table, found: ir.Table, params: Params) -> ir.Table:
    """Return per way and doctor his impossible signatures, all of his, and those of doctors with a lower rate."""
    import ibis

    true = found.filter(found.shows != _BESIDE)
    n = true.group_by("way", "doctor_id").aggregate(m_house_cases=true.settlement_id.nunique())
    often = n.filter(n.m_house_cases >= params.rows).select("way", "doctor_id")
    size = signed.group_by("doctor_id").aggregate(m_house_signed=signed.count())
    out = []
    for way in _WAYS:
        own = n.filter(n.way == way).select("doctor_id", "m_house_cases")
        every = size.left_join(own, "doctor_id").drop("doctor_id_right")
        every = every.mutate(m_house_cases=every.m_house_cases.fill_null(0))
        out.append(with_rest(every, "doctor_id", "cases", "signed").mutate(way=ibis.literal(way)))
    joined = out[0].union(*out[1:], distinct=False)
    doctors = size.aggregate(m_doctors=size.count())
    return joined.semi_join(often, ["way", "doctor_id"]).cross_join(doctors)


def _two_places(signed: ir.Table, institutions: ir.Table, params: Params) -> ir.Table:
    """Return signatures at a doctor's lesser house minutes from one at another, and his others there that day."""
    import ibis

    per = signed.group_by("doctor_id", "institution_id").aggregate(n=signed.count())
    rank = ibis.row_number().over(ibis.window(group_by="doctor_id", order_by=[per.n.desc(), per.institution_id]))
    lesser = per.mutate(place=rank).filter(lambda t: (t.place > 0) & (t.n >= params.rows))
    timed = signed.semi_join(lesser.select("doctor_id").distinct(), "doctor_id")
    hour = timed["at"].hour()
    timed = timed.filter((hour >= params.first_hour) & (hour <= params.last_hour) & ~is_midnight(timed["at"]))
    timed = timed.mutate(minute=epoch_minutes(timed["at"]))
    other = timed.select(doctor="doctor_id", day="on", facing="institution_id", minute_r="minute")
    less = timed.semi_join(lesser, ["doctor_id", "institution_id"])
    met = less.inner_join(other, [less.doctor_id == other.doctor, less.on == other.day])
    met = met.filter((met.institution_id != met.facing) & ((met.minute - met.minute_r).abs() <= params.apart_minutes))
    met = met.anti_join(_near(institutions, params), ["institution_id", "facing"])
    key = met.select("settlement_id", "doctor_id", "institution_id", "on").distinct()
    # the greater house of a pair that is not his first has its own rows: each row counts once
    hit = timed.semi_join(key, ["settlement_id", "doctor_id"])
    day = key.select("doctor_id", "institution_id", "on").distinct()
    rest = less.semi_join(day, ["doctor_id", "institution_id", "on"]).anti_join(key, ["settlement_id", "doctor_id"])
    return _tagged(hit, "two", TWO_PLACES).union(_tagged(rest, "two", _BESIDE), distinct=False)


def _near(institutions: ir.Table, params: Params) -> ir.Table:
    """Return pairs of houses between which it is a walk; a degree of latitude is 111 km."""
    i = institutions.filter(institutions.longitude.notnull() & institutions.latitude.notnull())
    a = i.select("institution_id", "longitude", "latitude")
    b = i.select(facing="institution_id", longitude_r="longitude", latitude_r="latitude")
    met = a.inner_join(b, (a.latitude - b.latitude_r).abs() * 111.0 < params.apart_km)
    return met.filter((met.longitude - met.longitude_r).abs() * 96.0 < params.apart_km).select(
        "institution_id", "facing"
    )


def _left(doctors: ir.Table) -> ir.Table:
    """Return when each doctor left for good: the last day of his last row, where none is open."""
    import ibis

    row = doctors.mutate(open=doctors.active_to.isnull().cast("int64"))
    own = row.group_by("doctor_id").aggregate(open=row.open.sum(), last=row.active_to.max())
    return own.filter((own.open == 0) & own["last"].notnull()).select("doctor_id", last=ibis._["last"])


def _person(tables: Tables) -> ir.Table:
    """Return the insured person behind each doctor, by identity number."""
    doctors, patients = tables["doctors"], tables["patients"]
    known = doctors.filter(doctors.id_number.notnull() & (doctors.id_number != "")).select("doctor_id", "id_number")
    return known.distinct().inner_join(
        patients.filter(patients.id_number.notnull()).select("id_number", "death_date", self_id="patient_id"),
        "id_number",
    )


def _dead(tables: Tables) -> ir.Table:
    person = _person(tables)
    return person.filter(person.death_date.notnull()).group_by("doctor_id").aggregate(last=person.death_date.max())


def _after(signed: ir.Table, last: ir.Table, way: str, shows: str, params: Params) -> ir.Table:
    """Return signatures later than the days of grace after a day."""
    met = signed.inner_join(last, "doctor_id")
    return _tagged(met.filter(met.on > add_days(met["last"], params.grace_days)), way, shows)


def _inside_stays(signed: ir.Table, tables: Tables) -> ir.Table:
    """Return signatures on days that the doctor spent in hospital, those of coming and going left out."""
    person, stays = _person(tables), tables["stays"]
    lying = stays.filter(days_between(stays.discharged_on, stays.admitted_on) >= 2)
    lying = lying.select("admitted_on", "discharged_on", self_id="patient_id")
    own = person.select("doctor_id", "self_id").distinct().inner_join(lying, "self_id")
    met = signed.inner_join(own.select("doctor_id", "admitted_on", "discharged_on"), "doctor_id")
    met = met.filter((met.on > met.admitted_on) & (met.on < met.discharged_on))
    return _tagged(met, "ill", IN_HOSPITAL).distinct()


def confirm(group: Group, params: Params) -> Verdict | None:
    """Confirm a doctor with more impossible signatures than slips of other keyboards explain."""
    rows = group.rows[group.rows["shows"] != _BESIDE]
    k, days = int(rows["source_key"].nunique()), int(rows["event_at"].dt.normalize().nunique())
    people = int(rows["m_patient_id"].nunique())
    if k < params.rows or days < params.days or people < params.people:
        return None
    facts = rows.iloc[0]
    n = max(int(facts["m_house_signed"]), k)
    rate = (float(facts["m_rest_cases"]) + 0.5) / (float(facts["m_rest_signed"]) + params.prior_rows)
    tail, n_tests = float(log10_binomial_tail(k, n, min(1.0, rate))), max(1, int(facts["m_doctors"]))
    if log10_corrected(tail, n_tests) > params.surprise_log10_p:
        return None
    detail: dict[str, str | int | float] = {
        "n_rows": k,
        "n_days": days,
        "n_patients": people,
        "n_signed": n,
        "n_other_rows": int(facts["m_rest_cases"]),
        "n_other_signed": int(facts["m_rest_signed"]),
        "prior_rows": params.prior_rows,
    }
    name = _WAYS[str(facts["m_way"])]
    houses = sorted(rows["institution_id"].dropna().unique())
    hubs = tuple(("institution", str(h), "bills") for h in houses)
    return Verdict(group.members, (Anomaly(Family.CONTRADICTION, name, tail, n_tests, detail),), None, hubs)


TYPOLOGY = Typology(
    code="T21",
    slug="absent_practitioners",
    title="疑似医师不在岗签名或挂名诊疗",
    grade=Grade.E1,
    requires={
        "settlements": frozenset(
            {"settlement_id", "patient_id", "institution_id", "settled_at", "fund_amount", "doctor_id"}
        )
    },
    optional={
        "doctors": frozenset({"doctor_id", "id_number", "institution_id", "active_from", "active_to"}),
        "patients": frozenset({"patient_id", "id_number", "death_date"}),
        "institutions": frozenset({"institution_id", "longitude", "latitude"}),
        "settlements": frozenset({"occurred_at", "admitted_at", "discharged_at"}),
    },
    detect=detect,
    confirm=confirm,
    grouping="hub",
    uses=frozenset({"visits", "stays"}),
    benign=("multi_site",),
    provisions=(
        "医疗保障基金使用监督管理条例 第三十八条、第四十条",
        "医师法 第十四条、第五十七条",
    ),
    clears=(
        "多点执业备案与排班表", "远程诊断或会诊协议", "科室共用账号的管理规定与实际签名记录",
        "医师变更登记或补录的日志",
    ),
    records=("医师排班、考勤与门禁", "处方与病历的手写或电子签名日志", "医师本人住院病历", "执业注册与变更记录"),
    sentences={
        TWO_PLACES: "同一医师在相距较远的两家机构于数分钟内先后签名结算",
        _BESIDE: "与上述记录同日、在同一机构的签名结算",
        AFTER_EXIT: "医师离职或注册注销之后仍有其签名的结算",
        IN_HOSPITAL: "医师本人住院期间（不含入院、出院当日）有其签名的结算",
        AFTER_DEATH: "医师死亡之后仍有其签名的结算",
        "at_once": (
            "该医师有 {n_rows} 次（{n_days} 天，{n_patients} 名患者）与另一机构的签名相隔数分钟，"
            "全部签名 {n_signed} 次；"
            "发生率不高于该医师的其他医师合计 {n_other_signed} 次签名中有 {n_other_rows} 次"
        ),
        "after_leaving": (
            "该医师离职后仍有 {n_rows} 次签名（{n_days} 天，{n_patients} 名患者），全部签名 {n_signed} 次；"
            "发生率不高于该医师的其他医师合计 {n_other_signed} 次签名中有 {n_other_rows} 次"
        ),
        "in_bed": (
            "该医师本人住院期间有 {n_rows} 次签名（{n_days} 天，{n_patients} 名患者），全部签名 {n_signed} 次；"
            "发生率不高于该医师的其他医师合计 {n_other_signed} 次签名中有 {n_other_rows} 次"
        ),
        "posthumous": (
            "该医师登记死亡后仍有 {n_rows} 次签名（{n_days} 天，{n_patients} 名患者），全部签名 {n_signed} 次；"
            "发生率不高于该医师的其他医师合计 {n_other_signed} 次签名中有 {n_other_rows} 次"
        ),
    },
    params=Params(),
    minimum_subjects=0,
    subject_type="doctor",
)
