"""What was planted, and what only looks like it: the file that detectors never read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from gangfinder.synth.batch import Batch
from gangfinder.synth.casting import Part
from gangfinder.synth.events import DAY, NONE, Claims
from gangfinder.synth.ledgers import Written
from gangfinder.synth.names import Names
from gangfinder.synth.settings import SYNTH_VERSION, TownSettings
from gangfinder.synth.streams import Ints
from gangfinder.synth.weekly.stories import Life

SUBJECTS = {"T13": "institution", "T20": "staff", "T21": "doctor", "T22": "institution"}
"""What a ring is made of, where it is not patients."""


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
        carry at least a quarter of the rows; agents are patient identifiers. A ring's institutions are its own
        sites: shops where its members buy as others do, or hospitals where they gave birth, are nobody's.
    settlements, reimbursements
        Keys of its rows; those of look-alikes stay out of the file.
    first_on, last_on
        ISO dates of its first and last row, empty when it has none.
    amount
        What the fund paid, in yuan, as text with two decimals.
    n_rows
        Number of its rows.
    subject_type
        What it is made of: the identifiers of that type are matched with a lead's core members.
    entries
        Keys of its rows in further tables.
    staff, offices
        Members of the fund's staff it is made of, and, of insiders, where they work.
    insiders
        Who of a ring's own side lent a hand from inside a house, as ``operator:<id>``.
    attached_to, style, ties
        Of insiders: the ring they help, how, and by what they can be known.
    life, cells
        Of a ring with a life over the weeks: what was planned for it, and the patients of each of its cells.
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
    subject_type: str = "patient"
    entries: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    staff: tuple[str, ...] = ()
    offices: tuple[str, ...] = ()
    insiders: tuple[str, ...] = ()
    attached_to: str = ""
    style: str = ""
    ties: tuple[str, ...] = ()
    life: Life | None = None
    cells: tuple[tuple[str, ...], ...] = ()


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
            {k: v for k, v in _plain(group).items() if k not in {"settlements", "reimbursements", "entries"}}
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


_OF_FEW = ("staff", "offices", "insiders", "attached_to", "style", "ties", "life", "cells")


def _plain(group: Group) -> dict[str, Any]:
    """Return a group as plain values; of staff and lives only where there is something to say."""
    return {name: value for name, value in asdict(group).items() if value or name not in _OF_FEW}


def _ring_json(group: Group) -> dict[str, Any]:
    plain = _plain(group)
    keys = {"settlements": plain.pop("settlements"), "reimbursements": plain.pop("reimbursements")}
    keys |= plain.pop("entries")
    return {"ring_id": plain.pop("group_id"), "typology": plain.pop("kind"), **plain, "source_keys": keys}


@dataclass(frozen=True, slots=True)
class Claimed:
    """The town's claims, their keys and what the fund paid, in cents."""

    claims: Claims
    ids: pa.Array
    fund: Ints


def make_truth(
    settings: TownSettings,
    names: Names,
    batches: Sequence[Batch],
    claimed: Claimed,
    ledgers: Mapping[str, Written],
    parts: tuple[list[Part], list[Part]],
) -> Truth:
    """Describe every part by the rows that were written for it.

    Parameters
    ----------
    settings, names
        The town.
    batches
        Honest and planted rows.
    claimed
        All claims.
    ledgers
        Rows of further tables.
    parts
        Look-alikes and rings.
    """
    alike = [
        _group(names, batches[0], claimed, ledgers, part, f"alike-{i + 1:04d}", i + 1, rows)
        for i, (part, rows) in enumerate(_with_rows(batches[0], parts[0], 1))
    ]
    rings = [
        _group(names, batches[1], claimed, ledgers, part, f"ring-{i + 1:03d}", -(i + 1), rows)
        for i, (part, rows) in enumerate(_with_rows(batches[1], parts[1], -1))
    ]
    return Truth(settings, tuple(rings), tuple(alike))


