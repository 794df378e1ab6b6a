"""Expressions that mean the same on DuckDB and on Spark (DESIGN §7).

The two engines differ silently in how they count months and weekdays, round, order nulls, hash, pick "the
first" and convert instants; so those operations are written here and nowhere else (an AST test bans them
elsewhere).

Instants are Asia/Shanghai wall time without zone. Nothing here converts between zones: whatever is counted is
counted from the fields of the wall clock, never from an engine's own epoch function, which may shift by its
session zone or round half seconds up.

What has no common meaning is not offered: edit distance counts bytes on one engine and characters on the
other, and interpolated quantiles differ in the last bit. Compare texts in Python, on collected candidates.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gangfinder.errors import ContractError

if TYPE_CHECKING:
    import ibis.expr.types as ir

MONEY_TYPE = "decimal(18,2)"
"""Physical type of money: yuan with two decimals."""

_EPOCH = "1970-01-01"
_LARGEST = sys.float_info.max
_HEX_DIGITS = "0123456789abcdef"
_BUCKET_DIGITS = 6
_BLANK = r"[\s\x0b\x{a0}\x{3000}]"


def days_between(later: ir.DateValue, earlier: ir.DateValue) -> ir.IntegerValue:
    """Return the whole days from ``earlier`` to ``later`` as int64, negative in the other order."""
    return later.delta(earlier, unit="day").cast("int64")


def add_days(day: ir.DateValue, n: int | ir.IntegerValue) -> ir.DateValue:
    """Return the date ``n`` days after ``day``; ``n`` may be negative or a column."""
    import ibis

    interval = ibis.interval(days=n) if isinstance(n, int) else n.cast("int32").as_interval("D")
    return (day + interval).cast("date")


def month_index(day: ir.DateValue | ir.TimestampValue) -> ir.IntegerValue:
    """Return ``year · 12 + month`` as int64, so that the difference of two is a number of calendar months."""
    return day.year().cast("int64") * 12 + day.month().cast("int64")


def weekday(day: ir.DateValue | ir.TimestampValue) -> ir.IntegerValue:
    """Return the day of the week as int64, Monday = 0 … Sunday = 6."""
    return day.day_of_week.index().cast("int64")


def day_of_month(day: ir.DateValue | ir.TimestampValue) -> ir.IntegerValue:
    """Return the day of the month as int64, 1 … 31."""
    return day.day().cast("int64")


def minute_of_day(at: ir.TimestampValue) -> ir.IntegerValue:
    """Return the whole minutes since midnight of the wall clock as int64, 0 … 1439."""
    return at.hour().cast("int64") * 60 + at.minute().cast("int64")


def epoch_minutes(at: ir.TimestampValue) -> ir.IntegerValue:
    """Return the whole minutes of wall time since 1970-01-01 00:00 as int64, rounded down."""
    return _epoch_days(at) * 1440 + minute_of_day(at)


def epoch_seconds(at: ir.TimestampValue) -> ir.IntegerValue:
    """Return the whole seconds of wall time since 1970-01-01 00:00 as int64, rounded down."""
    return epoch_minutes(at) * 60 + at.second().cast("int64")


def _epoch_days(at: ir.TimestampValue) -> ir.IntegerValue:
    import ibis

    return days_between(at.date(), ibis.date(_EPOCH))


def is_midnight(at: ir.TimestampValue) -> ir.BooleanValue:
    """Say whether the instant is exactly midnight: then probably only its date is known."""
    return at.truncate("D") == at


def floor_divide(value: ir.IntegerValue, divisor: int) -> ir.IntegerValue:
    """Return ``value`` divided by a positive constant, rounded down (also below zero), as int64.

    Raises
    ------
    ContractError
        If the divisor is not positive.

    Notes
    -----
    The remainder is taken off first, so it does not matter whether an engine's division truncates or floors.
    Exact below 2**53, where an engine that divides in doubles still is.
    """
    if divisor <= 0:
        msg = f"cannot divide into buckets of {divisor}"
        raise ContractError(msg, hint="give a positive divisor")
    whole = value.cast("int64")
    remainder = ((whole % divisor) + divisor) % divisor
    return ((whole - remainder) // divisor).cast("int64")


def finite(value: ir.NumericValue) -> ir.NumericValue:
    """Return the number, or null where it is NaN or infinite: engines order and compare those differently.

    Notes
    -----
    One comparison with the largest double: a test for infinity does not exist on every engine (Ibis then
    answers "false"), and NaN counts as larger than any number on both.
    """
    import ibis

    if not value.type().is_floating():
        return value
    return ibis.ifelse(value.abs() <= _LARGEST, value, ibis.null().cast(value.type()))


def money(value: ir.NumericValue) -> ir.DecimalValue:
    """Return yuan as ``decimal(18,2)``, halves rounded away from zero; NaN and infinities become null.

    Notes
    -----
    A floating-point amount is rounded by its binary value, in IEEE operations that every engine performs
    alike: ``sign · floor(100 · |x| + 0.5)`` cents. The double nearest to whole cents casts alike everywhere.
    """
    import ibis

    if not value.type().is_floating():
        return value.cast(MONEY_TYPE)
    exact = finite(value.cast("float64"))
    size = (exact.abs() * 100.0 + 0.5).floor().cast("float64") / 100.0
    return ibis.ifelse(exact < 0, -size, size).cast(MONEY_TYPE)


def string_key(*parts: ir.Value) -> ir.StringValue:
    """Return the parts as one text joined by ``|``; a null part is empty, so the key itself is never null.

    Raises
    ------
    ContractError
        If a part is neither text, whole number, date nor decimal: engines write other types differently.
    """
    import ibis

    if not parts:
        msg = "a key needs at least one part"
        raise ContractError(msg)
    texts = [ibis.coalesce(_as_text(part), ibis.literal("")) for part in parts]
    key = texts[0]
    for text in texts[1:]:
        key = key.concat("|", text)
    return key


def _as_text(part: ir.Value) -> ir.StringValue:
    kind = part.type()
    if not (kind.is_string() or kind.is_integer() or kind.is_date() or kind.is_decimal()):
        msg = f"a key cannot hold a part of type {kind}"
        raise ContractError(msg, hint="use text, whole numbers, dates or decimals")
    return part.cast("string")


def stripped(text: ir.StringValue) -> ir.StringValue:
    """Return the text without blanks at its ends: those of ASCII, the no-break and the full-width blank.

    Notes
    -----
    Ibis' own ``strip`` also takes the letters v and f on Spark, which reads its vertical tab and form feed as these.
    """
    return text.re_replace(rf"^{_BLANK}+|{_BLANK}+$", "")


def stable_bucket(text: ir.StringValue, n_buckets: int) -> ir.IntegerValue:
    """Return a bucket 0 … ``n_buckets`` − 1 of the text as int64; the same on every engine and machine.

    Raises
    ------
    ContractError
        If ``n_buckets`` is not between 1 and 2**24.

    Notes
    -----
    The first six hexadecimal digits of the MD5 of the UTF-8 bytes, modulo ``n_buckets``. For partitioning
    only, never a pseudonym.
    """
    import ibis

    if not 1 <= n_buckets <= 16**_BUCKET_DIGITS:
        msg = f"cannot make {n_buckets} buckets"
        raise ContractError(msg, hint="ask for 1 to 16777216")
    digest = text.hexdigest("md5").lower()
    digits = ibis.literal(_HEX_DIGITS)
    number = ibis.literal(0).cast("int64")
    for place in range(_BUCKET_DIGITS):
        number = number * 16 + digits.find(digest.substr(place, 1)).cast("int64")
    return (number % n_buckets).cast("int64")


def first_rows(table: ir.Table, by: Sequence[str], order: Sequence[str]) -> ir.Table:
    """Return one row per group: the first by ``order`` ascending, nulls last.

    Parameters
    ----------
    table
        Rows.
    by
        Columns that make a group; may be empty (then one row of all).
    order
        Columns that together order the rows of a group totally; else the choice among equals is the engine's.

    Returns
    -------
    ir.Table
        The same columns.
    """
    return _ranked(table, by, [table[c].asc(nulls_first=False) for c in order], 0)


def last_rows(table: ir.Table, by: Sequence[str], order: Sequence[str]) -> ir.Table:
    """Return one row per group: the last by ``order``, nulls counting as first; see :func:`first_rows`."""
    return _ranked(table, by, [table[c].desc(nulls_first=False) for c in order], 0)


def mode(table: ir.Table, by: Sequence[str], column: str) -> ir.Table:
    """Return each group's most frequent value of a column; of equally frequent ones the smallest.

    Returns
    -------
    ir.Table
        ``by``, the column, and ``n_rows`` (how often it occurs). Nulls do not count; a group of nulls is out.
    """
    known = table.filter(table[column].notnull())
    counted = known.group_by(*by, column).aggregate(n_rows=known.count().cast("int64"))
    return _ranked(counted, by, [counted.n_rows.desc(), counted[column].asc()], 0)


def median_low(table: ir.Table, by: Sequence[str], column: str) -> ir.Table:
    """Return each group's lower median of a column: a value that occurs, never an interpolated one.

    Returns
    -------
    ir.Table
        ``by`` and the column. Nulls are not counted; a group of nulls is absent.
    """
    import ibis

    known = table.filter(table[column].notnull()).select(*by, column)
    window = ibis.window(group_by=list(by))
    known = known.mutate(_n=known.count().over(window).cast("int64"))
    return _ranked(known, by, [known[column].asc()], floor_divide(known._n - 1, 2)).drop("_n")


def _ranked(
    table: ir.Table, by: Sequence[str], order: Sequence[Any], position: int | ir.IntegerValue
) -> ir.Table:
    """Return the row of each group whose zero-based rank is ``position``."""
    import ibis

    window = ibis.window(group_by=list(by), order_by=list(order))
    ranked = table.mutate(_rank=ibis.row_number().over(window).cast("int64"), _wanted=position)
    return ranked.filter(ranked._rank == ranked._wanted).drop("_rank", "_wanted")
