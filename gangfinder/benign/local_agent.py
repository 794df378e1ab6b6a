"""Local agents: a company's HR desk, a village cadre or a school hands in for its own people (DOMAIN §5.6).

An agent is innocent when those he acts for belong together (one employer, school or village), the money goes to their
own accounts (or to one account of their employer or village), and they were treated at many houses. An agent of
strangers, one account for many, or one remote hospital is not excused. Which desk took the claims is not asked: what an
open lead says must not depend on who on the staff did what.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from gangfinder.benign.contract import Explanation, Tables
from gangfinder.engine.portable import mode

if TYPE_CHECKING:
    import ibis.expr.types as ir

VILLAGE_WORDS = ("村", "社区", "小区", "街道", "镇", "乡")
"""An address is cut behind the first of these that it contains, finest first."""

HUB_COLUMNS = {"agent_phone": "phone", "agent_id_number": "agent", "payee_account": "bank_account"}
"""Columns that name a hub, and the entity type it is."""


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of the local-agent explanation.

    Parameters
    ----------
    people
        Fewest people of a hub that is judged at all.
    together_share
        Least share of the people who belong to one employer, school or village.
    own_account_share
        Least ratio of distinct payee accounts to people.
    house_share
        Largest share of the claims from one treating house.
    """

    people: int = 3
    together_share: float = 0.8
    own_account_share: float = 0.8
    house_share: float = 0.6


def hubs(tables: Tables, params: Params) -> ir.Table:
    """Return ``hub_type, hub_id``: agents and payroll accounts that act for their own people."""
    import ibis

    claims, together = tables["claims"], tables["together"]
    hub = ("hub_type", "hub_id")
    payroll = _spread(claims.filter(claims.hub_type == "bank_account"), params).semi_join(together, hub)
    # money paid to an innocent collective account reaches the claimant: it is as good as his own
    common = payroll.select(account=payroll.hub_id).distinct().mutate(common=1)
    agents = claims.filter(claims.hub_type != "bank_account").left_join(common, "account").drop("account_right")
    own = ibis.ifelse(agents.common.notnull(), agents.patient_id, agents.account)
    agents = agents.mutate(account=own).drop("common")
    return _spread(agents, params).semi_join(together, hub).union(payroll, distinct=False).select(*hub).distinct()


def together(tables: Tables, params: Params) -> ir.Table:
    """Return the hubs most of whose people belong to one employer or village: hub_type, hub_id, kind."""
    return _together(tables["claims"], _origins(tables), params)


def claims(tables: Tables, params: Params) -> ir.Table:  # noqa: ARG001 - the signature of a step
    """Return one row per hub and thing handed in: patient, house, payee account."""
    import ibis

    nothing = ibis.null().cast("string")
    parts = []
    for name in ("reimbursements", "filings", "enrolments", "settlements"):
        table = tables[name]
        has = set(table.columns)
        for hub, entity in HUB_COLUMNS.items():
            if hub not in has:
                continue
            known = table.filter(table[hub].notnull() & (table[hub] != ""))
            parts.append(
                known.select(
                    hub_type=ibis.literal(entity), hub_id=known[hub], patient_id=known.patient_id,
                    house=known.institution_id if name == "reimbursements" else nothing,
                    account=known.payee_account if name == "reimbursements" else nothing,
                )
            )
    return parts[0].union(*parts[1:], distinct=False)


def _origins(tables: Tables) -> ir.Table:
    """Return where each person belongs: patient_id, kind (work or home), origin."""
    import ibis

    patients, enrolments = tables["patients"], tables["enrolments"]
    employed = patients.filter(patients.employer.notnull() & (patients.employer != ""))
    work = employed.select("patient_id", kind=ibis.literal("work"), origin=employed.employer)
    joined = enrolments.filter(enrolments.employer_id.notnull() & (enrolments.employer_id != ""))
    work = work.union(joined.select("patient_id", kind=ibis.literal("work"), origin=joined.employer_id), distinct=False)
    housed = patients.filter(patients.address.notnull() & (patients.address != ""))
    cut = housed.address.substr(0, 10)
    for word in reversed(VILLAGE_WORDS):
        at = housed.address.find(word)
        cut = ibis.ifelse(at > 0, housed.address.substr(0, at + len(word)), cut)
    home = housed.select("patient_id", kind=ibis.literal("home"), origin=cut)
    return work.union(home, distinct=False).distinct()


def _together(claims: ir.Table, origin: ir.Table, params: Params) -> ir.Table:
    """Return the hubs most of whose people belong to one employer or village: hub_type, hub_id, kind."""
    people = claims.select("hub_type", "hub_id", "patient_id").distinct()
    size = people.group_by("hub_type", "hub_id").aggregate(n_people=people.count())
    size = size.filter(size.n_people >= params.people)
    placed = people.semi_join(size, ["hub_type", "hub_id"]).inner_join(origin, "patient_id")
    shared = placed.group_by("hub_type", "hub_id", "kind", "origin").aggregate(n=placed.patient_id.nunique())
    top = shared.group_by("hub_type", "hub_id", "kind").aggregate(n_top=shared.n.max())
    both = top.inner_join(size, ["hub_type", "hub_id"])
    return both.filter(both.n_top >= params.together_share * both.n_people).select("hub_type", "hub_id", "kind")


def _spread(claims: ir.Table, params: Params) -> ir.Table:
    """Return the hubs whose claims are spread over accounts and houses as honest ones are."""
    hub = ("hub_type", "hub_id")
    size = claims.group_by(*hub).aggregate(
        n_people=claims.patient_id.nunique(), n_accounts=claims.account.nunique(),
        n_paid=claims.patient_id.nunique(where=claims.account.notnull()), n_houses=claims.house.count(),
    )
    house = mode(claims, hub, "house").select(*hub, top_house="n_rows")
    full = size.left_join(house, hub).drop("hub_type_right", "hub_id_right")
    payroll = full.hub_type == "bank_account"
    own_money = payroll | (full.n_accounts >= params.own_account_share * full.n_paid)
    many_houses = (full.n_houses < params.people) | (full.top_house <= params.house_share * full.n_houses)
    return full.filter((full.n_people >= params.people) & own_money & many_houses).select(*hub)


EXPLANATION = Explanation(
    code="5.6",
    slug="local_agent",
    title="单位人事、村干部或学校代办",
    requires=MappingProxyType({"patients": frozenset()}),
    optional=MappingProxyType(
        {
            "patients": frozenset({"employer", "address"}),
            "reimbursements": frozenset(
                {"agent_phone", "agent_id_number", "payee_account", "institution_id"}
            ),
            "filings": frozenset({"agent_phone", "agent_id_number"}),
            "enrolments": frozenset({"agent_phone", "agent_id_number", "employer_id"}),
            "settlements": frozenset({"agent_phone", "agent_id_number"}),
        }
    ),
    steps=(("claims", claims), ("together", together)),
    hubs=hubs,
    params=Params(),
    sentences=MappingProxyType(
        {
            "holds": "成立：所办人员八成以上同属一个单位或村社，款项进入本人账户，就诊机构分散",
            "partly": "部分成立：{n_hubs_covered} 个代办人或账户属单位、村社代办，未作为联系使用",
            "fails": "不成立：所办人员不属于同一单位或村社，或收款账户、就诊机构过于集中",
            "untestable": "未能检验：缺少数据项 {missing}",
        }
    ),
)
