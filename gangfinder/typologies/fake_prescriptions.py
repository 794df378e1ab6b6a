"""T14: one doctor writes what one shop sells: in seconds, after the sale, or online for people never seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gangfinder.engine.portable import epoch_seconds, string_key
from gangfinder.model.evidence import Anomaly, Family, Grade
from gangfinder.model.group import Group, Verdict
from gangfinder.model.tails import log10_binomial_tail, log10_corrected, log10_hypergeometric_tail
from gangfinder.typologies.contract import Tables, Typology

if TYPE_CHECKING:
    import ibis.expr.types as ir

SIGNS = ("fast", "late", "unseen")
"""Written in seconds; written after the sale; a first visit online."""

_OF = {"fast": "timed", "late": "scripts", "unseen": "online"}
"""Among which prescriptions each sign is counted."""


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of T14.

    Parameters
    ----------
    people
        Fewest unrelated people on whose cards it was settled.
    fast_seconds
        A prescription issued within so many seconds of the visit, which renews no other, was written unseen.
    late_seconds
        A prescription issued more than so many seconds after the sale was written for it afterwards; clocks of
        two houses differ by less.
    least_rate
        Share of prescriptions that show a sign in honest houses, at least, whatever the rest of the run says.
    sibling_rows
        Fewest prescriptions of the doctor's colleagues that say to which shops the house's patients go.
    surprise_log10_p
        An anomaly is reported when its tail, corrected for the run's tests, is at most this.
    """

    people: int = 5
    fast_seconds: int = 60
    late_seconds: int = 180
    least_rate: float = 0.02
    sibling_rows: int = 20
    surprise_log10_p: float = -3.0


def detect(tables: Tables, params: Params) -> ir.Table:
    """Return the sales of every doctor and shop with enough people whose prescriptions show a sign."""
    import ibis

    rows = tables["sold"]
    pair = _counts(rows, ["doctor", "shop"], "pair")
    fit = pair.filter(pair.m_pair_people >= params.people)
    homes = rows.semi_join(fit, "doctor").group_by("doctor").aggregate(house=rows.house.min())
    fit = _joined(fit, homes, ["doctor"])
    for by, name in ((["doctor"], "doctor"), (["house"], "house"), (["shop"], "shop"), (["house", "shop"], "both")):
        counted = _counts(rows.semi_join(fit, by), by, name)
        fit = _joined(fit, counted.drop(f"m_{name}_people"), by)
    whole = _counts(rows.mutate(one=ibis.literal(1)), ["one"], "all").drop("one", "m_all_people")
    fit = fit.drop("house", "m_pair_people").cross_join(whole)
    chosen = rows.drop("house").inner_join(fit, ["doctor", "shop"])
    measured = sorted(c for c in fit.columns if c.startswith("m_"))
    return chosen.select(
        group_id=string_key(chosen.doctor, chosen.shop),
        subject_type=ibis.literal("patient"),
        subject_id=chosen.patient_id,
        institution_id=chosen.shop,
        source_table=ibis.literal("settlements"),
        source_key=chosen.settlement_id,
        event_at=chosen["at"],
        amount=chosen.fund_amount,
        grade=ibis.ifelse(chosen.late == 1, ibis.literal(Grade.E1.value), ibis.literal(Grade.E2.value)),
        shows=ibis.ifelse(chosen.late == 1, ibis.literal("sale_before"), ibis.literal("sale")),
        m_doctor=chosen.doctor,
        m_fast=chosen.fast,
        m_late=chosen.late,
        m_unseen=chosen.unseen,
        m_renewal=chosen.renewal,
        **{c: chosen[c] for c in measured},
    )


def _joined(left: ir.Table, right: ir.Table, by: list[str]) -> ir.Table:
    met = left.inner_join(right, by)
    return met.drop(*[c for c in met.columns if c.endswith("_right")])


