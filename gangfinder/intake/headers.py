"""What to say when a column is missing, without ever quoting a row."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gangfinder.errors import IntakeError, MissingColumn, nearest
from gangfinder.intake.opening import Opened
from gangfinder.model.tables import TableSpec

_DATA_LIKE = re.compile(r"\d{4}|^-?\d+(\.\d+)?$")


def looks_like_data(header: Sequence[str]) -> bool:
    """Tell whether a header is a data row: long digit runs and plain numbers are no column names."""
    return any(_DATA_LIKE.search(name) for name in header)


def shown(name: str) -> str:
    """Return a column name fit for a message: one line, not too long."""
    return repr("".join(ch if ch.isprintable() else "?" for ch in name)[:40])


def missing_columns(spec: TableSpec, part: Opened) -> IntakeError | None:
    """Return the error for a part that lacks required columns, or None.

    The message names the missing columns and the nearest found; the hint holds the profile lines.
    """
    match, header = part.match, list(part.relation.columns)
    constants = match.mapping.constants if match.mapping else {}
    missing = [c for c in spec.names if c in spec.required and c not in match.sources and c not in constants]
    if not missing:
        return None
    if not match.sources and looks_like_data(header):
        message = f"file {part.name!r} of table {spec.name!r} has no header row"
        return MissingColumn(message, hint="write the column names into its first line")
    free = {name.lower(): name for name in match.unknown}
    lines, details = [], []
    for column in missing:
        close = [free[n] for n in nearest(column, free)] or list(match.unknown)[:3]
        found = ", ".join(shown(n) for n in close) or "nothing that could be it"
        details.append(f"table {spec.name!r} lacks column {column!r}; found {found}")
        lines.append(f'{column} = "{shown(close[0])[1:-1] if close else "your_column"}"')
    listed = ", ".join(repr(c) for c in missing)
    plural = "s" if len(missing) > 1 else ""
    first_found = details[0].split("; ", 1)[1]
    message = f"table {spec.name!r} (file {part.name!r}) lacks column{plural} {listed}; {first_found}"
    hint = f"add under [{spec.name}] in a mapping profile (--profile): {'; '.join(lines)}"
    return MissingColumn(message, hint=hint, details=details)
