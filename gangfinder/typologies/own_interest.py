"""T27: a member of staff on both sides of the counter: own account or hand, kin who are paid, hand in, or own a house.

These are contradictions about the person: whoever decides on a paper must not be paid by it, hand it in, or decide for
his own kin (回避). His own claims, and those of his household and declared kin, are his as a patient and count for
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gangfinder.model.evidence import Anomaly, Family, Grade
from gangfinder.model.group import Group, Verdict
from gangfinder.model.tails import log10_corrected
from gangfinder.typologies import _circle
from gangfinder.typologies._desk_tails import stratified, written
from gangfinder.typologies._kin_desk import KIN_AGENT, KIN_DRAWN, handed_in, kin_drawn, kin_rows, kin_slots
from gangfinder.typologies._office_desks import Params as DeskParams
from gangfinder.typologies._office_desks import desks, papers, ring_papers
from gangfinder.typologies._own_house import HOUSE_OF_RING, OWN_HOUSE, own_houses
from gangfinder.typologies._staff_tables import ONE_OF, PAPERS, REGISTERS
from gangfinder.typologies.contract import Tables, Typology

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import ibis.expr.types as ir
    import pandas as pd

OWN_ACCOUNT, KIN_ACCOUNT, OWN_AGENT = "own_account", "kin_account", "own_agent"

_TEXTS = ("m_house", "m_action", "m_role", "m_stratum", "m_agent")
_COUNTS = ("m_own", "m_slots", "m_marked", "m_asked", "m_others")


@dataclass(frozen=True, slots=True)
class Params(DeskParams):
    """Parameters of T27 (of T20's, ``holders``, ``rows``, ``months`` and ``second_log10_p`` are read).

    Parameters
    ----------
    strangers
        Fewest households outside his own on whose papers he is paid or hands in, or on whose papers, dealt with by
        himself, a relative is paid or hands in: whoever works for the fund helps an old neighbour now and then. One
        household more where the register of patients does not know him, for it may be his own.
    settled
        Of a favoured house of which nothing else is known, so many settlements after the act are cited.
    """

    strangers: int = 3
    settled: int = 50


def detect(tables: Tables, params: Params) -> ir.Table:
    """Return papers of strangers that pay or are handed in by a member of staff, and money of a house he favoured."""
    import ibis

    p, kin = tables["papers"], tables["kin"].select("staff_id", "patient_id")
    own, kin_side = _mine(tables, "self"), _mine(tables, "kin")
    parts = []
    for kind, column in (("bank_account", "payee_account"), ("agent", "agent_id_number")):
        known = p.filter(p[column].notnull() & (p.source != "enrolments")).mutate(entity_id=p[column])
        met = known.inner_join(own.filter(own.entity_type == kind), "entity_id")
        parts.append(_paper(met, OWN_ACCOUNT if kind == "bank_account" else OWN_AGENT))
    paid = p.filter(p.payee_account.notnull()).semi_join(tables["ring_papers"], "paper")
    paid = paid.mutate(entity_id=paid.payee_account)
    met = paid.inner_join(kin_side.filter(kin_side.entity_type == "bank_account"), "entity_id")
    no = ibis.literal(value=False)
    by_him = ibis.coalesce(met.handler_id == met.staff_id, no) | ibis.coalesce(met.reviewer_id == met.staff_id, no)
    parts.append(_paper(met.filter(by_him), KIN_ACCOUNT))
    every = parts[0].union(*parts[1:], distinct=True).anti_join(kin, ["staff_id", "patient_id"])
    handed = _row(kin_rows(tables)).union(_row(kin_drawn(tables)), distinct=True)
    own = _at_home(every.union(handed, distinct=True), tables)
    houses = _row(own_houses(tables, params)).mutate(m_home=ibis.null().cast("string"), m_known=ibis.literal(1))
    return _evidence(own).union(_evidence(houses), distinct=False)


def _mine(tables: Tables, whose: str) -> ir.Table:
    """Return staff_id, entity_type, entity_id: his own account and identity number on the register, or his kin's."""
    import ibis

    staff, circle = tables["staff"], tables["circle"]
    parts = [
        staff.select("staff_id", entity_type=ibis.literal(kind), entity_id=staff[column])
        for kind, column in (("bank_account", "bank_account"), ("agent", "id_number"))
    ]
    own = parts[0].union(parts[1], distinct=True)
    own = own.filter(own.entity_id.notnull() & (own.entity_id != ""))
    if whose == "self":
        return own
    near = circle.filter((circle.how == "household") | (circle.how == "relative"))
    return near.anti_join(own, ["entity_type", "entity_id"]).select("staff_id", "entity_type", "entity_id")


def _paper(met: ir.Table, shows: str) -> ir.Table:
    import ibis

    return _row(met.select(
        "staff_id", "patient_id", "amount", "institution_id", source_table=met.source, source_key=met.key,
        event_at=met.handled_at, shows=ibis.literal(shows),
    ))


def _row(met: ir.Table) -> ir.Table:
    """Return the rows in all columns; what they do not have is null."""
    import ibis

    columns = {**dict.fromkeys(_TEXTS, "string"), "m_acted_on": "date", **dict.fromkeys(_COUNTS, "int64")}
    return met.select(
        "staff_id", "patient_id", "institution_id", "source_table", "source_key", "shows",
        amount=met.amount.cast("decimal(18,2)"), event_at=met.event_at.cast("timestamp"),
        **{c: (met[c] if c in met.columns else ibis.null()).cast(kind) for c, kind in columns.items()},
    )


def _at_home(rows: ir.Table, tables: Tables) -> ir.Table:
    """Add the household of whose paper it is, and whether the register of patients knows the member of staff."""
    import ibis

    patients, kin = tables["patients"], tables["kin"]
    homes = patients.filter(patients.household_id.nullif("").notnull())
    homes = homes.group_by("patient_id").aggregate(m_home=homes.household_id.min())
    known = kin.filter(kin.how == "self").group_by("staff_id").aggregate(m_known=ibis._.patient_id.nunique())
    rows = rows.left_join(homes, "patient_id").drop("patient_id_right")
    rows = rows.left_join(known, "staff_id").drop("staff_id_right")
    return rows.mutate(m_home=ibis.coalesce(rows.m_home, rows.patient_id), m_known=ibis.coalesce(rows.m_known, 0))


def _evidence(rows: ir.Table) -> ir.Table:
    import ibis

    return rows.select(
        group_id=rows.staff_id, subject_type=ibis.literal("staff"), subject_id=rows.staff_id,
        institution_id=rows.institution_id, source_table=rows.source_table, source_key=rows.source_key,
        event_at=rows.event_at, amount=rows.amount,
        grade=ibis.literal(Grade.E1.value), shows=ibis.literal("row_").concat(rows.shows), m_patient=rows.patient_id,
        m_house=rows.m_house, m_home=rows.m_home, m_known=rows.m_known.cast("int64"),
        m_action=rows.m_action, m_acted_on=rows.m_acted_on.cast("string"), m_strangers=ibis.literal(1),
        m_role=rows.m_role, m_stratum=rows.m_stratum, m_agent=rows.m_agent, **{c: rows[c] for c in _COUNTS},
    )


def confirm(group: Group, params: Params) -> Verdict | None:
    """Confirm what several strangers' papers, or an action for kin's house, say about the person."""
    found, kept = [], group.rows["shows"].isin([])
    for shows, rows in group.rows.groupby("shows", sort=True):
        name = str(shows).removeprefix("row_")
        asked = _of_agents(rows, params) if name == KIN_AGENT else [(rows, name, dict[str, str | int | float]())]
        for part, said, more in asked:
            anomaly = _said(said, part, params, more) if name != KIN_DRAWN else None
            if anomaly is not None:
                found.append(anomaly)
                kept |= group.rows.index.isin(part.index) | _drawn_on(part, group.rows)
    if not found:
        return None
    kept &= group.rows["source_table"] != "enrolments"  # what was drawn on it stands for it
    houses = sorted({str(h) for h in group.rows.loc[kept, "m_house"].dropna()})
    return Verdict(group.members, tuple(found), kept, tuple(("institution", h, "settles") for h in houses))


def _drawn_on(part: pd.DataFrame, rows: pd.DataFrame) -> pd.Series:
    """Return which rows are what was drawn on the enrolments of some papers."""
    return (rows["shows"] == f"row_{KIN_DRAWN}") & rows["m_agent"].isin(part["m_agent"].dropna())


def _of_agents(rows: pd.DataFrame, params: Params) -> Iterator[tuple[pd.DataFrame, str, dict[str, str | int | float]]]:
    """Yield the papers of each of his kin that went over his desk as no roster explains, and what was due.

    Notes
    -----
    Under the null what an agent hands in within a stratum (office, kind of business, quarter, days on which the person
    was there) is drawn from all papers of the stratum, as in T20. Each desk to which kin of whoever sits there brought
    anything is a test.
    """
    for (_, role), seen in rows.groupby(["m_agent", "m_role"], sort=True):
        seen = seen.drop_duplicates(["m_stratum", "source_table", "source_key"])
        own = seen[seen["m_own"] == 1]
        if own.empty:
            continue
        tail, expected, strata = stratified(seen, "m_marked", len(own))
        n_tests = int(seen["m_asked"].iloc[0])
        if log10_corrected(tail, n_tests) > params.second_log10_p:
            continue
        share: dict[str, str | int | float] = {
            "n_ring": len(seen), "n_own": len(own), "expected": round(expected, 4), "strata": written(strata),
            "n_all": sum(n for n, _, _ in strata), "n_all_own": sum(m for _, m, _ in strata),
            "share_log10_p": round(tail, 4), "n_tests": n_tests,
        }
        yield own, f"{KIN_AGENT}_{role}", share


def _said(
    shows: str, rows: pd.DataFrame, params: Params, more: Mapping[str, str | int | float]
) -> Anomaly | None:
    staff = str(rows["subject_id"].iloc[0])
    papers_ = rows.drop_duplicates(["source_table", "source_key"])
    detail: dict[str, str | int | float] = {"staff": staff, "n_rows": len(papers_), **more}
    if shows in {HOUSE_OF_RING, OWN_HOUSE}:
        first = rows.iloc[0]
        detail |= {"house": str(first["m_house"]), "acted_on": str(first["m_acted_on"])}
        detail |= {"n_others": int(first["m_others"])} if shows == OWN_HOUSE else {}
        return Anomaly(Family.PERSONAL, shows, 0.0, 1, detail)
    homes, known = int(rows["m_home"].nunique()), bool(rows["m_known"].max())
    if homes < params.strangers + (0 if known else 1):
        return None
    people = int(rows["m_patient"].nunique())
    days = sorted({f"{at:%Y-%m-%d}" for at in rows["event_at"].dropna()})
    detail |= {"n_people": people, "first_on": days[0] if days else "", "last_on": days[-1] if days else ""}
    return Anomaly(Family.PERSONAL, shows, 0.0, 1, detail)


TYPOLOGY = Typology(
    code="T27",
    slug="own_interest",
    title="疑似经办人员未回避本人或亲属利益",
    grade=Grade.E1,
    requires={"staff": frozenset({"staff_id"})},
    one_of=ONE_OF,
    without="whose account, hand or house it is cannot be known",
    optional={
        **PAPERS, **REGISTERS, "settlements": frozenset({"fund_amount"}),
    },
    uses=frozenset({"rings", "ring_rows"}),
    detect=detect,
    confirm=confirm,
    steps=(
        ("papers", papers), ("ring_papers", ring_papers), ("kin", _circle.kin_of), ("accounts", _circle.accounts_of),
        ("circle", _circle.circle), ("desks", desks), ("handed_in", handed_in), ("kin_slots", kin_slots),
    ),
    grouping="hub",
    benign=("staff_as_patients",),
    provisions=(
        "医疗保障基金使用监督管理条例 第四十二条", "公职人员政务处分法 第三十三条", "公务员法 第七十六条（公务回避）",
    ),
    clears=(
        "账户、证件号码登记有误或已转让他人的证明", "受单位指派代收代办的书面记录", "已申报亲属关系并经批准办理的记录",
    ),
    records=("收款账户开户信息与流水", "业务系统经办、复核与变更日志", "任职回避与亲属申报表",
        "机构协议与额度调整审批件"),
    sentences={
        f"row_{OWN_ACCOUNT}": "该笔业务的款项付至经办人员本人账户",
        f"row_{KIN_ACCOUNT}": "由其受理或复核的该笔业务，款项付至其亲属账户",
        f"row_{OWN_AGENT}": "该笔业务由经办人员本人代办",
        f"row_{KIN_AGENT}": "由其受理或复核的该笔业务，由其亲属代办",
        f"row_{KIN_DRAWN}": "由其亲属代办、由其受理参保登记的人员的结算",
        **{
            f"row_{shows}": "其为之办理恢复结算或额度调整的机构的结算" for shows in (HOUSE_OF_RING, OWN_HOUSE)
        },
        OWN_ACCOUNT: (
            "{n_people} 名非亲属参保人的 {n_rows} 笔业务付至 {staff} 本人账户（{first_on} 至 {last_on}）"
        ),
        KIN_ACCOUNT: (
            "由 {staff} 受理或复核的 {n_rows} 笔业务，{n_people} 名非亲属参保人的款项付至其亲属账户"
            "（{first_on} 至 {last_on}）"
        ),
        OWN_AGENT: (
            "{staff} 作为代办人为 {n_people} 名非亲属参保人递交 {n_rows} 笔业务（{first_on} 至 {last_on}）"
        ),
        **{
            f"{KIN_AGENT}_{role}": (
                f"{{staff}} 的亲属为非亲属参保人代办的可比业务 {{n_ring}} 件中有 {{n_own}} 件由其本人{done}，"
                "涉 {n_people} 名非亲属参保人（{first_on} 至 {last_on}）；"
                "比照其在岗日内同一经办机构、同类业务、同一季度的份额，应约 {expected} 件"
                f"（共 {{n_all}} 件，由其{done} {{n_all_own}} 件）"
            )
            for role, done in (("handler", "受理"), ("reviewer", "复核"))
        },
        HOUSE_OF_RING: (
            "{staff} 于 {acted_on} 为本人或亲属所办机构 {house} 恢复结算或调增额度，未见回避；"
            "该机构涉及另一条线索，所涉结算 {n_rows} 笔"
        ),
        OWN_HOUSE: (
            "{staff} 于 {acted_on} 为本人或亲属所办机构 {house} 恢复结算或调增额度，未见回避，"
            "同期另有 {n_others} 人可办理此类事项；列出该机构此后最先的 {n_rows} 笔结算"
        ),
    },
    params=Params(),
    minimum_subjects=0,
    subject_type="staff",
    sealed=True,
)
