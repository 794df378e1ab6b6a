"""T22: a house settles more boxes than it ever had (进销存不符, 虚记多记)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gangfinder.engine.portable import money, month_index, string_key
from gangfinder.model.evidence import Anomaly, Family, Grade
from gangfinder.model.group import Group, Verdict
from gangfinder.model.tails import log10_binomial_tail, log10_corrected
from gangfinder.typologies._boxes import owners as owners_of
from gangfinder.typologies._contradictions import with_rest
from gangfinder.typologies._same_day import same_day
from gangfinder.typologies.contract import Tables, Typology

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of T22.

    Parameters
    ----------
    tolerance_share
        A drug is short when more than this share of what was settled was never there …
    tolerance_boxes
        … and more than so many boxes: slips in counting at the first and the last inventory. A box is one unit of the
        book, or as many as the book calls sold for each that was settled, where that is beyond ``unit_factor``.
    inventories
        Fewest months in which a drug is short, after the house's first month of books.
    drugs
        Fewest short drugs of a house: boxes given for free and mistaken deliveries are a matter of a few.
    drug_units
        Drugs of which fewer boxes were settled in the period are not tested.
    unit_factor
        Settlements that exceed what the book calls sold by more than this factor are in another unit (boxes against
        tablets), and are not compared.
    surprise_log10_p
        The house is reported when the tail of so many short drugs, corrected for the houses tested, is at most
        this.
    rate_factor
        The house's rate is at least this many times that of quieter houses.
    gift_months
        Boxes come for free, or without a note, at most once in so many months of the house's books (a quarter: the
        rhythm of campaigns and of settling with the supplier), and never in two months in a row.
    gift_share
        Least share of the missing boxes that such deliveries explain; the rest are slips.
    """

    tolerance_share: float = 0.1
    tolerance_boxes: float = 3.0
    inventories: int = 2
    drugs: int = 8
    drug_units: float = 5.0
    unit_factor: float = 6.0
    surprise_log10_p: float = -3.0
    rate_factor: float = 5.0
    gift_months: int = 3
    gift_share: float = 0.9


def detect(tables: Tables, params: Params) -> ir.Table:
    """Return the months in which a house was short of a drug, with facts on the house."""
    import ibis

    here, billed, books = _here(tables), tables["billed"], tables["books"]
    short = _short(books, params)
    found = short.filter(short.short)
    facts = _houses(short).inner_join(_kept(books), "house")
    months = books.filter(books.gap > 0).inner_join(
        found.select("house", "item", "excess", "positive", "m_settled", "m_present"), ["house", "item"]
    )
    rows = months.left_join(_prices(billed), "item").drop("item_right").inner_join(facts, "house")
    share = here.group_by(house=here.institution_id).aggregate(
        fund=here.amount.cast("float64").sum(), total=here.total_amount.cast("float64").sum()
    )
    rows = rows.left_join(share, "house").drop("house_right")
    paid = ibis.coalesce(ibis.ifelse(rows.total > 0, rows.fund / rows.total, 1.0), 1.0)
    # what is missing over all months, spread over the months in which it shows
    missing = rows.gap * rows.excess / rows.positive
    return rows.select(
        group_id=rows.house,
        subject_type=ibis.literal("institution"),
        subject_id=rows.house,
        institution_id=rows.house,
        source_table=ibis.literal("stock"),
        source_key=string_key(rows.house, rows["item"], rows.label),
        event_at=rows.month_on.cast("timestamp"),
        amount=money(ibis.coalesce(missing * rows.price * paid, 0.0).round(6)),
        grade=ibis.literal(Grade.E1.value),
        shows=ibis.literal("short_month"),
        m_item=rows["item"],
        m_missing=missing.round(6),
        **{c: rows[c] for c in sorted(rows.columns) if c.startswith("m_") and c not in ("m_item", "m_missing")},
    )


