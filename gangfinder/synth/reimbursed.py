"""Reimbursement rows from claims."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from gangfinder.synth.catalogue import PlaceKind
from gangfinder.synth.columns import as_table, dates, instants, joined, money, pick_from, words
from gangfinder.synth.events import COMMON, DAY, NONE, Claims
from gangfinder.synth.idents import opaque
from gangfinder.synth.names import Names, person_names
from gangfinder.synth.people import EMPLOYEE
from gangfinder.synth.streams import Ints
from gangfinder.synth.world import World

BENEFITS = ("inpatient", "maternity", "special_drug", "catastrophic", "assistance", "commercial", "outpatient")
"""``benefit_kind`` of each kind of claim."""

INPATIENT, MATERNITY, SPECIAL_DRUG, CATASTROPHIC, ASSISTANCE, COMMERCIAL, OUTPATIENT = range(7)


def reimbursements(world: World, names: Names, claims: Claims) -> tuple[pa.Table, Ints]:
    """Write one row for each claim, in order.

    Returns
    -------
    tuple
        The table and the fund's share of each claim in cents.
    """
    rng = world.streams.rng("reimbursements")
    count, who = len(claims), claims["patient"].astype(np.int64)
    total = np.round(claims["total"] * 100).astype(np.int64)
    share = np.where(world.people.insured[who] == EMPLOYEE, 0.72, 0.52) * rng.uniform(0.9, 1.0, count)
    fund = np.round(np.maximum(total - 80_000, total // 4) * share).astype(np.int64)
    given = np.round(np.nan_to_num(claims["fund"]) * 100).astype(np.int64)
    fund = np.where(np.isnan(claims["fund"]), fund, given)
    places = claims["place"].astype(np.int64)
    far = (world.places.kind == PlaceKind.REMOTE).astype(np.int64)
    titles = joined(pick_from(("测试医院", "测试外地医院"), far), words(np.arange(world.places.count)))
    columns = {
        "reimbursement_id": opaque(count, int(rng.integers(1, 2**62)), "R"),
        "patient_id": names.patients.take(pa.array(who)),
        "fund_amount": money(fund),
        "total_amount": money(np.where(fund < 0, -total, total)),
        "benefit_kind": pick_from(BENEFITS, claims["benefit"].astype(np.int64)),
        "invoice_no": _invoices(claims),
        "institution_id": pick_from(names.places, places),
        "invoice_on": dates(claims["admitted"] + claims["nights"]),
        "institution_name": titles.take(pa.array(places)),
        **_days(rng, claims),
        **_payee(world, names, rng, claims),
        **_handling(names, rng, claims),
    }
    return as_table("reimbursements", columns), fund


def _invoices(claims: Claims) -> pa.Array:
    series = words(10 + claims["place"] % 89)
    return joined(series, words(10_000_000 + claims["invoice"]))


def _days(rng: np.random.Generator, claims: Claims) -> dict[str, pa.Array]:
    count = len(claims)
    admitted = claims["admitted"] * DAY + rng.integers(8 * 3600, 17 * 3600, count)
    left = (claims["admitted"] + claims["nights"]) * DAY + rng.integers(8 * 3600, 17 * 3600, count)
    return {"admitted_at": instants(admitted), "discharged_at": instants(np.maximum(left, admitted + 3600))}


def _payee(world: World, names: Names, rng: np.random.Generator, claims: Claims) -> dict[str, pa.Array]:
    """Return whom the money goes to and who hands the claim in."""
    agent = claims["agent"].astype(np.int64)
    count = len(claims)
    pool = person_names(world.streams.shared("patients"), world.people.count)
    holder = np.where(claims["account"] < COMMON, claims["account"], claims["patient"])
    shown = np.where(rng.random(count) < 0.05, NONE, agent)
    return {
        "payee_account": names.account_column(claims["account"]),
        "payee_name": pool.take(pa.array(holder)),
        "agent_name": pick_from(pool, agent),
        "agent_id_number": pick_from(names.id_numbers, shown),
        "agent_phone": pick_from(names.phones, agent),
    }


def _handling(names: Names, rng: np.random.Generator, claims: Claims) -> dict[str, pa.Array]:
    """Return the way through the office: received, handled, reviewed, paid."""
    count, staff = len(claims), np.arange(len(names.staff))
    handlers, reviewers = staff[staff % 3 != 2], staff[staff % 3 == 2]
    handler = np.where(
        claims["handler"] != NONE, claims["handler"] % len(handlers), rng.integers(0, len(handlers), count)
    )
    submitted = claims["submitted"] * DAY + rng.integers(8 * 3600 + 1800, 17 * 3600, count)
    hours = rng.integers(8 * 3600 + 1800, 17 * 3600, (3, count))
    handled = (claims["submitted"] + rng.integers(1, 6, count)) * DAY + hours[0]
    reviewed = handled // DAY * DAY + rng.integers(1, 9, count) * DAY + hours[1]
    paid = reviewed // DAY * DAY + rng.integers(1, 15, count) * DAY + hours[2]
    return {
        "submitted_at": instants(submitted),
        "handled_at": instants(handled),
        "reviewed_at": instants(reviewed),
        "paid_at": instants(paid),
        "decision": pick_from(("approved",), np.zeros(count, np.int64)),
        "handler_id": names.staff.take(pa.array(handlers[handler])),
        "reviewer_id": names.staff.take(pa.array(rng.choice(reviewers, count))),
    }
