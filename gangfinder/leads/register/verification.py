"""Is a register what its history says? Every finding names the history entry, and no value of a row."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gangfinder.errors import GangfinderError, RegisterChanged
from gangfinder.leads.register.entries import Entry, written
from gangfinder.leads.register.history import START, Head, digest, entries
from gangfinder.leads.register.opening import Register, head_file, open_register, read_anchor
from gangfinder.leads.register.schema import PROJECTED, metadata

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

ANCHOR = "register"
"""Key of ``run.json`` under which the head of the open register stands."""

_TOLD = 20


@dataclass(frozen=True, slots=True)
class Verified:
    """What was verified: the end of the history, and how many heads outside of it agree."""

    head: Head
    n_anchors: int


def verify(path: Path, outs: Iterable[Path] = ()) -> Verified:
    """Check a register: the file, the chain, every table against the history, and the heads that stand outside.

    Parameters
    ----------
    path
        The register.
    outs
        Result folders whose ``run.json`` files name its head.

    Raises
    ------
    RegisterChanged
        If something does not agree; all findings are in the details.
    RegisterError
        If it is no register at all.
    """
    register = open_register(path, readable=True)
    with register.reading() as connection:
        problems = list(_file(connection))
        chain: dict[int, str] = {}
        if not problems:
            problems += _chain(connection, chain)
            problems += _guards(connection)
    anchors = dict(_anchors(register, outs, problems))
    problems += _outside(chain, anchors) if chain else ()
    if problems:
        msg = f"the register {path} is not what its history says"
        more = [f"… and {len(problems) - _TOLD} more"] if len(problems) > _TOLD else []
        hint = "keep the file as it is, and take the newest copy that gangfinder verify finds sound"
        raise RegisterChanged(msg, hint=hint, details=[*problems[:_TOLD], *more])
    last = max(chain, default=0)
    return Verified(Head(last, chain.get(last, START)), len(anchors))


def _file(connection: Connection) -> Iterator[str]:
    for line in connection.exec_driver_sql("PRAGMA integrity_check(5)").scalars():
        if line != "ok":
            yield f"file: {line}"
    for row in connection.exec_driver_sql("PRAGMA foreign_key_check"):
        yield f"table '{row[0]}': a row names one of '{row[2]}' that does not exist"


def _chain(connection: Connection, chain: dict[int, str]) -> Iterator[str]:
    """Yield what is wrong with the entries and with what they wrote; fill ``chain`` with number → hash."""
    before, expected = START, 1
    totals: Counter[str] = Counter()
    for row, entry in entries(connection):
        if row.seq != expected:
            yield f"history: entry {expected} is missing"
        if row.prev_hash != before:
            yield f"history: entry {row.seq} does not follow the one before it"
        if entry is None or digest(entry, row.payload, row.prev_hash) != row.hash:
            yield f"history: entry {row.seq} was changed"
        chain[row.seq], before, expected = row.hash, row.hash, row.seq + 1
        if entry is not None:
            yield from _rows(connection, entry, totals)
    yield from _strangers(connection, totals)


def _rows(connection: Connection, entry: Entry, totals: Counter[str]) -> Iterator[str]:
    try:
        expected = {table.name: rows for table, rows in written(entry)}
    except (KeyError, TypeError, ValueError, AttributeError):
        yield f"history: entry {entry.seq} says nothing that can be read"
        return
    for table in PROJECTED:
        wanted = Counter(_plain(table, row) for row in expected.get(table.name, ()))
        stored = connection.execute(table.select().where(table.c.seq == entry.seq))
        found = Counter(_plain(table, row._mapping) for row in stored)  # noqa: SLF001 - the public name of a row's mapping
        totals[table.name] += sum(found.values())
        if wanted != found:
            lost, more = sum((wanted - found).values()), sum((found - wanted).values())
            yield f"table '{table.name}': {lost} rows of entry {entry.seq} are missing or changed, {more} are not of it"


def _plain(table: Table, row: Mapping[Any, Any]) -> tuple[Any, ...]:
    return tuple(row.get(c.name) for c in table.c)


def _strangers(connection: Connection, totals: Counter[str]) -> Iterator[str]:
    from sqlalchemy import func, select

    for table in PROJECTED:
        n = connection.execute(select(func.count()).select_from(table)).scalar_one()
        if n != totals[table.name]:
            yield f"table '{table.name}': {n - totals[table.name]} rows are of no entry"


def _guards(connection: Connection) -> Iterator[str]:
    """Yield the tables that could be changed: somebody took away what forbids it."""
    sql = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    there = set(connection.exec_driver_sql(sql).scalars())
    for name in sorted(metadata.tables):
        if not {f"{name}_no_update", f"{name}_no_delete"} <= there:
            yield f"table '{name}': it could be changed, because what forbids it was taken away"


def _anchors(register: Register, outs: Iterable[Path], problems: list[str]) -> Iterator[tuple[str, Head]]:
    try:
        beside = read_anchor(register.path)
        if beside is not None:
            yield head_file(register.path).name, beside
        else:
            problems.append(f"{head_file(register.path).name} is missing")
    except ValueError:
        problems.append(f"{head_file(register.path).name} cannot be read")
    for out in outs:
        yield from _of_runs(out)


def _of_runs(out: Path) -> Iterator[tuple[str, Head]]:
    files = sorted({*out.glob("runs/*/run.json"), *(f.resolve() for f in out.glob("run.json"))})
    if not files:
        msg = f"{out} holds no finished run"
        raise GangfinderError(msg, hint="give a folder that was --out of gangfinder run")
    for file in files:
        plain = json.loads(file.read_text(encoding="utf-8")).get(ANCHOR)
        if plain:
            yield f"{file.parent.name}/run.json", Head(int(plain["seq"]), str(plain["hash"]))


def _outside(chain: Mapping[int, str], anchors: Mapping[str, Head]) -> Iterator[str]:
    for name, known in sorted(anchors.items()):
        if known.seq not in chain and known.seq > max(chain):
            yield f"history: it ends at entry {max(chain)}, but {name} knows entry {known.seq}"
        elif known.seq and chain.get(known.seq) != known.hash:
            yield f"history: entry {known.seq} is another one than {name} knows"


__all__ = ["ANCHOR", "Verified", "verify"]
