"""T17: a few agents and accounts collect manual reimbursements for strangers (职业代办、共用收款账户)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gangfinder.model.evidence import Anomaly, Family, Grade
from gangfinder.model.group import Group, Verdict
from gangfinder.model.tails import log10_binomial_tail, log10_corrected, log10_hypergeometric_tail
from gangfinder.typologies.contract import Tables, Typology

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

HANDLES = ("payee_account", "agent_id_number", "agent_phone")
"""What hands in or collects: each value is a hub of claims."""

_VILLAGE_WORDS = ("村", "社区", "小区", "街道", "镇", "乡")
"""An address is cut behind the first of these that it contains, finest first."""

_SERIES = "~"  # sorts after every id, so that a series never names a group that a hub can name


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of T17.

    Parameters
    ----------
    people
        Fewest unrelated claimants of a group.
    hub_claims
        From so many claims on an account, agent or invoice series is a hub that can be tied to others.
    tie_share
        Two hubs are one when they share this share of the smaller one's claims; one common claim ties nobody.
    series_gap
        Invoices of different people at one house whose numbers differ by at most this are of one book.
    rounds
        Rounds in which hubs take over the smallest name of those they are tied to: more than the links of any
        real chain.
    surprise_log10_p
        An anomaly is reported when its tail, corrected for the run's tests, is at most this.
    stranger_share
        An account is foreign to its claimants when at least this share of a group's claims is paid to shared
        accounts.
    local_share
        Of the people of an honest agent or common account at least this share is of one employer, school or village.
    known_share
        Least share of a hub's people whose employer or village is known, before it is called scattered.
    """

    people: int = 5
    hub_claims: int = 3
    tie_share: float = 0.25
    series_gap: int = 20
    rounds: int = 4
    surprise_log10_p: float = -3.0
    stranger_share: float = 0.3
    local_share: float = 0.8
    known_share: float = 0.8


def detect(tables: Tables, params: Params) -> ir.Table:
    """Return the claims that stand on hubs of several claimants, grouped by hubs that share claims."""
    import ibis

    claims = _claims(tables["reimbursements"], params)
    held = _handles(claims, params)
    names = _names(held, params)
    owned = held.filter(~held.handle.startswith(_SERIES)).inner_join(names, "handle")
    named = owned.group_by("claim").aggregate(group_id=owned.name.min())
    large = owned.group_by("handle").aggregate(n=owned.patient_id.nunique())
    hubs = large.filter(large.n >= params.people).aggregate(m_hubs=lambda t: t.count())
    rows = claims.inner_join(named, "claim").left_join(_origins(tables["patients"]), "patient_id").cross_join(hubs)
    measured = [c for c in rows.columns if c.startswith("m_")]
    zero = ibis.literal("0").cast("decimal(18,2)")
    rows = rows.filter(rows.fund_amount >= zero)
    return rows.select(
        group_id=rows.group_id,
        subject_type=ibis.literal("patient"),
        subject_id=rows.patient_id,
        institution_id=rows.house,
        source_table=ibis.literal("reimbursements"),
        source_key=rows.claim,
        event_at=rows.event_at,
        amount=rows.fund_amount,
        grade=ibis.literal(Grade.E2.value),
        shows=ibis.literal("claim"),
        **{c: rows[c] for c in measured},
    )


def _origins(patients: ir.Table) -> ir.Table:
    """Return where people belong: patient_id, m_work (employer or school), m_home (village or street)."""
    import ibis

    cut = patients.address.substr(0, 10)
    for word in reversed(_VILLAGE_WORDS):
        at = patients.address.find(word)
        cut = ibis.ifelse(at > 0, patients.address.substr(0, at + len(word)), cut)
    placed = patients.select("patient_id", work=patients.employer.nullif(""), home=cut.nullif(""))
    return placed.group_by("patient_id").aggregate(m_work=placed.work.max(), m_home=placed.home.max())


