"""T25: strangers registered at one door claim far oftener than other people (同址挂靠报销)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gangfinder.engine.portable import floor_divide, last_rows
from gangfinder.model.evidence import Anomaly, Family, Grade
from gangfinder.model.group import Group, Verdict
from gangfinder.model.tails import log10_binomial_tail, log10_corrected
from gangfinder.typologies.contract import Tables, Typology

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of T25.

    Parameters
    ----------
    people
        Fewest unrelated claimants at a door.
    hub_people
        Claims by an account or agent of so many people are left out: they come from that hub, not from the door.
    address_characters
        Fewest characters of an address; shorter ones name a village, not a door.
    rate_factor
        They claim at least so many times as often as people of their age elsewhere.
    together_share
        Tenants of one employer, from this share of the claimants on, live in its dormitory.
    surprise_log10_p
        The tail, corrected for its tests, is at most this.
    """

    people: int = 5
    hub_people: int = 3
    address_characters: int = 6
    rate_factor: float = 3.0
    together_share: float = 0.5
    surprise_log10_p: float = -3.0


def detect(tables: Tables, params: Params) -> ir.Table:
    """Return the claims for one benefit that people registered at one door hand in by themselves."""
    import ibis

    rows = tables["met"].inner_join(tables["doors"], ["door", "kind"])
    return rows.select(
        group_id=rows.door,
        subject_type=ibis.literal("patient"),
        subject_id=rows.patient_id,
        institution_id=rows.house,
        source_table=ibis.literal("reimbursements"),
        source_key=rows.reimbursement_id,
        event_at=rows.event_at,
        amount=rows.fund_amount,
        grade=ibis.literal(Grade.E2.value),
        shows=ibis.literal("claim_from_door"),
        m_employer=rows.employer,
        **{c: rows[c] for c in sorted(rows.columns) if c.startswith("m_")},
    )


def _own(tables: Tables, params: Params) -> ir.Table:
    """Return the claims that people hand in by themselves or through kin: by no account or agent of several."""
    import ibis

    r = tables["reimbursements"]
    zero = ibis.literal("0").cast("decimal(18,2)")
    kept = r.filter(r.fund_amount >= zero)
    for column in ("payee_account", "agent_id_number", "agent_phone"):
        held = r.filter(r[column].notnull() & (r[column] != ""))
        size = held.group_by(column).aggregate(n=held.patient_id.nunique())
        kept = kept.anti_join(size.filter(size.n >= params.hub_people), column)
    return kept.select(
        "reimbursement_id", "patient_id", "fund_amount", house="institution_id",
        kind=ibis.coalesce(kept.benefit_kind, ibis.literal("")),
        event_at=ibis.coalesce(kept.submitted_at, kept.handled_at, kept.paid_at),
    ).distinct()


def _tenants(tables: Tables, params: Params) -> ir.Table:
    """Return who is registered where: patient_id, door, decade of birth, home, employer."""
    import ibis

    p = tables["patients"]
    door = p.address.replace(" ", "")
    decade = ibis.coalesce(floor_divide(p.birth_date.year().cast("int64"), 10), ibis.literal(0))
    home = ibis.coalesce(p.household_id.nullif(""), p.patient_id)
    known = p.select("patient_id", door=door, decade=decade, home=home, employer=p.employer.nullif(""))
    return known.filter(known.door.notnull() & (known.door.length() >= params.address_characters))


def _met(tables: Tables, params: Params) -> ir.Table:  # noqa: ARG001 - the signature of a step
    """Return the claims with the door, age and employer of the claimant."""
    own = tables["own"]
    met = own.inner_join(tables["tenants"], "patient_id")
    return met.select(*own.columns, "door", "decade", "employer")


def _doors(tables: Tables, params: Params) -> ir.Table:
    """Return the doors with enough claimants for one benefit, with what the null needs to know of them."""
    met, tenants = tables["met"], tables["tenants"]
    count = met.group_by("door", "kind").aggregate(m_claimants=met.patient_id.nunique())
    chosen = last_rows(count.filter(count.m_claimants >= params.people), ["door"], ["m_claimants", "kind"])
    size = tenants.group_by("door").aggregate(m_tenants=tenants.count(), homes=tenants.home.nunique())
    found = chosen.inner_join(size.select("door", "m_tenants"), "door")
    found = found.inner_join(_expected(met, tenants, chosen), "door")
    # a door with one large family is no test: nobody there could be found
    many = size.filter(size.homes >= params.people).aggregate(m_doors=lambda t: t.count())
    return found.cross_join(many).cross_join(tables["own"].aggregate(m_kinds=lambda t: t.kind.nunique()))


