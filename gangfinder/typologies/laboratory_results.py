"""T16: one laboratory finds what a special drug needs far oftener than others, for the patients of few doctors."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import TYPE_CHECKING

from gangfinder.engine.portable import add_days, days_between, string_key
from gangfinder.model.evidence import Anomaly, Family, Grade
from gangfinder.model.group import Group, Verdict
from gangfinder.model.tails import log10_binomial_tail, log10_corrected
from gangfinder.typologies.contract import Tables, Typology

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

POSITIVE = ("positive", "pos", "1", "+", "阳性", "检出", "突变", "扩增")
"""Texts of ``result`` that make the drug payable."""

TUMOUR = ("C", "D0")
"""Chapters of diagnosis that say the patient was known to be ill before."""


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of T16.

    Parameters
    ----------
    people
        Fewest unrelated patients of a group.
    tests
        Fewest tests of a doctor's at the laboratory that are looked at.
    lift
        Least ratio of the share of positive results to the expected one for a doctor to be looked at.
    doctors
        Most doctors of a group: what a laboratory finds for everybody is its assay.
    peers
        Fewest tests of others from which an expected share is taken.
    known_days
        A patient was known to be ill when another house treated a tumour at most so many days before.
    paid_days
        The drug belongs to a report when it is paid at most so many days after.
    quick_days
        The drug was asked for at once when it was at most so many days after.
    surprise_log10_p
        An anomaly is reported when its tail, corrected for the run's tests, is at most this.
    weak_log10_p, follow_log10_p
        Where the positive results of few tests can be no surprise by themselves, their tail may be as weak as the first
        (uncorrected), when what followed on them, which is tested apart, is as strong as the second (corrected).
    """

    people: int = 5
    tests: int = 5
    lift: float = 1.25
    doctors: int = 4
    peers: int = 20
    known_days: int = 365
    paid_days: int = 180
    quick_days: int = 10
    surprise_log10_p: float = -3.0
    weak_log10_p: float = -1.3
    follow_log10_p: float = -5.0


def detect(tables: Tables, params: Params) -> ir.Table:
    """Return the positive reports of doctors with too many of them at one laboratory, and the drugs paid after them."""
    import ibis

    reports = _reports(tables, params)
    drugs = _drugs(tables, reports, params)
    cells = _cells(reports, params).cross_join(_run(reports, drugs, params))
    found = reports.filter(reports.positive == 1).inner_join(cells, ["desk", "doctor_id"])
    paid = drugs.inner_join(cells, ["desk", "doctor_id"])
    zero = ibis.literal("0").cast("decimal(18,2)")
    return _shown(found, "positive", "lab_reports", found.report_id, found.reported_at, zero, params).union(
        _shown(paid, "drug", paid.source, paid.key, paid["at"], paid.amount, params), distinct=False
    )


def _shown(
    rows: ir.Table, shows: str, source: str | ir.StringValue, key: ir.StringValue, at: ir.TimestampValue,
    amount: ir.DecimalValue, params: Params,
) -> ir.Table:
    """Return evidence rows."""
    import ibis

    measures = {c: rows[c] for c in rows.columns if c.startswith("m_")}
    return rows.select(
        group_id=rows.desk, subject_type=ibis.literal("patient"),
        subject_id=rows.patient_id, institution_id=rows.institution_id,
        source_table=ibis.literal(source) if isinstance(source, str) else source, source_key=key,
        event_at=at.cast("timestamp"), amount=amount.cast("decimal(18,2)"),
        grade=ibis.literal(Grade.E2.value), shows=ibis.literal(shows), **measures,
        m_doctor=rows.doctor_id, m_laboratory=rows.laboratory_id, m_waited=rows.waited,
    )