def _here(tables: Tables) -> ir.Table:
    """Return the visits at houses with books."""
    return tables["visits"].semi_join(tables["stock"].select("institution_id").distinct(), "institution_id")


def _billed(tables: Tables, params: Params) -> ir.Table:  # noqa: ARG001 - the signature of a step
    """Return units and yuan settled by house, drug, unit and month; refunded settlements are no visits.

    Notes
    -----
    What one person is settled at one house on one day for one and the same amount is one sale that was uploaded again.
    """
    import ibis

    items, no = tables["items"], ibis.literal(value=False)
    lines = items.filter(~ibis.coalesce(items.returned, no) & (items.quantity > 0))
    lines = lines.select("unit", "quantity", "amount", key="settlement_id", item="item_code")
    once = _here(tables).anti_join(_again(tables["same_day"]), "settlement_id")
    sold = lines.inner_join(once.select("on", key="settlement_id", house="institution_id"), "key")
    return sold.group_by("house", "item", "unit", month=month_index(sold.on)).aggregate(
        units=sold.quantity.sum(), yuan=sold.amount.cast("float64").sum()
    )


def _again(visits: ir.Table) -> ir.Table:
    """Return the visits that repeat one of the same person, house, day and amounts with a smaller key."""
    import ibis

    same = ibis.window(group_by=["patient_id", "institution_id", "on", "amount", "total_amount"])
    marked = visits.mutate(first=visits.settlement_id.min().over(same))
    return marked.filter(marked.settlement_id != marked["first"]).select("settlement_id")


def _prices(billed: ir.Table) -> ir.Table:
    """Return yuan per unit of each drug, in the unit in which most of it is sold; at least the others' too."""
    unit = billed.group_by("item", "unit").aggregate(units=billed.units.sum(), yuan=billed.yuan.sum())
    largest = unit.group_by("item").aggregate(most=unit.yuan.max())
    main = unit.inner_join(largest, "item")
    main = main.filter(main.yuan >= main.most)
    return main.group_by("item").aggregate(price=(main.yuan / main.units).max())


def _owners(stock: ir.Table, institutions: ir.Table) -> ir.Table:
    """Return house, owner of every house with books; a house without a known owner is its own."""
    import ibis

    houses = stock.select(house="institution_id").distinct()
    joined = houses.left_join(owners_of(institutions), "house")
    return joined.select(house=joined.house, owner=ibis.coalesce(joined.owner, joined.house))


def _books(tables: Tables, params: Params) -> ir.Table:
    """Return by house, drug and month what was settled and what there was, in units of the book.

    Notes
    -----
    Settled is what the book calls sold or what the fund settled in the same unit, whichever is more. The first month of
    books is left out, since nobody knows what lay on the shelves before: of the houses of one owner, that of the last
    to begin.
    """
    import ibis

    given, billed = tables["stock"], tables["billed"]
    owners = _owners(given, tables["institutions"])
    zero = {c: ibis.coalesce(given[c], 0.0) for c in ("opening", "purchased", "returned", "transferred", "closing")}
    digits = given.month.replace("-", "")
    on = digits.substr(0, 4).concat("-", digits.substr(4, 2), "-01").try_cast("date")
    book = given.select(
        house="institution_id", item="item_code", unit="unit", label="month", month_on=on, said=given.sold,
        supply=zero["opening"] + zero["purchased"] - zero["returned"] - zero["transferred"] - zero["closing"],
        sent=zero["transferred"],
    )
    book = book.filter(book.month_on.notnull())
    book = book.mutate(month=month_index(book.month_on)).inner_join(owners, "house")
    first = book.group_by("house", "owner").aggregate(first=book.month.min())
    begun = first.group_by("owner").aggregate(begun=first["first"].max())
    book = book.inner_join(begun, "owner")
    book = book.filter(book.month > book.begun).drop("begun")
    same = billed.filter(billed.unit.notnull()).select("house", "item", "unit", "month", "units")
    book = book.left_join(same, ["house", "item", "unit", "month"])
    book = book.drop(*(c for c in book.columns if c.endswith("_right")))
    units, said = ibis.coalesce(book.units, 0.0), ibis.coalesce(book.said, 0.0)
    other_unit = units > params.unit_factor * ibis.greatest(said, book.supply, 1.0)
    settled = ibis.ifelse(other_unit, said, ibis.greatest(units, said))
    return _boxed(book.mutate(settled=settled, gap=settled - book.supply), billed, params)


