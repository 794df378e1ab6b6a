"""T11: one doctor certifies people who were never treated for it, and they collect their drugs together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gangfinder.engine.portable import add_days
from gangfinder.model.evidence import Anomaly, Family, Grade
from gangfinder.model.group import Group, Verdict
from gangfinder.model.tails import log10_binomial_tail, log10_corrected
from gangfinder.typologies.contract import Tables, Typology

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

AREA_WORDS = ("村", "小区", "社区", "街道", "镇", "乡")
"""An address names an area up to the first of these that it contains, finest first, and the number behind it."""

SALE_TYPES = ("41", "15")
"""``visit_type`` codes of sales at a pharmacy: nobody is found ill there."""


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of T11.

    Parameters
    ----------
    people
        Fewest unrelated people of a group.
    look_back_days
        Days before a filing in which a stay or a visit for the disease is looked for.
    history_days
        Days of data before a filing that make it testable at all.
    least_rate
        Share of filings without an earlier visit among honest doctors, at least: people are treated elsewhere.
    register_filings
        So many filings of one doctor or hospital on one day are of a register, and no measure of other doctors.
    least_bare
        Fewest unrelated people certified without an earlier visit for it.
    agent_people
        An agent is shared from so many filers on, if they do not belong to one employer or village.
    agent_rate
        Share of filings through shared agents, at least, whatever the rest of the run says.
    together_share
        Share of an agent's people from one employer or village from which on he acts for his own.
    house_rate
        Share of filers who fetch drugs at a given house, at least.
    house_people
        Fewest unrelated people who fetch at a house that is common to them.
    neighbours
        From so many filers of the same hospital's other doctors on, they have a rate of their own.
    fetches
        A house is a person's when he has fetched there so often after filing.
    surprise_log10_p
        An anomaly is reported when its tail, corrected for the run's tests, is at most this.
    """

    people: int = 5
    look_back_days: int = 365
    history_days: int = 90
    least_rate: float = 0.05
    least_bare: int = 4
    register_filings: int = 15
    agent_people: int = 3
    agent_rate: float = 0.015
    together_share: float = 0.8
    house_rate: float = 0.05
    house_people: int = 3
    neighbours: int = 8
    fetches: int = 2
    surprise_log10_p: float = -2.0


def detect(tables: Tables, params: Params) -> ir.Table:
    """Return the filings of doctors with enough filers never treated for it, and what these fetched afterwards."""
    import ibis

    filed = _with_counts(_with_bare(_filings(tables, params), tables, params), params)
    chosen = filed.filter(filed.hub_bare >= params.least_bare)
    nothing = ibis.null().cast("int64")
    papers = chosen.select(
        *_OF_PERSON, *_OF_REST, house="house", source_table=ibis.literal("filings"), source_key="filing_id",
        at=chosen.filed_at.cast("timestamp"), amount=ibis.literal("0").cast("decimal(18,2)"),
        shows=ibis.literal("filing"), **dict.fromkeys(_OF_HOUSE, nothing),
    )
    return _evidence(papers.union(_fetched(filed, tables, params), distinct=False))


_OF_PERSON = (
    "hub", "patient_id", "doctor_id", "bare", "agent", "stranger", "day_filings", "disease_filings",
    "hub_disease_filings",
)
_OF_REST = ("m_rest", "m_rest_bare", "m_all_filings", "m_all_stranger")
_OF_HOUSE = ("house_filers", "filers", "place_house_filers", "place_filers")


def _evidence(t: ir.Table) -> ir.Table:
    import ibis

    return t.select(
        group_id=t.hub,
        subject_type=ibis.literal("patient"),
        subject_id=t.patient_id,
        institution_id=t.house,
        source_table=t.source_table,
        source_key=t.source_key,
        event_at=t["at"],
        amount=t.amount,
        grade=ibis.literal(Grade.E2.value),
        shows=t.shows,
        **{f"m_{c}": t[c] for c in (*_OF_PERSON[2:], *_OF_HOUSE)},
        **{c: t[c] for c in _OF_REST},
    )


