"""T17: a few agents and accounts collect manual reimbursements for strangers (职业代办、共用收款账户)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gangfinder.model.evidence import Anomaly, Family, Grade
from gangfinder.model.group import Group, Verdict
from gangfinder.model.tails import log10_binomial_tail, log10_corrected, log10_hypergeometric_tail
from gangfinder.typologies._claim_hubs import (
    HANDLES,
    ORIGINS,
    SERIES,
    Params,
    claims_of,
    every_origin,
    handles_of,
    local_hubs,
    names_of,
    ties_of,
)
from gangfinder.typologies.contract import Tables, Typology

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

def detect(tables: Tables, params: Params) -> ir.Table:
    """Return the claims that stand on hubs of several claimants, grouped by hubs that share claims."""
    import ibis

    claims, held = tables["claims"], tables["held"]
    owned = held.filter(~held.handle.startswith(SERIES)).inner_join(tables["names"], "handle")
    named = owned.group_by("claim").aggregate(group_id=owned.name.min())
    origins = every_origin(tables["patients"], tables["enrolments"])
    hubs = local_hubs(owned, origins, params)
    rows = claims.inner_join(named, "claim").left_join(origins, "patient_id").cross_join(hubs)
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


def _claims(tables: Tables, params: Params) -> ir.Table:
    """Return the claims with their books; read three times."""
    return claims_of(tables["reimbursements"], params)


def _held(tables: Tables, params: Params) -> ir.Table:
    """Return which claims stand on which hub; read in every round of naming."""
    return handles_of(tables["claims"], params)


def _tied(tables: Tables, params: Params) -> ir.Table:
    """Return which hubs are tied; read in every round of naming."""
    return ties_of(tables["held"], params)


def _names(tables: Tables, params: Params) -> ir.Table:
    """Return the name of each hub."""
    return names_of(tables["held"], tables["tied"], params)


def confirm(group: Group, params: Params) -> Verdict | None:
    """Confirm claims that are paid to strangers, of one book, at one far house, or of people from everywhere.

    Who took the claims in is not asked here: that is a question about staff, and T20's.
    """
    if group.n_units() < params.people:
        return None
    rows = group.rows.assign(unit=[group.units.get(s, s) for s in group.rows["subject_id"]])
    n = max(1, group.n_tests)
    found = (
        _accounts(rows, n, params), _books(rows, n, params), _house(rows, n), _scattered(rows, params),
    )
    kept = tuple(
        a for a in found if a is not None and log10_corrected(a.log10_p, a.n_tests) <= params.surprise_log10_p
    )
    if not kept or (len(kept) == 1 and kept[0].family is Family.ATTRIBUTE and _testable(rows)):
        return None
    return Verdict(group.members, kept, None, _hubs(rows))


def _testable(rows: pd.DataFrame) -> bool:
    """Say whether houses or invoices are known: then they have cleared a mere shared account."""
    return bool(rows[["institution_id", "m_number"]].notna().any().any())


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


def _scattered(rows: pd.DataFrame, params: Params) -> Anomaly | None:
    """Test the people of each account or agent against honest hubs: those act for their own people.

    Notes
    -----
    An account or agent of several unrelated households is either somebody's own, and then serves his kin, or that of
    an employer, school or village, and then serves its people: the first is excluded by the households, the second is
    tested. The chance that a person of such a hub is of another place is measured on those hubs of the run most of
    whose people are of one. That so few of n unrelated people are of any one place has at most the lower tail of the
    binomial at the largest such number: looking for the largest only makes it larger. Hubs of at least ``people``
    claimants are the tests.
    """
    best: Anomaly | None = None
    for column in HANDLES:
        held = rows[rows[f"m_{column}"].notna()].drop_duplicates([f"m_{column}", "unit"])
        for _, here in held.groupby(f"m_{column}", sort=True):
            found = _scatter_of(here, params)
            if found is not None and (best is None or found.log10_p < best.log10_p):
                best = found
    return best


def _scatter_of(here: pd.DataFrame, params: Params) -> Anomaly | None:
    n, known = len(here), here[list(ORIGINS)].notna().any(axis=1)
    if n < params.people or known.sum() < params.known_share * n:
        return None
    top = max((int(here[c].value_counts().max()) for c in ORIGINS if here[c].notna().any()), default=0)
    if top > params.most_local_share * n:
        return None
    local, outside, hubs = (int(here[c].iloc[0]) for c in ("m_local_people", "m_local_outside", "m_hubs"))
    # before any hub is seen, one person stands for the share that the settings allow to be of another place
    chance = (outside + 1.0) / (local + 1.0 / (1.0 - params.local_share))
    chance = min(1.0, max(chance, params.least_outside_share))
    tail = float(log10_binomial_tail(n - top, n, chance))
    detail: dict[str, str | int | float] = {
        "n_clients": n, "n_one_origin": top, "n_local": local, "n_outside": outside, "n_hubs": hubs, "hub_alone": 1,
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
        "enrolments": frozenset({"employer_id"}),
        "reimbursements": frozenset(
            {
                *HANDLES,
                "invoice_no",
                "invoice_on",
                "institution_id",
                "institution_name",
                "submitted_at",
                "handled_at",
                "paid_at",
                "discharged_at",
            }
        )
    },
    detect=detect,
    confirm=confirm,
    steps=(("claims", _claims), ("held", _held), ("tied", _tied), ("names", _names)),
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
        "scattered_clients": (
            "同一代办人或账户办理的 {n_clients} 户来自不同单位和村社，同属一处的至多 {n_one_origin} 户；"
            "单位、村社代办的 {n_local} 人中不属该单位或村社的有 {n_outside} 人（{n_hubs} 个同类代办人或账户中检验）"
        ),
    },
    params=Params(),
    minimum_subjects=5,
)