def _claims(given: ir.Table, params: Params) -> ir.Table:
    """Return claims with their invoice number and book, and what the nulls need to know of all claims."""
    import ibis

    house = ibis.coalesce(given.institution_id, given.institution_name)
    at = ibis.coalesce(
        given.submitted_at,
        given.handled_at,
        given.paid_at,
        given.invoice_on.cast("timestamp"),
        given.discharged_at,
    )
    digits = given.invoice_no.re_extract(r"([0-9]{1,15})$", 1)
    number = ibis.ifelse(digits == "", ibis.null().cast("int64"), digits.try_cast("int64"))
    c = given.select(
        "patient_id",
        "fund_amount",
        *HANDLES,
        "handler_id",
        claim="reimbursement_id",
        house=house,
        event_at=at,
        m_number=number,
    )
    order = ibis.window(group_by="house", order_by=["m_number", "claim"])
    before = c.m_number - c.m_number.lag().over(order)
    c = c.mutate(
        fresh=ibis.ifelse(ibis.coalesce(before <= params.series_gap, ibis.literal(value=False)), 0, 1)
    )
    through = ibis.window(group_by="house", order_by=["m_number", "claim"], preceding=None, following=0)
    c = c.mutate(book=c.fresh.sum().over(through))
    at_house = c.group_by("house").aggregate(
        m_house_claims=c.count(), m_house_first=c.m_number.min(), m_house_last=c.m_number.max()
    )
    paid, handled = c.filter(c.payee_account.notnull()), c.filter(c.handler_id.notnull())
    accounts = paid.group_by("payee_account").aggregate(m_account_people=paid.patient_id.nunique())
    handlers = handled.group_by("handler_id").aggregate(m_handler_claims=handled.count())
    c = c.left_join(at_house, "house").drop("house_right")
    c = c.left_join(accounts, "payee_account").drop("payee_account_right")
    c = c.left_join(handlers, "handler_id").drop("handler_id_right")
    shared = (c.m_account_people >= 2).cast("int64")
    run = c.aggregate(
        m_claims=c.count(),
        m_houses=c.house.nunique(),
        m_handled=c.handler_id.count(),
        m_handlers=c.handler_id.nunique(),
        m_paid=c.payee_account.count(),
        m_paid_shared=shared.sum(),
    )
    c = c.mutate(**{f"m_{name}": c[name] for name in (*HANDLES, "handler_id")})
    return c.cross_join(run)


def _handles(claims: ir.Table, params: Params) -> ir.Table:
    """Return claim, handle: every account, agent and invoice book with enough claims of different people."""
    import ibis

    parts = [
        claims.filter(claims[c].notnull()).select("claim", "patient_id", handle=claims[c]) for c in HANDLES
    ]
    book = ibis.literal(_SERIES).concat(claims.house, "|", claims.book.cast("string"))
    parts.append(
        claims.filter(claims.m_number.notnull() & claims.house.notnull()).select(
            "claim", "patient_id", handle=book
        )
    )
    held = parts[0]
    for part in parts[1:]:
        held = held.union(part, distinct=False)
    held = held.distinct()
    size = held.group_by("handle").aggregate(
        n_claims=held.claim.nunique(), n_people=held.patient_id.nunique()
    )
    size = size.filter((size.n_claims >= params.hub_claims) & (size.n_people >= 2))
    return held.inner_join(size, "handle").select("claim", "handle", "patient_id", "n_claims")


def _names(held: ir.Table, params: Params) -> ir.Table:
    """Return handle, name: handles tied by common claims bear one name, the smallest among them."""
    other = held.select(claim="claim", handle_r="handle", n_r="n_claims")
    met = held.inner_join(other, "claim")
    common = met.group_by("handle", "handle_r").aggregate(
        n_both=met.count(), n_claims=met.n_claims.max(), n_r=met.n_r.max()
    )
    import ibis

    least = ibis.least(common.n_claims, common.n_r)
    tied = common.filter(
        (common.handle == common.handle_r)
        | ((common.n_both >= 2) & (common.n_both >= params.tie_share * least))
    ).select("handle", "handle_r")
    name = held.select("handle", name="handle").distinct()
    for _ in range(params.rounds):
        near = tied.inner_join(name.select(handle_r="handle", name="name"), "handle_r")
        name = near.group_by("handle").aggregate(name=near.name.min())
    return name


def confirm(group: Group, params: Params) -> Verdict | None:
    """Confirm claims that are paid to strangers, of one book, at one far house, or by one handler."""
    if group.n_units() < params.people:
        return None
    rows = group.rows.assign(unit=[group.units.get(s, s) for s in group.rows["subject_id"]])
    n = max(1, group.n_tests)
    found = (
        _accounts(rows, n, params), _books(rows, n, params), _house(rows, n), _handler(rows, n),
        _scattered(rows, params),
    )
    kept = tuple(
        a for a in found if a is not None and log10_corrected(a.log10_p, a.n_tests) <= params.surprise_log10_p
    )
    if not kept or (len(kept) == 1 and kept[0].family is Family.ATTRIBUTE and _testable(rows)):
        return None
    return Verdict(group.members, kept, None, _hubs(rows))


def _testable(rows: pd.DataFrame) -> bool:
    """Say whether houses, invoices or handlers are known: then they have cleared a mere shared account."""
    return bool(rows[["institution_id", "m_number", "m_handler_id"]].notna().any().any())