def _boxed(book: ir.Table, billed: ir.Table, params: Params) -> ir.Table:
    """Add how many units of the book a settled box is: more than one where the book counts tablets."""
    import ibis

    sold = book.group_by("house", "item").aggregate(said_ever=ibis.coalesce(book.said, 0.0).sum())
    boxes = billed.group_by("house", "item").aggregate(billed_ever=billed.units.sum())
    each = sold.inner_join(boxes, ["house", "item"])
    each = each.filter(each.said_ever > params.unit_factor * each.billed_ever).filter(ibis._.billed_ever > 0)
    each = each.select("house", "item", box=each.said_ever / each.billed_ever)
    book = book.left_join(each, ["house", "item"])
    return book.mutate(box=ibis.coalesce(book.box, 1.0)).drop("house_right", "item_right")


def _short(books: ir.Table, params: Params) -> ir.Table:
    """Return house, drug, what is missing and whether it is short: by itself, and with the houses of its owner.

    Notes
    -----
    Over months in a row the closing of one is the opening of the next, so that slips in counting remain at the first
    and the last inventory only. Inside a chain what one house lacks another has too much of: transfers are left out
    when the houses of an owner are taken together, and drugs that they count in different units are not tested.
    """
    import ibis

    pair = books.group_by("house", "owner", "item").aggregate(
        excess=books.gap.sum(), m_settled=books.settled.sum(), m_present=books.supply.sum(),
        positive=ibis.greatest(books.gap, 0.0).sum(), months=(books.gap > 0).cast("int64").sum(), box=books.box.max(),
    )
    chain = books.group_by("owner", "item").aggregate(
        chain_excess=(books.gap - books.sent).sum(), houses=books.house.nunique(),
        units=ibis.coalesce(books.unit, "").nunique(),
    )
    pair = pair.inner_join(chain, ["owner", "item"])
    pair = pair.filter((pair.houses == 1) | (pair["units"] == 1))
    together = ibis.ifelse(pair.houses > 1, ibis.least(pair.excess, pair.chain_excess), pair.excess)
    pair = pair.mutate(excess=together).drop("chain_excess", "houses", "units", "owner")
    beyond = ibis.greatest(params.tolerance_share * pair.m_settled, params.tolerance_boxes * pair.box)
    short = (pair.excess > beyond) & (pair.months >= params.inventories) & (pair.positive > 0)
    return pair.filter(pair.m_settled >= params.drug_units * pair.box).mutate(short=short)


def _houses(short: ir.Table) -> ir.Table:
    """Return per house the drugs tested and those short, and the same of quieter houses."""
    house = short.group_by("house").aggregate(
        m_house_drugs=short.count(), m_house_short=short.short.cast("int64").sum()
    )
    return with_rest(house, "house", "short", "drugs")


def _kept(books: ir.Table) -> ir.Table:
    """Return per house the months that its books cover, from the first to the last that is compared."""
    span = books.group_by("house").aggregate(first=books.month.min(), last=books.month.max())
    return span.select("house", m_book_months=(span["last"] - span["first"] + 1).cast("int64"))