def _filings(tables: Tables, params: Params) -> ir.Table:
    """Return first filings that can be tested, with how many more the hub took that day and for that disease."""
    import ibis

    f, p = tables["filings"], tables["patients"]
    rejected = ibis.coalesce(f.decision == "rejected", ibis.literal(value=False))
    hub = ibis.coalesce(f.doctor_id, f.institution_id)
    f = f.filter(f.disease_code.notnull() & hub.notnull() & ~rejected).select(
        "filing_id", "patient_id", "filed_at", "doctor_id", house="institution_id", hub=hub,
        agent=ibis.coalesce(f.agent_id_number, f.agent_phone), disease=f.disease_code.upper().substr(0, 3),
        on=f.filed_at.date(), place=ibis.coalesce(f.institution_id, f.doctor_id),
    )
    f = f.mutate(
        first_at=f.filed_at.min().over(group_by=["patient_id", "disease"]),
        hub_disease_filings=f.count().over(group_by=["hub", "disease"]).cast("int64"),
        disease_filings=f.count().over(group_by="disease").cast("int64"),
        day_filings=f.count().over(group_by=["hub", "on"]).cast("int64"),
    )
    seen = tables["visits"].aggregate(begin=tables["visits"].on.min())
    f = f.filter(f.filed_at == f.first_at).drop("first_at").cross_join(seen)
    f = f.filter(f.on >= add_days(f.begin, params.history_days)).drop("begin")
    area = ibis.coalesce(*(_first(p.address, word) for word in AREA_WORDS))
    homes = p.select("patient_id", "employer", household=p.household_id, area=area)
    return f.left_join(homes, "patient_id").drop("patient_id_right")


def _first(address: ir.StringValue, word: str) -> ir.StringValue:
    """Return the address up to the first such word and the number behind it, null where there is none."""
    return address.re_extract(f"^(.*?{word}[0-9]*)", 1).nullif("")


def _with_bare(filed: ir.Table, tables: Tables, params: Params) -> ir.Table:
    """Add whether neither a stay nor a visit for the disease comes before the filing."""
    import ibis

    own = filed.select("filing_id", "patient_id", "disease", "on", "house")
    houses = tables["institutions"]
    shops = houses.filter(houses.kind == "pharmacy").select("institution_id").distinct()
    v = tables["visits"]
    v = v.filter(~ibis.coalesce(v.visit_type.isin(SALE_TYPES), ibis.literal(value=False)))
    v = v.anti_join(shops, "institution_id").semi_join(own, "patient_id")
    seen = v.select("patient_id", day=v.on, at=v.institution_id, code=v.diagnosis_code.upper().substr(0, 3))
    met = own.inner_join(seen, "patient_id")
    fits = ibis.coalesce(met.code == met.disease, met["at"] == met.house)
    treated = met.filter(fits).select("filing_id", "on", "day")
    lying = tables["stays"].select("patient_id", day="admitted_on")
    claims = tables["reimbursements"]
    lying = lying.union(claims.select("patient_id", day=claims.admitted_at.date()), distinct=False)
    lay = own.inner_join(lying, "patient_id").select("filing_id", "on", "day")
    before = treated.union(lay, distinct=False)
    before = before.filter((before.day <= before.on) & (before.day >= add_days(before.on, -params.look_back_days)))
    known = before.select("filing_id", treated=ibis.literal(1)).distinct()
    joined = filed.left_join(known, "filing_id").drop("filing_id_right")
    return joined.mutate(bare=joined.treated.isnull().cast("int64")).drop("treated")


