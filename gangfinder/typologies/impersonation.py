"""T10: cards used at one house while their holders are dead, in hospital or elsewhere (冒名就医)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gangfinder.engine.portable import add_days, epoch_minutes, is_midnight
from gangfinder.model.evidence import Anomaly, Family, Grade
from gangfinder.model.group import Group, Verdict
from gangfinder.model.tails import log10_binomial_tail, log10_corrected
from gangfinder.typologies._contradictions import absent, answers_stay, with_rest
from gangfinder.typologies._same_day import same_day
from gangfinder.typologies.contract import Tables, Typology

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

MALE, FEMALE = ("1", "M", "m", "男"), ("2", "F", "f", "女")
WRONG_SEX = "wrong_sex"
_NOT_MALE = "O"  # pregnancy, childbirth, the puerperium: chapter O
_NOT_FEMALE = ("C61", "N40", "N41", "N42", "N43", "N44", "N45")


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of T10.

    Parameters
    ----------
    people
        Fewest unrelated people whose cards are used impossibly at one house; one is a data error.
    surprise_log10_p
        The house is reported when the tail of so many people, corrected for the houses tested, is at most
        this.
    rate_factor
        The house's rate is at least this many times that of quieter houses: houses differ in care at the
        keyboard.
    grace_days
        Uses this soon after death are late bills and late registrations.
    apart_minutes
        Two houses within this time cannot both have seen the person …
    apart_km
        … where they are at least this far apart (and where coordinates are known).
    apart_blind_minutes
        The time that counts where a coordinate is missing: nobody leaves one counter and pays at another so
        soon.
    """

    people: int = 5
    surprise_log10_p: float = -3.0
    rate_factor: float = 3.0
    grace_days: int = 30
    apart_minutes: int = 16
    apart_km: float = 2.0
    apart_blind_minutes: int = 5


def detect(tables: Tables, params: Params) -> ir.Table:
    """Return the uses of cards for which the house of use has to answer, with facts on the house."""
    import ibis

    visits = tables["visits"]
    sexed = _sexed(visits, tables["patients"])
    parts = [
        _after_death(visits, tables["patients"], params),
        _in_hospital(tables["absent"]),
        _two_places(tables["same_day"], tables["institutions"], params),
        _tagged(sexed.filter(sexed.wrong), WRONG_SEX),
    ]
    found = parts[0]
    for part in parts[1:]:
        found = found.union(part, distinct=False)
    found = found.group_by("visit_key", "patient_id", "visit_house").aggregate(shows=found.shows.min())
    facts = _houses(visits, found, sexed)
    rows = found.inner_join(
        visits.select("patient_id", "at", "amount", visit_key="settlement_id", visit_house="institution_id"),
        ["visit_key", "patient_id", "visit_house"],
    ).inner_join(facts, "visit_house")
    return rows.select(
        group_id=rows.visit_house,
        subject_type=ibis.literal("patient"),
        subject_id=rows.patient_id,
        institution_id=rows.visit_house,
        source_table=ibis.literal("settlements"),
        source_key=rows.visit_key,
        event_at=rows.at,
        amount=rows.amount,
        grade=ibis.literal(Grade.E1.value),
        shows=rows.shows,
        **{c: rows[c] for c in sorted(rows.columns) if c.startswith("m_")},
    )


def _tagged(rows: ir.Table, shows: str) -> ir.Table:
    import ibis

    return rows.select("visit_key", "patient_id", "visit_house", shows=ibis.literal(shows))


def _after_death(visits: ir.Table, patients: ir.Table, params: Params) -> ir.Table:
    """Return uses later than the days of grace after the registered death."""
    dead = patients.filter(patients.death_date.notnull()).select("patient_id", "death_date")
    met = visits.inner_join(dead, "patient_id")
    met = met.filter(met.on > add_days(met.death_date, params.grace_days))
    return _tagged(
        met.select("patient_id", visit_key="settlement_id", visit_house="institution_id"), "after_death"
    )


def _in_hospital(met: ir.Table) -> ir.Table:
    """Return uses while the holder lay in another house that is not itself the one to answer."""
    return _tagged(met.filter(~answers_stay(met)), "in_hospital")


