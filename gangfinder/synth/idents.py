"""Opaque identifiers, impossible identity numbers and reserved phones, written column-wise."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from gangfinder.synth.streams import Ints

Glyphs = NDArray[np.uint8]

_ID_WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])
_ID_CHECK = np.frombuffer(b"10X98765432", dtype=np.uint8)
_USCC_ALPHABET = np.frombuffer(b"0123456789ABCDEFGHJKLMNPQRTUWXY", dtype=np.uint8)
_USCC_WEIGHTS = np.array([1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28])
_REGIONS = 80  # region codes 990101 … 990180: no such region exists


def strings(glyphs: Glyphs) -> pa.StringArray:
    """Return a string column from a matrix of ASCII codes, one row a value."""
    rows, width = glyphs.shape
    offsets = np.arange(rows + 1, dtype=np.int32) * np.int32(width)
    data = np.ascontiguousarray(glyphs)
    return pa.StringArray.from_buffers(rows, pa.py_buffer(offsets), pa.py_buffer(data))


def digits(values: ArrayLike, width: int) -> Glyphs:
    """Return the decimal digits of non-negative integers as ASCII codes, zero-padded on the left."""
    rest = np.asarray(values).astype(np.uint64)
    out = np.empty((len(rest), width), dtype=np.uint8)
    for place in range(width - 1, -1, -1):
        rest, digit = np.divmod(rest, np.uint64(10))
        out[:, place] = digit.astype(np.uint8) + 48
    return out


def literal(text: str, rows: int) -> Glyphs:
    """Return the same ASCII text for every row."""
    return np.tile(np.frombuffer(text.encode("ascii"), dtype=np.uint8), (rows, 1))


def scrambled(slots: ArrayLike, key: int) -> NDArray[np.uint64]:
    """Return distinct 64-bit numbers without visible order for distinct slots (splitmix64, a bijection)."""
    with np.errstate(over="ignore"):
        value = (np.asarray(slots).astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        value += np.uint64(key & 0xFFFFFFFFFFFFFFFF)
        value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return value ^ (value >> np.uint64(31))


def opaque(rows: int, key: int, prefix: str = "") -> pa.StringArray:
    """Return distinct 20-digit identifiers without visible order, with an optional prefix."""
    body = digits(scrambled(np.arange(rows), key), 20)
    return strings(np.hstack([literal(prefix, rows), body]) if prefix else body)


def id_numbers(birth_days: Ints, male: ArrayLike) -> pa.StringArray:
    """Return 18-digit identity numbers of impossible regions with valid check digits, all distinct.

    Parameters
    ----------
    birth_days
        Days since 1970-01-01.
    male
        True where the order number must be odd.
    """
    order = np.argsort(birth_days, kind="stable")
    sorted_days = birth_days[order]
    first = np.searchsorted(sorted_days, sorted_days, side="left")
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order)) - first
    slot = (rank * 7919 + birth_days * 131) % (_REGIONS * 500)
    region, half = np.divmod(slot, 500)
    dates = birth_days.astype("datetime64[D]")
    years = dates.astype("datetime64[Y]").astype(np.int64) + 1970
    months = dates.astype("datetime64[M]").astype(np.int64) % 12 + 1
    month_days = (dates - dates.astype("datetime64[M]")).astype(np.int64) + 1
    body = np.hstack(
        [
            digits(990101 + region, 6),
            digits(years * 10_000 + months * 100 + month_days, 8),
            digits(half * 2 + np.asarray(male).astype(np.int64), 3),
        ]
    )
    check = _ID_CHECK[((body.astype(np.int64) - 48) * _ID_WEIGHTS).sum(axis=1) % 11]
    return strings(np.hstack([body, check[:, None]]))


def usccs(rows: int, key: int) -> pa.StringArray:
    """Return unified social credit codes with a valid check character and an impossible region."""
    tail = digits((np.arange(rows, dtype=np.int64) * 613_651_369 + key % 10**9) % 10**9, 9)
    body = np.hstack([literal("92990101", rows), tail])
    index = np.searchsorted(_USCC_ALPHABET, body)
    check = (31 - (index * _USCC_WEIGHTS).sum(axis=1) % 31) % 31
    return strings(np.hstack([body, _USCC_ALPHABET[check][:, None]]))


def phones(rows: int, key: int) -> pa.StringArray:
    """Return distinct mobile numbers of the reserved block 1990xxxxxxx."""
    slot = (np.arange(rows, dtype=np.int64) * 6_364_137 + key % 9_999_991) % 10_000_000
    return strings(np.hstack([literal("1990", rows), digits(slot, 7)]))


def accounts(slots: Ints, key: int) -> pa.StringArray:
    """Return a 19-digit bank account number of an unassigned issuer for each slot."""
    body = digits(scrambled(slots, key) % np.uint64(10**13), 13)
    return strings(np.hstack([literal("629900", len(slots)), body]))
