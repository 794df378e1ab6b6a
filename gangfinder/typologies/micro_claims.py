"""T24: a clinic bills a list of people again and again, alike and small, wherever they are (村卫生室批量小额虚记)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gangfinder.model.evidence import Anomaly, Family, Grade
from gangfinder.model.group import Group, Verdict
from gangfinder.model.tails import log10_binomial_tail, log10_corrected
from gangfinder.typologies._absent import absent_visits, with_quiet
from gangfinder.typologies._desks import busiest_desk
from gangfinder.typologies.contract import Tables, Typology

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of T24.

    Parameters
    ----------
    people
        Fewest unrelated people who were given the same diagnosis again and again at one clinic.
    absent_people
        Fewest unrelated people billed while they lay in a hospital or after death; one is a data error.
    surprise_log10_p
        Each tail, corrected for its tests, is at most this.
    rate_factor
        The clinic's rate is at least this many times that of other clinics.
    visits
        Fewest visits with the diagnosis of a person who counts.
    template_visits
        Fewest visits with the diagnosis and one of the template's amounts of a member.
    amounts
        How many amounts a template has: with drugs and without.
    most_yuan
        Bills above this are no micro-claims.
    """

    people: int = 20
    absent_people: int = 5
    surprise_log10_p: float = -3.0
    rate_factor: float = 2.0
    visits: int = 3
    template_visits: int = 2
    amounts: int = 2
    most_yuan: int = 120


def detect(tables: Tables, params: Params) -> ir.Table:
    """Return the visits with the template diagnosis of clinics where many people have it again and again."""
    import ibis

    coded, facts, gone = tables["coded"], tables["facts"], tables["gone"]
    chosen = facts.filter(facts.m_house_people >= params.people)
    own = coded.inner_join(chosen, ["institution_id", "diagnosis_code"])
    own = _with_template(own, params)
    times = own.group_by("patient_id", "institution_id").aggregate(m_visits=own.count(), m_alike=own.m_template.sum())
    rows = own.inner_join(times.filter(times.m_visits >= 2), ["patient_id", "institution_id"])
    base = rows.mutate(
        grade=ibis.literal(Grade.E2.value), shows=ibis.ifelse(rows.m_template == 1, "template", "same_code")
    )
    everybody = tables["visits"].semi_join(_clinics(tables), "institution_id")
    far = rows.inner_join(gone.select("settlement_id", "shows"), "settlement_id")
    far = far.mutate(grade=ibis.literal(Grade.E1.value))
    both = base.union(far.select(*base.columns), distinct=False)
    both = both.inner_join(_absences(everybody, gone), "institution_id")
    return _as_evidence(both.left_join(_catchments(tables["institutions"]), "institution_id"))


def _clinics(tables: Tables) -> ir.Table:
    return tables["institutions"].filter(tables["institutions"].kind == "clinic").select("institution_id")


def _coded(tables: Tables, params: Params) -> ir.Table:
    seen = tables["residual_visits"].semi_join(_clinics(tables), "institution_id")
    return seen.filter(seen.diagnosis_code.notnull() & (seen.total_amount <= params.most_yuan))


def _facts(tables: Tables, params: Params) -> ir.Table:
    seen = tables["residual_visits"].semi_join(_clinics(tables), "institution_id")
    return _houses(seen, tables["coded"], params)


def _gone(tables: Tables, params: Params) -> ir.Table:  # noqa: ARG001 - the signature of a step
    everybody = tables["visits"].semi_join(_clinics(tables), "institution_id")
    return absent_visits(everybody, tables["stays"], tables["patients"])


def _as_evidence(rows: ir.Table) -> ir.Table:
    import ibis

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
        m_code=rows.diagnosis_code,
        m_doctor_id=rows.doctor_id,
        m_operator_id=rows.operator_id,
        **{c: rows[c] for c in sorted(rows.columns) if c.startswith("m_")},
    )


