"""Filings for entitlement as T11 reads them: what came before, who handed in, and where the filers went afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gangfinder.engine.portable import add_days
from gangfinder.model.evidence import Grade

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from gangfinder.typologies.contract import Tables
    from gangfinder.typologies.entitlement_collusion import Params

AREA_WORDS = ("村", "小区", "社区", "街道", "镇", "乡")
"""An address names an area up to the first of these that it contains, finest first, and the number behind it."""

SALE_TYPES = ("41", "15")
"""``visit_type`` codes of sales at a pharmacy: nobody is found ill there."""

_ORIGINS = ("employer", "area", "household")

OF_PERSON = (
    "hub", "patient_id", "doctor_id", "bare", "agent", "stranger", "day_filings", "disease_filings",
    "hub_disease_filings",
)
OF_REST = ("m_rest", "m_rest_bare", "m_all_filings", "m_all_stranger")
OF_HOUSE = ("house_filers", "filers", "place_house_filers", "place_filers")


def evidence_of(t: ir.Table) -> ir.Table:
    """Return the rows in the columns of ``EVIDENCE_SCHEMA``, with their measures."""
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
        **{f"m_{c}": t[c] for c in (*OF_PERSON[2:], *OF_HOUSE)},
        **{c: t[c] for c in OF_REST},
    )


def tested_filings(tables: Tables, params: Params) -> ir.Table:
    """Return the filings that can be tested, with what came before them and what is usual with other doctors."""
    return _with_counts(_with_bare(_filings(tables, params), tables, params), params)


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


def fetched_after(filed: ir.Table, tables: Tables, params: Params) -> ir.Table:
    """Return what the filers fetched after filing, and how many others fetch at each house.

    Notes
    -----
    Others are all filers, and those whom other doctors of the same hospital certified: they are of its neighbourhood.
    """
    import ibis

    own = filed.filter(filed.turn == 0).select(
        *OF_PERSON, *OF_REST, "place", "hub_bare", "hub_n", "place_n", "all_n", filed_on="on"
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
        *OF_PERSON, *OF_REST, house="institution_id", source_table=ibis.literal("settlements"),
        source_key="settlement_id", at=rows["at"].cast("timestamp"), amount=rows.amount.cast("decimal(18,2)"),
        shows=ibis.literal("fetched"),
        house_filers=(rows.at_all - rows.at_hub).cast("int64"), filers=(rows.all_n - rows.hub_n).cast("int64"),
        place_house_filers=(rows.at_place - rows.at_hub).cast("int64"),
        place_filers=(rows.place_n - rows.hub_n).cast("int64"),
    )
