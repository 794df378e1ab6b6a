"""The chain of entries: each bears the SHA-256 of itself and of the one before, so that none can be changed alone.

Whoever recomputes the whole chain, or cuts off its end, is found by what stands outside the file: the head of the chain
after each run in its ``run.json``, and after each write in ``REG.head`` beside the register.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from gangfinder.leads.register.entries import Entry, Payload, written
from gangfinder.leads.register.schema import history

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

START = "0" * 64
"""What the first entry names as the hash before it."""


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain: number and hash of its last entry."""

    seq: int
    hash: str


def digest(entry: Entry, payload: str, before: str) -> str:
    """Return the hash of an entry.

    Parameters
    ----------
    entry
        The entry.
    payload
        Its payload as stored.
    before
        Hash of the entry before.
    """
    content = canonical([entry.seq, entry.at, entry.who, entry.action, payload, before])
    return hashlib.sha256(content.encode("ascii")).hexdigest()


def canonical(value: Any) -> str:  # noqa: ANN401 - anything JSON can hold
    """Return a value as JSON with one form: keys sorted, no blanks, ASCII."""
    return json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"))


def head(connection: Connection) -> Head:
    """Return the end of the chain; number 0 for an empty one."""
    from sqlalchemy import select

    newest = select(history.c.seq, history.c.hash).order_by(history.c.seq.desc()).limit(1)
    found = connection.execute(newest).one_or_none()
    return Head(0, START) if found is None else Head(found.seq, found.hash)


def append(connection: Connection, who: str, action: str, payload: Payload) -> Head:
    """Add an entry to the chain and write what it says into the other tables, in the transaction that is open.

    Parameters
    ----------
    connection
        A transaction that holds the write lock.
    who
        User name.
    action, payload
        See :mod:`gangfinder.leads.register.entries`.
    """
    from sqlalchemy import insert

    last = head(connection)
    text = canonical(_sound(payload))
    at = datetime.now().astimezone().isoformat(timespec="seconds")
    entry = Entry(last.seq + 1, at, _sound(who), action, json.loads(text))
    own = digest(entry, text, last.hash)
    values = {"seq": entry.seq, "at": at, "who": entry.who, "action": action, "payload": text}
    connection.execute(insert(history).values(**values, prev_hash=last.hash, hash=own))
    for table, rows in written(entry):
        if rows:
            connection.execute(insert(table), rows)
    return Head(entry.seq, own)


def _sound(value: Any) -> Any:  # noqa: ANN401 - plain JSON
    """Return plain values in which every text can be stored: a lone surrogate becomes its escape."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {name: _sound(one) for name, one in value.items()}
    return [_sound(one) for one in value] if isinstance(value, list | tuple) else value


def entries(connection: Connection) -> Iterator[tuple[Row[Any], Entry | None]]:
    """Yield the rows of the history in order, each with the entry that it holds, or ``None`` if it cannot be read."""
    from sqlalchemy import select

    for row in connection.execute(select(history).order_by(history.c.seq)):
        try:
            yield row, Entry(row.seq, row.at, row.who, row.action, json.loads(row.payload))
        except (ValueError, TypeError):
            yield row, None


__all__ = ["START", "Head", "append", "canonical", "digest", "entries", "head"]