def _houses(seen: ir.Table, coded: ir.Table, params: Params) -> ir.Table:
    """Return per clinic the diagnosis that most people beyond the usual have again and again, and its facts.

    Returns
    -------
    ir.Table
        institution_id, diagnosis_code, m_house_people (with the diagnosis so often), m_house_all (all people), the
        same of all other clinics as m_rest_…, m_tests (clinics times diagnoses), and the rows and equal rows of those
        people (m_house_rows, m_house_equal) with those of the quieter clinics.
    """
    import ibis

    by = ["institution_id", "diagnosis_code"]
    person = coded.group_by("patient_id", *by).aggregate(n=coded.count())
    often = person.filter(person.n >= params.visits)
    house = often.group_by(*by).aggregate(m_house_people=often.count())
    size = seen.group_by("institution_id").aggregate(m_house_all=seen.patient_id.nunique())
    code = house.group_by("diagnosis_code").aggregate(everywhere=house.m_house_people.sum())
    whole = size.aggregate(whole=size.m_house_all.sum(), n_houses=size.count())
    codes = coded.aggregate(n_codes=coded.diagnosis_code.nunique())
    house = (
        house.inner_join(size, "institution_id").inner_join(code, "diagnosis_code").cross_join(whole).cross_join(codes)
    )
    house = house.mutate(
        m_rest_people=house.everywhere - house.m_house_people,
        m_rest_all=house.whole - house.m_house_all,
        m_tests=house.n_houses * house.n_codes,
    )
    usual = house.m_rest_people / ibis.greatest(1, house.m_rest_all).cast("float64")
    house = house.mutate(excess=(house.m_house_people - usual * house.m_house_all).round(6))
    rank = ibis.row_number().over(
        ibis.window(group_by="institution_id", order_by=[house.excess.desc(), house.diagnosis_code])
    )
    best = house.mutate(_rank=rank).filter(lambda t: t._rank == 0)
    best = best.drop("_rank", "excess", "everywhere", "whole", "n_houses", "n_codes")
    return best.inner_join(_equal_rows(coded, often, best, params), "institution_id")


def _equal_rows(coded: ir.Table, often: ir.Table, best: ir.Table, params: Params) -> ir.Table:
    """Return per clinic how many of those people's bills are of its most frequent amounts, and of quieter clinics."""
    keys = ["patient_id", "institution_id", "diagnosis_code"]
    own = coded.semi_join(best, ["institution_id", "diagnosis_code"]).semi_join(often, keys)
    own = _ranked_amounts(own, params)
    house = own.group_by("institution_id").aggregate(
        m_house_rows=own.n.sum(), m_house_equal=own.n.sum(where=own.top == 1)
    )
    house = house.mutate(m_house_equal=house.m_house_equal.fill_null(0))
    return with_quiet(house, "equal", "rows")


def _ranked_amounts(rows: ir.Table, params: Params) -> ir.Table:
    """Return the amounts of each clinic, how often they occur, and whether they are its template's."""
    import ibis

    per = rows.group_by("institution_id", "total_amount").aggregate(n=rows.count())
    window = ibis.window(group_by="institution_id", order_by=[per.n.desc(), per.total_amount])
    return per.mutate(top=(ibis.row_number().over(window) < params.amounts).cast("int64"))


def _with_template(own: ir.Table, params: Params) -> ir.Table:
    """Add ``m_template``: whether a bill is of one of the clinic's most frequent amounts with the diagnosis."""
    top = _ranked_amounts(own, params)
    top = top.select("institution_id", "total_amount", m_template="top")
    return own.inner_join(top, ["institution_id", "total_amount"])


def _absences(everybody: ir.Table, gone: ir.Table) -> ir.Table:
    """Return per clinic how many people it bills while they are elsewhere or dead, and of quieter clinics."""
    house = everybody.group_by("institution_id").aggregate(m_house_known=everybody.patient_id.nunique())
    count = gone.group_by("institution_id").aggregate(n=gone.patient_id.nunique())
    house = house.left_join(count, "institution_id").drop("institution_id_right")
    house = house.mutate(m_house_absent=house.n.fill_null(0)).drop("n")
    return with_quiet(house, "absent", "known")