def _with_rows(batch: Batch, parts: Sequence[Part], sign: int) -> list[tuple[Part, Ints]]:
    """Return each part with the written rows that are its own."""
    origin = batch.events["origin"][batch.rows.event].astype(np.int64) * sign
    marked = np.flatnonzero((origin > 0) & batch.kept)
    order = marked[np.argsort(origin[marked], kind="stable")]
    bounds = np.searchsorted(origin[order], np.arange(1, len(parts) + 2))
    return [(part, order[bounds[i] : bounds[i + 1]]) for i, part in enumerate(parts)]


def _ids(pool: pa.Array, index: Ints) -> tuple[str, ...]:
    wanted = np.unique(index[index >= 0]).astype(np.int64)
    return tuple(sorted(pool.take(pa.array(wanted)).to_pylist()))


def _frequent(values: Ints) -> Ints:
    found, counts = np.unique(values[values != NONE], return_counts=True)
    return np.asarray(found[counts >= 0.25 * max(len(values), 1)])


def _group(
    names: Names, record: Batch, claimed: Claimed, ledgers: Mapping[str, Written], part: Part, name: str, origin: int,
    rows: Ints,
) -> Group:
    """Describe one part by its rows and claims."""
    bills, event = record.bills, record.rows.event[rows]
    claim = np.flatnonzero(claimed.claims["origin"] == origin)
    seen = np.concatenate([record.events["patient"][event], claimed.claims["patient"][claim]]).astype(np.int64)
    people = seen if origin < 0 and not part.more else np.concatenate([seen, part.people])
    places = np.concatenate([record.events["place"][event], claimed.claims["place"][claim]]).astype(np.int64)
    made_of = "staff" if len(part.staff) else SUBJECTS.get(part.kind, "patient")
    places = np.concatenate([places, part.places]) if origin > 0 else _own_houses(part, places, made_of)
    days = np.concatenate([record.events["at"][event] // DAY, claimed.claims["submitted"][claim]])
    sign = np.where(record.rows.refund_of[rows] != NONE, -1, 1)
    half = np.select([record.rows.half[rows] == 1, record.rows.half[rows] == 2], [0.4, 0.6], 1.0)
    cents = float((bills.fund[event] * sign * half).sum()) + float(claimed.fund[claim].sum())
    doctors = part.doctors if len(part.doctors) else _frequent(bills.doctor[event])
    return Group(
        group_id=name,
        kind=part.kind,
        patients=_ids(names.patients, people),
        institutions=_ids(names.places, places),
        doctors=_ids(names.doctors, doctors),
        agents=_ids(names.patients, part.agents),
        operators=_ids(names.operators, _frequent(bills.operator[event])),
        terminals=_ids(names.terminals, _frequent(bills.terminal[event])),
        bank_accounts=tuple(sorted(names.account_column(part.accounts).to_pylist())),
        settlements=_ids(record.settlement_ids, rows),
        reimbursements=_ids(claimed.ids, claim),
        first_on=_iso(int(days.min())) if len(days) else "",
        last_on=_iso(int(days.max())) if len(days) else "",
        amount=f"{cents / 100:.2f}",
        n_rows=len(rows) + len(claim),
        subject_type=made_of,
        entries=_entries(record, ledgers, origin, event),
        staff=_ids(names.staff, part.staff),
        life=part.life,
        cells=tuple(_ids(names.patients, cell) for cell in part.cells),
    )


def keys_at(one: Written, rows: Ints) -> tuple[str, ...]:
    """Return the keys of some rows of a ledger, sorted."""
    return tuple(sorted(set(one.table[one.key].take(pa.array(rows)).to_pylist())))


def _own_houses(part: Part, visited: Ints, made_of: str) -> Ints:
    """Return the houses that are the ring's own: not where its people went as everybody does, or gave birth."""
    used = part.places[np.isin(part.places, visited)]
    # a house that sells on what it did not buy has the second sales, which are its customers'
    return part.places if made_of == "institution" or not len(used) else used


def _entries(record: Batch, ledgers: Mapping[str, Written], origin: int, event: Ints) -> dict[str, tuple[str, ...]]:
    """Return the keys of a ring's rows in further tables."""
    found = {table: one.keys_of(origin) for table, one in ledgers.items()}
    found["prescriptions"] = _ids(record.scripts.ids, record.scripts.by_event(len(record.events))[event])
    return {table: own for table, own in found.items() if own}


def _iso(day: int) -> str:
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()
