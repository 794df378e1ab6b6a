"""T11: one doctor certifies people who were never treated for it, and they collect their drugs together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gangfinder.model.evidence import Anomaly, Family, Grade
from gangfinder.model.group import Group, Verdict
from gangfinder.model.tails import log10_binomial_tail, log10_corrected
from gangfinder.typologies._circles import COMMON_LOG10_P, Houses, agent_houses, circles, houses_of
from gangfinder.typologies._filed import OF_HOUSE, OF_PERSON, OF_REST, evidence_of, fetched_after, tested_filings
from gangfinder.typologies.contract import Tables, Typology

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

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
    weak_tie_log10_p, bare_log10_p
        Where a doctor has many honest filers besides, a tie is weak: it may be as weak as the first, when the lack of
        earlier treatment of the tied, which is tested apart, is as strong as the second.
    same_circle_log10_p
        A house is of one circle with those of whose people so many more than others fetch there, which some thirty
        pairs of one doctor's houses do not reach by chance; the circles of his people are judged one by one.
    own_house_log10_p
        A house counts for a member although it is no anomaly of its own, when its tail is at most this.
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
    surprise_log10_p: float = -3.0
    weak_tie_log10_p: float = -1.0
    bare_log10_p: float = -4.0
    same_circle_log10_p: float = -3.0
    own_house_log10_p: float = -3.0


def detect(tables: Tables, params: Params) -> ir.Table:
    """Return the filings of doctors with enough filers never treated for it, and what these fetched afterwards."""
    import ibis

    filed = tested_filings(tables, params)
    chosen = filed.filter(filed.hub_bare >= params.least_bare)
    nothing = ibis.null().cast("int64")
    papers = chosen.select(
        *OF_PERSON, *OF_REST, house="house", source_table=ibis.literal("filings"), source_key="filing_id",
        at=chosen.filed_at.cast("timestamp"), amount=ibis.literal("0").cast("decimal(18,2)"),
        shows=ibis.literal("filing"), **dict.fromkeys(OF_HOUSE, nothing),
    )
    return evidence_of(papers.union(fetched_after(filed, tables, params), distinct=False))


def confirm(group: Group, params: Params) -> Verdict | None:
    """Confirm filings without earlier treatment, and that the filers share agents or the houses they go to."""
    if group.n_units() < params.people:
        return None
    rows = group.rows.assign(unit=[group.units.get(s, s) for s in group.rows["subject_id"]])
    papers, fetched = rows[rows["source_table"] == "filings"], rows[rows["source_table"] == "settlements"]
    if papers.empty:
        return None
    n = max(1, group.n_tests)
    houses = houses_of(rows, params)
    common = [h for h, (_, tail) in houses.items() if tail <= COMMON_LOG10_P]
    at_houses = _common(fetched, houses, n, params)
    if at_houses is None or _corrected(at_houses[0]) > params.surprise_log10_p:
        at_houses, common = _better(at_houses, common, _with_agent(papers, fetched, houses, n, params))
    known = [tie for tie in (_agent(papers, n, params), at_houses) if tie is not None]
    made = _told(papers, known, n, params.surprise_log10_p, params.surprise_log10_p, params)
    made = made or _told(papers, known, n, params.weak_tie_log10_p, params.bare_log10_p, params)
    if made is None:
        return None
    bare, told = made
    # who goes to a house that is told already counts for it once
    unsaid = all(a.family != Family.CALENDAR for a, _ in told)
    own_house = [h for h in common if unsaid and houses[h][1] <= params.own_house_log10_p]
    core = _core(papers, fetched, [people for _, people in told], (common, own_house), params)
    if group.n_units(core) < params.people:
        return None
    of_core = rows["subject_id"].isin(core)
    keep = of_core & (rows["source_table"].eq("filings") | rows["institution_id"].isin(common))
    return Verdict(core, (bare, *(a for a, _ in told)), keep, _hubs(papers, core), of_core & ~keep)


Tie = tuple[Anomaly, set[str]]
"""What binds filers, and whom."""

AtHouses = tuple[Tie | None, list[str]]
"""Common houses as a tie, and which they are."""


def _better(usual: Tie | None, common: list[str], of_agent: AtHouses) -> AtHouses:
    """Return whichever is the more surprising; the houses of both count as common where the agent's is."""
    tie, own = of_agent
    if tie is None or (usual is not None and _corrected(usual[0]) <= _corrected(tie[0])):
        return usual, common
    return tie, sorted({*common, *own})


def _told(
    papers: pd.DataFrame, ties: list[Tie], n_groups: int, tie_limit: float, bare_limit: float, params: Params
) -> tuple[Anomaly, list[Tie]] | None:
    """Return the lack of treatment of the tied and the ties, where both are surprising enough."""
    told = [(a, people) for a, people in ties if _corrected(a) <= tie_limit]
    tied = {p for _, people in told for p in people}
    bare = _bare(papers[papers["subject_id"].isin(tied)], n_groups, params)
    return None if bare is None or _corrected(bare) > bare_limit else (bare, told)