def confirm(group: Group, params: Params) -> Verdict | None:
    """Confirm a house that is short of more drugs than slips, gifts and other houses' books explain."""
    rows = group.rows
    facts = rows.iloc[0]
    k, n = int(facts["m_house_short"]), int(facts["m_house_drugs"])
    if k < params.drugs or _deliveries(rows, params):
        return None
    rest, rest_k = int(facts["m_rest_drugs"]), int(facts["m_rest_short"])
    rate = min(1.0, (rest_k + 0.5) / max(1.0, rest))
    tail = float(log10_binomial_tail(k, n, rate))
    n_tests = max(1, group.n_tests)
    if k < params.rate_factor * rate * n or log10_corrected(tail, n_tests) > params.surprise_log10_p:
        return None
    drugs = rows.drop_duplicates("m_item")
    detail: dict[str, str | int | float] = {
        "n_short": k, "n_drugs": n, "n_months": int(rows["event_at"].nunique()),
        "n_settled": round(float(drugs["m_settled"].sum())), "n_present": round(float(drugs["m_present"].sum())),
        "n_missing": round(float(rows["m_missing"].sum())), "n_rest": rest, "n_elsewhere": rest_k,
        "tolerance_percent": round(100 * params.tolerance_share),
    }
    anomaly = Anomaly(Family.CONTRADICTION, "never_there", tail, n_tests, detail)
    return Verdict(group.members, (anomaly,), None, (("institution", group.group_id, "settles"),))


def _deliveries(rows: pd.DataFrame, params: Params) -> bool:
    """Say whether a few deliveries without a note explain what is missing.

    Notes
    -----
    A delivery that nobody booked makes every drug in it short at once: the drugs are then one event, and no tail that
    takes them for independent says anything. What tells it from padding is on how many occasions the house is short.
    """
    at = rows["event_at"]
    missing = rows["m_missing"].groupby(at.dt.year * 12 + at.dt.month).sum()
    missing = missing.sort_index().sort_values(ascending=False, kind="stable")
    short_of = missing.cumsum() < params.gift_share * missing.sum()
    few = {int(month) for month in missing.index[: int(short_of.sum()) + 1]}
    allowed = -(-int(rows["m_book_months"].iloc[0]) // params.gift_months)
    return len(few) <= allowed and not any(month + 1 in few for month in few)


TYPOLOGY = Typology(
    code="T22",
    slug="stock_balance",
    title="疑似结算数量超过进销存",
    grade=Grade.E1,
    requires={
        "stock": frozenset({"opening", "purchased", "closing"}),
        "items": frozenset({"settlement_id", "quantity", "amount"}),
    },
    optional={
        "stock": frozenset({"unit", "sold", "returned", "transferred"}),
        "items": frozenset({"unit", "returned"}),
        "institutions": frozenset({"institution_id", "parent_id", "uscc"}),
    },
    detect=detect,
    confirm=confirm,
    grouping="hub",
    uses=frozenset({"visits"}),
    steps=(("same_day", same_day), ("billed", _billed), ("books", _books)),
    benign=("stock_slip",),
    provisions=(
        "医疗保障基金使用监督管理条例 第三十八条（虚记、多记药品）、第四十条",
        "医疗机构医疗保障定点管理暂行办法 关于进销存数据的规定",
    ),
    clears=("购进发票与随货同行单（补录）", "连锁内部调拨单", "计量单位（盒、片）换算的书面说明", "赠药与试用品登记"),
    records=("进销存系统原始台账", "购进发票及付款流水", "仓库盘点表", "供货单位出库记录"),
    sentences={
        "short_month": "该月该药品结算数量超过期初、购进与期末库存所能供给的数量",
        "never_there": (
            "可比的 {n_drugs} 种药品中有 {n_short} 种在两次以上盘点中结算多于可供数量（容差 {tolerance_percent}%），"
            "共结算 {n_settled}，可供 {n_present}，相差 {n_missing}（按进销存计量单位，涉及 {n_months} 个月）；"
            "发生率不高于该机构的其他机构合计 {n_rest} 种次中 {n_elsewhere} 种次"
        ),
    },
    params=Params(),
    subject_type="institution",
    minimum_subjects=0,
)