def _reports(tables: Tables, params: Params) -> ir.Table:
    """Return the reports with their stratum: the test, and whether the patient was known to be ill elsewhere."""
    import ibis

    given = tables["lab_reports"]
    given = given.filter(given.laboratory_id.notnull() & given.doctor_id.notnull() & given.result.notnull())
    asked = given.select("report_id", "patient_id", "institution_id", "reported_at")
    near = asked.inner_join(tables["ill"], "patient_id")
    gap = days_between(near.reported_at.cast("date"), near.on)
    other = ibis.coalesce(near.elsewhere != near.institution_id, ibis.literal(value=True))
    known = near.filter((gap > 0) & (gap <= params.known_days) & other).select("report_id").distinct().mutate(known=1)
    r = given.left_join(known, "report_id").drop("report_id_right")
    r = r.mutate(
        positive=r.result.isin(POSITIVE).cast("int64"), known=ibis.coalesce(r.known, ibis.literal(0)),
    )
    r = r.mutate(stratum=string_key(r.item_code, r.known), desk=string_key(r.laboratory_id, r.institution_id))
    files = r.filter(r.report_digest.notnull()).group_by("report_digest").aggregate(n=r.patient_id.nunique())
    r = r.left_join(files.filter(files.n >= 2), "report_digest").drop("report_digest_right")
    return r.mutate(m_same_file=r.n.notnull().cast("int64"), waited=ibis.null().cast("int64")).drop("n")


def _ill(tables: Tables, params: Params) -> ir.Table:  # noqa: ARG001 - the signature of a step
    """Return where and when people were settled for a tumour: patient_id, elsewhere, on."""
    s = tables["settlements"]
    ill = s.diagnosis_code.startswith(TUMOUR[0]) | s.diagnosis_code.startswith(TUMOUR[1])
    return s.filter(ill).select("patient_id", elsewhere="institution_id", on=s.settled_at.cast("date")).distinct()


def _cells(reports: ir.Table, params: Params) -> ir.Table:
    """Return the doctors (by house and laboratory) with more positive results than the same tests have elsewhere.

    The expected share of a test is the mean of the doctors of other laboratories, or of the laboratory's doctors at
    other houses where it is higher and there are many, even without the largest of these houses: a finer assay raises
    everybody's, a second group at the same laboratory does not make the first ordinary.
    """
    import ibis

    pair = ("desk", "doctor_id")
    copied = reports.positive * reports.m_same_file
    own = reports.group_by(*pair, "laboratory_id", "stratum").aggregate(
        n=reports.count(), k=reports.positive.sum(), copied=copied.sum()
    )
    own = own.mutate(rate=own.k.cast("float64") / own.n.cast("float64"))
    every, lab, house = _sums(own), _sums(own, "laboratory_id"), _sums(own, "desk")
    cell = own.inner_join(every, "stratum").inner_join(lab, ["laboratory_id", "stratum"])
    cell = cell.inner_join(house, ["desk", "stratum"]).inner_join(_largest_other(own), ["desk", "stratum"])
    # each doctor counts once, and those of the same house not at all: accomplices do not make each other ordinary
    far, near = cell.doctors_all - cell.doctors_laboratory_id, cell.doctors_laboratory_id - cell.doctors_desk
    outside, inside = cell.n_all - cell.n_laboratory_id, cell.n_laboratory_id - cell.n_desk
    others = (cell.rates_all - cell.rates_laboratory_id + 0.5) / (far.cast("float64") + 1.0)
    siblings = (cell.rates_laboratory_id - cell.rates_desk) / ibis.greatest(near, ibis.literal(1)).cast("float64")
    many = (inside - cell.largest >= params.peers) & (near >= params.doctors)
    siblings = ibis.ifelse(many, siblings, ibis.literal(0.0))
    # a test that hardly anybody else made has nothing to be compared with: every result counts as expected
    cell = cell.mutate(share=ibis.ifelse(outside >= params.peers, ibis.greatest(others, siblings), ibis.literal(1.0)))
    cell = cell.mutate(expected=cell.share * cell.n.cast("float64"))
    pairs = cell.group_by(*pair).aggregate(
        m_made=cell.n.sum(), m_found=cell.k.sum(), m_copied=cell.copied.sum(), m_expected=cell.expected.sum().round(6)
    )
    large = pairs.filter(pairs.m_made >= params.tests)
    desks = large.group_by("desk").aggregate(m_desk_doctors=large.count())
    odd = large.filter(large.m_found.cast("float64") >= params.lift * large.m_expected)
    return odd.inner_join(desks, "desk").cross_join(desks.aggregate(m_desks=desks.count()))