def _two_places(visits: ir.Table, institutions: ir.Table, params: Params) -> ir.Table:
    """Return uses within minutes of a use in a house too far away; the house with more such people answers.

    Notes
    -----
    Distances are plane distances on degrees of 111 km and, east to west, 111 km times the cosine of the
    latitude. Rows at midnight carry a date only and are left out.
    """
    import ibis

    # a person's cards are compared within his own day only, so that the join has no range
    v = visits.filter(~is_midnight(visits.at)).select(
        "patient_id", "on", minute=epoch_minutes(visits.at), key="settlement_id", house="institution_id"
    )
    spots = institutions.select(house="institution_id", x="longitude", y="latitude")
    v = v.left_join(spots, "house").drop("house_right")
    w = v.rename({f"{c}_r": c for c in v.columns})
    met = v.inner_join(w, [v.patient_id == w.patient_id_r, v.on == w.on_r])
    met = met.filter((met.house != met.house_r) & ((met.minute - met.minute_r).abs() <= params.apart_minutes))
    north = (met.y - met.y_r) * 111.0
    east = (met.x - met.x_r) * 111.0 * (met.y / 57.29577951308232).cos()
    far = (north * north + east * east) >= params.apart_km * params.apart_km
    soon = (met.minute - met.minute_r).abs() <= params.apart_blind_minutes
    met = met.filter(ibis.coalesce(far, soon))
    met = met.select(visit_key="key", patient_id="patient_id", visit_house="house", other_house="house_r")
    people = met.group_by("visit_house").aggregate(people=met.patient_id.nunique())
    other = people.select(other_house="visit_house", other_people="people")
    met = met.inner_join(people, "visit_house").inner_join(other, "other_house")
    return _tagged(met.filter(met.people > met.other_people), "two_places")


def _sexed(visits: ir.Table, patients: ir.Table) -> ir.Table:
    """Return uses for a condition that one sex does not have, and whether the holder is of that sex."""
    known = patients.filter(patients.gender.isin((*MALE, *FEMALE))).select("patient_id", "gender")
    met = visits.filter(visits.diagnosis_code.notnull()).inner_join(known, "patient_id")
    not_male = met.diagnosis_code.substr(0, 1) == _NOT_MALE
    not_female = met.diagnosis_code.substr(0, 3).isin(_NOT_FEMALE)
    met = met.filter(not_male | not_female)
    wrong = (not_male & met.gender.isin(MALE)) | (not_female & met.gender.isin(FEMALE))
    return met.select("patient_id", visit_key="settlement_id", visit_house="institution_id", wrong=wrong)


def _houses(visits: ir.Table, found: ir.Table, sexed: ir.Table) -> ir.Table:
    """Return per house its people and cases for each of the two tests, and those of quieter houses.

    Notes
    -----
    People are counted once per house. A wrong sex is tested among people with a condition of one sex: where
    such codes are typed carelessly everywhere, it is no contradiction anywhere.
    """
    house = visits.group_by(visit_house=visits.institution_id).aggregate(
        m_house_people=visits.patient_id.nunique()
    )
    sure, wrong = found.filter(found.shows != WRONG_SEX), sexed.filter(sexed.wrong)
    counts = {
        "found": sure.group_by("visit_house").aggregate(n=sure.patient_id.nunique()),
        "sexed": sexed.group_by("visit_house").aggregate(n=sexed.patient_id.nunique()),
        "wrong": wrong.group_by("visit_house").aggregate(n=wrong.patient_id.nunique()),
    }
    for name, count in counts.items():
        house = house.left_join(count, "visit_house").drop("visit_house_right")
        house = house.mutate(**{f"m_house_{name}": house.n.fill_null(0)}).drop("n")
    return with_rest(with_rest(house, "visit_house", "found", "people"), "visit_house", "wrong", "sexed")


def confirm(group: Group, params: Params) -> Verdict | None:
    """Confirm a house that used more unrelated people's cards impossibly than errors elsewhere explain."""
    sure = group.rows[group.rows["shows"] != WRONG_SEX]
    wrong = group.rows[group.rows["shows"] == WRONG_SEX]
    tested = [
        (sure, _excess(sure, "people", "found", "impossible_uses", group, params)),
        (wrong, _excess(wrong, "sexed", "wrong", "wrong_sex_uses", group, params)),
    ]
    kept = [(rows, anomaly) for rows, anomaly in tested if anomaly is not None]
    if not kept:
        return None
    core = sorted({str(p) for rows, _ in kept for p in rows["subject_id"]})
    keys = {key for rows, _ in kept for key in rows.index}
    keep = group.rows.index.to_series().isin(keys)
    return Verdict(
        tuple(core), tuple(a for _, a in kept), keep, (("institution", group.group_id, "settles"),)
    )


