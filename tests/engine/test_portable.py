"""Portable expressions against Python's own datetime and decimal, on both engines."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import count, groupby
from statistics import median_low

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gangfinder.engine import portable
from gangfinder.errors import ContractError

EPOCH = datetime(1970, 1, 1)
NAMES = count()
# one example is a whole table of values, so a few examples are many values; an engine query takes up to a second
FEW = settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))

dates = st.dates(date(1900, 1, 1), date(2099, 12, 31))
instants = st.datetimes(datetime(1900, 1, 1), datetime(2099, 12, 31, 23, 59, 59, 999999)) | st.builds(
    lambda d, m: datetime(d.year, d.month, d.day) + timedelta(minutes=m), dates, st.integers(0, 1439)
)
letters = st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"])
texts = st.text(letters, max_size=8) | st.sampled_from(["", "|", "测试"])


def column(values, kind):
    return st.lists(st.none() | values, min_size=1, max_size=60).map(lambda v: pa.array(v, kind))


def evaluate(engine, make, **columns):
    """Return the values of one expression over rows that are given as columns, in the order of the rows."""
    name = f"portable_{next(NAMES)}"
    rows = {"row_number": pa.array(range(len(next(iter(columns.values())))), pa.int64()), **columns}
    table = engine.put(name, pa.table(rows))
    result = engine.fetch(table.select("row_number", value=make(table))).sort_by("row_number")
    engine.drop(name)
    return result["value"]


def check(engine, make, oracle, kind, **columns):
    got = evaluate(engine, make, **columns)
    assert got.type == kind
    rows = zip(*(c.to_pylist() for c in columns.values()), strict=True)
    assert got.to_pylist() == [None if None in row else oracle(*row) for row in rows]


@FEW
@given(later=column(dates, pa.date32()), data=st.data())
def test_days_between(engine, later, data):
    other = data.draw(st.lists(st.none() | dates, min_size=len(later), max_size=len(later)))
    check(
        engine, lambda t: portable.days_between(t.later, t.earlier), lambda a, b: (a - b).days, pa.int64(),
        later=later, earlier=pa.array(other, pa.date32()),
    )


@FEW
@given(day=column(dates, pa.date32()), n=st.integers(-800, 800))
def test_add_days(engine, day, n):
    check(engine, lambda t: portable.add_days(t.day, n), lambda d: d + timedelta(n), pa.date32(), day=day)


@FEW
@given(day=column(dates, pa.date32()), data=st.data())
def test_add_days_from_a_column(engine, day, data):
    n = pa.array(data.draw(st.lists(st.integers(-800, 800), min_size=len(day), max_size=len(day))), pa.int64())
    check(
        engine, lambda t: portable.add_days(t.day, t.n), lambda d, n: d + timedelta(n), pa.date32(), day=day, n=n
    )


CALENDAR = {
    "month_index": lambda d: d.year * 12 + d.month,
    "weekday": lambda d: d.weekday(),
    "day_of_month": lambda d: d.day,
}


@pytest.mark.parametrize("name", CALENDAR)
@FEW
@given(data=st.data())
def test_calendar_of_dates_and_instants(engine, name, data):
    day, at = data.draw(column(dates, pa.date32())), data.draw(column(instants, pa.timestamp("us")))
    check(engine, lambda t: getattr(portable, name)(t.x), CALENDAR[name], pa.int64(), x=day)
    check(engine, lambda t: getattr(portable, name)(t.x), CALENDAR[name], pa.int64(), x=at)


CLOCK = {
    "epoch_minutes": (lambda at: (at - EPOCH) // timedelta(minutes=1), pa.int64()),
    "epoch_seconds": (lambda at: (at - EPOCH) // timedelta(seconds=1), pa.int64()),
    "minute_of_day": (lambda at: at.hour * 60 + at.minute, pa.int64()),
    "is_midnight": (lambda at: at.time() == datetime.min.time(), pa.bool_()),
}


@pytest.mark.parametrize("name", CLOCK)
@FEW
@given(at=column(instants, pa.timestamp("us")))
def test_clock(engine, name, at):
    oracle, kind = CLOCK[name]
    check(engine, lambda t: getattr(portable, name)(t.at), oracle, kind, at=at)


def test_wall_time_is_not_shifted_by_any_zone(engine):
    """02:30 on 9 March 2025 does not exist in New York, and 1986–1991 had summer time in Shanghai."""
    at = [datetime(2025, 3, 9, 2, 30), datetime(1986, 5, 4, 2, 30), datetime(1969, 12, 31, 23, 59, 59, 600000)]
    check(
        engine, lambda t: portable.epoch_seconds(t.at), lambda a: math.floor(a.replace(tzinfo=UTC).timestamp()),
        pa.int64(), at=pa.array(at, pa.timestamp("us")),
    )


@FEW
@given(x=column(st.integers(-(2**52), 2**52), pa.int64()), n=st.integers(1, 10_000))
def test_floor_divide(engine, x, n):
    check(engine, lambda t: portable.floor_divide(t.x, n), lambda x: x // n, pa.int64(), x=x)


def test_finite(engine):
    x = pa.array([1.5, None, math.nan, math.inf, -math.inf, -0.0], pa.float64())
    assert evaluate(engine, lambda t: portable.finite(t.x), x=x).to_pylist() == [1.5, None, None, None, None, -0.0]


money_type = pa.decimal128(18, 2)
cents = st.decimals(Decimal("-1e9"), Decimal("1e9"), places=4, allow_nan=False)


def half_up(value):
    return value.quantize(Decimal("0.01"), ROUND_HALF_UP)


@FEW
@given(x=column(cents, pa.decimal128(18, 4)))
def test_money_from_decimals(engine, x):
    check(engine, lambda t: portable.money(t.x), half_up, money_type, x=x)


def cents_of(x):
    if not math.isfinite(x):
        return None
    return Decimal(int(math.copysign(math.floor(abs(x) * 100.0 + 0.5), x))) / 100


@FEW
@given(x=column(st.floats(-1e10, 1e10) | st.sampled_from([0.005, -0.005, 2.675, math.nan, math.inf]), pa.float64()))
def test_money_from_floats(engine, x):
    check(engine, lambda t: portable.money(t.x), cents_of, money_type, x=x)


@FEW
@given(x=column(st.integers(-(10**9), 10**9), pa.int64()))
def test_money_from_whole_yuan(engine, x):
    check(engine, lambda t: portable.money(t.x), Decimal, money_type, x=x)


@FEW
@given(data=st.data())
def test_string_key(engine, data):
    n = data.draw(st.integers(1, 30))
    kinds = (texts, st.integers(-9, 9**9), dates)
    s, i, d = (data.draw(st.lists(st.none() | values, min_size=n, max_size=n)) for values in kinds)
    got = evaluate(
        engine, lambda t: portable.string_key(t.s, t.i, t.d),
        s=pa.array(s, pa.string()), i=pa.array(i, pa.int64()), d=pa.array(d, pa.date32()),
    )
    assert got.to_pylist() == ["|".join("" if p is None else str(p) for p in row) for row in zip(s, i, d, strict=True)]


BLANKS = " \t\n\x0b\f\r\u00a0\u3000"


padded = st.builds("{}{}{}".format, st.text(BLANKS, max_size=2), st.text("staffv \u3000"), st.text(BLANKS, max_size=2))


@FEW
@given(s=column(padded, pa.string()))
def test_stripped(engine, s):
    """Spark's own trim, as Ibis writes it, makes sta of staff."""
    check(engine, lambda t: portable.stripped(t.s), lambda s: s.strip(BLANKS), pa.string(), s=s)


