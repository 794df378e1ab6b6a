"""T15: dual-channel drugs sold on prescriptions that nobody can have written, and far more than is taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gangfinder.engine.portable import days_between, median_low
from gangfinder.model.evidence import Anomaly, Family, Grade
from gangfinder.model.group import Group, Verdict
from gangfinder.model.tails import log10_binomial_tail, log10_corrected
from gangfinder.typologies.contract import Tables, Typology

if TYPE_CHECKING:
    import ibis.expr.types as ir

SPECIAL_VISIT_TYPES = ("15",)
"""``visit_type`` codes of a sale of dual-channel drugs (DOMAIN §1.5); 9xxx codes conflict between provinces."""

SIGNS = ("forged", "missing", "piled")
"""Of a person at a shop: prescribers that do not exist; no prescription; far more boxes than days."""


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of T15.

    Parameters
    ----------
    people
        Fewest unrelated buyers.
    least_sales
        A buyer counts when so many of his sales, one of them here, lack a valid prescription: one is a slip of the pen.
    least_share
        … and this share of them.
    supply_ratio
        Days supplied per day elapsed from which on boxes pile up.
    supply_days
        Fewest days over which that is measured.
    least_rate
        Share of buyers of honest shops who show a sign, at least, whatever the rest of the run says.
    surprise_log10_p
        An anomaly is reported when its tail, corrected for the run's tests, is at most this.
    """

    people: int = 5
    least_sales: int = 2
    least_share: float = 0.2
    supply_ratio: float = 1.5
    supply_days: int = 90
    least_rate: float = 0.04
    surprise_log10_p: float = -3.0


def detect(tables: Tables, params: Params) -> ir.Table:
    """Return the sales of dual-channel drugs at shops where enough buyers show a sign."""
    import ibis

    sales = _sales(tables)
    buyers = _buyers(sales, tables["items"], params)
    shops = _shops(buyers)
    chosen = shops.filter((shops.m_shop_forged + shops.m_shop_missing) >= params.people)
    rows = sales.drop("at_day").inner_join(chosen, "shop")
    rows = rows.inner_join(buyers, ["patient_id", "shop"])
    rows = rows.drop(*[c for c in rows.columns if c.endswith("_right")])
    false = rows.is_forged == 1
    return rows.select(
        group_id=rows.shop,
        subject_type=ibis.literal("patient"),
        subject_id=rows.patient_id,
        institution_id=rows.shop,
        source_table=ibis.literal("settlements"),
        source_key=rows.settlement_id,
        event_at=rows["at"],
        amount=rows.fund_amount,
        grade=ibis.ifelse(false, ibis.literal(Grade.E1.value), ibis.literal(Grade.E2.value)),
        shows=ibis.ifelse(
            false, ibis.literal("prescriber"), ibis.ifelse(rows.is_missing == 1, ibis.literal("bare"), ibis.literal("sale"))
        ),
        m_is_forged=rows.is_forged,
        m_is_missing=rows.is_missing,
        m_forged=rows.forged,
        m_missing=rows.missing,
        m_piled=rows.piled,
        **{c: rows[c] for c in sorted(chosen.columns) if c.startswith("m_")},
    )


def _sales(tables: Tables) -> ir.Table:
    """Return sales of dual-channel drugs, with what is wrong with the prescription of each."""
    import ibis

    s, none = tables["settlements"], ibis.literal(value=False)
    stands = s.reversed_settlement_id.isnull() & ~ibis.coalesce(s.reversed, none)
    at = ibis.coalesce(s.occurred_at, s.settled_at)
    written = _written(tables)
    sold = s.filter(stands).select(
        "settlement_id", "patient_id", "fund_amount", "prescription_id", "visit_type", shop="institution_id", at=at
    ).left_join(written, "prescription_id")
    special = ibis.coalesce(sold.visit_type.isin(SPECIAL_VISIT_TYPES), none) | ibis.coalesce(sold.dual_channel, none)
    sold = sold.filter(special)
    known = sold.doctor.notnull()
    other = known & (sold.holder != sold.patient_id)
    sold = sold.mutate(
        is_forged=(ibis.coalesce(other, none) | (ibis.coalesce(sold.unknown, 0) == 1)).cast("int64"),
        has=known.cast("int64"),
        at_day=sold["at"].date(),
    )
    # a shop that never sends a number of a prescription has software that does not
    sends = sold.group_by("shop").aggregate(n_sent=sold.has.sum())
    sold = sold.inner_join(sends, "shop")
    return sold.mutate(is_missing=((sold.has == 0) & (sold.n_sent > 0)).cast("int64")).select(
        "settlement_id", "patient_id", "fund_amount", "shop", "at", "at_day", "is_forged", "is_missing"
    )


