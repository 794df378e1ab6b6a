"""Joint days against a plain loop; crowds, clocks, and what a link says."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from scipy.stats import hypergeom

from gangfinder.linking import linkers
from gangfinder.linking.behaviour import behaviour
from gangfinder.linking.co_presence import Params, attendance, clocks, pairs, places
from gangfinder.linking.execution import run_linkers
from linking.made import settlement, table

HYPOTHESIS = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])

MIDNIGHT = datetime(2025, 1, 6)
EPOCH = datetime(1970, 1, 1)


def come(engine, rows):
    """Visits of (person, house, instant)."""
    bills = [settlement(f"S{i}", who, house, at.isoformat()) for i, (who, house, at) in enumerate(rows)]
    return behaviour(engine, {"settlements": engine.put("presence_in", table("settlements", bills))})["visits"]


def fetched(engine, expression):
    return engine.fetch(expression).to_pylist()


# pairs

# minutes of a day that lie on the borders of windows and of the day
BORDERS = (0, 1, 14, 15, 16, 59, 60, 61, 119, 120, 600, 615, 660, 1380, 1438, 1439)

attended_rows = st.dictionaries(
    st.tuples(st.integers(1, 7), st.integers(1, 2), st.integers(0, 3)), st.sampled_from(BORDERS) | st.integers(0, 1439),
    max_size=40,
)


def plain_pairs(rows, windows):
    """Everybody against everybody, house by house and day by day."""
    met = set()
    for ((a, house, day), minute), ((b, house_b, day_b), minute_b) in combinations(sorted(rows.items()), 2):
        window = windows[house, day]
        near = window == 0 or (window > 0 and abs(minute - minute_b) <= window)
        if a != b and (house, day) == (house_b, day_b) and near:
            met.add((min(a, b), max(a, b), house, MIDNIGHT.date() + timedelta(days=day)))
    return met


@HYPOTHESIS
@given(rows=attended_rows, windows=st.lists(st.sampled_from((60, 15, 5, 1, 0)), min_size=8, max_size=8))
@example(rows={(1, 1, 0): 1439, (2, 1, 1): 0}, windows=[60] * 8)  # either side of midnight is not one day
@example(rows={(1, 1, 0): 59, (2, 1, 0): 119, (3, 1, 0): 120}, windows=[60] * 8)  # exactly the window, and one more
def test_pairs_against_a_plain_loop(duckdb_engine, rows, windows):
    by_day = {(house, day): windows[(house - 1) * 4 + day] for house in (1, 2) for day in range(4)}
    start = (MIDNIGHT - EPOCH) // timedelta(minutes=1)
    columns = {
        "patient": [k[0] for k in rows], "house": [k[1] for k in rows],
        "on": [MIDNIGHT.date() + timedelta(days=k[2]) for k in rows],
        "minute": [start + 1440 * k[2] + m for k, m in rows.items()], "window": [by_day[k[1], k[2]] for k in rows],
    }
    types = {"on": pa.date32()}
    attended = pa.table({name: pa.array(values, types.get(name, pa.int64())) for name, values in columns.items()})
    met = fetched(duckdb_engine, pairs(duckdb_engine.put("att", attended)))
    found = [(r["a"], r["b"], r["house"], r["on"]) for r in met]
    assert len(set(found)) == len(found), "a joint day counts once"
    assert set(found) == plain_pairs(rows, by_day)


# who attended, and with which window


@HYPOTHESIS
@given(
    st.lists(
        st.tuples(st.sampled_from("ABCD"), st.sampled_from("IJ"), st.integers(0, 2), st.sampled_from(BORDERS[1:])),
        max_size=25,
    )
)
def test_attendance_is_the_first_visit_of_a_day(duckdb_engine, rows):
    visits = come(duckdb_engine, [(w, h, MIDNIGHT + timedelta(days=d, minutes=m)) for w, h, d, m in rows])
    found = {
        (r["patient_id"], r["institution_id"], r["on"]): (r["minute"], r["n_day"])
        for r in fetched(duckdb_engine, attendance(visits, Params(untrusted_minute_share=1.0)))
    }
    first, people = {}, Counter()
    for who, house, day, minute in rows:
        at = MIDNIGHT + timedelta(days=day, minutes=minute)
        key = (who, house, at.date())
        first[key] = min(first.get(key, at), at)
    for _, house, on in first:
        people[house, on] += 1
    assert found == {k: ((at - EPOCH) // timedelta(minutes=1), people[k[1:]]) for k, at in first.items()}


@pytest.mark.parametrize(("people", "window"), [(4, 60), (5, 15), (9, 15), (10, 5), (20, 5), (21, -1)])
def test_windows_shrink_with_the_crowd(duckdb_engine, people, window):
    """A house is watched less closely the more people a day it has, and not at all in a crowd."""
    params = Params(quiet_people_per_day=4, busy_people_per_day=9, crowded_people_per_day=20)
    visits = come(duckdb_engine, [(f"P{i}", "I", MIDNIGHT + timedelta(minutes=481 + i)) for i in range(people)])
    assert {r["window"] for r in fetched(duckdb_engine, attendance(visits, params))} == {window}


@pytest.mark.parametrize(("people", "window"), [(9, 0), (10, -1)])
def test_a_day_without_clock_counts_up_to_its_own_limit(duckdb_engine, people, window):
    visits = come(duckdb_engine, [(f"P{i}", "I", MIDNIGHT) for i in range(people)])
    assert {r["window"] for r in fetched(duckdb_engine, attendance(visits, Params(date_people_per_day=9)))} == {window}


@pytest.mark.parametrize(
    ("why", "minutes", "trusted"),
    [
        ("all at their own minute", range(480, 500), True),
        ("half of them at midnight", [0, 0, 481, 482], False),
        ("fewer than half at midnight", [0, 481, 482], True),
        ("posted in one batch", [600] * 7 + list(range(480, 493)), False),
        ("as many in a minute as may be", [600] * 6 + list(range(480, 494)), True),
        ("few rows are no batch", [600] * 4, True),
    ],
)
def test_clocks(engine, why, minutes, trusted):
    rows = [(f"P{i}", "I", MIDNIGHT + timedelta(days=i, minutes=m)) for i, m in enumerate(minutes)]
    assert [r["trusted"] for r in fetched(engine, clocks(come(engine, rows), Params()))] == [trusted], why


def test_closeness_against_simulation(duckdb_engine):
    """The chance that two visits drawn from a house's hours fall within half an hour, roughly."""
    random = np.random.default_rng(3)
    minutes = np.concatenate([random.normal(600, 45, 400), random.uniform(480, 1200, 400)]).astype(int)
    rows = [(f"P{i}", "I", MIDNIGHT + timedelta(days=i % 50, minutes=int(m))) for i, m in enumerate(minutes)]
    visits = come(duckdb_engine, rows)
    params = Params(window_minutes=30)
    house = fetched(duckdb_engine, places(visits, attendance(visits, params), params))[0]
    drawn = random.choice(minutes, (2, 200_000))
    assert house["closeness"] == pytest.approx((np.abs(drawn[0] - drawn[1]) <= 30).mean(), rel=0.25)
    assert (house["n_days"], house["n_people"]) == (50, 800)