def _hubs(rows: pd.DataFrame) -> tuple[tuple[str, str, str], ...]:
    """Name the accounts and agents of several claimants' claims."""
    kinds = (
        ("m_payee_account", "bank_account", "payee"),
        ("m_agent_id_number", "agent", "agent"),
        ("m_agent_phone", "phone", "agent"),
    )
    hubs = []
    for column, entity, role in kinds:
        people = rows[rows[column].notna()].groupby(column, sort=True)["unit"].nunique()
        hubs += [(entity, str(value), role) for value, k in people.items() if k >= 2]
    return tuple(hubs)


def _accounts(rows: pd.DataFrame, n_groups: int, params: Params) -> Anomaly | None:
    """Test claims paid to accounts of several claimants against their share in the rest of the run."""
    paid = rows[rows["m_payee_account"].notna()]
    if paid.empty:
        return None
    people = paid.groupby("m_payee_account")["unit"].transform("nunique")
    k, n = int((people >= 2).sum()), len(paid)
    rest, rest_shared = int(paid["m_paid"].iloc[0]) - n, int(paid["m_paid_shared"].iloc[0]) - k
    if k < params.people or k < params.stranger_share * n:
        return None
    tail = float(log10_binomial_tail(k, n, min(1.0, (max(0, rest_shared) + 0.5) / max(1, rest + 1))))
    accounts = int(paid.loc[people >= 2, "m_payee_account"].nunique())
    return Anomaly(
        Family.ATTRIBUTE,
        "shared_accounts",
        tail,
        n_groups,
        {
            "n_shared": k,
            "n_claims": n,
            "n_accounts": accounts,
            "n_core": int(rows["unit"].nunique()),
            "n_rest": max(0, rest),
            "n_rest_shared": max(0, rest_shared),
        },
    )


def _books(rows: pd.DataFrame, n_groups: int, params: Params) -> Anomaly | None:
    """Test near-consecutive invoice numbers of different people.

    Notes
    -----
    With m numbers spread evenly over the series of a house, a number's next neighbour is within the gap with
    probability at most m · gap / range; small gaps exclude one another, so the binomial tail is an upper
    bound.
    """
    k = n = 0
    tail = 0.0
    for _, here in rows[rows["m_number"].notna()].groupby("institution_id", sort=True):
        ordered = here.sort_values(["m_number", "source_key"])
        gap = ordered["m_number"].diff().to_numpy()[1:]
        strangers = (ordered["unit"] != ordered["unit"].shift()).to_numpy()[1:]
        near = int(((gap <= params.series_gap) & strangers).sum())
        series = float(here["m_house_last"].iloc[0] - here["m_house_first"].iloc[0])
        m = len(here)
        if m < 2 or series <= 0:
            continue
        tail += float(log10_binomial_tail(near, m - 1, min(1.0, m * params.series_gap / series)))
        k, n = k + near, n + m
    if k < params.people - 1:
        return None
    return Anomaly(
        Family.AMOUNT,
        "consecutive_invoices",
        tail,
        n_groups * max(1, int(rows["m_houses"].iloc[0])),
        {"n_near": k, "n_claims": n, "gap": params.series_gap},
    )


def _house(rows: pd.DataFrame, n_groups: int) -> Anomaly | None:
    """Test the group's most frequent house against its share of all claims."""
    known = rows[rows["institution_id"].notna()]
    if known.empty:
        return None
    counts = known["institution_id"].value_counts()
    total, houses = int(known["m_claims"].iloc[0]), int(known["m_houses"].iloc[0])
    best: tuple[float, str] | None = None
    for house in sorted(counts.index):
        claims = int(known.loc[known["institution_id"] == house, "m_house_claims"].iloc[0])
        tail = float(log10_hypergeometric_tail(int(counts[house]), total, claims, len(known)))
        if best is None or tail < best[0]:
            best = (tail, str(house))
    if best is None:
        return None
    return Anomaly(
        Family.CALENDAR,
        "one_hospital",
        best[0],
        n_groups * max(1, houses),
        {"n_house": int(counts[best[1]]), "n_claims": len(known), "n_houses": houses, "n_all": total},
    )


