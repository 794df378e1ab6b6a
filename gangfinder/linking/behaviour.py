"""Visits and stays: the two readings of the settlements that every detector shares (DESIGN §4, decisions)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gangfinder.engine.portable import is_midnight
from gangfinder.linking.projection import project
from gangfinder.model.tables import INPATIENT_VISIT_TYPES, TABLES

if TYPE_CHECKING:
    from datetime import date

    import ibis.expr.types as ir

    from gangfinder.engine import Engine

VISIT_COLUMNS = (
    "settlement_id", "patient_id", "institution_id", "terminal_id", "operator_id", "doctor_id", "card_id",
    "visit_type", "diagnosis_code", "department", "credential_type", "area_code", "contact_phone",
    "mutual_aid_amount", "account_amount", "cash_amount", "total_amount",
)


def net_settlements(settlements: ir.Table) -> ir.Table:
    """Return the settlements that stand: refund rows and wholly refunded rows are out, partial refunds subtracted.

    Parameters
    ----------
    settlements
        With all canonical columns (nulls where the input has none).

    Returns
    -------
    ir.Table
        The same columns plus ``at`` (instant of the behaviour), ``on`` (its date), ``amount`` (fund money, yuan, net)
        and ``is_stay``.
    """
    import ibis

    s = settlements
    refunds = (
        s.filter(s.reversed_settlement_id.notnull())
        .group_by(refunded_id=s.reversed_settlement_id)
        .aggregate(refunded=s.fund_amount.sum().cast("decimal(18,2)"))
    )
    at = ibis.coalesce(s.occurred_at, s.settled_at)
    zero = ibis.literal("0").cast("decimal(18,2)")
    admitted, discharged = s.admitted_at.date(), s.discharged_at.date()
    s = s.mutate(
        at=at,
        on=at.date(),
        is_stay=ibis.coalesce(
            s.visit_type.isin(sorted(INPATIENT_VISIT_TYPES)) | (discharged > admitted), ibis.literal(value=False)
        ),
    )
    joined = s.left_join(refunds, s.settlement_id == refunds.refunded_id)
    amount = (joined.fund_amount + ibis.coalesce(joined.refunded, zero)).cast("decimal(18,2)")
    joined = joined.mutate(amount=amount)
    stands = (
        joined.reversed_settlement_id.isnull()
        & ~ibis.coalesce(joined.reversed, ibis.literal(value=False))
        & (joined.fund_amount >= zero)
        & (joined.refunded.isnull() | (joined.amount > zero))
    )
    return joined.filter(stands).drop("refunded_id", "refunded")


def visits(net: ir.Table) -> ir.Table:
    """Return visits without a stay: out-patient treatment and pharmacy sales, one row per settlement.

    Parameters
    ----------
    net
        What :func:`net_settlements` returns.

    Returns
    -------
    ir.Table
        :data:`VISIT_COLUMNS`, ``at``, ``on`` and ``amount``.
    """
    chosen = net.filter(~net.is_stay)
    return chosen.select(*VISIT_COLUMNS, "at", "on", "amount")


def stays(net: ir.Table) -> ir.Table:
    """Return stays, one row each: ``visit_id``, else patient, institution and day of admission.

    Parameters
    ----------
    net
        What :func:`net_settlements` returns.

    Returns
    -------
    ir.Table
        stay_id, patient_id, institution_id, settlement_id (the first bill), n_bills, admitted_on, discharged_on,
        settled_on, department, bed_id, doctor_id, diagnosis_code, visit_type, admission_way, discharge_way,
        contact_phone, agent_id_number, agent_phone, amount (fund, yuan), cash_amount, total_amount,
        assistance_amount.  Nights are ``[admitted_on, discharged_on)``.
    """
    import ibis

    own = net.filter(net.is_stay)
    begin = ibis.coalesce(own.admitted_at.date(), own.on)
    own = own.mutate(
        admitted_on=begin,
        discharged_on=ibis.coalesce(own.discharged_at.date(), own.on),
        stay_id=ibis.coalesce(
            own.visit_id, own.patient_id.concat("|", own.institution_id, "|", begin.cast("string"))
        ),
    )
    text = ("department", "bed_id", "doctor_id", "diagnosis_code", "visit_type", "admission_way", "discharge_way",
            "contact_phone", "agent_id_number", "agent_phone")
    money = ("amount", "cash_amount", "total_amount", "assistance_amount")
    return own.group_by("stay_id", "patient_id", "institution_id").aggregate(
        settlement_id=own.settlement_id.min(),
        n_bills=own.count(),
        admitted_on=own.admitted_on.min(),
        discharged_on=own.discharged_on.max(),
        settled_on=own.on.max(),
        **{name: own[name].min() for name in text},
        **{name: own[name].sum().cast("decimal(18,2)") for name in money},
    )


def visits_of_linked(visits: ir.Table, links: ir.Table, kinds: tuple[str, ...]) -> ir.Table:
    """Return, as evidence rows, all visits of patients who have a link of one of the kinds.

    Parameters
    ----------
    visits
        ``residual_visits``.
    links
        ``links``, columns of ``LINK_SCHEMA``.
    kinds
        Kinds of patient–patient links.

    Returns
    -------
    ir.Table
        ``EVIDENCE_SCHEMA`` plus m_terminal_id, m_operator_id, m_doctor_id, m_bill (the whole bill, in fen).
    """
    import ibis

    chosen = links.filter(links.kind.isin(kinds))
    people = chosen.select(patient_id="source_id").union(chosen.select(patient_id="target_id"), distinct=True)
    own = visits.semi_join(people, "patient_id")
    return own.select(
        group_id=ibis.null().cast("string"),
        subject_type=ibis.literal("patient"),
        subject_id=own.patient_id,
        institution_id=own.institution_id,
        source_table=ibis.literal("settlements"),
        source_key=own.settlement_id,
        event_at=own["at"],
        amount=own.amount,
        grade=ibis.literal("E2"),
        shows=ibis.literal("session"),
        m_terminal_id=own.terminal_id,
        m_operator_id=own.operator_id,
        m_doctor_id=own.doctor_id,
        m_bill=fen(own.total_amount),
    )


def fen(amount: ir.NumericValue) -> ir.IntegerValue:
    """Return an amount in yuan as a whole number of fen."""
    return (amount.cast("decimal(18,2)") * 100).cast("int64")


def behaviour(engine: Engine, canonical: Mapping[str, ir.Table]) -> dict[str, ir.Table]:
    """Keep the visits and stays that every detector reads."""
    whole = project(_WholeSettlements(), canonical, {})["settlements"]
    net = net_settlements(whole)  # not kept: each of the two reads its own columns of it
    return {"visits": engine.keep("visits", visits(net)), "stays": engine.keep("stays", stays(net))}


@dataclass(frozen=True, slots=True)
class _WholeSettlements:
    slug: str = "settlements"

    @property
    def requires(self) -> Mapping[str, frozenset[str]]:
        return {"settlements": TABLES["settlements"].required}

    @property
    def optional(self) -> Mapping[str, frozenset[str]]:
        return {"settlements": frozenset(TABLES["settlements"].names)}

    @property
    def uses(self) -> frozenset[str]:
        return frozenset()


def days_of(engine: Engine, settlements: ir.Table) -> tuple[date | None, date | None]:
    """Return the first and the last day of the data, ``None`` where there is none.

    Notes
    -----
    A day counts when more than one bill was settled on it, and more than one in 100,000 of all: a mistyped year is no
    day of the data.
    """
    days = settlements.filter(settlements.settled_at.notnull()).select(on=settlements.settled_at.date())
    found = engine.fetch(days.group_by("on").aggregate(n=days.count())).to_pylist()
    least = max(2.0, sum(row["n"] for row in found) / 100_000)
    real = [row["on"] for row in found if row["n"] >= least] or [row["on"] for row in found]
    return min(real, default=None), max(real, default=None)


def has_clock(engine: Engine, relation: ir.Table) -> bool:
    """Say whether the instants of visits carry a time of day: more than half are not midnight."""
    at = relation["at"]
    counts = relation.aggregate(n=relation.count(), zero=is_midnight(at).cast("int64").sum())
    facts = engine.fetch(counts).to_pylist()[0]
    return bool(facts["n"]) and 2 * int(facts["zero"] or 0) < int(facts["n"])
