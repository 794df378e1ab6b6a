"""Arrow columns from plain arrays: money from cents, instants from seconds, names from pools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike

from gangfinder.model.tables import TABLES, Kind
from gangfinder.synth.streams import Flags, Ints

ARROW_TYPES = {
    Kind.ID: pa.string(),
    Kind.CODE: pa.string(),
    Kind.TEXT: pa.string(),
    Kind.INSTANT: pa.timestamp("us"),
    Kind.DATE: pa.date32(),
    Kind.MONEY: pa.decimal128(18, 2),
    Kind.NUMBER: pa.float64(),
    Kind.COUNT: pa.int64(),
    Kind.FLAG: pa.bool_(),
}
"""How each kind of column is written."""


def blank(column: pa.Array, empty: Flags) -> pa.Array:
    """Return the column with nulls where the mask is set."""
    return pc.if_else(pa.array(empty), pa.scalar(None, column.type), column)


def money(cents: Ints, empty: Flags | None = None) -> pa.Array:
    """Return decimals with two places from whole cents."""
    words = np.empty((len(cents), 2), dtype="<i8")
    words[:, 0] = cents
    words[:, 1] = cents >> 63  # the sign fills the upper half of a 128-bit integer
    column = pa.Array.from_buffers(pa.decimal128(18, 2), len(cents), [None, pa.py_buffer(words)])
    return column if empty is None else blank(column, empty)


def instants(seconds: Ints, empty: Flags | None = None) -> pa.Array:
    """Return timestamps from seconds since 1970."""
    column = pa.array(seconds.astype(np.int64) * 1_000_000).cast(pa.timestamp("us"))
    return column if empty is None else blank(column, empty)


def dates(days: Ints, empty: Flags | None = None) -> pa.Array:
    """Return dates from days since 1970."""
    column = pa.array(days.astype(np.int32)).cast(pa.date32())
    return column if empty is None else blank(column, empty)


def pick_from(pool: pa.Array | Sequence[str], index: Ints) -> pa.Array:
    """Return the pool's values at the given positions, null where the position is negative."""
    values = pool if isinstance(pool, pa.Array) else pa.array(list(pool), pa.string())
    positions = pa.array(np.maximum(index, 0), mask=np.asarray(index) < 0)
    return values.take(positions)


def joined(*parts: pa.Array | str) -> pa.Array:
    """Return texts put together row by row; plain words stand in every row."""
    return pc.binary_join_element_wise(*parts, "")


def words(values: ArrayLike) -> pa.Array:
    """Return numbers as text."""
    return pa.array(np.asarray(values)).cast(pa.string())


def as_table(name: str, columns: Mapping[str, Any]) -> pa.Table:
    """Return a canonical table: known columns only, in the model's order, with the model's types."""
    spec = TABLES[name]
    unknown = set(columns) - set(spec.names)
    if unknown:
        raise KeyError(*sorted(unknown))
    present = [column for column in spec.columns if column.name in columns]
    arrays = [_typed(columns[column.name], ARROW_TYPES[column.kind]) for column in present]
    return pa.table(arrays, names=[column.name for column in present])


def _typed(values: object, kind: pa.DataType) -> pa.Array:
    column = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values)
    return column if column.type == kind else column.cast(kind)
