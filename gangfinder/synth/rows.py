"""Settlement rows from conduct and bills, with refunds, duplicates and mid-stay bills."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from gangfinder.synth.catalogue import DEPARTMENTS, DIAGNOSES, VISIT_TYPES, Kind
from gangfinder.synth.columns import instants, money, pick_from
from gangfinder.synth.events import DAY, LEAVING, NONE, Events
from gangfinder.synth.idents import opaque
from gangfinder.synth.names import Names
from gangfinder.synth.people import AREAS
from gangfinder.synth.settle import Bills
from gangfinder.synth.streams import Flags, Ints
from gangfinder.synth.world import World

_REFUND_SHARE = 0.006
_DUPLICATE_SHARE = 0.0005
_LONG_STAY_NIGHTS = 12


@dataclass(frozen=True, slots=True)
class Rows:
    """Which event each settlement row tells of, and how.

    Parameters
    ----------
    event
        Position of the event.
    half
        0 the whole bill, 1 the mid-stay bill, 2 the rest.
    refund_of
        Row that is refunded, -1 for none.
    refunded
        Whether a later row refunds this one.
    twice
        Whether the very same row was uploaded once more.
    """

    event: Ints
    half: Ints
    refund_of: Ints
    refunded: Flags
    twice: Flags

    def __len__(self) -> int:
        return len(self.event)


def make_rows(world: World, events: Events) -> Rows:
    """Decide which events give more than one row."""
    rng = world.streams.rng("rows")
    count = len(events)
    nights = (events["at"] - events["admitted"]) // DAY
    long_stay = (events["kind"] == Kind.STAY) & (nights >= _LONG_STAY_NIGHTS) & (rng.random(count) < 0.12)
    refunded = (events["kind"] != Kind.STAY) & ((rng.random(count) < _REFUND_SHARE) | events["undone"])
    again, back = np.flatnonzero(long_stay), np.flatnonzero(refunded)
    event = np.concatenate([np.arange(count), again, back])
    half = np.concatenate([np.where(long_stay, 2, 0), np.ones(len(again), np.int64), np.zeros(len(back), np.int64)])
    refund_of = np.concatenate([np.full(count + len(again), NONE), back])
    flags = np.concatenate([refunded, np.zeros(len(again) + len(back), dtype=bool)])
    return Rows(event, half, refund_of, flags, rng.random(len(event)) < _DUPLICATE_SHARE)


def _amounts(rows: Rows, cents: Ints) -> Ints:
    """Return the cents of each row: halves of long stays, negative for refunds."""
    whole = cents[rows.event]
    first = whole * 2 // 5
    value = np.select([rows.half == 1, rows.half == 2], [first, whole - first], whole)
    return np.where(rows.refund_of != NONE, -value, value)


def settlement_columns(
    world: World, names: Names, events: Events, bills: Bills, rows: Rows, beds: Ints, ids: pa.Array
) -> Iterator[dict[str, pa.Array]]:
    """Write the columns of the settlements group by group, one value for each row of ``rows``, in its order.

    Parameters
    ----------
    world, names, events, bills, rows
        The town and its rows.
    beds
        Bed of each event.
    ids
        ``settlement_id`` of each row.
    """
    rng = world.streams.rng("settlements")
    key = int(rng.integers(1, 2**62))
    e = rows.event
    yield {"settlement_id": ids, "reversed_settlement_id": pick_from(ids, rows.refund_of)}
    yield _who(world, names, events, bills, rows, key)
    yield _when(world, rng, events, bills, rows)
    yield _money(bills, rows, events)
    yield _contacts(world, names, rng, events, e)
    yield {"bed_id": pick_from([str(i) for i in range(2000)], beds[e])}


def _who(world: World, names: Names, events: Events, bills: Bills, rows: Rows, key: int) -> dict[str, pa.Array]:
    """Return identifiers and codes; a house that leaves a column out leaves it out for all."""
    e, places = rows.event, world.places
    where, who, kind = events["place"][e], events["patient"][e].astype(np.int64), events["kind"][e]
    terminal = bills.terminal[e].astype(np.int64)
    # the device that took over stands behind the first ones in the list of names
    terminal += np.where(events["at"][e] // DAY >= places.replaced_on[terminal], len(places.terminal_place), 0)
    rng = world.streams.rng("codes")
    stay = kind == Kind.STAY
    count = len(e)
    credential = np.where(places.no_credential[where] | (rng.random(count) < 0.01), NONE, bills.credential[e])
    no_card = rng.random(count) < 0.04
    return {
        "patient_id": names.patients.take(pa.array(who)),
        "institution_id": names.places.take(pa.array(where)),
        "card_id": pick_from(names.cards, np.where(no_card, NONE, who)),
        "doctor_id": pick_from(names.doctors, np.where(rng.random(count) < 0.02, NONE, bills.doctor[e])),
        "terminal_id": pick_from(names.terminals, np.where(places.no_terminal[where], NONE, terminal)),
        "operator_id": pick_from(names.operators, np.where(places.no_operator[where], NONE, bills.operator[e])),
        "visit_id": opaque(len(events), key ^ 0x5A5A, "V").take(pa.array(e)),
        "visit_type": pick_from(VISIT_TYPES, kind),
        "department": pick_from(DEPARTMENTS, bills.ward[e]),
        "admission_way": pick_from(("1", "2", "9"), np.where(stay, rng.choice(3, count, p=[0.2, 0.75, 0.05]), NONE)),
        "discharge_way": pick_from(LEAVING, _leaving(rng, events["leaves"][e], stay)),
        "diagnosis_code": pick_from(DIAGNOSES, bills.diagnosis[e]),
        "credential_type": pick_from(("01", "02", "03"), credential),
        "invoice_no": opaque(count, key ^ 0xA5A5, "9900"),
        "area_code": pick_from(AREAS, world.people.area[who]),
    }


def _leaving(rng: np.random.Generator, given: Ints, stay: Flags) -> Ints:
    """Return how each stay ended: as conduct says, or mostly home."""
    drawn = rng.choice(np.array([0, 1, 3, 4]), len(stay), p=[0.9, 0.03, 0.05, 0.02])
    return np.where(stay, np.where(given != NONE, given, drawn), NONE)


def _when(world: World, rng: np.random.Generator, events: Events, bills: Bills, rows: Rows) -> dict[str, pa.Array]:
    e = rows.event
    at, admitted, settled = events["at"][e], events["admitted"][e], bills.settled[e]
    middle = (at + admitted) // 2 // DAY * DAY + 10 * 3600 + rng.integers(0, 20_000, len(e))
    mid_bill, refund = rows.half == 1, rows.refund_of != NONE
    delay = rng.choice(np.array([300, 1500, 5000, DAY, 2 * DAY]), len(e)) + rng.integers(0, 240, len(e))
    occurred = np.select([mid_bill, refund], [middle, at + delay], at)
    settled = np.select([mid_bill, refund], [middle + 20, np.maximum(settled, at + delay) + 5], settled)
    return {
        "settled_at": instants(settled),
        "occurred_at": instants(occurred, world.places.no_occurred[events["place"][e]]),
        "admitted_at": instants(admitted, admitted == NONE),
        "discharged_at": instants(at, (admitted == NONE) | mid_bill),
    }


def _money(bills: Bills, rows: Rows, events: Events) -> dict[str, pa.Array]:
    e = rows.event
    stay = events["kind"][e] == Kind.STAY
    out = {
        f"{name}_amount": money(_amounts(rows, getattr(bills, name)))
        for name in ("fund", "total", "pooled", "account", "cash")
    }
    out["catastrophic_amount"] = money(_amounts(rows, bills.catastrophic), ~stay)
    out["assistance_amount"] = money(_amounts(rows, bills.assistance), bills.assistance[e] == 0)
    out["mutual_aid_amount"] = money(_amounts(rows, bills.mutual), bills.mutual[e] == 0)
    out["account_balance"] = money(bills.balance[e], (bills.balance[e] < 0) | stay)
    out["cap_amount"] = money(bills.cap[e], bills.cap[e] < 0)
    out["reversed"] = pa.array(rows.refunded)
    return out


def _contacts(world: World, names: Names, rng: np.random.Generator, events: Events, e: Ints) -> dict[str, pa.Array]:
    """Return contact and agent: a relative, the patient, the switchboard, a placeholder, or nothing."""
    people, count = world.people, len(e)
    who = events["patient"][e].astype(np.int64)
    head = np.searchsorted(people.household, people.household[who], side="left")
    draw = rng.random(count)
    contact = np.where(draw < 0.45, head, who)
    switchboard = len(names.phones) - world.places.count + events["place"][e]
    contact = np.select([draw > 0.98, draw > 0.95], [np.full(count, -2), switchboard], contact)
    asked = np.where(events["kind"][e] == Kind.STAY, 0.87, 0.1)
    given = events["contact"][e]
    contact = np.where(rng.random(count) < asked, np.where(given != NONE, given, contact), NONE)
    agent = events["agent"][e].astype(np.int64)
    return {
        "contact_phone": names.phone_column(contact),
        "agent_id_number": pick_from(names.id_numbers, agent),
        "agent_phone": pick_from(names.phones, agent),
    }