def _sold(tables: Tables, params: Params) -> ir.Table:
    """Return the sales on prescriptions of other houses, with what each prescription shows."""
    import ibis

    s, p = tables["settlements"], tables["prescriptions"]
    none = ibis.literal(value=False)
    s = s.filter(s.prescription_id.notnull() & s.reversed_settlement_id.isnull() & ~ibis.coalesce(s.reversed, none))
    sold = s.select(
        "settlement_id", "patient_id", "fund_amount", "prescription_id", shop="institution_id",
        at=ibis.coalesce(s.occurred_at, s.settled_at),
    )
    online = ibis.coalesce(p.online, none)
    written = p.select(
        "prescription_id", "issued_at", "renewal_of", doctor="doctor_id",
        house=ibis.coalesce(p.institution_id, p.doctor_id),
        entered=ibis.coalesce(p.paper, none), consult=epoch_seconds(p.issued_at) - epoch_seconds(p.visited_at),
        timed=(p.visited_at.notnull() & p.renewal_of.isnull()).cast("int64"), online=online.cast("int64"),
        unseen=(online & ibis.coalesce(p.first_visit, none)).cast("int64"),
    )
    met = sold.inner_join(written, "prescription_id").filter(lambda t: t.house != t.shop)
    quick = (met.timed == 1) & (met.consult >= 0) & (met.consult < params.fast_seconds)
    # a paper prescription is entered when there is time
    after = ~met.entered & (epoch_seconds(met.issued_at) - epoch_seconds(met["at"]) > params.late_seconds)
    known = _known(met, tables["visits"])
    met = met.left_join(known, "settlement_id").drop("settlement_id_right")
    return met.select(
        "settlement_id", "patient_id", "fund_amount", "at", "shop", "doctor", "house", "timed", "online",
        unseen=ibis.ifelse(met.known.isnull(), met.unseen, 0).cast("int64"),
        renewal=met.renewal_of.notnull().cast("int64"),
        fast=ibis.coalesce(quick, none).cast("int64"), late=ibis.coalesce(after, none).cast("int64"),
    )


def _known(met: ir.Table, visits: ir.Table) -> ir.Table:
    """Return the sales on first visits online of people who had been at the doctor's house before."""
    import ibis

    first = met.filter(met.unseen == 1).select("settlement_id", "patient_id", "house", written=met.issued_at.date())
    before = visits.select("patient_id", house="institution_id", on="on")
    both = first.inner_join(before, ["patient_id", "house"])
    return both.filter(both.on < both.written).select("settlement_id", known=ibis.literal(1)).distinct()


def _counts(rows: ir.Table, by: list[str], name: str) -> ir.Table:
    """Return, per doctor, house, shop …, its prescriptions and how many show each sign, as ``m_<name>_*``."""
    signed = (rows.fast + rows.late + rows.unseen) > 0
    counted = {f"m_{name}_{c}": rows[c].sum().cast("int64") for c in ("timed", "online", *SIGNS)}
    return rows.group_by(by).aggregate(
        **counted,
        **{f"m_{name}_scripts": rows.count().cast("int64"),
           f"m_{name}_people": rows.patient_id.nunique(where=signed).cast("int64")},
    )


def confirm(group: Group, params: Params) -> Verdict | None:
    """Confirm signs that the doctor's sales at the shop show far more often than others'."""
    if group.n_units() < params.people:
        return None
    rows, n = group.rows, max(1, group.n_tests)
    facts = {c[2:]: int(rows[c].iloc[0]) for c in rows.columns if c.startswith("m_") and c.count("_") >= 2}
    found = {sign: _sign(sign, facts, n, params) for sign in SIGNS}
    told = {sign: a for sign, a in found.items() if a is not None and _surprising(a, params)}
    if not told:
        return None
    keep = rows[[f"m_{sign}" for sign in told]].eq(1).any(axis=1)
    keep &= rows["grade"].ne(Grade.E1.value) | ("late" in told)
    core = tuple(sorted(set(rows.loc[keep, "subject_id"])))
    if group.n_units(core) < params.people:
        return None
    alone = _alone(facts, n, params)
    anomalies = [*told.values()] + ([alone] if alone is not None and _surprising(alone, params) else [])
    # one sign by itself may be a matter of software: of clocks that differ, or of a form saved at once
    if len({a.family for a in anomalies}) < 2:
        return None
    hubs = (("doctor", str(rows["m_doctor"].iloc[0]), "doctor"),
            ("institution", str(rows["institution_id"].iloc[0]), "pharmacy"))
    weaker = rows["subject_id"].isin(core) & ~keep
    return Verdict(core, tuple(anomalies), keep, hubs, weaker)


def _surprising(anomaly: Anomaly, params: Params) -> bool:
    return log10_corrected(anomaly.log10_p, anomaly.n_tests) <= params.surprise_log10_p


_FAMILIES = {
    "fast": (Family.TEMPO, "written_in_seconds"),
    "late": (Family.CONTRADICTION, "written_after_sale"),
    "unseen": (Family.ATTRIBUTE, "first_visit_online"),
}