def _excess(
    rows: pd.DataFrame, among: str, cases: str, name: str, group: Group, params: Params
) -> Anomaly | None:
    """Test the number of unrelated people among the house's, at the rate of quieter houses.

    Notes
    -----
    Binomial tail; half a case is added to the others', so that a town without any error still has a rate.
    """
    people = group.n_units(rows["subject_id"].unique())
    if people < params.people:
        return None
    facts = rows.iloc[0]
    rest, rest_cases = int(facts[f"m_rest_{among}"]), int(facts[f"m_rest_{cases}"])
    n = max(int(facts[f"m_house_{among}"]), people)
    rate = min(1.0, (rest_cases + 0.5) / max(1.0, rest))
    if people < params.rate_factor * rate * n:
        return None
    tail = float(log10_binomial_tail(people, n, rate))
    n_tests = 2 * max(1, group.n_tests)  # two tests a house
    if log10_corrected(tail, n_tests) > params.surprise_log10_p:
        return None
    shows = rows.groupby("shows")["subject_id"].nunique()
    detail: dict[str, str | int | float] = {
        "n_core": int(rows["subject_id"].nunique()),
        "n_units": people,
        "n_uses": len(rows),
        "n_house": n,
        "n_elsewhere": rest_cases,
        "n_rest": rest,
        "n_dead": int(shows.get("after_death", 0)),
        "n_in_hospital": int(shows.get("in_hospital", 0)),
        "n_two_places": int(shows.get("two_places", 0)),
    }
    return Anomaly(Family.CONTRADICTION, name, tail, n_tests, detail)


TYPOLOGY = Typology(
    code="T10",
    slug="impersonation",
    title="疑似冒名使用医保凭证",
    grade=Grade.E1,
    requires={
        "settlements": frozenset(
            {"settlement_id", "patient_id", "institution_id", "settled_at", "fund_amount"}
        )
    },
    optional={
        "patients": frozenset({"patient_id", "death_date", "gender"}),
        "institutions": frozenset({"institution_id", "longitude", "latitude"}),
    },
    detect=detect,
    confirm=confirm,
    grouping="hub",
    uses=frozenset({"stays", "visits"}),
    steps=(("absent", absent), ("same_day", same_day)),
    needs_clock=True,
    instead_of_clock={
        "patients": frozenset({"death_date", "gender"}),
        "settlements": frozenset({"admitted_at"}),
    },
    benign=("family",),
    provisions=(
        "医疗保障基金使用监督管理条例 第十七条、第四十一条",
        "法发〔2024〕6号 参保人情形（冒名就医购药）",
    ),
    clears=("死亡日期登记更正记录", "代购药登记与双方身份证件", "结算时间补传或时钟偏差的系统日志"),
    records=("结算时的监控录像", "处方与取药签名", "死亡登记原始凭据", "终端与操作员日志"),
    sentences={
        "after_death": "登记死亡三十日后仍有结算",
        "in_hospital": "持卡人在另一机构住院期间（不含入院、出院当日）在本机构结算",
        "two_places": "数分钟内在相距较远的两家机构结算",
        "wrong_sex": "诊断与参保人性别不符",
        "impossible_uses": (
            "该机构 {n_house} 名就诊购药者中有 {n_core} 人（{n_units} 户）共 {n_uses} 次结算与本人状态不符："
            "死亡后 {n_dead} 人、住院期间 {n_in_hospital} 人、同时异地 {n_two_places} 人；"
            "发生率不高于该机构的其他机构合计 {n_rest} 人次中仅 {n_elsewhere} 人次"
        ),
        "wrong_sex_uses": (
            "该机构 {n_house} 名有性别专属诊断者中有 {n_core} 人（{n_units} 户）与登记性别不符；"
            "发生率不高于该机构的其他机构合计 {n_rest} 人次中有 {n_elsewhere} 人次"
        ),
    },
    params=Params(),
    minimum_subjects=5,
)