def _written(tables: Tables) -> ir.Table:
    """Return prescriptions, with whether the prescriber is one who should stand in the register but does not.

    Notes
    -----
    A doctor of a house that has no doctor in the register (a hospital of another province) need not stand there.
    """
    import ibis

    p, d = tables["prescriptions"], tables["doctors"]
    known = d.select(doctor_id=d.doctor_id, registered=ibis.literal(1)).distinct()
    houses = d.filter(d.institution_id.notnull()).select("institution_id", covered=ibis.literal(1)).distinct()
    any_known = known.aggregate(n_registered=known.count())
    p = p.left_join(known, "doctor_id").drop("doctor_id_right")
    p = p.left_join(houses, "institution_id").drop("institution_id_right").cross_join(any_known)
    should = p.institution_id.isnull() | p.covered.notnull()
    unknown = p.registered.isnull() & should & (p.n_registered > 0)
    return p.select(
        "prescription_id", "dual_channel", doctor="doctor_id", holder="patient_id", unknown=unknown.cast("int64")
    )


def _buyers(sales: ir.Table, items: ir.Table, params: Params) -> ir.Table:
    """Return, per buyer and shop, whether he shows each sign: 0 or 1."""
    here = sales.group_by("patient_id", "shop").aggregate(
        here_forged=sales.is_forged.sum(), here_missing=sales.is_missing.sum()
    )
    # a person is judged by all his sales: who shops at two houses of a ring is a buyer without prescription at both
    own = sales.group_by("patient_id").aggregate(
        n=sales.count(), own_forged=sales.is_forged.sum(), own_missing=sales.is_missing.sum()
    )
    n = here.inner_join(own, "patient_id")

    def enough(sign: str) -> ir.IntegerValue:
        count = n[f"own_{sign}"]
        told = (n[f"here_{sign}"] > 0) & (count >= params.least_sales) & (count >= params.least_share * n.n)
        return told.cast("int64")

    n = n.select("patient_id", "shop", forged=enough("forged"), missing=enough("missing"))
    piled = _piled(sales, items, params)
    both = n.left_join(piled, ["patient_id", "shop"]).drop("patient_id_right", "shop_right")
    return both.mutate(piled=both.piled.fill_null(0).cast("int64"), measured=both.measured.fill_null(0).cast("int64"))


def _piled(sales: ir.Table, items: ir.Table, params: Params) -> ir.Table:
    """Return, per buyer and shop, whether a drug could be measured, and whether its boxes outrun the days."""
    lines = items.filter(items.days_supplied > 0).select("settlement_id", "item_code", "days_supplied")
    sold = sales.inner_join(lines, "settlement_id")
    drug = sold.group_by("patient_id", "shop", "item_code").aggregate(
        supplied=sold.days_supplied.sum(), first=sold.at_day.min(), last=sold.at_day.max(), sales=sold.count()
    )
    # what is fetched last is taken after the last day
    span = days_between(drug["last"], drug["first"]).cast("float64")
    taken = drug.supplied * (drug.sales - 1) / drug.sales
    drug = drug.mutate(ok=(span >= params.supply_days).cast("int64"))
    drug = drug.mutate(much=((drug.ok == 1) & (taken > params.supply_ratio * span)).cast("int64"))
    return drug.group_by("patient_id", "shop").aggregate(measured=drug.ok.max(), piled=drug.much.max())


def _shops(buyers: ir.Table) -> ir.Table:
    """Return each shop's buyers who show each sign, and the same for the quieter half of the shops.

    Notes
    -----
    Several shops may be under question at once: the null is taken from the shops whose rate is no higher than that
    of the shop in the middle.
    """
    import ibis

    wrong = ((buyers.forged + buyers.missing) > 0).cast("int64")
    b = buyers.mutate(piled=buyers.piled * wrong, any_piled=buyers.piled)
    shops = b.group_by("shop").aggregate(
        m_shop_buyers=b.count().cast("int64"), m_shop_measured=b.measured.sum().cast("int64"),
        n_piled=b.any_piled.sum().cast("int64"),
        **{f"m_shop_{sign}": b[sign].sum().cast("int64") for sign in SIGNS},
    )
    counts = {"forged": ("m_shop_forged", "m_shop_buyers"), "missing": ("m_shop_missing", "m_shop_buyers"),
              "piled": ("n_piled", "m_shop_measured")}
    shops = shops.mutate(one=ibis.literal(1))
    for sign, (cases, among) in counts.items():
        rated = shops.filter(shops[among] > 0)
        rated = rated.mutate(rate=(rated[cases].cast("float64") / rated[among].cast("float64")).round(9))
        middle = median_low(rated, ["one"], "rate").select("one", middle="rate")
        met = rated.inner_join(middle, "one")
        quiet = met.filter(met.rate <= met.middle).group_by("one").aggregate(
            **{f"m_base_{sign}": met[cases].sum().cast("int64"), f"m_base_{sign}_of": met[among].sum().cast("int64")}
        )
        shops = shops.left_join(quiet, "one").drop("one_right")
    return shops.drop("one", "n_piled")