def _largest_other(own: ir.Table) -> ir.Table:
    """Return by house and test how many tests the laboratory made for the largest of its other houses."""
    import ibis

    size = own.group_by("laboratory_id", "desk", "stratum").aggregate(size=own.n.sum())
    order = ibis.window(group_by=["laboratory_id", "stratum"], order_by=[size["size"].desc(), size.desk])
    size = size.mutate(place=ibis.row_number().over(order))
    two = size.filter(size.place <= 1).group_by("laboratory_id", "stratum").aggregate(
        first=lambda t: ibis.ifelse(t.place == 0, t["size"], 0).max(),
        second=lambda t: ibis.ifelse(t.place == 1, t["size"], 0).max(),
    )
    both = size.inner_join(two, ["laboratory_id", "stratum"])
    return both.select("desk", "stratum", largest=ibis.ifelse(both.place == 0, both.second, both["first"]))


def _sums(own: ir.Table, by: str | None = None) -> ir.Table:
    """Return tests, doctors and the sum of their shares, for each stratum and value of a column."""
    name = by or "all"
    return own.group_by(*([by] if by else []), "stratum").aggregate(
        **{f"n_{name}": own.n.sum(), f"doctors_{name}": own.count(), f"rates_{name}": own.rate.sum().round(9)}
    )


def _run(reports: ir.Table, drugs: ir.Table, params: Params) -> ir.Table:
    """Return what the nulls need to know of the run: one row."""
    asked = drugs.filter(drugs.claimed == 1)
    asked = asked.group_by("report_id", "desk").aggregate(waited=asked.waited.min())
    quick = asked.mutate(hit=(asked.waited <= params.quick_days).cast("int64"))
    positive = reports.filter(reports.positive == 1)
    used = positive.left_join(asked.select("report_id", waits="waited"), "report_id").drop("report_id_right")
    used = used.mutate(hit=used.waits.notnull().cast("int64"))
    filed = reports.filter(reports.report_digest.notnull())
    filed = filed.mutate(hit=filed.m_same_file)
    parts = [_shares(rows, name) for rows, name in ((quick, "quick"), (used, "paid"), (filed, "file"))]
    return parts[0].cross_join(parts[1]).cross_join(parts[2])


def _shares(rows: ir.Table, name: str) -> ir.Table:
    """Return the sum of the shares of hits of all houses and laboratories, and their number: each counts once."""
    desk = rows.group_by("desk").aggregate(n=rows.count(), k=rows.hit.sum())
    rate = desk.k.cast("float64") / desk.n.cast("float64")
    desk = desk.mutate(rate=rate)
    return desk.aggregate(**{f"m_{name}_rates": desk.rate.sum(), f"m_{name}_desks": desk.count()})


def _drugs(tables: Tables, reports: ir.Table, params: Params) -> ir.Table:
    """Return what was paid to patients with positive results: special drugs by claim, or what the doctor settled."""
    import ibis

    r, s = tables["reimbursements"], tables["settlements"]
    at = ibis.coalesce(r.submitted_at, r.handled_at, r.paid_at)
    r = r.mutate(at=at.cast("timestamp")).filter((r.benefit_kind == "special_drug") & at.notnull())
    nothing = ibis.null().cast("string")
    claims = r.select(
        "patient_id", "at", source=ibis.literal("reimbursements"), key="reimbursement_id", amount="fund_amount",
        by=nothing, claimed=ibis.literal(1),
    )
    positive = reports.filter(reports.positive == 1)
    s = s.semi_join(positive, ["patient_id", "doctor_id"])
    sold = s.select(
        "patient_id", at=s.settled_at.cast("timestamp"), source=ibis.literal("settlements"), key="settlement_id",
        amount="fund_amount", by="doctor_id", claimed=ibis.literal(0),
    )
    paid = positive.drop("waited").inner_join(claims.union(sold, distinct=False), "patient_id")
    paid = paid.filter(paid["by"].isnull() | (paid["by"] == paid.doctor_id))
    on = paid.reported_at.cast("date")
    paid = paid.filter((paid["at"].cast("date") >= on) & (paid["at"].cast("date") <= add_days(on, params.paid_days)))
    waited = days_between(paid["at"].cast("date"), paid.reported_at.cast("date"))
    return paid.mutate(waited=ibis.ifelse(paid.claimed == 1, waited, ibis.null().cast("int64")))


