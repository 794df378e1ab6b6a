"""T02: accounts of people insured elsewhere, who never were in the town, emptied at one counter (远程扫码套现)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gangfinder.engine.portable import days_between, last_rows
from gangfinder.model.evidence import Anomaly, Family, Grade
from gangfinder.model.group import Group, Verdict
from gangfinder.model.tails import log10_binomial_tail, log10_corrected, log10_hypergeometric_tail
from gangfinder.typologies._contradictions import with_rest
from gangfinder.typologies._desks import busiest_desk
from gangfinder.typologies._travel import arrivals, two_regions
from gangfinder.typologies.contract import Tables, Typology

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

TWO_REGIONS = "two_regions"


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of T02.

    Parameters
    ----------
    people
        Fewest unrelated people from elsewhere whose accounts are emptied at one house.
    surprise_log10_p
        Each tail, corrected for its tests, is at most this.
    rate_factor
        The share of emptied accounts is at least this many times that of quieter houses.
    swipes
        Most purchases of a passer-by at the house.
    around_days
        Who is seen at another house of the region within so many days was there himself.
    left_share
        An account is emptied when at most this share of what it held is left …
    paid_yuan
        … and at least so much was paid from it: small accounts are emptied by any purchase.
    burst_days
        Length of the period in which the passers-by are looked for.
    product_share
        One product stands for the group when at least this share of the emptied accounts paid for it.
    travellers
        Fewest unrelated people seen in two regions within a time in which nobody travels; one is a data error.
    travel_km
        Houses this far apart are in two regions …
    travel_km_per_hour
        … and nobody gets from one to the other faster than this.
    """

    people: int = 8
    surprise_log10_p: float = -3.0
    rate_factor: float = 3.0
    swipes: int = 4
    around_days: int = 7
    left_share: float = 0.2
    paid_yuan: float = 300.0
    burst_days: int = 60
    product_share: float = 0.5
    travellers: int = 5
    travel_km: float = 100.0
    travel_km_per_hour: float = 250.0


def detect(tables: Tables, params: Params) -> ir.Table:
    """Return the purchases of passers-by at houses where accounts from elsewhere are emptied."""
    import ibis

    outside, buyers, travel = tables["outside"], tables["buyers"], tables["travel"]
    strange = buyers.filter(buyers.stranger == 1)
    facts = _houses(strange, travel, params)
    chosen = facts.filter(facts.m_house_drained >= params.people)
    kept = buyers.semi_join(chosen, "house")
    rows = outside.select(
        "settlement_id", "patient_id", "house", "area", "at", "on", "amount", "operator_id", "terminal_id",
        "account_amount",
    ).inner_join(
        kept.select("patient_id", "house", m_drained="drained", m_stranger="stranger"), ["patient_id", "house"]
    )
    residual = tables["residual_visits"].select("settlement_id").mutate(_left=ibis.literal(1))
    rows = rows.left_join(residual, "settlement_id").drop("settlement_id_right")
    rows = rows.filter(rows._left.notnull() | (rows.m_drained == 1)).drop("_left")
    rows = rows.inner_join(chosen, "house").left_join(arrivals(strange, params.burst_days), ["area", "on"])
    rows = rows.left_join(_products(tables["items"], rows), "settlement_id")
    base = rows.mutate(grade=ibis.literal(Grade.E2.value), shows=ibis.literal("from_elsewhere"))
    far = rows.semi_join(travel, ["settlement_id"])
    far = far.mutate(grade=ibis.literal(Grade.E1.value), shows=ibis.literal(TWO_REGIONS))
    return _as_evidence(base.union(far, distinct=False))


def _travel(tables: Tables, params: Params) -> ir.Table:
    return two_regions(
        tables["outside"], tables["visits"], tables["institutions"], params.travel_km, params.travel_km_per_hour
    )


def _as_evidence(rows: ir.Table) -> ir.Table:
    import ibis

    return rows.select(
        group_id=rows.house,
        subject_type=ibis.literal("patient"),
        subject_id=rows.patient_id,
        institution_id=rows.house,
        source_table=ibis.literal("settlements"),
        source_key=rows.settlement_id,
        event_at=rows["at"],
        amount=rows.amount,
        grade=rows.grade,
        shows=rows.shows,
        m_account_yuan=rows.account_amount.cast("float64").fill_null(0.0),
        m_operator_id=rows.operator_id,
        m_terminal_id=rows.terminal_id,
        m_product=rows.m_product,
        m_on=rows["on"].cast("string"),
        m_near=rows.m_near.fill_null(0),
        m_arrived=rows.m_arrived.fill_null(0),
        **{c: rows[c] for c in ("m_drained", "m_stranger", "m_houses")},
        **{c: rows[c] for c in sorted(rows.columns) if c.startswith(("m_house_", "m_rest_"))},
    )