def _core(
    papers: pd.DataFrame, fetched: pd.DataFrame, ties: list[set[str]], houses: tuple[list[str], list[str]],
    params: Params,
) -> tuple[str, ...]:
    """Return who meets two of: no earlier treatment, each tie, and going to the common houses: several, or a rare one.

    ``houses`` are the common houses, and those of them that hardly anybody else goes to.
    """
    common, rare = houses
    points = papers.groupby("subject_id", sort=True)["m_bare"].max().astype(int)
    for people in ties:
        points = points + points.index.isin(people).astype(int)
    shared = fetched[fetched["institution_id"].isin(common)].groupby("subject_id", sort=True)
    often = shared["source_key"].nunique() > params.fetches
    there = fetched[fetched["institution_id"].isin(rare)].groupby("subject_id", sort=True)["source_key"].nunique()
    regular = there[there > params.fetches].index
    round_trip = often[often & (shared["institution_id"].nunique() >= 2)].index.union(regular)
    points = points + points.index.isin(round_trip).astype(int)
    return tuple(str(p) for p in points[points >= 2].index)


def _corrected(anomaly: Anomaly) -> float:
    return log10_corrected(anomaly.log10_p, anomaly.n_tests)


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


def _agent(papers: pd.DataFrame, n_groups: int, params: Params) -> Tie | None:
    """Test filings through agents of strangers against their share in the rest of the run."""
    known = papers[papers["m_agent"].notna() & papers["m_stranger"].eq(1)]
    own = known[known.groupby("m_agent", sort=True)["unit"].transform("nunique") >= params.agent_people]
    k, n = int(own["unit"].nunique()), int(papers["unit"].nunique())
    if k < params.agent_people:
        return None
    first = papers.iloc[0]
    rest = max(0, int(first["m_all_filings"]) - len(papers))
    others = max(0, int(first["m_all_stranger"]) - int(papers["m_stranger"].sum()))
    rate = round(max(params.agent_rate, (others + 0.5) / (rest + 1)), 6)
    detail = {"n_shared": k, "n_filings": n, "n_agents": int(own["m_agent"].nunique()), "n_rest": rest,
              "n_rest_shared": others, "rate": rate}
    tail = float(log10_binomial_tail(k, n, rate))
    return Anomaly(Family.ATTRIBUTE, "shared_agents", tail, n_groups, detail), set(own["subject_id"])


def _common(fetched: pd.DataFrame, houses: Houses, n_groups: int, params: Params) -> Tie | None:
    """Test the house at which most of the filers fetch; who fetches at such houses is tied."""
    common = [h for h, (_, tail) in houses.items() if tail <= COMMON_LOG10_P]
    if not common:
        return None
    best = min(common, key=lambda h: (houses[h][1], h))
    detail, tail = houses[best]
    visits = fetched[fetched["institution_id"].isin(common)].groupby("subject_id", sort=True)["source_key"].nunique()
    numbers = {**detail, "n_houses": len(common), "percent": round(100 * detail["rate"], 1)}
    tests = n_groups * max(1, len(houses))
    return Anomaly(Family.CALENDAR, "common_houses", tail, tests, numbers), set(visits[visits >= params.fetches].index)


def _with_agent(
    papers: pd.DataFrame, fetched: pd.DataFrame, houses: Houses, n_groups: int, params: Params
) -> AtHouses:
    """Test the house at which most of one agent's people fetch, where the doctor has many other filers.

    Notes
    -----
    An agent's people are chosen without regard to where they go, so the binomial tail is that of a test made once for
    each agent and house.
    """
    found = agent_houses(papers, fetched, houses, params)
    common = sorted({house for (_, house), (_, tail) in found.items() if tail <= COMMON_LOG10_P})
    if not common:
        return None, []
    best = min(found, key=lambda pair: (found[pair][1], pair))
    detail, tail = found[best]
    people = set(papers.loc[papers["m_agent"].eq(best[0]), "unit"])
    own = fetched[fetched["unit"].isin(people) & fetched["institution_id"].isin(common)]
    visits = own.groupby("subject_id", sort=True)["source_key"].nunique()
    numbers = {**detail, "n_houses": len(common), "percent": round(100 * detail["rate"], 1)}
    anomaly = Anomaly(Family.CALENDAR, "houses_of_agent", tail, n_groups * len(found), numbers)
    return (anomaly, set(visits[visits >= params.fetches].index)), common


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
    parts=circles,
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
            "该医师鉴定的 {n_filings} 户申报人中，有 {n_people} 户认定后在同一机构就诊取药"
            "（此类机构共 {n_houses} 家），"
            "可比申报人在该机构就诊取药的至多占 {percent}%"
        ),
        "houses_of_agent": (
            "同一代办人代为申报的 {n_filings} 户中，有 {n_people} 户认定后在同一机构就诊取药"
            "（此类机构共 {n_houses} 家），可比申报人在该机构就诊取药的至多占 {percent}%"
        ),
    },
    params=Params(),
    minimum_subjects=5,
)