# links

OPEN = [(f"X{i}-{h}", "I", MIDNIGHT + timedelta(days=i, minutes=480 + 60 * h)) for i in range(60) for h in range(10)]
"""Sixty days of ten strangers each, one an hour."""


def together(names, days, minute=600, house="I"):
    return [(n, house, MIDNIGHT + timedelta(days=d, minutes=minute + k)) for d in days for k, n in enumerate(names)]


def linked(engine, rows, **settings_):
    visits = come(engine, rows)
    linker = linkers()["co_presence"]
    tuned = replace(linker, params=replace(linker.params, **settings_))
    derived = {"residual_visits": visits}
    found = run_linkers(engine, {"co_presence": tuned}, {"settlements": visits}, derived, {})
    return fetched(engine, found.links)


def test_a_pair_in_step_is_linked(duckdb_engine):
    days = (3, 11, 14, 26, 41, 52)
    (found,) = linked(duckdb_engine, OPEN + together("BA", days))
    assert (found["source_id"], found["target_id"], found["n_events"], found["n_places"]) == ("A", "B", 6, 1)
    assert found["first_at"] == MIDNIGHT + timedelta(days=3)
    assert found["last_at"] == MIDNIGHT + timedelta(days=52)
    assert found["expected"] < 0.2
    # the tail can be had again from the days of the house and the closeness of its hours
    slots = round(6 * 6 / found["expected"])
    assert found["log10_p"] == pytest.approx(np.log10(hypergeom.sf(5, slots, 6, 6)), abs=0.05)


@pytest.mark.parametrize(
    ("why", "rows"),
    [
        ("two joint days", together("AB", (3, 11))),
        ("hours apart", together("A", (3, 11, 14, 26, 41)) + together("B", (3, 11, 14, 26, 41), minute=720)),
        ("other days", together("A", (3, 11, 14, 26, 41)) + together("B", (4, 12, 15, 27, 42))),
        ("other houses", together("A", (3, 11, 14, 26, 41)) + together("B", (3, 11, 14, 26, 41), house="J")),
        ("both come every day", together("A", range(60)) + together("B", range(0, 60, 2), minute=900)),
    ],
)
def test_no_link(duckdb_engine, why, rows):
    assert not [r for r in linked(duckdb_engine, OPEN + rows) if {r["source_id"], r["target_id"]} == {"A", "B"}], why


def test_several_houses_add_up(duckdb_engine):
    other = [(who + "j", "J", at) for who, _, at in OPEN]
    rows = OPEN + other + together("AB", (3, 11, 14)) + together("AB", (20, 33, 40), house="J")
    (found,) = linked(duckdb_engine, rows)
    assert (found["n_events"], found["n_places"]) == (6, 2)


def test_a_crowd_makes_no_pairs(duckdb_engine):
    """Beyond the limit a day is a crowd: whoever is in it is tied to nobody by it, at no cost."""
    crowd = [f"P{i:02}" for i in range(12)]
    rows = OPEN + [(n, "I", MIDNIGHT + timedelta(days=d, minutes=900)) for d in (3, 11, 14, 26) for n in crowd]
    limits = {"quiet_people_per_day": 12, "busy_people_per_day": 13, "crowded_people_per_day": 14}
    assert not linked(duckdb_engine, rows, **limits)
    assert len(linked(duckdb_engine, rows)) == 12 * 11 // 2


def test_without_clock_the_date_counts(duckdb_engine):
    rows = [(w, h, at.replace(hour=0, minute=0)) for w, h, at in OPEN + together("AB", (3, 11, 14, 26, 41, 52))]
    assert [(r["source_id"], r["target_id"]) for r in linked(duckdb_engine, rows)] == [("A", "B")]