def _outside(tables: Tables, params: Params) -> ir.Table:  # noqa: ARG001 - the signature of a step
    """Return the visits of people whose insured region is not that of the house, with what their account held."""
    houses = tables["institutions"].select("institution_id", area="area_code", kind="kind")
    visits = tables["visits"]
    met = visits.filter(visits.area_code.notnull()).inner_join(houses, "institution_id")
    met = met.filter(met.area.notnull() & (met.area_code != met.area))
    s = tables["settlements"]
    left = s.filter(s.account_balance.notnull()).select("settlement_id", left="account_balance")
    return met.left_join(left, "settlement_id").drop("settlement_id_right").rename(house="institution_id")


def _buyers(tables: Tables, params: Params) -> ir.Table:
    """Return the passers-by of every shop or clinic: who was seen there a few times, and what became of his account."""
    import ibis

    outside = tables["outside"]
    counter = outside.filter(~ibis.coalesce(outside.kind, ibis.literal("")).isin(["hospital", "laboratory"]))
    paid = counter.account_amount.cast("float64").fill_null(0.0)
    held = counter.left.cast("float64") + paid
    own = counter.group_by("patient_id", "house", "area").aggregate(
        n=counter.count(),
        first_on=counter["on"].min(),
        paid=paid.sum(),
        held=held.max(),
        left=counter.left.cast("float64").min(),
    )
    own = own.filter(own.n <= params.swipes).left_join(_seen_around(outside, params), ["patient_id", "house"])
    emptied = (own.left <= params.left_share * own.held) & (own.paid >= params.paid_yuan)
    return own.select(
        "patient_id",
        "house",
        "area",
        "first_on",
        drained=ibis.coalesce(emptied, ibis.literal(value=False)).cast("int64"),
        stranger=own.around.isnull().cast("int64"),
    )


def _seen_around(outside: ir.Table, params: Params) -> ir.Table:
    """Return who was seen at another house of the region within days of a visit to a house: he was there himself."""
    import ibis

    region = outside.group_by("patient_id", "area").aggregate(n=outside.house.nunique())
    moved = outside.semi_join(region.filter(region.n > 1), ["patient_id", "area"]).select(
        "patient_id", "area", "house", "on"
    )
    other = moved.select("patient_id", "area", other_house="house", other_on="on")
    met = moved.inner_join(other, ["patient_id", "area"])
    gap = days_between(met.other_on, met["on"]).abs()
    met = met.filter((met.other_house != met.house) & (gap <= params.around_days))
    return met.select("patient_id", "house").distinct().mutate(around=ibis.literal(1))


def _houses(strange: ir.Table, travel: ir.Table, params: Params) -> ir.Table:
    """Return per house its strangers, emptied accounts and impossible travellers, and those of quieter houses."""
    house = strange.group_by("house").aggregate(
        m_house_strangers=strange.count(), m_house_drained=strange.drained.sum()
    )
    seen = travel.group_by("house").aggregate(n=travel.patient_id.nunique())
    house = house.left_join(seen, "house").drop("house_right")
    house = house.mutate(m_house_travellers=house.n.fill_null(0)).drop("n")
    house = with_rest(with_rest(house, "house", "drained", "strangers"), "house", "travellers", "strangers")
    return house.cross_join(house.aggregate(m_houses=house.count()))


def _products(items: ir.Table, rows: ir.Table) -> ir.Table:
    """Return the item that makes most of each purchase."""
    own = items.filter(items.settlement_id.notnull()).semi_join(rows, "settlement_id")
    top = last_rows(own, ["settlement_id"], ["amount", "item_code", "line_no"])
    return top.select("settlement_id", m_product="item_code")


def confirm(group: Group, params: Params) -> Verdict | None:
    """Confirm a house where the accounts of more unrelated passers-by are emptied than elsewhere."""
    base = group.rows[group.rows["shows"] != TWO_REGIONS]
    people = base.groupby("subject_id").agg(drained=("m_drained", "max"), stranger=("m_stranger", "max"))
    emptied = people.index[(people["drained"] == 1) & (people["stranger"] == 1)]
    amount = _emptied(base, emptied, group, params)
    if amount is None:
        return None
    drained = people.index[people["drained"] == 1]
    core, product = _core(base, drained, params)
    own = base[base["subject_id"].isin(core)]
    travel, far = _travellers(group, core, params)
    others = [amount, _product(base, own, drained, product, group, params), _burst(own, group, params), travel]
    anomalies = [a for a in others if a is not None]
    hubs = [("institution", group.group_id, "settles")]
    desk = busiest_desk(own, group, int(own["m_houses"].iloc[0]), params.surprise_log10_p)
    if desk is not None:
        anomalies.append(desk.anomaly)
        hubs.append((desk.kind, desk.desk, "operates"))
    keep = group.rows["subject_id"].isin(core) & (group.rows["shows"].ne(TWO_REGIONS) | far)
    return Verdict(tuple(sorted(core)), tuple(anomalies), keep, tuple(hubs))


