"""Stray quotes in text tables.

A quote that opens a field and never closes makes every standard parser swallow the rows behind it. When that
happens the file is read once more line by line: a line whose quotes do not balance is set aside alone, unless
the lines below complete it to a record of the right width (a line break inside a quoted field).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TextIO

from gangfinder.intake.sources import Relation, scan_csv
from gangfinder.intake.text import BadLine, open_stream

_LONGEST_RECORD = 50  # lines


def _record_pattern(delimiter: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    d = re.escape(delimiter)
    field = rf'(?:"(?:[^"]|"")*"|[^"{d}][^{d}]*|)'
    return re.compile(rf"{field}(?:{d}{field})*"), re.compile(rf"{field}(?:{d}|$)")


class _Balancer:
    """Copies a text table, leaving out lines whose quotes do not balance."""

    def __init__(self, stream: TextIO, delimiter: str, width: int) -> None:
        self._stream, self._delimiter, self._width = stream, delimiter, width
        self._record, self._field = _record_pattern(delimiter)
        self._ahead: list[str] = []

    def _next(self) -> str | None:
        return self._ahead.pop(0) if self._ahead else next(self._stream, None)

    def _whole(self, record: str) -> bool:
        return self._record.fullmatch(record) is not None

    def _wide(self, record: str) -> bool:
        fields = 1 + sum(1 for m in self._field.finditer(record) if m.group().endswith(self._delimiter))
        return fields == self._width

    def _completed(self, line: str) -> str | None:
        """Return the line with the lines below that complete it, or None and leave them unread."""
        self._ahead += islice(self._stream, max(0, _LONGEST_RECORD - len(self._ahead)))
        record = line
        for count, more in enumerate(self._ahead, start=1):
            record = f"{record}\n{more.rstrip(chr(10))}"
            if self._whole(record.rstrip("\r")):
                if not self._wide(record.rstrip("\r")):
                    return None
                del self._ahead[:count]
                return record
        return None

    def lines(self) -> Iterator[tuple[str, bool]]:
        """Yield each record, and whether its quotes balance."""
        while (raw := self._next()) is not None:
            line = raw.rstrip("\n")
            if '"' not in line or self._whole(line.rstrip("\r")):
                yield line, True
                continue
            record = self._completed(line)
            yield (line, False) if record is None else (record, True)


def balanced(relation: Relation, scratch: Path | None) -> Relation:
    """Return the relation over a copy of its text without the lines whose quotes do not balance.

    Parameters
    ----------
    relation
        A text relation.
    scratch
        Folder for the copy.
    """
    if relation.path is None or scratch is None:
        return relation
    target = scratch / f"{len(list(scratch.iterdir()))}.csv"
    bad: list[BadLine] = []
    number = 1
    with open_stream(relation.path) as stream, target.open("w", encoding="utf-8", newline="") as out:
        for record, good in _Balancer(stream, relation.delimiter, len(relation.columns)).lines():
            if good:
                out.write(record + "\n")
            else:  # an empty line keeps the count
                bad.append(BadLine(number, record, "broken_quotes"))
                out.write("\n")
            number += record.count("\n") + 1
    scan = scan_csv(target, list(relation.columns), relation.delimiter)
    return replace(relation, sql=scan, path=target, bad_lines=(*relation.bad_lines, *bad))