def _expected(met: ir.Table, tenants: ir.Table, chosen: ir.Table) -> ir.Table:
    """Return, per chosen door, how many of its people would claim that benefit at the rate of their age elsewhere."""
    import ibis

    elsewhere = tenants.anti_join(chosen, "door")
    size = elsewhere.group_by("decade").aggregate(n=elsewhere.count())
    others = met.anti_join(chosen, "door")
    cases = others.group_by("kind", "decade").aggregate(b=others.patient_id.nunique())
    here = tenants.inner_join(chosen.select("door", "kind"), "door")
    cell = here.group_by("door", "kind", "decade").aggregate(n_here=here.count())
    cell = cell.left_join(size, "decade").drop("decade_right")
    cell = cell.left_join(cases, ["kind", "decade"]).drop("kind_right", "decade_right")
    b, n = ibis.coalesce(cell.b, ibis.literal(0)), ibis.coalesce(cell.n, ibis.literal(0))
    chance = (b.cast("float64") + 0.5) / (n.cast("float64") + 1.0)
    cell = cell.mutate(part=chance * cell.n_here.cast("float64"))
    whole = others.group_by("kind").aggregate(m_rest_claimants=others.patient_id.nunique())
    whole = chosen.select("door", "kind").left_join(whole, "kind").drop("kind_right")
    whole = whole.select("door", m_rest_claimants=ibis.coalesce(whole.m_rest_claimants, ibis.literal(0)))
    found = cell.group_by("door").aggregate(m_expected=cell.part.sum().round(9)).inner_join(whole, "door")
    return found.cross_join(elsewhere.aggregate(m_rest=elsewhere.count()))


def confirm(group: Group, params: Params) -> Verdict | None:
    """Confirm a door whose unrelated tenants claim far oftener than others of their age, and are no one's staff."""
    people = group.rows.drop_duplicates("subject_id")
    k = group.n_units()
    if k < params.people or _staff(people, params):
        return None
    anomaly = _excess(people.iloc[0], k, params)
    return None if anomaly is None else Verdict(group.members, (anomaly,), None, (("address", group.group_id, "home"),))


def _staff(people: pd.DataFrame, params: Params) -> bool:
    """Say whether the claimants are the staff of one employer: its dormitory."""
    known = people["m_employer"].dropna()
    return len(known) > 0 and int(known.value_counts().max()) >= params.together_share * len(people)


def _excess(facts: pd.Series[float], k: int, params: Params) -> Anomaly | None:
    """Test how many of those registered at the door claim.

    Notes
    -----
    The chances differ by age; the binomial tail at their mean is at least that of the sum (W. Hoeffding 1956). People
    are counted as tenants, but as claimants only once per unit. Every door of so many homes is a test for every
    benefit.
    """
    n, expected = max(k, int(facts["m_tenants"])), float(facts["m_expected"])
    if k < params.rate_factor * expected:
        return None
    tail = float(log10_binomial_tail(k, n, min(1.0, expected / n)))
    n_tests = max(1, int(facts["m_doors"])) * max(1, int(facts["m_kinds"]))
    if log10_corrected(tail, n_tests) > params.surprise_log10_p:
        return None
    detail: dict[str, str | int | float] = {
        "n_units": k, "n_tenants": n, "expected": round(expected, 4), "n_rest": int(facts["m_rest"]),
        "n_rest_claimants": int(facts["m_rest_claimants"]), "n_doors": int(facts["m_doors"]), "hub_alone": 1,
    }
    return Anomaly(Family.ATTRIBUTE, "claims_at_one_door", tail, n_tests, detail)


TYPOLOGY = Typology(
    code="T25",
    slug="shared_door",
    title="疑似同一住址登记人员集中报销",
    grade=Grade.E2,
    requires={
        "reimbursements": frozenset({"reimbursement_id", "patient_id", "fund_amount"}),
        "patients": frozenset({"patient_id", "address"}),
    },
    optional={
        "patients": frozenset({"birth_date", "employer", "household_id"}),
        "reimbursements": frozenset(
            {
                "institution_id", "benefit_kind", "payee_account", "agent_id_number", "agent_phone", "submitted_at",
                "handled_at", "paid_at",
            }
        ),
    },
    steps=(("own", _own), ("tenants", _tenants), ("met", _met), ("doors", _doors)),
    detect=detect,
    confirm=confirm,
    grouping="hub",
    benign=("family", "care_home"),
    provisions=("医疗保障基金使用监督管理条例 第四十条、第四十一条", "社会保险法 第八十八条"),
    clears=("集体户、宿舍或安置房的登记证明", "本人实际居住与参保关系证明", "就诊医院对票据与病历的书面确认"),
    records=("户籍与居住登记", "参保登记经办材料", "票据原件与住院病历首页", "房屋产权与租赁信息"),
    sentences={
        "claim_from_door": "登记于同一住址的人员自行办理的零星报销",
        "claims_at_one_door": (
            "登记于该住址的 {n_tenants} 人中有 {n_units} 户各自办理同一待遇的零星报销，"
            "按同龄人的频率预期 {expected} 人；"
            "其他住址 {n_rest} 人中有 {n_rest_claimants} 人（{n_doors} 个多人住址中检验）"
        ),
    },
    params=Params(),
    minimum_subjects=5,
)
