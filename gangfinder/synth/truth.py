"""What was planted, and what only looks like it: the file that detectors never read."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from gangfinder.synth.casting import Part
from gangfinder.synth.events import DAY, NONE, Claims, Events
from gangfinder.synth.names import Names
from gangfinder.synth.rows import Rows
from gangfinder.synth.settings import SYNTH_VERSION, TownSettings
from gangfinder.synth.settle import Bills
from gangfinder.synth.streams import Ints


@dataclass(frozen=True, slots=True)
class Group:
    """One planted ring or one look-alike.

    Parameters
    ----------
    group_id
        ``ring-…`` or ``alike-…``.
    kind
        Typology or look-alike kind.
    patients, institutions, doctors, agents, operators, terminals, bank_accounts
        Identifiers as they stand in the tables, sorted. Doctors, operators and terminals are those that
        carry at least a quarter of the rows; agents are patient identifiers.
    settlements, reimbursements
        Keys of its rows; empty for look-alikes.
    first_on, last_on
        ISO dates of its first and last row, empty when it has none.
    amount
        What the fund paid, in yuan, as text with two decimals.
    n_rows
        Number of its rows.
    """

    group_id: str
    kind: str
    patients: tuple[str, ...]
    institutions: tuple[str, ...]
    doctors: tuple[str, ...]
    agents: tuple[str, ...]
    operators: tuple[str, ...]
    terminals: tuple[str, ...]
    bank_accounts: tuple[str, ...]
    settlements: tuple[str, ...]
    reimbursements: tuple[str, ...]
    first_on: str
    last_on: str
    amount: str
    n_rows: int


@dataclass(frozen=True, slots=True)
class Truth:
    """All rings and look-alikes of a town."""

    settings: TownSettings
    rings: tuple[Group, ...]
    lookalikes: tuple[Group, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the contents of ``truth.json``."""
        rings = [_ring_json(group) for group in self.rings]
        alike = [
            {k: v for k, v in asdict(group).items() if k not in {"settlements", "reimbursements"}}
            for group in self.lookalikes
        ]
        counts: dict[str, int] = {}
        for group in self.lookalikes:
            counts[group.kind] = counts.get(group.kind, 0) + 1
        return {
            "version": SYNTH_VERSION,
            "settings": self.settings.to_json(),
            "rings": rings,
            "lookalikes": alike,
            "lookalike_counts": counts,
        }


def _ring_json(group: Group) -> dict[str, Any]:
    plain = asdict(group)
    keys = {"settlements": plain.pop("settlements"), "reimbursements": plain.pop("reimbursements")}
    return {"ring_id": plain.pop("group_id"), "typology": plain.pop("kind"), **plain, "source_keys": keys}


@dataclass(frozen=True, slots=True)
class Record:
    """The written rows that truth refers to.

    Parameters
    ----------
    names, events, bills, rows
        The town's settlements.
    settlement_ids
        By row.
    claims, claim_ids, claim_fund
        The town's claims, their keys and cents.
    """

    names: Names
    events: Events
    bills: Bills
    rows: Rows
    settlement_ids: pa.Array
    claims: Claims
    claim_ids: pa.Array
    claim_fund: Ints


def make_truth(settings: TownSettings, record: Record, lookalikes: list[Part], rings: list[Part]) -> Truth:
    """Describe every part by the rows that were written for it."""
    row_origin = record.events["origin"][record.rows.event]
    marked = np.flatnonzero(row_origin)  # the ordinary rows are most of them
    order = marked[np.argsort(row_origin[marked], kind="stable")]
    bounds = np.arange(-len(rings), len(lookalikes) + 2)
    low = np.searchsorted(row_origin[order].astype(np.int64), bounds)

    def rows_of(origin: int) -> Ints:
        place = origin + len(rings)
        return order[low[place] : low[place + 1]]

    return Truth(
        settings,
        tuple(
            _group(record, part, f"ring-{i + 1:03d}", -(i + 1), rows_of(-(i + 1)))
            for i, part in enumerate(rings)
        ),
        tuple(
            _group(record, part, f"alike-{i + 1:04d}", i + 1, rows_of(i + 1))
            for i, part in enumerate(lookalikes)
        ),
    )


def _ids(pool: pa.Array, index: Ints) -> tuple[str, ...]:
    wanted = np.unique(index[index >= 0]).astype(np.int64)
    return tuple(sorted(pool.take(pa.array(wanted)).to_pylist()))


def _frequent(values: Ints) -> Ints:
    found, counts = np.unique(values[values != NONE], return_counts=True)
    return np.asarray(found[counts >= 0.25 * max(len(values), 1)])


def _group(record: Record, part: Part, name: str, origin: int, rows: Ints) -> Group:
    names, bills = record.names, record.bills
    event = record.rows.event[rows]
    claim = np.flatnonzero(record.claims["origin"] == origin)
    seen = np.concatenate([record.events["patient"][event], record.claims["patient"][claim]]).astype(np.int64)
    people = seen if origin < 0 else np.concatenate([seen, part.people])
    places = np.concatenate([record.events["place"][event], record.claims["place"][claim]]).astype(np.int64)
    if origin > 0:
        places = np.concatenate([places, part.places])
    days = np.concatenate([record.events["at"][event] // DAY, record.claims["submitted"][claim]])
    sign = np.where(record.rows.refund_of[rows] != NONE, -1, 1)
    half = np.select([record.rows.half[rows] == 1, record.rows.half[rows] == 2], [0.4, 0.6], 1.0)
    cents = float((bills.fund[event] * sign * half).sum()) + float(record.claim_fund[claim].sum())
    keys = origin < 0
    return Group(
        group_id=name,
        kind=part.kind,
        patients=_ids(names.patients, people),
        institutions=_ids(names.places, places),
        doctors=_ids(names.doctors, _frequent(bills.doctor[event])),
        agents=_ids(names.patients, part.agents),
        operators=_ids(names.operators, _frequent(bills.operator[event])),
        terminals=_ids(names.terminals, _frequent(bills.terminal[event])),
        bank_accounts=tuple(sorted(names.account_column(part.accounts).to_pylist())),
        settlements=_ids(record.settlement_ids, rows) if keys else (),
        reimbursements=_ids(record.claim_ids, claim) if keys else (),
        first_on=_iso(int(days.min())) if len(days) else "",
        last_on=_iso(int(days.max())) if len(days) else "",
        amount=f"{cents / 100:.2f}",
        n_rows=len(rows) + len(claim),
    )


def _iso(day: int) -> str:
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()