def confirm(group: Group, params: Params) -> Verdict | None:
    """Confirm that few doctors' patients are positive beyond chance at one laboratory, and what else is odd there."""
    reports = group.rows[group.rows["shows"] == "positive"]
    if reports.empty or reports["m_doctor"].nunique() > params.doctors:
        return None
    excess, doctors = _excess(reports, params)
    reports = reports[reports["m_doctor"].isin(doctors)]
    found = tuple(sorted(reports["subject_id"].unique()))
    if group.n_units(found) < params.people or excess.log10_p > params.weak_log10_p:
        return None
    asked = _asked(group.rows[group.rows["subject_id"].isin(found)])
    # whose result was used is a member; where no claims are known, everybody whose result could be
    core = tuple(sorted(asked.index)) if group.n_units(asked.index) >= params.people else found
    others = (_paid(reports, asked), _quick(reports, asked, params), _same_file(reports))
    kept = tuple(a for a in others if a is not None and _corrected(a) <= params.surprise_log10_p)
    strongest = min((_corrected(a) for a in kept), default=0.0)
    if _corrected(excess) > params.surprise_log10_p and strongest > params.follow_log10_p:
        return None
    laboratory = ("laboratory", str(reports["m_laboratory"].iloc[0]), "tests")
    hubs = (laboratory, *(("doctor", str(d), "orders") for d in doctors))
    return Verdict(core, (excess, *kept), group.rows["m_doctor"].isin(doctors), hubs)


def _corrected(anomaly: Anomaly) -> float:
    return log10_corrected(anomaly.log10_p, anomaly.n_tests)


def _asked(rows: pd.DataFrame) -> pd.Series[float]:
    """Return, for each patient who asked for the drug, after how many days."""
    claims = rows[(rows["shows"] == "drug") & rows["m_waited"].notna()]
    return claims.groupby("subject_id")["m_waited"].min()


def _tests(reports: pd.DataFrame, n_doctors: int) -> int:
    """Return in how many ways as many doctors could have been chosen, over all houses and laboratories."""
    first = reports.iloc[0]
    return max(1, int(first["m_desks"])) * comb(max(int(first["m_desk_doctors"]), n_doctors), n_doctors)


def _excess(reports: pd.DataFrame, params: Params) -> tuple[Anomaly, tuple[str, ...]]:
    """Test the positive results of all these doctors, or, where that is no surprise, of those who stand out most.

    Notes
    -----
    The shares differ by test; the binomial tail at their mean is at least that of the sum (W. Hoeffding 1956).
    """
    cells = reports.drop_duplicates("m_doctor").sort_values("m_doctor", kind="stable")
    alone = log10_binomial_tail(cells["m_found"], cells["m_made"], (cells["m_expected"] / cells["m_made"]).clip(0, 1))
    cells = cells.assign(alone=alone).sort_values(["alone", "m_doctor"], kind="stable")
    sets = [_tested(reports, cells.head(size)) for size in range(len(cells), 0, -1)]
    if _corrected(sets[0][0]) <= params.surprise_log10_p:
        return sets[0]
    return min(sets, key=lambda one: _corrected(one[0]))


def _tested(reports: pd.DataFrame, cells: pd.DataFrame) -> tuple[Anomaly, tuple[str, ...]]:
    """Test the positive results of some doctors together."""
    made, found, expected = int(cells["m_made"].sum()), int(cells["m_found"].sum()), float(cells["m_expected"].sum())
    doctors = tuple(sorted(str(d) for d in cells["m_doctor"]))
    core = int(reports.loc[reports["m_doctor"].isin(doctors), "subject_id"].nunique())
    detail = {
        "n_positive": found, "n_made": made, "expected": round(expected, 4), "n_doctors": len(doctors), "n_core": core,
    }
    tail = float(log10_binomial_tail(found, made, min(1.0, expected / made)))
    return Anomaly(Family.ATTRIBUTE, "positive_results", tail, _tests(reports, len(doctors)), detail), doctors


