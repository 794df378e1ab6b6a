"""Co-admission links: every joint stay once, exact tails, no crowd in pairs, contacts that bring waves."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import combinations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy.stats import hypergeom

from gangfinder.engine import DuckDBEngine
from gangfinder.linking.co_admission import LINKER, Params, houses, joint_stays, link, measure, uncrowded
from gangfinder.model.evidence import LINK_SCHEMA

START = date(2025, 1, 1)


@pytest.fixture
def engine():
    one = DuckDBEngine(threads=1)
    yield one
    one.close()


def stays(rows):
    """Rows of (patient, house, day, nights) or with a contact behind."""
    names = ("patient_id", "institution_id", "day", "nights", "contact_phone")
    frame = pd.DataFrame([tuple(r) + (None,) * (5 - len(r)) for r in rows], columns=names)
    days = [START + timedelta(days=int(d)) for d in frame["day"]]
    ends = [d + timedelta(days=int(n)) for d, n in zip(days, frame["nights"], strict=True)]
    nothing = pa.nulls(len(frame), pa.string())
    return pa.table(
        {
            "stay_id": pa.array([f"s{i:05d}" for i in range(len(frame))]),
            "patient_id": pa.array(frame["patient_id"], pa.string()),
            "institution_id": pa.array(frame["institution_id"], pa.string()),
            "department": nothing,
            "admitted_on": pa.array(days, pa.date32()),
            "discharged_on": pa.array(ends, pa.date32()),
            "contact_phone": pa.array(
                frame["contact_phone"].astype(object).where(frame["contact_phone"].notna(), None), pa.string()
            ),
            "agent_phone": nothing,
            "agent_id_number": nothing,
        }
    )


def linked(engine, rows, params=LINKER.params):
    tables = {"residual_stays": engine.put("stays", stays(rows))}
    return measure(engine.fetch(link(tables, params)), params).to_pandas()


def background(n=60, house="H", step=5):
    return [(f"b{i}", house, (i * step) % 350, 3 + i % 9) for i in range(n)]


def test_joint_stays_are_those_of_brute_force(engine):
    rng = np.random.default_rng(7)
    rows = [
        (f"p{rng.integers(12)}", f"H{rng.integers(2)}", int(rng.integers(15)), int(rng.integers(1, 5)))
        for _ in range(80)
    ]
    table = stays(rows)
    met = engine.fetch(joint_stays(engine.put("stays", table), Params())).to_pandas()
    seen = sorted(tuple(sorted(pair)) for pair in zip(met["source_stay"], met["target_stay"], strict=True))
    frame = table.to_pandas()
    wanted = []
    for a, b in combinations(frame.itertuples(), 2):
        near = (
            abs((a.admitted_on - b.admitted_on).days) <= 1
            and abs((a.discharged_on - b.discharged_on).days) <= 1
        )
        if near and a.institution_id == b.institution_id and a.patient_id != b.patient_id:
            wanted.append((a.stay_id, b.stay_id))
    assert wanted
    assert seen == sorted(wanted)
    assert (met["source_id"] < met["target_id"]).all()


def test_two_waves_make_links_and_one_does_not(engine):
    people = [f"r{i}" for i in range(6)]
    waves = [(p, "H", day + i % 2, 9 - i % 2) for day in (40, 160, 280) for i, p in enumerate(people)]
    once = [(f"o{i}", "H", 100, 6) for i in range(6)]
    found = linked(engine, background() + waves + once)
    assert list(found.columns) == list(LINK_SCHEMA)
    assert set(found["kind"]) == {"co_admission"}
    assert set(zip(found["source_id"], found["target_id"], strict=True)) == set(combinations(people, 2))
    assert (found["n_events"] == 3).all()
    assert (found["weight"] > 0).all()


def test_tail_is_the_hypergeometric_one(engine):
    people = [f"r{i}" for i in range(6)]
    rows = background() + [(p, "H", day, 9) for day in (40, 160, 280) for p in people]
    found = linked(engine, rows)
    facts = engine.fetch(houses(uncrowded(engine.put("stays", stays(rows)), Params()), Params())).to_pylist()[
        0
    ]
    slots = round(facts["n_days"] / facts["closeness"])
    assert found["log10_p"].iloc[0] == pytest.approx(np.log10(hypergeom.sf(2, slots, 3, 3)), abs=1e-6)


def test_closeness_counts_the_shifts_that_keep_both_ends_together(engine):
    rows = [("a", "H", 1, 4), ("b", "H", 50, 4), ("c", "H", 90, 6), ("d", "H", 120, 30)]
    facts = engine.fetch(houses(engine.put("stays", stays(rows)), Params())).to_pylist()[0]
    lengths = [4, 4, 6, 30]
    fits = sum(abs(shift + x - y) <= 1 for x in lengths for y in lengths for shift in (-1, 0, 1))
    assert facts["closeness"] == pytest.approx(fits / 16)
    assert facts["n_days"] == 4


def elsewhere(step=5):
    return [row for house in "KLM" for row in background(70, house, step)]


def waves(size=14):
    """Most of a small house: each person is missing from one of four waves."""
    when = (20, 110, 190, 300)
    return [(f"r{i:02d}", "S", day + i % 2, 7 - i % 2) for n, day in enumerate(when) for i in range(size) if i % 4 != n]


def test_waves_that_are_most_of_a_small_house_make_links(engine):
    rows = elsewhere() + waves() + [("o1", "S", 150, 4), ("o2", "S", 240, 5)]
    found = linked(engine, rows)
    people = {r[0] for r in waves()}
    assert set(found["source_id"]) | set(found["target_id"]) == people


def test_where_all_houses_admit_on_few_days_waves_make_no_links(engine):
    weekly = [(p, house, day // 90 * 90, nights) for p, house, day, nights in elsewhere()]
    assert linked(engine, weekly + waves()).empty


def test_a_crowd_makes_no_pairs(engine):
    crowd = [(f"c{i:03d}", "H", day, 3) for day in (30, 130) for i in range(Params().cell_cap_stays + 1)]
    assert linked(engine, background() + crowd).empty


def test_a_contact_that_brings_waves_ties_those_who_came_once(engine):
    rows = [(f"r{i}", "H", 40 if i < 4 else 200, 6, "19900001111") for i in range(8)]
    found = linked(engine, background() + rows)
    assert set(found["kind"]) == {"broker_contact"}
    assert len(found) == 28
    assert (found["log10_p"] == 0).all()


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(
            [(f"r{i}", "H", 9 * i, 6, "19900001111") for i in range(30)], id="a number used all year"
        ),
        pytest.param([(f"r{i}", "H", 40, 6, "19900001111") for i in range(4)], id="too few patients"),
        pytest.param([(f"r{i:03d}", "H", 2 * i, 6, "19900001111") for i in range(61)], id="the switchboard"),
    ],
)
def test_other_contacts_tie_nobody(engine, rows):
    found = linked(engine, background() + rows)
    assert found[found["kind"] == "broker_contact"].empty


def test_renaming_people_renames_the_links(engine):
    people = [f"r{i}" for i in range(6)]
    rows = background() + [(p, "H", day, 9) for day in (40, 160, 280) for p in people]
    turned = [(p[::-1] + "x", *rest) for p, *rest in rows]
    plain, other = linked(engine, rows), linked(engine, turned)
    pairs = {
        frozenset((a[::-1] + "x", b[::-1] + "x"))
        for a, b in zip(plain["source_id"], plain["target_id"], strict=True)
    }
    assert pairs == {frozenset(p) for p in zip(other["source_id"], other["target_id"], strict=True)}


def test_without_stays_there_are_no_links(engine):
    assert linked(engine, background()[:0] + [("a", "H", 1, 3)]).empty
