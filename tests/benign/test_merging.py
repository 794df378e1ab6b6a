"""Units that share a person are one unit, except around homes and along chains."""

from __future__ import annotations

import networkx as nx
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from gangfinder.benign._merging import CHAIN_PEOPLE, FAMILY_PEOPLE, merged_units


def merged(*rows):
    table = pa.table(
        {
            "patient_id": pa.array([r[0] for r in rows], pa.string()),
            "unit_id": pa.array([r[1] for r in rows], pa.string()),
            "explanation": pa.array([r[2] if len(r) > 2 else "family" for r in rows], pa.string()),
        }
    )
    return {r["patient_id"]: (r["unit_id"], r["explanation"]) for r in merged_units(table).to_pylist()}


def test_nothing():
    assert merged() == {}


def test_units_that_share_a_person_merge():
    found = merged(("A", "H1"), ("B", "H1"), ("B", "T1"), ("C", "T1"), ("D", "H2"), ("E", "H2"))
    assert {p: u for p, (u, _) in found.items()} == {"A": "H1", "B": "H1", "C": "H1", "D": "H2", "E": "H2"}


def test_a_home_takes_its_residents_from_their_families():
    home = [(f"R{i}", "home", "care_home") for i in range(FAMILY_PEOPLE + 1)]
    found = merged(*home, ("R0", "H1"), ("S", "H1"), ("T", "H1"), ("R1", "H2"), ("U", "H2"))
    assert {found[p][0] for p, _, _ in home} == {"home"}
    assert found["S"] == found["T"] == ("H1", "family")
    assert "U" not in found


def test_a_chain_of_distant_ties_falls_back_to_households():
    rows = []
    for i in range(CHAIN_PEOPLE):
        rows += [
            (f"P{i:03}a", f"H{i:03}"),
            (f"P{i:03}b", f"H{i:03}"),
            (f"P{i:03}b", f"T{i:03}"),
            (f"P{i + 1:03}a", f"T{i:03}"),
        ]
    found = merged(*rows)
    assert found["P007a"] == found["P007b"] == ("H007", "family")
    assert found["P008a"] == ("H008", "family")


def test_both_reasons_are_named():
    found = merged(("A", "x", "care_home"), ("B", "x", "care_home"), ("A", "H", "family"), ("B", "H", "family"))
    assert found["A"] == ("H", "care_home+family")


@given(st.lists(st.tuples(st.integers(0, 14), st.integers(0, 9)), max_size=25))
def test_small_worlds_are_connected_components(pairs):
    graph = nx.Graph([(f"p{p}", f"u{u}") for p, u in pairs])
    if any(len(list(graph.neighbors(n))) > FAMILY_PEOPLE for n in graph if n.startswith("u")):
        return
    wanted = {frozenset(n for n in c if n.startswith("p")) for c in nx.connected_components(graph)}
    found: dict[str, set[str]] = {}
    for person, (unit, _) in merged(*[(f"p{p}", f"u{u}") for p, u in pairs]).items():
        found.setdefault(unit, set()).add(person)
    assert {frozenset(c) for c in found.values()} == {c for c in wanted if len(c) > 1}