def _handler(rows: pd.DataFrame, n_groups: int) -> Anomaly | None:
    """Test the handler of most of the claims against his share of all handled claims."""
    known = rows[rows["m_handler_id"].notna()]
    if known.empty or int(known["m_handlers"].iloc[0]) < 2:
        return None
    counts = known["m_handler_id"].value_counts()
    handled = int(known["m_handled"].iloc[0])
    options = []
    for handler in sorted(counts.index):
        own = int(known.loc[known["m_handler_id"] == handler, "m_handler_claims"].iloc[0])
        options.append(
            (
                float(log10_hypergeometric_tail(int(counts[handler]), handled, own, len(known))),
                str(handler),
                own,
            )
        )
    tail, handler, own = min(options)
    return Anomaly(
        Family.CONTROL,
        "one_handler",
        tail,
        n_groups * int(known["m_handlers"].iloc[0]),
        {"n_handler": int(counts[handler]), "n_claims": len(known), "n_handler_all": own, "n_all": handled},
    )


def _scattered(rows: pd.DataFrame, params: Params) -> Anomaly | None:
    """Test the people of the largest account or agent against honest hubs: those act for their own people.

    Notes
    -----
    Each person of an honest hub is of its one employer, school or village with at least ``local_share``. That so few of
    n unrelated people are of any one has at most the lower tail of the binomial at the largest such number: looking
    for the largest only makes it larger. Hubs of at least ``people`` claimants are the tests.
    """
    best: Anomaly | None = None
    for column in HANDLES:
        held = rows[rows[f"m_{column}"].notna()].drop_duplicates([f"m_{column}", "unit"])
        for _, here in held.groupby(f"m_{column}", sort=True):
            found = _scatter_of(here, int(rows["m_hubs"].iloc[0]), params)
            if found is not None and (best is None or found.log10_p < best.log10_p):
                best = found
    return best


def _scatter_of(here: pd.DataFrame, hubs: int, params: Params) -> Anomaly | None:
    n, known = len(here), here["m_work"].notna() | here["m_home"].notna()
    if n < params.people or known.sum() < params.known_share * n:
        return None
    top = max((int(here[c].value_counts().max()) for c in ("m_work", "m_home") if here[c].notna().any()), default=0)
    tail = float(log10_binomial_tail(n - top, n, 1.0 - params.local_share))
    detail: dict[str, str | int | float] = {
        "n_clients": n, "n_one_origin": top, "local_percent": round(100 * params.local_share), "n_hubs": hubs,
        "hub_alone": 1,
    }
    return Anomaly(Family.CONTROL, "scattered_clients", tail, max(1, hubs), detail)


TYPOLOGY = Typology(
    code="T17",
    slug="forged_bills",
    title="疑似职业代办虚假票据报销",
    grade=Grade.E2,
    requires={"reimbursements": frozenset({"reimbursement_id", "patient_id", "fund_amount"})},
    optional={
        "patients": frozenset({"employer", "address"}),
        "reimbursements": frozenset(
            {
                *HANDLES,
                "invoice_no",
                "invoice_on",
                "institution_id",
                "institution_name",
                "handler_id",
                "submitted_at",
                "handled_at",
                "paid_at",
                "discharged_at",
            }
        )
    },
    detect=detect,
    confirm=confirm,
    grouping="hub",
    benign=("family", "local_agent"),
    provisions=("医疗保障基金使用监督管理条例 第四十条、第四十一条", "刑法第二百六十六条及 2014 年立法解释"),
    clears=("就诊医院对票据与病历的书面确认", "代办单位出具的委托与在职证明", "收款账户与参保人关系证明"),
    records=("票据原件与电子票据查验结果", "住院病历首页", "收款账户流水", "受理窗口监控与经办日志"),
    sentences={
        "claim": "该笔零星报销由共用的代办人或收款账户办理",
        "shared_accounts": (
            "{n_claims} 笔报销中有 {n_shared} 笔付至 {n_accounts} 个多人共用账户，涉及 {n_core} 户；"
            "其余 {n_rest} 笔报销中付至共用账户的有 {n_rest_shared} 笔"
        ),
        "consecutive_invoices": "{n_claims} 张票据中有 {n_near} 处不同人的票据号相差不超过 {gap} 号",
        "one_hospital": (
            "{n_claims} 笔报销中有 {n_house} 笔来自同一家医院，全部 {n_all} 笔报销分布于 {n_houses} 家医院"
        ),
        "one_handler": (
            "{n_claims} 笔报销中有 {n_handler} 笔由同一经办人受理，"
            "其受理全部 {n_all} 笔中的 {n_handler_all} 笔"
        ),
        "scattered_clients": (
            "同一代办人或账户办理的 {n_clients} 户来自不同单位和村社，同属一处的至多 {n_one_origin} 户；"
            "单位、村社代办的通常 {local_percent}% 以上同属一处（{n_hubs} 个同类代办人或账户中检验）"
        ),
    },
    params=Params(),
    minimum_subjects=5,
)