def _catchments(institutions: ir.Table) -> ir.Table:
    return institutions.select("institution_id", m_catchment=institutions.catchment.fill_null(0))


def confirm(group: Group, params: Params) -> Verdict | None:
    """Confirm a clinic where more people than elsewhere are billed the same, again and again."""
    rows = group.rows
    e1 = rows["grade"] == Grade.E1.value
    base = rows[~e1]
    people = base.drop_duplicates("subject_id").set_index("subject_id")
    if people.empty:
        return None
    same = _same_code(people, group, params)
    if same is None:
        return None
    core = sorted(people.index[people["m_alike"] >= params.template_visits])
    own = base[base["subject_id"].isin(core) & base["m_template"].eq(1)]
    absent = _absent(rows[e1 & rows["subject_id"].isin(core)], group, params)
    equal = _equal(base.iloc[0], same.n_tests, params)
    if equal is None and absent is None:
        return None  # many people with one illness and bills of their own are patients
    others = [same, equal, absent, _over_catchment(core, base.iloc[0])]
    anomalies = [a for a in others if a is not None]
    hubs = [("institution", group.group_id, "bills")]
    desk = busiest_desk(own, group, same.n_tests, params.surprise_log10_p) if len(own) else None
    if desk is not None:
        anomalies.append(desk.anomaly)
        hubs.append((desk.kind, desk.desk, "operates"))
    inside = rows["subject_id"].isin(core)
    keep = inside & ((~e1 & rows["m_template"].eq(1)) | (e1 & (absent is not None)))
    return Verdict(tuple(core), tuple(anomalies), keep, tuple(hubs), inside & ~e1 & ~keep)


def _same_code(people: pd.DataFrame, group: Group, params: Params) -> Anomaly | None:
    """Test how many people have the diagnosis again and again, at the rate of other clinics.

    Notes
    -----
    Binomial tail; half a person is added to the others'. Every clinic and diagnosis is a test.
    """
    k = group.n_units(people.index[people["m_visits"] >= params.visits])
    facts = people.iloc[0]
    n, rest, elsewhere = max(int(facts["m_house_all"]), k), int(facts["m_rest_all"]), int(facts["m_rest_people"])
    rate = min(1.0, (elsewhere + 0.5) / max(1.0, rest))
    if k < params.people or k < params.rate_factor * rate * n:
        return None
    tail, n_tests = float(log10_binomial_tail(k, n, rate)), int(facts["m_tests"])
    if log10_corrected(tail, n_tests) > params.surprise_log10_p:
        return None
    detail: dict[str, str | int | float] = {
        "n_units": k,
        "n_all": n,
        "n_rest": rest,
        "n_elsewhere": elsewhere,
        "code": str(facts["m_code"]),
        "n_visits": params.visits,
        "n_catchment": int(facts["m_catchment"]),
    }
    return Anomaly(Family.ATTRIBUTE, "same_diagnosis", tail, n_tests, detail)


def _equal(facts: pd.Series[float], n_tests: int, params: Params) -> Anomaly | None:
    """Test how many of their bills are of the clinic's few most frequent amounts, at the share of quieter clinics."""
    k, n = int(facts["m_house_equal"]), int(facts["m_house_rows"])
    rest, cases = int(facts["m_rest_rows"]), int(facts["m_rest_equal"])
    rate = min(1.0, (cases + 0.5) / max(1.0, rest))
    if k < params.rate_factor * rate * n:
        return None
    tail = float(log10_binomial_tail(k, n, rate))
    if log10_corrected(tail, n_tests) > params.surprise_log10_p:
        return None
    detail: dict[str, str | int | float] = {
        "n_equal": k,
        "n_rows": n,
        "n_amounts": params.amounts,
        "n_rest_equal": cases,
        "n_rest_rows": rest,
    }
    return Anomaly(Family.AMOUNT, "equal_amounts", tail, n_tests, detail)