def _with_counts(filed: ir.Table, params: Params) -> ir.Table:
    """Add what the agent's people have in common, and what is usual with other doctors.

    Notes
    -----
    An agent is a stranger's where several filers use him who belong to no one employer, village or home. What doctors
    file for one by one is the null; a register moved in a night says nothing of it. Doctors with more than twice the
    common rate of bare filings are under question themselves, or experts: they are left out of the rate.
    """
    import ibis

    f = filed.mutate(single=(filed.day_filings < params.register_filings).cast("int64"))
    f = f.mutate(
        n_agent=f.count().over(group_by="agent"),
        **{f"of_{c}": f[c].count().over(group_by=["agent", c]) for c in _ORIGINS},
        hub_bare=f.bare.sum().over(group_by="hub"), hub_n=f.count().over(group_by="hub").cast("int64"),
        place_n=f.count().over(group_by="place").cast("int64"),
        one=f.single.sum().over(group_by="hub"), one_bare=(f.bare * f.single).sum().over(group_by="hub"),
        all_bare=(f.bare * f.single).sum().over(), m_all_filings=f.single.sum().over().cast("int64"),
        all_n=f.count().over().cast("int64"),
        turn=ibis.row_number().over(group_by=["hub", "patient_id"], order_by=["filed_at", "filing_id"]),
    )
    most = ibis.greatest(*(f[f"of_{c}"].max().over(group_by="agent") for c in _ORIGINS))
    many = f.agent.notnull() & (f.n_agent >= params.agent_people)
    quiet = (f.one_bare * f.m_all_filings <= 2 * f.all_bare * f.one).cast("int64") * f.single
    f = f.mutate(stranger=(many & (most < params.together_share * f.n_agent)).cast("int64"), quiet=quiet)
    return f.mutate(
        m_all_stranger=(f.stranger * f.single).sum().over().cast("int64"),
        m_rest=f.quiet.sum().over().cast("int64"), m_rest_bare=(f.quiet * f.bare).sum().over().cast("int64"),
    )


_ORIGINS = ("employer", "area", "household")


def _fetched(filed: ir.Table, tables: Tables, params: Params) -> ir.Table:
    """Return what the filers fetched after filing, and how many others fetch at each house.

    Notes
    -----
    Others are all filers, and those whom other doctors of the same hospital certified: they are of its neighbourhood.
    """
    import ibis

    own = filed.filter(filed.turn == 0).select(
        *_OF_PERSON, *_OF_REST, "place", "hub_bare", "hub_n", "place_n", "all_n", filed_on="on"
    )
    v = tables["visits"].select("settlement_id", "patient_id", "amount", "institution_id", at="at", day="on")
    rows = v.inner_join(own, "patient_id").filter(lambda t: t.day >= t.filed_on)
    turn = ibis.row_number().over(group_by=["hub", "patient_id", "institution_id"], order_by=["at", "settlement_id"])
    rows = rows.mutate(came=(turn == 0).cast("int64"))
    rows = rows.mutate(
        at_hub=rows.came.sum().over(group_by=["hub", "institution_id"]),
        at_place=rows.came.sum().over(group_by=["place", "institution_id"]),
        at_all=rows.came.sum().over(group_by="institution_id"),
    )
    rows = rows.filter(rows.hub_bare >= params.least_bare)
    return rows.select(
        *_OF_PERSON, *_OF_REST, house="institution_id", source_table=ibis.literal("settlements"),
        source_key="settlement_id", at=rows["at"].cast("timestamp"), amount=rows.amount,
        shows=ibis.literal("fetched"),
        house_filers=(rows.at_all - rows.at_hub).cast("int64"), filers=(rows.all_n - rows.hub_n).cast("int64"),
        place_house_filers=(rows.at_place - rows.at_hub).cast("int64"),
        place_filers=(rows.place_n - rows.hub_n).cast("int64"),
    )


def confirm(group: Group, params: Params) -> Verdict | None:
    """Confirm filings without earlier treatment, and that the filers share agents or the houses they go to."""
    if group.n_units() < params.people:
        return None
    rows = group.rows.assign(unit=[group.units.get(s, s) for s in group.rows["subject_id"]])
    papers, fetched = rows[rows["source_table"] == "filings"], rows[rows["source_table"] == "settlements"]
    if papers.empty:
        return None
    n = max(1, group.n_tests)
    houses = _houses(rows, params)
    ties = (_agent(papers, n, params), _common(fetched, houses, n, params))
    told = [(a, people) for a, people in ties if a is not None and _surprising(a, params)]
    tied = {p for _, people in told for p in people}
    bare = _bare(papers[papers["subject_id"].isin(tied)], n, params)
    if bare is None or not _surprising(bare, params):
        return None
    common = [h for h, (_, tail) in houses.items() if tail <= _COMMON_LOG10_P]
    core = _core(papers, fetched, [people for _, people in told], common, params)
    if group.n_units(core) < params.people:
        return None
    own = rows["subject_id"].isin(core)
    keep = own & (rows["source_table"].eq("filings") | rows["institution_id"].isin(common))
    return Verdict(core, (bare, *(a for a, _ in told)), keep, _hubs(papers, core), own & ~keep)


