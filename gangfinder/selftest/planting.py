"""Rings are cast, laid into private copies, and written as rows of the user's own shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from gangfinder.selftest.sample import LEAST_CLAIMS, House, Person, Record, Sample, instant_of
from gangfinder.selftest.styles import STYLES, Draft, Style, claimed_at

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from gangfinder.engine import Engine

SIZES = (4, 6, 8, 12, 20)
"""People of a planted ring."""

MOST_PLANTED = 0.02
"""Share of a copy's settlements that may be planted before another copy is made."""

MOST_COPIES = 4
"""Most copies: each costs a run."""

KEYS = {"settlements": "settlement_id", "reimbursements": "reimbursement_id"}

OWN = ("card_id", "area_code", "contact_phone", "credential_type")
"""Columns that go with the person: taken from his latest row."""

EMPTIED = (
    "visit_id", "bed_id", "prescription_id", "invoice_no", "account_balance", "agent_id_number", "agent_phone",
    "agent_name", "reversed", "reversed_settlement_id",
)
"""Columns of a template that would tie the planted row to the row it was drawn from."""


@dataclass(frozen=True, slots=True)
class Planted:
    """One ring: its style, its people, its rows."""

    name: str
    style: str
    size: int
    people: tuple[str, ...]
    rows: tuple[Draft, ...]


def cast(sample: Sample, rings_per_size: int, seed: int, taken: frozenset[str]) -> list[Planted]:
    """Cast the rings of every style that the data can show.

    Parameters
    ----------
    sample
        What they are cast from.
    rings_per_size
        Rings of each style and size.
    seed
        Root of random choices.
    taken
        Patients in leads of the untouched data: they are left alone.

    Returns
    -------
    list of Planted
        Fewer than asked for where there are not enough people; nobody is in two rings.
    """
    sample, free = _without(sample, taken), _strangers(sample.people, taken)
    made = []
    for place, style in enumerate(STYLES):
        if style.untestable(sample):
            continue
        for size in SIZES:
            for number in range(rings_per_size):
                rng = np.random.default_rng([seed, place, size, number])
                one = _ring(style, size, number, sample, free, rng)
                made += [one] if one else []
    return made


def _without(sample: Sample, taken: frozenset[str]) -> Sample:
    """Return the sample without rows of people in real leads: a ring cast from them would be a copy of theirs."""

    def honest(houses: Sequence[House]) -> tuple[House, ...]:
        left = [replace(h, rows=tuple(r for r in h.rows if r["patient_id"] not in taken)) for h in houses]
        return tuple(h for h in left if len(h.rows) >= LEAST_CLAIMS)

    return replace(
        sample, visited=honest(sample.visited), admitting=honest(sample.admitting), claimed=honest(sample.claimed)
    )


def _strangers(people: Sequence[Person], taken: frozenset[str]) -> list[Person]:
    """Return one person of each household, in the order drawn."""
    homes: dict[str, Person] = {}
    for one in people:
        if one.patient_id not in taken:
            homes.setdefault(one.household, one)
    return list(homes.values())


def _ring(
    style: Style, size: int, number: int, sample: Sample, free: list[Person], rng: np.random.Generator
) -> Planted | None:
    """Cast one ring, and take its people out of those who are free."""
    if len(free) < size:
        return None
    # those of one insured area, as far as there are enough: strangers from far away would be a style of their own
    near = [p for p in free if p.area == free[0].area]
    people = (near if len(near) >= size else free)[:size]
    rows = style.plant(sample, people, rng)
    if not rows:
        return None
    gone = {p.patient_id for p in people}
    free[:] = [p for p in free if p.patient_id not in gone]
    return Planted(f"{style.slug}-{size}-{number}", style.slug, size, tuple(sorted(gone)), tuple(rows))