def _emptied(base: pd.DataFrame, emptied: pd.Index, group: Group, params: Params) -> Anomaly | None:
    """Test the strangers whose accounts were emptied against the share at quieter houses.

    Notes
    -----
    Binomial tail; half a case is added to the others', so that a town without any still has a rate.
    """
    k = group.n_units(emptied)
    facts = base.iloc[0]
    n = max(int(facts["m_house_strangers"]), k)
    rest, cases = int(facts["m_rest_strangers"]), int(facts["m_rest_drained"])
    rate = min(1.0, (cases + 0.5) / max(1.0, rest))
    if k < params.people or k < params.rate_factor * rate * n:
        return None
    tail, n_tests = float(log10_binomial_tail(k, n, rate)), int(facts["m_houses"])
    if log10_corrected(tail, n_tests) > params.surprise_log10_p:
        return None
    yuan = float(base.loc[base["subject_id"].isin(emptied), "m_account_yuan"].sum())
    detail: dict[str, str | int | float] = {
        "n_core": len(emptied),
        "n_units": k,
        "n_strangers": n,
        "n_rest": rest,
        "n_elsewhere": cases,
        "n_account_yuan": round(yuan),
    }
    return Anomaly(Family.AMOUNT, "emptied_accounts", tail, n_tests, detail)


def _core(base: pd.DataFrame, drained: pd.Index, params: Params) -> tuple[list[str], str | None]:
    """Return the emptied accounts and those that paid for the same product, and the product if there is one."""
    own = base[base["subject_id"].isin(drained) & base["m_product"].notna()]
    counts = own.groupby("m_product")["subject_id"].nunique().sort_index()
    if counts.empty or counts.max() < params.product_share * len(drained):
        return sorted(drained), None
    product = str(counts.idxmax())
    same = base.loc[base["m_product"] == product, "subject_id"]
    return sorted({*drained, *same}), product


def _product(
    base: pd.DataFrame, own: pd.DataFrame, drained: pd.Index, product: str | None, group: Group, params: Params
) -> Anomaly | None:
    """Test the share of one product among the emptied accounts against other passers-by of the house.

    Notes
    -----
    Hypergeometric: of all purchases of passers-by here, so many are of the product; so many of the emptied accounts.
    Given only where others bought something as well.
    """
    if product is None:
        return None
    known = base[base["m_product"].notna()].drop_duplicates("source_key")
    paid = known["subject_id"].isin(drained)
    same = known["m_product"] == product
    k = int((paid & same).sum())
    tail = float(log10_hypergeometric_tail(k, len(known), int(same.sum()), int(paid.sum())))
    n_tests = int(own["m_houses"].iloc[0]) * int(known["m_product"].nunique())
    if log10_corrected(tail, n_tests) > params.surprise_log10_p:
        return None
    detail: dict[str, str | int | float] = {
        "n_same": k,
        "n_paid": int(paid.sum()),
        "n_product": int(same.sum()),
        "n_all": len(known),
    }
    return Anomaly(Family.AMOUNT, "same_product", tail, n_tests, detail)


def _burst(own: pd.DataFrame, group: Group, params: Params) -> Anomaly | None:
    """Test how many first purchases fall in one burst against the arrivals of all strangers in the region.

    Notes
    -----
    Hypergeometric: of all strangers who came, so many came in the burst. Every first day is a test.
    """
    import numpy as np
    import pandas as pd

    first = own.sort_values(["event_at", "source_key"]).drop_duplicates("subject_id")
    days = pd.to_datetime(first["m_on"]).to_numpy().astype("datetime64[D]").astype(np.int64)
    inside = np.array([((days >= d) & (days < d + params.burst_days)).sum() for d in days])
    near = np.maximum(first["m_near"].to_numpy(), inside)
    arrived = np.maximum(int(first["m_arrived"].max()), near.max())
    tails = log10_hypergeometric_tail(inside, np.full(len(days), arrived), near, np.full(len(days), len(days)))
    best = int(np.argmin(tails))
    n_tests = int(own["m_houses"].iloc[0]) * len(np.unique(days))
    if log10_corrected(float(tails[best]), n_tests) > params.surprise_log10_p:
        return None
    detail: dict[str, str | int | float] = {
        "n_inside": int(inside[best]),
        "n_first": len(days),
        "n_days": params.burst_days,
        "n_near": int(near[best]),
        "n_arrived": int(arrived),
    }
    return Anomaly(Family.CALENDAR, "one_burst", float(tails[best]), n_tests, detail)