_COMMON_LOG10_P = -2.0  # a house is named as common from here on; the test itself is corrected


def _core(
    papers: pd.DataFrame, fetched: pd.DataFrame, ties: list[set[str]], common: list[str], params: Params
) -> tuple[str, ...]:
    """Return who meets two of: no earlier treatment, each tie, and going to several of the common houses."""
    points = papers.groupby("subject_id", sort=True)["m_bare"].max().astype(int)
    for people in ties:
        points = points + points.index.isin(people).astype(int)
    shared = fetched[fetched["institution_id"].isin(common)].groupby("subject_id", sort=True)
    often = shared["source_key"].nunique() > params.fetches
    round_trip = often[often & (shared["institution_id"].nunique() >= 2)].index
    points = points + points.index.isin(round_trip).astype(int)
    return tuple(str(p) for p in points[points >= 2].index)


def _surprising(anomaly: Anomaly, params: Params) -> bool:
    return log10_corrected(anomaly.log10_p, anomaly.n_tests) <= params.surprise_log10_p


def _bare(papers: pd.DataFrame, n_groups: int, params: Params) -> Anomaly | None:
    """Test the tied filers without earlier treatment against the filings of ordinary doctors.

    Notes
    -----
    Who is tied is decided without regard to treatment, so that the binomial tail is that of a test made once.
    """
    k = int(papers.loc[papers["m_bare"].eq(1), "unit"].nunique())
    if k < params.least_bare:
        return None
    n, first = int(papers["unit"].nunique()), papers.iloc[0]
    rest, rest_bare = int(first["m_rest"]), int(first["m_rest_bare"])
    rate = round(max(params.least_rate, (rest_bare + 0.5) / (rest + 1)), 6)
    detail = {"n_bare": k, "n_filings": n, "n_rest": rest, "n_rest_bare": rest_bare, "rate": rate,
              "days": params.look_back_days}
    return Anomaly(Family.CONTROL, "no_treatment_before", float(log10_binomial_tail(k, n, rate)), n_groups, detail)


def _agent(papers: pd.DataFrame, n_groups: int, params: Params) -> tuple[Anomaly | None, set[str]]:
    """Test filings through agents of strangers against their share in the rest of the run."""
    known = papers[papers["m_agent"].notna() & papers["m_stranger"].eq(1)]
    own = known[known.groupby("m_agent", sort=True)["unit"].transform("nunique") >= params.agent_people]
    k, n = int(own["unit"].nunique()), int(papers["unit"].nunique())
    if k < params.agent_people:
        return None, set()
    first = papers.iloc[0]
    rest = max(0, int(first["m_all_filings"]) - len(papers))
    others = max(0, int(first["m_all_stranger"]) - int(papers["m_stranger"].sum()))
    rate = round(max(params.agent_rate, (others + 0.5) / (rest + 1)), 6)
    detail = {"n_shared": k, "n_filings": n, "n_agents": int(own["m_agent"].nunique()), "n_rest": rest,
              "n_rest_shared": others, "rate": rate}
    tail = float(log10_binomial_tail(k, n, rate))
    return Anomaly(Family.ATTRIBUTE, "shared_agents", tail, n_groups, detail), set(own["subject_id"])


Houses = dict[str, tuple[dict[str, float], float]]
"""House → its numbers and its tail."""


def _houses(rows: pd.DataFrame, params: Params) -> Houses:
    """Return, per house, the tail of how many of the doctor's filers fetch there.

    Notes
    -----
    The chance is the largest of: the least rate; the share of all other filers who fetch there; the share of those
    whom other doctors of the same hospital certified, who are of the same neighbourhood.
    """
    n = int(rows["unit"].nunique())
    found: Houses = {}
    for house, own in rows[rows["source_table"] == "settlements"].groupby("institution_id", sort=True):
        k = int(own["unit"].nunique())
        if k < params.house_people:
            continue
        one = own.iloc[0]
        rates = [params.house_rate, (one["m_house_filers"] + 0.5) / (one["m_filers"] + 1)]
        if one["m_place_filers"] >= params.neighbours:
            rates.append((one["m_place_house_filers"] + 0.5) / (one["m_place_filers"] + 1))
        rate = round(min(1.0, max(rates)), 6)
        found[str(house)] = {"n_people": k, "n_filings": n, "rate": rate}, float(log10_binomial_tail(k, n, rate))
    return found