def copies(rings: Sequence[Planted], settlements: int) -> list[list[Planted]]:
    """Spread the rings over as few copies as keep the planted share small; every copy has rings of every sort."""
    rows = sum(len(r.rows) for r in rings)
    n = min(MOST_COPIES, max(1, -(-rows // max(1, int(MOST_PLANTED * settlements)))))
    return [list(rings[k::n]) for k in range(n) if rings[k::n]]


def plant(engine: Engine, tables: Mapping[str, ir.Table], rings: Sequence[Planted], number: int) -> dict[str, ir.Table]:
    """Return the tables of a private copy: the user's own, with the rings' rows behind them.

    Parameters
    ----------
    engine
        Where the tables are; the copies live and die with it.
    tables
        Canonical tables.
    rings
        Rings of this copy.
    number
        Number of the copy, from 0; its tables replace those of the copy before.
    """
    drafts: dict[str, list[tuple[str, Draft]]] = {}
    for ring in rings:
        for row in ring.rows:
            own = drafts.setdefault(row.table, [])
            own.append((f"selftest-{number}-{len(own)}", row))
    made = dict(tables)
    for name, rows in sorted(drafts.items()):
        made[name] = _appended(engine, name, tables[name], [_row(name, key, draft) for key, draft in rows])
    if "items" in tables and "settlements" in drafts:
        baskets = list(_baskets(engine, tables["items"], drafts["settlements"]))
        made["items"] = _appended(engine, "items", tables["items"], baskets)
    return made


def _appended(engine: Engine, name: str, table: ir.Table, rows: Sequence[Record]) -> ir.Table:
    import pyarrow as pa

    if not rows:
        return table
    schema = table.schema().to_pyarrow()
    more = engine.put(f"selftest_new_{name}", pa.Table.from_pylist(rows, schema=schema))
    return engine.keep(f"selftest_{name}", table.union(more.select(*table.columns), distinct=False))


def _row(table: str, key: str, draft: Draft) -> Record:
    """Return a planted row: the template, moved in time, with the person's own columns and what makes the style."""
    template = draft.template
    was = _when(table, draft)
    row = {name: _moved(value, draft.at - was) for name, value in template.items()}
    row |= {name: None for name in EMPTIED if name in row}
    if table == "settlements":
        row |= {name: draft.person.latest.get(name) for name in OWN if name in row}
    row |= {name: value for name, value in draft.changes.items() if template.get(name) is not None}
    if "cash_amount" in draft.changes and template.get("cash_amount") and template.get("total_amount"):
        row["total_amount"] = template["total_amount"] - template["cash_amount"]
    return row | {KEYS[table]: key, "patient_id": draft.person.patient_id}


def _when(table: str, draft: Draft) -> datetime:
    if table == "reimbursements":
        return claimed_at(draft.template)
    if "cash_amount" in draft.changes:  # a stay is placed by its admission
        admitted: datetime = draft.template["admitted_at"]
        return admitted
    return instant_of(draft.template)


def _moved(value: Any, by: timedelta) -> Any:  # noqa: ANN401 - any cell
    """Return an instant or date moved in time, anything else as it is."""
    if isinstance(value, datetime):
        return value + by
    return value + timedelta(days=by.days) if isinstance(value, date) else value


def _baskets(engine: Engine, items: ir.Table, rows: Sequence[tuple[str, Draft]]) -> Iterator[Record]:
    """Yield the goods of the templates once more, without the codes that name one box."""
    import pyarrow as pa

    if "settlement_id" not in items.columns:
        return
    used = sorted({draft.template["settlement_id"] for _, draft in rows})
    wanted = engine.put("selftest_used", pa.table({"settlement_id": pa.array(used, pa.string())}))
    baskets: dict[str, list[Record]] = {}
    for line in engine.fetch(items.semi_join(wanted, "settlement_id")).to_pylist():
        baskets.setdefault(line["settlement_id"], []).append(line)
    for key, draft in rows:
        by = draft.at - _when("settlements", draft)
        for line in baskets.get(draft.template["settlement_id"], []):
            moved = {name: _moved(value, by) if name == "sold_at" else value for name, value in line.items()}
            yield moved | {"settlement_id": key} | ({"trace_code": None} if "trace_code" in line else {})


__all__ = ["MOST_PLANTED", "SIZES", "Planted", "cast", "copies", "plant"]