def _rest(reports: pd.DataFrame, name: str, k: int, n: int) -> float:
    """Return the mean share of hits at the other houses and laboratories, smoothed."""
    first = reports.iloc[0]
    rates, desks = float(first[f"m_{name}_rates"]), int(first[f"m_{name}_desks"])
    return min(1.0, (max(0.0, rates - k / max(n, 1)) + 0.5) / max(1, desks))


def _binomial(family: Family, name: str, key: str, counts: tuple[int, int], reports: pd.DataFrame) -> Anomaly | None:
    """Test k of n against the mean share of the other houses and laboratories."""
    k, n = counts
    if k == 0:
        return None
    share = _rest(reports, key, k, n)
    detail = {"n_hit": k, "n_of": n, "share": round(share, 6), "n_desks": int(reports[f"m_{key}_desks"].iloc[0])}
    tail = float(log10_binomial_tail(k, n, round(share, 6)))
    return Anomaly(family, name, tail, max(1, int(reports["m_desks"].iloc[0])), detail)


def _paid(reports: pd.DataFrame, asked: pd.Series[float]) -> Anomaly | None:
    """Test how many of the positive went on to the drug."""
    k, n = int(reports["subject_id"].isin(asked.index).sum()), _positive(reports)
    return _binomial(Family.AMOUNT, "drug_paid", "paid", (k, max(k, n)), reports)


def _positive(reports: pd.DataFrame) -> int:
    """Return how many reports of these doctors were positive, of members and others."""
    return int(reports.drop_duplicates("m_doctor")["m_found"].sum())


def _quick(reports: pd.DataFrame, asked: pd.Series[float], params: Params) -> Anomaly | None:
    """Test how many of those asked for it within days."""
    k = int((asked <= params.quick_days).sum())
    return _binomial(Family.TEMPO, "asked_at_once", "quick", (k, len(asked)), reports)


def _same_file(reports: pd.DataFrame) -> Anomaly | None:
    """Test how many reports are one file with another patient's: one is a mistake in filing."""
    k, n = int(reports.drop_duplicates("m_doctor")["m_copied"].sum()), _positive(reports)
    return _binomial(Family.CONTRADICTION, "same_file", "file", (k, n), reports) if k > 2 else None


TYPOLOGY = Typology(
    code="T16",
    slug="laboratory_results",
    title="疑似检测结果异常并据此享受特药待遇",
    grade=Grade.E2,
    requires={
        "lab_reports": frozenset(
            {"report_id", "patient_id", "item_code", "reported_at", "laboratory_id", "doctor_id", "result"}
        )
    },
    optional={
        "lab_reports": frozenset({"institution_id", "report_digest"}),
        "reimbursements": frozenset({"benefit_kind", "submitted_at", "handled_at", "paid_at"}),
        "settlements": frozenset({"diagnosis_code", "doctor_id"}),
    },
    detect=detect,
    confirm=confirm,
    grouping="hub",
    steps=(("ill", _ill),),
    benign=("family", "referral_centre"),
    provisions=("医疗保障基金使用监督管理条例 第四十条", "刑法第二百六十六条及 2014 年立法解释"),
    clears=("病理切片或原始检测数据复核一致", "转诊医院的既往检测或病理报告", "检测方法更换及质控记录"),
    records=("检测机构原始数据与样本接收记录", "病理标本与影像资料", "特药申请与审批材料", "检测报告编号与文件原件"),
    sentences={
        "positive": "该检测报告为阳性",
        "drug": "阳性报告之后支付的特药或同一医师开具的费用",
        "positive_results": (
            "同一检测机构为 {n_doctors} 名医师出具的 {n_made} 份报告中有 {n_positive} 份阳性，涉及 {n_core} 人；"
            "按同项目、同病情患者在其他机构的阳性率预计 {expected} 份"
        ),
        "drug_paid": "{n_of} 份阳性报告中有 {n_hit} 份之后申领特药；其他 {n_desks} 组机构与检测方的平均比例为 {share}",
        "asked_at_once": "{n_of} 人中有 {n_hit} 人在报告出具后数日内即申领特药；其他 {n_desks} 组的平均比例为 {share}",
        "same_file": "{n_of} 份报告中有 {n_hit} 份与他人报告为同一文件；其他 {n_desks} 组的平均比例为 {share}",
    },
    params=Params(),
    minimum_subjects=5,
)