@FEW
@given(s=column(texts, pa.string()), n=st.integers(1, 16**6))
def test_stable_bucket(engine, s, n):
    check(
        engine, lambda t: portable.stable_bucket(t.s, n),
        lambda s: int(hashlib.md5(s.encode(), usedforsecurity=False).hexdigest()[:6], 16) % n, pa.int64(), s=s,
    )


groups = st.lists(st.tuples(st.sampled_from("ab"), st.none() | st.integers(-3, 3)), min_size=1, max_size=40)


def by_group(rows):
    rows = sorted(rows, key=lambda r: r[0])
    return {g: [v for _, v in members] for g, members in groupby(rows, key=lambda r: r[0])}


def per_group(engine, rows, make):
    """Return {group: value} of a relation over rows (group, value), and check that it has one row per group."""
    name = f"groups_{next(NAMES)}"
    table = engine.put(
        name,
        pa.table({"g": pa.array([r[0] for r in rows]), "v": pa.array([r[1] for r in rows], pa.int64()),
                  "place": pa.array(range(len(rows)), pa.int64())}),
    )
    result = engine.fetch(make(table)).to_pylist()
    engine.drop(name)
    found = {r["g"]: r["v"] for r in result}
    assert len(found) == len(result)
    return found


@FEW
@given(groups)
def test_first_and_last_rows(engine, rows):
    expected = by_group(rows)
    first = per_group(engine, rows, lambda t: portable.first_rows(t, ["g"], ["v", "place"]))
    last = per_group(engine, rows, lambda t: portable.last_rows(t, ["g"], ["v", "place"]))
    known = {g: [v for v in values if v is not None] for g, values in expected.items()}
    assert first == {g: min(values, default=None) for g, values in known.items()}
    assert last == {g: max(values, default=None) for g, values in known.items()}


@FEW
@given(groups)
def test_mode_prefers_the_smallest(engine, rows):
    known = by_group([r for r in rows if r[1] is not None])
    expected = {g: min(Counter(v).items(), key=lambda kv: (-kv[1], kv[0]))[0] for g, v in known.items()}
    assert per_group(engine, rows, lambda t: portable.mode(t, ["g"], "v")) == expected


@FEW
@given(groups)
def test_median_low_is_a_value_that_occurs(engine, rows):
    known = by_group([r for r in rows if r[1] is not None])
    expected = {g: median_low(values) for g, values in known.items()}
    assert per_group(engine, rows, lambda t: portable.median_low(t, ["g"], "v")) == expected


def test_impossible_requests_are_refused(duckdb_engine):
    table = duckdb_engine.put("refused", pa.table({"x": [1.5], "s": ["a"], "i": [1]}))
    for request in (
        lambda: portable.string_key(table.x),
        lambda: portable.string_key(),
        lambda: portable.stable_bucket(table.s, 0),
        lambda: portable.stable_bucket(table.s, 16**6 + 1),
        lambda: portable.floor_divide(table.i, 0),
    ):
        with pytest.raises(ContractError):
            request()
    duckdb_engine.drop("refused")
