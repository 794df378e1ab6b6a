"""Near visits against a plain loop; and what holds a chance pair together."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from itertools import combinations

import numpy as np
import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gangfinder.linking import linkers
from gangfinder.linking.behaviour import behaviour
from gangfinder.linking.execution import run_linkers
from gangfinder.linking.neighbouring import in_company, near_pairs
from linking.made import settlement, table

MIDNIGHT = datetime(2025, 1, 6)
START = (MIDNIGHT - datetime(1970, 1, 1)) // timedelta(minutes=1)

BORDERS = (0, 29, 30, 31, 59, 60, 61, 600, 630, 631, 1409, 1439)

attended_rows = st.dictionaries(
    st.tuples(st.integers(1, 5), st.integers(1, 2), st.integers(0, 5)), st.sampled_from(BORDERS) | st.integers(0, 1439),
    min_size=1, max_size=30,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=attended_rows, slack=st.integers(0, 2), least=st.integers(1, 3))
def test_near_pairs_against_a_plain_loop(duckdb_engine, rows, slack, least):
    n = Counter((who, house) for who, house, _ in rows)
    columns = {
        "patient": [k[0] for k in rows], "house": [k[1] for k in rows],
        "on": [MIDNIGHT.date() + timedelta(days=k[2]) for k in rows],
        "minute": [START + 1440 * k[2] + m for k, m in rows.items()],
    }
    types = {"on": pa.date32()}
    attended = pa.table({name: pa.array(values, types.get(name, pa.int64())) for name, values in columns.items()})
    own = pa.table({"patient": [k[0] for k in n], "house": [k[1] for k in n], "n": list(n.values())})
    met = near_pairs(duckdb_engine.put("att", attended), duckdb_engine.put("own", own), 30, slack, least)
    expected = Counter(
        (min(a, b), max(a, b), house)
        for ((a, house, day), minute), ((b, other, late), after) in combinations(sorted(rows.items()), 2)
        if a != b and house == other and abs(day - late) <= slack and abs(minute - after) <= 30
        and n[a, house] >= least and n[b, house] >= least
    )
    assert {(r["a"], r["b"], r["house"]): r["c"] for r in duckdb_engine.fetch(met).to_pylist()} == expected


def kept(pairs, strong, least):
    source, target = (np.array(side, dtype=str) for side in zip(*pairs, strict=True))
    held = in_company(source, target, np.array(strong), least)
    return [pair for pair, yes in zip(pairs, held, strict=True) if yes]


def test_a_pair_alone_is_chance_and_a_triangle_is_not():
    triangle = [("A", "B"), ("A", "C"), ("B", "C")]
    assert kept([*triangle, ("C", "D")], [True] * 4, 3) == triangle
    assert kept([*triangle, ("C", "D")], [False] * 4, 3) == []


def test_weak_pairs_need_more_companions_and_fall_together():
    clique = list(combinations("ABCDE", 2))
    assert kept(clique, [False] * 10, 3) == clique
    assert kept(clique[:-1], [False] * 9, 3) == [], "without one pair the others lose a companion each, one by one"


def test_a_slow_pool_is_linked_though_it_hardly_meets(duckdb_engine):
    """Eight people at one house on fifteen days, half each time, half of them a day early or late."""
    rng = np.random.default_rng(20250106)
    visits = [
        (who, MIDNIGHT + timedelta(days=20 * n + int(rng.choice([-1, 0, 0, 1])), minutes=540 + 31 * n + k))
        for n in range(15) for k, who in enumerate("ABCDEFGH") if rng.random() < 0.5
    ]
    visits += [(f"X{n % 150}", MIDNIGHT + timedelta(days=n % 300, minutes=480 + n * 7 % 540)) for n in range(3000)]
    rows = [settlement(f"S{n}", who, "H", at.isoformat()) for n, (who, at) in enumerate(visits)]
    seen = behaviour(duckdb_engine, {"settlements": duckdb_engine.put("slow_in", table("settlements", rows))})
    own = {"co_presence": linkers()["co_presence"]}
    found = run_linkers(duckdb_engine, own, {}, {"residual_visits": seen["visits"]}, {"settlements": frozenset()})
    links = duckdb_engine.fetch(found.links).to_pylist()
    near = [link for link in links if link["kind"] == "near_presence"]
    pool = {end for link in near for end in (link["source_id"], link["target_id"]) if len(end) == 1}
    assert len(pool) >= 6
    assert len(near) > sum(link["kind"] == "co_presence" for link in links)