def _absent(rows: pd.DataFrame, group: Group, params: Params) -> Anomaly | None:
    """Test how many of the core were billed while elsewhere or dead, at the rate of quieter clinics."""
    k = group.n_units(rows["subject_id"].unique())
    if k < params.absent_people:
        return None
    facts = rows.iloc[0]
    n, rest, cases = max(int(facts["m_house_known"]), k), int(facts["m_rest_known"]), int(facts["m_rest_absent"])
    rate = min(1.0, (cases + 0.5) / max(1.0, rest))
    tail, n_tests = float(log10_binomial_tail(k, n, rate)), int(facts["m_tests"])
    if log10_corrected(tail, n_tests) > params.surprise_log10_p:
        return None
    detail: dict[str, str | int | float] = {
        "n_absent": k,
        "n_known": n,
        "n_impossible": len(rows),
        "n_rest": rest,
        "n_elsewhere": cases,
    }
    return Anomaly(Family.CONTRADICTION, "billed_while_absent", tail, n_tests, detail)


def _over_catchment(core: list[str], facts: pd.Series[float]) -> Anomaly | None:
    """Say so when the people of the list alone are more than the residents whom the clinic answers for."""
    catchment = int(facts["m_catchment"])
    if not 0 < catchment < len(core):
        return None
    detail: dict[str, str | int | float] = {"n_core": len(core), "n_catchment": catchment}
    return Anomaly(Family.CONTRADICTION, "more_than_residents", 0.0, 1, detail)


TYPOLOGY = Typology(
    code="T24",
    slug="micro_claims",
    title="疑似基层诊所批量小额虚记",
    grade=Grade.E1,
    requires={
        "settlements": frozenset({"diagnosis_code", "total_amount"}),
        "institutions": frozenset({"institution_id", "kind"}),
    },
    optional={
        "institutions": frozenset({"catchment"}),
        "patients": frozenset({"patient_id", "death_date"}),
    },
    steps=(("coded", _coded), ("facts", _facts), ("gone", _gone)),
    detect=detect,
    confirm=confirm,
    grouping="hub",
    uses=frozenset({"visits", "residual_visits", "stays"}),
    benign=("public_health_round", "clinic_day", "refill_day", "family"),
    provisions=(
        "医疗保障基金使用监督管理条例 第三十八条、第四十条",
        "法发〔2024〕6号 定点医药机构情形（虚构医疗服务项目、伪造医学文书）",
    ),
    clears=("公共卫生或家庭医生签约服务的合同与登记", "就诊者签名的门诊日志与处方", "当日在外住院、务工者的更正记录"),
    records=("门诊日志、处方与药品出入库", "村民花名册与医保凭证保管情况", "抽样入户核实", "结算操作日志"),
    sentences={
        "template": "与该机构多数人相同的诊断和金额",
        "same_code": "与该机构多数人相同的诊断",
        "in_hospital": "在医院住院期间（不含入院、出院当日）在本机构结算",
        "after_death": "登记死亡三十日后仍在本机构结算",
        "same_diagnosis": (
            "该机构 {n_all} 名就诊者中有 {n_units} 户的人以同一诊断 {code} 就诊 {n_visits} 次以上"
            "（服务人口 {n_catchment}）；"
            "其他基层机构合计 {n_rest} 名就诊者中有 {n_elsewhere} 人"
        ),
        "equal_amounts": (
            "这些人的 {n_rows} 次结算中有 {n_equal} 次集中于 {n_amounts} 个金额；"
            "其他基层机构同类 {n_rest_rows} 次中有 {n_rest_equal} 次"
        ),
        "billed_while_absent": (
            "其中 {n_absent} 户的人共 {n_impossible} 次结算发生在外院住院期间或死亡之后；"
            "该机构就诊者共 {n_known} 人，"
            "其他较规范的基层机构 {n_rest} 人中有 {n_elsewhere} 人"
        ),
        "more_than_residents": "名单 {n_core} 人，超过该机构服务人口 {n_catchment} 人",
        "one_desk": (
            "上述 {n_known} 次结算中有 {n_desk} 次由同一医师或操作员办理，"
            "其在该机构 {n_house} 次结算中共办理 {n_desk_all} 次"
        ),
    },
    params=Params(),
    minimum_subjects=20,
)
