"""What rings are cast from: people, houses and rows of the user's own data, drawn by the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from gangfinder.engine.portable import first_rows, last_rows, mode, stable_bucket
from gangfinder.linking.behaviour import behaviour, has_clock
from gangfinder.linking.projection import filled_columns

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from gangfinder.engine import Engine

ROWS_PER_HOUSE = 300
"""Rows drawn of one house: enough for its habits, little enough for memory."""

LEAST_ROWS, LEAST_DATES = 60, 12
"""A house whose own rows are fewer, or on fewer dates, gives a planted ring nothing to hide behind."""

LEAST_STAYS, LEAST_CLAIMS = 30, 20
"""The same for stays and for reimbursements."""

BATCH_SHARE = 0.5
"""A house posts in batches when it has fewer distinct instants than this share of its rows."""

_BUCKETS = 2**24

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class House:
    """A house and some of its own rows.

    Parameters
    ----------
    house_id
        Its id.
    area
        The insured area of most of its patients, empty where unknown.
    rows
        Standing settlements (or claims) of it, ordered by key: the templates of planted rows.
    batch
        Whether it posts many rows at one instant.
    """

    house_id: str
    area: str
    rows: tuple[Record, ...]
    batch: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """A patient of the data: where he is insured, and his latest row."""

    patient_id: str
    household: str
    area: str
    latest: Record


@dataclass(frozen=True, slots=True)
class Sample:
    """What rings are cast from.

    Parameters
    ----------
    available
        Table → columns with at least one value.
    clock
        Whether instants carry a time of day.
    settlements
        Settlements in the data.
    visited, admitting, claimed
        Houses with out-patient rows, with stays, and with reimbursements.
    people
        Patients, in an order that the seed decides.
    """

    available: Mapping[str, frozenset[str]]
    clock: bool
    settlements: int
    visited: tuple[House, ...]
    admitting: tuple[House, ...]
    claimed: tuple[House, ...]
    people: tuple[Person, ...]


def draw(engine: Engine, tables: Mapping[str, ir.Table], seed: int, n_houses: int, n_people: int) -> Sample:
    """Draw houses, their rows, and people; the same seed draws the same.

    Parameters
    ----------
    engine
        Where the tables are.
    tables
        Canonical tables.
    seed
        Root of random choices.
    n_houses
        Most houses of each sort.
    n_people
        Most people.
    """
    available = filled_columns(engine, tables)
    derived = behaviour(engine, tables)
    clock = has_clock(engine, derived["visits"])
    settlements = tables["settlements"]
    count = int(engine.fetch(settlements.aggregate(n=settlements.count()))["n"][0].as_py())
    visits, stays = derived["visits"], derived["stays"]
    visits, stays = visits.select("institution_id", "settlement_id", "area_code", "at"), _dated(stays, settlements)
    return Sample(
        available, clock, count,
        _houses(engine, visits, settlements, "settlement_id", seed, n_houses, LEAST_ROWS),
        _houses(engine, stays, settlements, "settlement_id", seed, n_houses, LEAST_STAYS),
        _claimed(engine, tables, available, seed, n_houses),
        _people(engine, tables, available, seed, n_people),
    )


def _dated(stays: ir.Table, settlements: ir.Table) -> ir.Table:
    import ibis

    area = settlements.area_code if "area_code" in settlements.columns else ibis.null().cast("string")
    areas = settlements.select("settlement_id", area_code=area)
    at = stays.admitted_on.cast("timestamp")
    return stays.select("institution_id", "settlement_id", at=at).inner_join(areas, "settlement_id")


def _claimed(
    engine: Engine, tables: Mapping[str, ir.Table], available: Mapping[str, frozenset[str]], seed: int, n: int
) -> tuple[House, ...]:
    if not {"payee_account", "institution_id"} <= available.get("reimbursements", frozenset()):
        return ()
    import ibis

    claims = tables["reimbursements"]
    instants = [claims[c].cast("timestamp") for c in ("submitted_at", "paid_at", "invoice_on") if c in claims.columns]
    at = ibis.coalesce(*instants, ibis.null().cast("timestamp"))
    index = claims.filter(claims.institution_id.notnull() & at.notnull()).select(
        "institution_id", "reimbursement_id", area_code=ibis.null().cast("string"), at=at
    )
    return _houses(engine, index, claims, "reimbursement_id", seed, n, LEAST_CLAIMS)


def _houses(
    engine: Engine, index: ir.Table, source: ir.Table, key: str, seed: int, most: int, least: int
) -> tuple[House, ...]:
    """Return houses of ordinary size and a draw of their rows; ``index`` has institution_id, key, area_code, at."""
    import pyarrow as pa

    size = index.group_by("institution_id").aggregate(
        n=index.count(), n_at=index["at"].nunique(), n_on=index["at"].date().nunique()
    )
    size = size.filter((size.n >= least) & (size.n_on >= LEAST_DATES))
    found = sorted(engine.fetch(size).to_pylist(), key=lambda h: (h["n"], h["institution_id"]))
    # the busiest tenth are hospitals with crowds: no ring chooses to stand in their queues
    found = found[: max(3, len(found) - len(found) // 10)]
    chosen = _thinned(found, most)
    if not chosen:
        return ()
    names = pa.array([str(h["institution_id"]) for h in chosen], pa.string())
    here = engine.put("selftest_houses", pa.table({"institution_id": names}))
    own = index.semi_join(here, "institution_id")
    areas = engine.fetch(mode(own.filter(own.area_code.notnull()), ["institution_id"], "area_code")).to_pylist()
    area = {a["institution_id"]: a["area_code"] for a in areas}
    rows = _rows(engine, own, source, key, seed)
    return tuple(
        House(str(h["institution_id"]), area.get(h["institution_id"]) or "", tuple(rows[h["institution_id"]]),
              h["n_at"] < BATCH_SHARE * h["n"])
        for h in chosen if h["institution_id"] in rows
    )


def _thinned(found: Sequence[Record], most: int) -> list[Record]:
    """Return every n-th of the houses, so that small and large ones are among them."""
    step = max(1, -(-len(found) // most))
    return list(found[::step])


def _rows(engine: Engine, own: ir.Table, source: ir.Table, key: str, seed: int) -> dict[str, list[Record]]:
    import ibis

    text = ibis.literal(f"{seed}|").concat(own[key])
    ranked = own.mutate(place=ibis.row_number().over(
        ibis.window(group_by="institution_id", order_by=[stable_bucket(text, _BUCKETS), own[key]])
    ))
    drawn = engine.keep("selftest_rows", ranked.filter(ranked.place < ROWS_PER_HOUSE).select(key))
    rows: dict[str, list[Record]] = {}
    for row in sorted(engine.fetch(source.semi_join(drawn, key)).to_pylist(), key=lambda r: str(r[key])):
        rows.setdefault(row["institution_id"], []).append(row)
    return rows


def _people(
    engine: Engine, tables: Mapping[str, ir.Table], available: Mapping[str, frozenset[str]], seed: int, most: int
) -> tuple[Person, ...]:
    """Return patients with some rows of their own, in an order that only the seed decides."""
    import ibis

    settlements = tables["settlements"]
    size = settlements.group_by("patient_id").aggregate(n=settlements.count())
    size = size.filter(size.n >= 2)
    if "death_date" in available.get("patients", frozenset()):
        dead = tables["patients"].filter(tables["patients"].death_date.notnull())
        size = size.anti_join(dead, "patient_id")
    text = ibis.literal(f"{seed}|").concat(size.patient_id)
    drawn = size.mutate(bucket=stable_bucket(text, _BUCKETS)).order_by(["bucket", "patient_id"]).limit(most)
    chosen = engine.keep("selftest_people", drawn.select("patient_id", "bucket"))
    order = {p["patient_id"]: (p["bucket"], p["patient_id"]) for p in engine.fetch(chosen).to_pylist()}
    latest = last_rows(settlements.semi_join(chosen, "patient_id"), ["patient_id"], ["settled_at", "settlement_id"])
    homes = _homes(engine, tables, available, chosen)
    found = [
        Person(r["patient_id"], homes.get(r["patient_id"]) or r["patient_id"], r.get("area_code") or "", r)
        for r in engine.fetch(latest).to_pylist()
    ]
    return tuple(sorted(found, key=lambda p: order[p.patient_id]))


def _homes(
    engine: Engine, tables: Mapping[str, ir.Table], available: Mapping[str, frozenset[str]], chosen: ir.Table
) -> dict[str, str]:
    if "household_id" not in available.get("patients", frozenset()):
        return {}
    patients = tables["patients"]
    own = first_rows(patients.semi_join(chosen, "patient_id"), ["patient_id"], ["household_id"])
    return {p["patient_id"]: p["household_id"] for p in engine.fetch(own).to_pylist()}


def instant_of(row: Record) -> datetime:
    """Return when a settlement happened."""
    at = row.get("occurred_at") or row["settled_at"]
    assert isinstance(at, datetime)  # noqa: S101 - required column
    return at


def days_of(rows: Sequence[Record]) -> list[date]:
    """Return the dates of rows, sorted, each once."""
    return sorted({instant_of(r).date() for r in rows})
