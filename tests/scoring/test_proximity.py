"""From known cases outward: what is near, how much, and where it stops."""

from __future__ import annotations

import pyarrow as pa
import pytest

from gangfinder.engine import DuckDBEngine
from gangfinder.model.lead import Score, ScoredRing
from gangfinder.scoring.proximity import ProximityParams, expand, near_known
from tests.scoring.made import finding, ring, row


@pytest.fixture
def engine(tmp_path):
    work = DuckDBEngine(tmp_path)
    yield work
    work.close()


def visits(pairs):
    who, where = zip(*pairs, strict=True)
    return pa.table({"patient_id": pa.array(who), "institution_id": pa.array(where)})


def signals(*rows):
    kinds = ("entity_type", "entity_id", "kind")
    return pa.table({name: pa.array([r[k] for r in rows], pa.string()) for k, name in enumerate(kinds)})


# four cards K0..K3 are known; they and A..D went to X, Y and Z, where few others go; 1,000 people go to H0 … H199
CIRCLE = [(who, house) for who in ("K0", "K1", "K2", "K3", "A", "B", "C", "D") for house in ("X", "Y", "Z")]
CROWD = [(f"P{n}", f"H{(n + 7 * k) % 200}") for n in range(1000) for k in range(3)]
KNOWN = [("patient", f"K{n}", "confirmed_case") for n in range(4)]


def expansion(engine, pairs, told, **params):
    tables = {"signals": engine.put("signals", signals(*told))}
    return expand(engine, tables, engine.put("visits", visits(pairs)), ProximityParams(**params))


def test_the_expansion_reaches_the_houses_and_then_the_cards(engine):
    found = expansion(engine, [*CIRCLE, *CROWD], KNOWN)
    assert {e for e in found.near if e[0] == "institution"} == {("institution", h) for h in "XYZ"}
    assert {e for e in found.near if e[0] == "patient"} == {("patient", p) for p in "ABCD"}
    step, lift = found.near["institution", "X"]
    # four of eight visitors are known, of 1,008 people four are
    assert (step, lift) == (1, round((4 / 8) / (4 / 1008), 1))


def test_known_cards_that_never_meet_are_near_nobody(engine):
    found = expansion(engine, [*CROWD, *((f"K{n}", f"H{h + 50 * n}") for n in range(4) for h in range(3))], KNOWN)
    assert found.near == {}
    assert found.lifts == ((0.0, 0.0),)


def test_it_stops_when_the_lift_falls(engine):
    far = [("A", "W"), ("B", "W"), ("C", "W"), ("A", "V"), ("B", "V"), ("E", "W"), ("E", "V"), ("F", "W"), ("F", "V")]
    wide = expansion(engine, [*CIRCLE, *far, *CROWD], KNOWN, rounds=3)
    assert ("patient", "E") in wide.near
    assert wide.near["patient", "E"][0] == 2
    narrow = expansion(engine, [*CIRCLE, *far, *CROWD], KNOWN, rounds=3, stop_lift=1000.0)
    assert ("patient", "E") not in narrow.near


@pytest.mark.parametrize("told", [[], [("patient", "K0", "rule_hit")], [("doctor", "K0", "confirmed_case")]])
def test_without_known_cases_nothing_is_said(engine, told):
    assert expansion(engine, [*CIRCLE, *CROWD], told or [("patient", "K0", "bed_alarm")]) is None


def test_without_the_table_nothing_is_said(engine):
    assert expand(engine, {}, engine.put("visits", visits(CROWD)), ProximityParams()) is None


def test_a_ring_shows_its_distance_and_keeps_its_score(engine):
    found = expansion(engine, [*CIRCLE, *CROWD], KNOWN)
    rows = tuple(row(f"S{who}", who=who, house="X") for who in ("A", "B", "K0"))
    one = ScoredRing(ring(finding(("A", "B", "K0"), rows=rows)), Score(()), 0.0, "two_families")
    (near,) = near_known([one], found)
    assert (near.proximity.n_known, near.proximity.n_near, near.proximity.n_core) == (1, 2, 3)
    assert (near.proximity.n_near_houses, near.proximity.least_round) == (1, 1)
    assert (near.score, near.q_value, near.admitted_by) == (one.score, one.q_value, one.admitted_by)
    assert near_known([one], None) == [one]
