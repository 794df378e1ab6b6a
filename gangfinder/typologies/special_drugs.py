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

_AMONG = {"forged": "m_hub_buyers", "missing": "m_hub_buyers", "piled": "m_hub_measured"}


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
    common_buyers
        Shops with so many such buyers in common are one.
    rounds
        Rounds in which shops take over the smallest name of those they are tied to.
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
    common_buyers: int = 3
    rounds: int = 3
    supply_ratio: float = 1.5
    supply_days: int = 90
    least_rate: float = 0.04
    surprise_log10_p: float = -3.0


def detect(tables: Tables, params: Params) -> ir.Table:
    """Return the sales of dual-channel drugs at shops where enough buyers show a sign; shops of one ring are one."""
    import ibis

    sales, buyers = tables["named"], tables["buyers"]
    hubs = _hubs(buyers)
    chosen = hubs.filter(hubs.m_hub_wrong >= params.people)
    rows = sales.drop("at_day").inner_join(chosen, "hub").inner_join(buyers, ["patient_id", "hub"])
    false = rows.is_forged == 1
    bare = ibis.ifelse(rows.is_missing == 1, ibis.literal("bare"), ibis.literal("sale"))
    return rows.select(
        group_id=rows.hub,
        subject_type=ibis.literal("patient"),
        subject_id=rows.patient_id,
        institution_id=rows.shop,
        source_table=ibis.literal("settlements"),
        source_key=rows.settlement_id,
        event_at=rows["at"],
        amount=rows.fund_amount,
        grade=ibis.ifelse(false, ibis.literal(Grade.E1.value), ibis.literal(Grade.E2.value)),
        shows=ibis.ifelse(false, ibis.literal("prescriber"), bare),
        m_is_forged=rows.is_forged,
        m_is_missing=rows.is_missing,
        **{f"m_{sign}": rows[sign] for sign in (*SIGNS, "wrong")},
        **{c: rows[c] for c in sorted(chosen.columns) if c.startswith("m_")},
    )


def _sales(tables: Tables, params: Params) -> ir.Table:  # noqa: ARG001 - the signature of a step
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


def _people(tables: Tables, params: Params) -> ir.Table:
    """Return, per buyer, whether he shows each sign in all of his sales: 0 or 1."""
    sales = tables["sales"]
    n = sales.group_by("patient_id").aggregate(
        n=sales.count(), forged=sales.is_forged.sum(), missing=sales.is_missing.sum()
    )
    n = n.mutate(wrong=n.forged + n.missing)

    def enough(count: ir.IntegerValue) -> ir.IntegerValue:
        return ((count >= params.least_sales) & (count >= params.least_share * n.n)).cast("int64")

    return n.select("patient_id", **{sign: enough(n[sign]) for sign in ("forged", "missing", "wrong")})


def _named(tables: Tables, params: Params) -> ir.Table:
    """Return the sales with the hub of their shop."""
    return tables["sales"].inner_join(_names(tables["sales"], tables["people"], params), "shop")


def _names(sales: ir.Table, people: ir.Table, params: Params) -> ir.Table:
    """Return shop, hub: shops with enough wrong buyers in common bear one name, the smallest among them."""
    wrong = people.filter(people.wrong == 1)
    came = sales.semi_join(wrong, "patient_id").select("patient_id", "shop").distinct()
    other = came.select("patient_id", shop_r="shop")
    met = came.inner_join(other, "patient_id")
    tied = met.group_by("shop", "shop_r").aggregate(n=met.count())
    tied = tied.filter((tied.n >= params.common_buyers) | (tied.shop == tied.shop_r)).select("shop", "shop_r")
    name = sales.select("shop", hub="shop").distinct()
    for _ in range(params.rounds):
        near = tied.inner_join(name.select(shop_r="shop", near="hub"), "shop_r")
        near = near.group_by("shop").aggregate(near=near.near.min())
        joined = name.left_join(near, "shop")
        name = joined.select("shop", hub=joined.near.fill_null(joined.hub))
    return name


def _buyers(tables: Tables, params: Params) -> ir.Table:
    """Return, per buyer and hub, whether he shows each sign: 0 or 1; one of his wrong sales must be of this hub."""
    sales, people, items = tables["named"], tables["people"], tables["items"]
    here = sales.group_by("patient_id", "hub").aggregate(
        here_forged=sales.is_forged.max(), here_missing=sales.is_missing.max()
    )
    n = here.inner_join(people, "patient_id").inner_join(_piled(sales, items, params), ["patient_id", "hub"])
    either = (n.here_forged + n.here_missing > 0).cast("int64")
    return n.select(
        "patient_id", "hub", "measured", "piled",
        forged=n.forged * n.here_forged, missing=n.missing * n.here_missing, wrong=n.wrong * either,
    )