def _sign(sign: str, facts: dict[str, int], n_groups: int, params: Params) -> Anomaly | None:
    """Test how often the pair's prescriptions show a sign.

    Notes
    -----
    The tail is the largest of: the binomial one at the rate of the rest of the run, or the least rate; and, where the
    doctor's colleagues of the same house or the shop's other prescribers show the sign at all, Fisher's exact one
    against them. A house that stamps every visit late, or enters paper in the evening, is so measured by itself,
    however few its other prescriptions are: a rate estimated from few would pass for known.
    """
    among = _OF[sign]
    k, n = facts[f"pair_{sign}"], facts[f"pair_{among}"]
    if k < params.people:
        return None
    rate = round(max(params.least_rate, _rate(facts, "all", "pair", sign, among)), 6)
    tail, shares, others, signed = float(log10_binomial_tail(k, n, rate)), [rate], 0, 0
    for whole, part in (("house", "doctor"), ("shop", "pair")):
        size, marked = (facts[f"{whole}_{c}"] - facts[f"{part}_{c}"] for c in (among, sign))
        exact = float(log10_hypergeometric_tail(k, n + size, k + marked, n)) if marked else tail
        shares.append(marked / max(1, size))
        if exact > tail:
            tail, others, signed = exact, size, marked
    family, name = _FAMILIES[sign]
    detail = {"n_sign": k, "n_scripts": n, "rate": rate, "percent": round(100 * max(shares), 1),
              "n_others": others, "n_others_sign": signed, "seconds": params.fast_seconds}
    return Anomaly(family, name, tail, n_groups, detail)


def _rate(facts: dict[str, int], whole: str, part: str, sign: str, among: str) -> float:
    rest = facts[f"{whole}_{sign}"] - facts[f"{part}_{sign}"]
    return (rest + 0.5) / (facts[f"{whole}_{among}"] - facts[f"{part}_{among}"] + 1)


def _alone(facts: dict[str, int], n_groups: int, params: Params) -> Anomaly | None:
    """Test whether the doctor's prescriptions go to one shop more often than his colleagues' do."""
    colleagues = facts["house_scripts"] - facts["doctor_scripts"]
    if colleagues < params.sibling_rows:
        return None
    k, n = facts["pair_scripts"], facts["doctor_scripts"]
    rest = facts["both_scripts"] - k
    rate = round((rest + 0.5) / (colleagues + 1), 6)
    detail = {"n_shop": k, "n_doctor": n, "n_rest": colleagues, "n_rest_shop": rest, "rate": rate}
    # the shop is the one of his shops that stands out most
    return Anomaly(Family.CONTROL, "one_shop", float(log10_binomial_tail(k, n, rate)), n_groups, detail)


TYPOLOGY = Typology(
    code="T14",
    slug="fake_prescriptions",
    title="疑似虚假或批量处方流转",
    grade=Grade.E1,
    requires={
        "settlements": frozenset(
            {"settlement_id", "patient_id", "institution_id", "settled_at", "fund_amount", "prescription_id"}
        ),
        "prescriptions": frozenset({"prescription_id", "doctor_id", "issued_at"}),
    },
    optional={
        "settlements": frozenset({"occurred_at", "reversed", "reversed_settlement_id"}),
        "prescriptions": frozenset({"institution_id", "visited_at", "online", "paper", "first_visit", "renewal_of"}),
    },
    uses=frozenset({"visits"}),
    steps=(("sold", _sold),),
    detect=detect,
    confirm=confirm,
    grouping="hub",
    benign=("family", "renewal"),
    provisions=("医疗保障基金使用监督管理条例 第二十条、第四十条", "互联网诊疗管理办法（试行） 第十六条"),
    clears=("医师的问诊记录与视频、聊天存档", "系统统一改写时间或纸质处方晚间补录的说明", "共用工号的排班记录"),
    records=(
        "电子处方中心原始时间戳与签名记录", "药店监控与取药签名", "医师与药店之间的往来账目", "登录地址与设备记录",
    ),
    sentences={
        "sale": "该笔售药所依据的处方由同一医师开具",
        "sale_before": "该笔售药早于其处方的开具时间",
        "outside": "同一医师为同一参保人开具、在同一药店结算的其他处方",
        "written_in_seconds": (
            "{n_scripts} 张非续方处方中有 {n_sign} 张在就诊开始后 {seconds} 秒内开具，"
            "可比处方中此种情形至多占 {percent}%"
        ),
        "written_after_sale": "{n_scripts} 笔售药中有 {n_sign} 笔先结算、后开方，可比处方中此种情形至多占 {percent}%",
        "first_visit_online": "{n_scripts} 张互联网处方中有 {n_sign} 张为首诊，可比处方中此种情形至多占 {percent}%",
        "one_shop": (
            "该医师的 {n_doctor} 张外配处方中有 {n_shop} 张在同一药店结算，"
            "同院其他医师的 {n_rest} 张中只有 {n_rest_shop} 张"
        ),
    },
    params=Params(),
    minimum_subjects=5,
    needs_clock=True,
)