def confirm(group: Group, params: Params) -> Verdict | None:
    """Confirm that buyers without valid prescriptions gather at the shop."""
    if group.n_units() < params.people:
        return None
    rows, n = group.rows, max(1, group.n_tests)
    found = {sign: _sign(group, sign, n, params) for sign in SIGNS}
    told = {sign: a for sign, a in found.items()
            if a is not None and log10_corrected(a.log10_p, a.n_tests) <= params.surprise_log10_p}
    wrong = [sign for sign in ("forged", "missing") if sign in told]
    if not wrong:
        return None
    chosen = rows[[f"m_{sign}" for sign in wrong]].eq(1).any(axis=1)
    core = tuple(sorted(set(rows.loc[chosen, "subject_id"])))
    own = rows["subject_id"].isin(core)
    keep = own & rows[[f"m_is_{sign}" for sign in wrong]].eq(1).any(axis=1)
    anomalies = tuple(told.values())
    return Verdict(core, anomalies, keep, (("institution", group.group_id, "pharmacy"),), own & ~keep)


_NAMES = {
    "forged": (Family.CONTRADICTION, "unknown_prescriber"),
    "missing": (Family.CONTROL, "no_prescription"),
    "piled": (Family.AMOUNT, "piled_up"),
}


def _sign(group: Group, sign: str, n_groups: int, params: Params) -> Anomaly | None:
    """Test the households of the shop that show a sign against the quieter half of the shops."""
    rows = group.rows
    shown = rows[f"m_{sign}"].eq(1)
    if sign == "piled":
        shown &= rows["m_forged"].eq(1) | rows["m_missing"].eq(1)
    k = group.n_units(set(rows.loc[shown, "subject_id"]))
    if k < params.people:
        return None
    among = "m_shop_measured" if sign == "piled" else "m_shop_buyers"
    n = min(int(rows[among].iloc[0]), group.n_units())
    base, of = rows[f"m_base_{sign}"].iloc[0], rows[f"m_base_{sign}_of"].iloc[0]
    base, of = (0 if b != b or b is None else int(b) for b in (base, of))
    rate = round(max(params.least_rate, (base + 0.5) / (of + 1) if of else 0.0), 6)
    family, name = _NAMES[sign]
    detail = {"n_sign": k, "n_buyers": max(n, k), "rate": rate, "percent": round(100 * rate, 1),
              "ratio": params.supply_ratio, "days": params.supply_days}
    return Anomaly(family, name, float(log10_binomial_tail(k, max(n, k), rate)), n_groups, detail)


TYPOLOGY = Typology(
    code="T15",
    slug="special_drugs",
    title="疑似双通道特药无有效处方销售",
    grade=Grade.E1,
    requires={
        "settlements": frozenset(
            {
                "settlement_id", "patient_id", "institution_id", "settled_at", "fund_amount", "visit_type",
                "prescription_id",
            }
        ),
        "prescriptions": frozenset({"prescription_id", "doctor_id", "patient_id"}),
    },
    optional={
        "settlements": frozenset({"occurred_at", "reversed", "reversed_settlement_id"}),
        "prescriptions": frozenset({"institution_id", "dual_channel"}),
        "doctors": frozenset({"doctor_id", "institution_id"}),
        "items": frozenset({"settlement_id", "days_supplied"}),
    },
    detect=detect,
    confirm=confirm,
    grouping="hub",
    benign=("family", "rare_disease"),
    provisions=("医疗保障基金使用监督管理条例 第十五条、第四十条", "刑法第二百六十六条及 2014 年立法解释"),
    clears=("开方医院对处方与用量的书面确认", "病理、基因检测或出院记录", "药店处方传输故障的说明"),
    records=("处方原件与开方医院处方流水", "药品追溯码与进销存", "取药签名与监控", "患者用药与检查记录"),
    sentences={
        "prescriber": "该笔特药销售的处方医师不在本地医师名册，或处方属于他人",
        "bare": "该笔特药销售没有对应处方",
        "sale": "同一参保人在该药店的特药销售",
        "outside": "同一参保人在该药店的其他特药销售",
        "unknown_prescriber": (
            "{n_buyers} 户购药家庭中有 {n_sign} 户多次使用名册以外医师或他人的处方，可比药店中此种情形至多占 {percent}%"
        ),
        "no_prescription": "{n_buyers} 户购药家庭中有 {n_sign} 户多次无处方购买特药，可比药店中此种情形至多占 {percent}%",
        "piled_up": (
            "{n_buyers} 户中有 {n_sign} 户在 {days} 天以上的时间里所购药量超过可用天数的 {ratio} 倍，"
            "可比药店中此种情形至多占 {percent}%"
        ),
    },
    params=Params(),
    minimum_subjects=5,
)