def _common(
    fetched: pd.DataFrame, houses: Houses, n_groups: int, params: Params
) -> tuple[Anomaly | None, set[str]]:
    """Test the house at which most of the filers fetch; who fetches at such houses is tied."""
    common = [h for h, (_, tail) in houses.items() if tail <= _COMMON_LOG10_P]
    if not common:
        return None, set()
    best = min(common, key=lambda h: (houses[h][1], h))
    detail, tail = houses[best]
    visits = fetched[fetched["institution_id"].isin(common)].groupby("subject_id", sort=True)["source_key"].nunique()
    numbers = {**detail, "n_houses": len(common), "percent": round(100 * detail["rate"], 1)}
    tests = n_groups * max(1, len(houses))
    return Anomaly(Family.CALENDAR, "common_houses", tail, tests, numbers), set(visits[visits >= params.fetches].index)


def _hubs(papers: pd.DataFrame, core: tuple[str, ...]) -> tuple[tuple[str, str, str], ...]:
    """Name the doctor and the agents of strangers."""
    own = papers[papers["subject_id"].isin(core)]
    agents = own.loc[own["m_stranger"].eq(1), "m_agent"].dropna().unique()
    doctors = [("doctor", str(d), "doctor") for d in sorted(own["m_doctor_id"].dropna().unique())]
    return (*doctors, *(("agent", str(a), "agent") for a in sorted(agents)))


TYPOLOGY = Typology(
    code="T11",
    slug="entitlement_collusion",
    title="疑似医患合谋办理门诊慢特病待遇",
    grade=Grade.E2,
    requires={
        "filings": frozenset({"filing_id", "patient_id", "kind", "filed_at", "disease_code"}),
        "settlements": frozenset({"settlement_id", "patient_id", "institution_id", "settled_at", "fund_amount"}),
    },
    optional={
        "filings": frozenset({"doctor_id", "institution_id", "agent_id_number", "agent_phone", "decision"}),
        "patients": frozenset({"employer", "address", "household_id"}),
        "institutions": frozenset({"kind"}),
        "reimbursements": frozenset({"admitted_at"}),
    },
    uses=frozenset({"visits", "stays"}),
    detect=detect,
    confirm=confirm,
    grouping="hub",
    benign=("family", "local_agent", "mass_recertification", "sole_expert"),
    provisions=("医疗保障基金使用监督管理条例 第二十条、第四十条、第四十一条", "刑法第二百六十六条及 2014 年立法解释"),
    clears=("异地或自费就诊的病历与检查报告", "鉴定机构的年度复审或数据迁移说明", "代办人与参保人的关系证明"),
    records=("待遇认定申请表与鉴定材料", "影像、检验与住院病历原件", "取药签名与监控", "经办受理与复核日志"),
    sentences={
        "filing": "该项门诊慢特病待遇申报",
        "fetched": "认定后在共同就诊点的结算",
        "outside": "认定后的其他结算",
        "no_treatment_before": (
            "同一医师鉴定、彼此有联系的 {n_filings} 户首次申报中，有 {n_bare} 户在此前 {days} 天内没有相应就诊或住院；"
            "其他医师的 {n_rest} 件申报中有 {n_rest_bare} 件"
        ),
        "shared_agents": (
            "{n_filings} 户申报中有 {n_shared} 户由 {n_agents} 名共同代办人办理，且不属同一单位或村社；"
            "其余 {n_rest} 件申报中此种情形有 {n_rest_shared} 件"
        ),
        "common_houses": (
            "该医师鉴定的 {n_filings} 户申报人中，有 {n_people} 户认定后在同一机构就诊取药（此类机构共 {n_houses} 家），"
            "可比申报人在该机构就诊取药的至多占 {percent}%"
        ),
    },
    params=Params(),
    minimum_subjects=5,
)