def _piled(sales: ir.Table, items: ir.Table, params: Params) -> ir.Table:
    """Return, per buyer and hub, whether a drug could be measured, and whether its boxes outrun the days."""
    lines = items.filter(items.days_supplied > 0).select("settlement_id", "item_code", "days_supplied")
    sold = sales.left_join(lines, "settlement_id").drop("settlement_id_right")
    drug = sold.group_by("patient_id", "hub", "item_code").aggregate(
        supplied=sold.days_supplied.sum(), first=sold.at_day.min(), last=sold.at_day.max(), sales=sold.count()
    )
    # what is fetched last is taken after the last day
    span = days_between(drug["last"], drug["first"]).cast("float64")
    taken = (drug.supplied * (drug.sales - 1) / drug.sales).fill_null(0.0)
    known = (span >= params.supply_days) & drug.supplied.notnull()
    drug = drug.mutate(ok=known.cast("int64"), much=(known & (taken > params.supply_ratio * span)).cast("int64"))
    return drug.group_by("patient_id", "hub").aggregate(measured=drug.ok.max(), piled=drug.much.max())


def _hubs(buyers: ir.Table) -> ir.Table:
    """Return each hub's buyers who show each sign, and the same for the quieter half of the hubs.

    Notes
    -----
    Several shops may be under question at once: the null is taken from the hubs whose rate is no higher than that
    of the hub in the middle.
    """
    import ibis

    hubs = buyers.group_by("hub").aggregate(
        m_hub_buyers=buyers.count().cast("int64"), m_hub_measured=buyers.measured.sum().cast("int64"),
        m_hub_wrong=buyers.wrong.sum().cast("int64"),
        **{f"n_{sign}": buyers[sign].sum().cast("int64") for sign in SIGNS},
    )
    hubs = hubs.mutate(one=ibis.literal(1))
    for sign in SIGNS:
        hubs = hubs.inner_join(_quiet(hubs, f"n_{sign}", _AMONG[sign], f"m_base_{sign}"), "one")
    return hubs.drop("one", *(f"n_{sign}" for sign in SIGNS))


def _quiet(hubs: ir.Table, cases: str, among: str, name: str) -> ir.Table:
    """Return how many cases there are among how many buyers of the quieter half of the hubs."""
    import ibis

    size = ibis.greatest(hubs[among], 1).cast("float64")
    rated = hubs.mutate(rate=(hubs[cases].cast("float64") / size).round(9))
    met = rated.inner_join(median_low(rated, ["one"], "rate").select("one", middle="rate"), "one")
    quiet = met.filter(met.rate <= met.middle)
    return quiet.group_by("one").aggregate(
        **{name: quiet[cases].sum().cast("int64"), f"{name}_of": quiet[among].sum().cast("int64")}
    )


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
    core = tuple(sorted(set(rows.loc[rows["m_wrong"].eq(1), "subject_id"])))
    own = rows["subject_id"].isin(core)
    keep = own & rows[[f"m_is_{sign}" for sign in wrong]].eq(1).any(axis=1)
    anomalies = tuple(told.values())
    hubs = tuple(("institution", str(h), "pharmacy") for h in sorted(rows.loc[keep, "institution_id"].unique()))
    return Verdict(core, anomalies, keep, hubs, own & ~keep)


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
        shown &= rows["m_wrong"].eq(1)
    k = group.n_units(set(rows.loc[shown, "subject_id"]))
    if k < params.people:
        return None
    n = max(k, min(int(rows[_AMONG[sign]].iloc[0]), group.n_units()))
    base, of = int(rows[f"m_base_{sign}"].iloc[0]), int(rows[f"m_base_{sign}_of"].iloc[0])
    rate = round(max(params.least_rate, (base + 0.5) / (of + 1) if of else 0.0), 6)
    family, name = _NAMES[sign]
    detail = {"n_sign": k, "n_buyers": n, "rate": rate, "percent": round(100 * rate, 1),
              "ratio": params.supply_ratio, "days": params.supply_days}
    return Anomaly(family, name, float(log10_binomial_tail(k, n, rate)), n_groups, detail)


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
    steps=(("sales", _sales), ("people", _people), ("named", _named), ("buyers", _buyers)),
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
        "no_prescription": (
            "{n_buyers} 户购药家庭中有 {n_sign} 户多次无处方购买特药，可比药店中此种情形至多占 {percent}%"
        ),
        "piled_up": (
            "{n_buyers} 户中有 {n_sign} 户在 {days} 天以上的时间里所购药量超过可用天数的 {ratio} 倍，"
            "可比药店中此种情形至多占 {percent}%"
        ),
    },
    params=Params(),
    minimum_subjects=5,
)