def _travellers(group: Group, core: list[str], params: Params) -> tuple[Anomaly | None, bool]:
    """Test how many of the core were seen far away within a time in which nobody travels."""
    rows = group.rows[(group.rows["shows"] == TWO_REGIONS) & group.rows["subject_id"].isin(core)]
    k = group.n_units(rows["subject_id"].unique())
    if k < params.travellers:
        return None, False
    facts = rows.iloc[0]
    rest, cases = int(facts["m_rest_strangers"]), int(facts["m_rest_travellers"])
    n = max(int(facts["m_house_strangers"]), k)
    tail = float(log10_binomial_tail(k, n, min(1.0, (cases + 0.5) / max(1.0, rest))))
    n_tests = int(facts["m_houses"])
    if log10_corrected(tail, n_tests) > params.surprise_log10_p:
        return None, False
    detail: dict[str, str | int | float] = {
        "n_travellers": k,
        "n_strangers": n,
        "n_elsewhere": cases,
        "n_rest": rest,
        "n_km": int(params.travel_km),
        "n_speed": int(params.travel_km_per_hour),
    }
    return Anomaly(Family.CONTRADICTION, "seen_far_away", tail, n_tests, detail), True


TYPOLOGY = Typology(
    code="T02",
    slug="remote_cashout",
    title="疑似异地凭证远程扫码集中套取个人账户",
    grade=Grade.E1,
    requires={
        "settlements": frozenset({"area_code", "account_amount", "account_balance"}),
        "institutions": frozenset({"institution_id", "area_code"}),
    },
    optional={
        "institutions": frozenset({"kind", "longitude", "latitude"}),
        "items": frozenset({"settlement_id", "item_code", "line_no", "amount"}),
    },
    steps=(("outside", _outside), ("buyers", _buyers), ("travel", _travel)),
    detect=detect,
    confirm=confirm,
    grouping="hub",
    uses=frozenset({"visits", "residual_visits"}),
    benign=("family", "through_traffic", "shared_login"),
    provisions=(
        "医疗保障基金使用监督管理条例 第十七条、第四十一条",
        "法发〔2024〕6号 参保人及组织者情形（转卖药品、套取个人账户）",
    ),
    clears=("本人到店的影像或出行、住宿记录", "异地就医备案或在本地居住、务工的证明", "家庭共济或代购登记"),
    records=("结算时段的店内监控", "电子凭证扫码的终端与网络位置", "该商品的进货与库存台账", "收款与转账流水"),
    sentences={
        "from_elsewhere": "异地参保人在本机构的少量几次结算",
        TWO_REGIONS: "同一参保人在无法往返的时间内于远方机构另有结算",
        "emptied_accounts": (
            "在该机构仅少量结算、在本统筹区无其他结算的 {n_strangers} 名异地参保人中，有 {n_core} 人（{n_units} 户）"
            "个人账户余额被用去八成以上，合计 {n_account_yuan} 元；"
            "比例不高于该机构的其他机构合计 {n_rest} 人中仅 {n_elsewhere} 人"
        ),
        "same_product": (
            "上述账户的 {n_paid} 次结算中有 {n_same} 次主要购买同一商品；"
            "该机构异地少量结算 {n_all} 次中该商品共 {n_product} 次"
        ),
        "one_burst": (
            "{n_first} 人的首次结算中有 {n_inside} 人集中在 {n_days} 天内；"
            "同期到本统筹区的异地参保人占全部 {n_arrived} 人中的 {n_near} 人"
        ),
        "seen_far_away": (
            "其中 {n_travellers} 户在相距 {n_km} 公里以上的机构另有结算，所隔时间按每小时 {n_speed} 公里也无法往返；"
            "该机构异地人员共 {n_strangers} 人，其他机构合计 {n_rest} 人中有 {n_elsewhere} 人"
        ),
        "one_desk": (
            "上述 {n_known} 次结算中有 {n_desk} 次由同一操作员或终端办理，"
            "其在该机构 {n_house} 次结算中共办理 {n_desk_all} 次"
        ),
    },
    params=Params(),
    minimum_subjects=5,
)
