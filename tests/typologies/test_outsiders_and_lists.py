"""What T02, T23 and T24 compare a house with: the quieter half of its kind, its own desks, and where nobody can be."""

from __future__ import annotations

from datetime import date, datetime

import ibis
import pandas as pd
import pyarrow as pa
import pytest

from gangfinder.model.group import Group
from gangfinder.model.tails import log10_hypergeometric_tail
from gangfinder.typologies._absent import absent_visits, with_quiet
from gangfinder.typologies._desks import busiest_desk
from gangfinder.typologies._travel import arrivals, two_regions


def arrow(columns: dict[str, object]) -> pa.Table:
    return pa.table({name: pa.array(values) for name, values in columns.items()})


def group(desks: dict[tuple[str, str], dict[str, int]]) -> Group:
    return Group("H", ("a",), pd.DataFrame(), pd.DataFrame(columns=["source_id", "target_id"]), desks=desks)


def desks(**counts: int) -> dict[tuple[str, str], dict[str, int]]:
    return {("H", "operator"): counts}


def test_a_desk_is_compared_with_its_share_of_the_house():
    rows = pd.DataFrame({"source_key": [f"s{i}" for i in range(20)], "m_operator_id": ["o1"] * 18 + ["o2"] * 2})
    found = busiest_desk(rows, group(desks(o1=200, o2=800)), 10, -3.0)
    assert found is not None
    assert (found.kind, found.desk) == ("operator", "o1")
    again = float(log10_hypergeometric_tail(18, 1000, 200, 20))
    assert found.anomaly.log10_p == pytest.approx(again)
    assert found.anomaly.n_tests == 20
    assert busiest_desk(rows, group(desks(o1=900, o2=100)), 10, -3.0) is None


def test_no_desks_no_anomaly():
    rows = pd.DataFrame({"source_key": ["s"], "m_operator_id": [None]})
    assert busiest_desk(rows, group({}), 1, -3.0) is None
    assert busiest_desk(rows, group(desks(o1=5)), 1, -3.0) is None


def test_two_rings_do_not_hide_each_other():
    houses = ibis.memtable(
        arrow({"h": list("abcde"), "m_house_over": [9, 8, 0, 1, 0], "m_house_all": [10, 10, 10, 10, 20]})
    )
    found = with_quiet(houses, "over", "all").to_pyarrow().to_pandas().set_index("h")
    # the median house has one case in ten; the quieter half are c, d and e
    assert found.loc["a", ["m_rest_over", "m_rest_all"]].tolist() == [1, 40]
    assert found.loc["b", ["m_rest_over", "m_rest_all"]].tolist() == [1, 40]
    assert found.loc["d", ["m_rest_over", "m_rest_all"]].tolist() == [0, 30]


def test_absent_are_those_in_bed_elsewhere_and_the_dead():
    visits = ibis.memtable(
        arrow(
            {
                "settlement_id": ["in", "first", "own", "dead", "late"],
                "patient_id": ["p", "p", "q", "r", "r"],
                "institution_id": ["C"] * 5,
                "on": [date(2025, 1, 5), date(2025, 1, 3), date(2025, 1, 5), date(2025, 3, 5), date(2025, 1, 20)],
            }
        )
    )
    stays = ibis.memtable(
        arrow(
            {
                "patient_id": ["p", "q"],
                "institution_id": ["H", "C"],
                "admitted_on": [date(2025, 1, 3)] * 2,
                "discharged_on": [date(2025, 1, 9)] * 2,
            }
        )
    )
    patients = ibis.memtable(arrow({"patient_id": ["r"], "death_date": [date(2025, 1, 2)]}))
    found = absent_visits(visits, stays, patients).to_pyarrow().to_pandas()
    shown = dict(zip(found["settlement_id"], found["shows"], strict=True))
    assert shown == {"in": "in_hospital", "dead": "after_death"}


def test_nobody_is_in_two_regions_within_an_hour():
    spots = ibis.memtable(
        arrow({"institution_id": ["P", "H"], "longitude": [100.0, 104.0], "latitude": [30.0, 30.0]})
    )
    at = [datetime(2025, 5, 1, 10), datetime(2025, 5, 1, 10, 30), datetime(2025, 5, 1, 10), datetime(2025, 5, 1, 14)]
    every = arrow(
        {
            "settlement_id": ["a", "a2", "b", "b2"],
            "patient_id": ["a", "a", "b", "b"],
            "institution_id": ["P", "H", "P", "H"],
            "at": at,
        }
    )
    visits = ibis.memtable(every).mutate(on=lambda t: t["at"].date())
    outside = visits.filter(visits.institution_id == "P").rename(house="institution_id")
    found = two_regions(outside, visits, spots, 100.0, 250.0).to_pyarrow().to_pandas()
    assert found["settlement_id"].tolist() == ["a"]


def test_arrivals_are_counted_from_each_day_on():
    strange = ibis.memtable(
        arrow({"area": ["x"] * 3, "first_on": [date(2025, 1, 1), date(2025, 1, 5), date(2025, 6, 1)]})
    )
    found = arrivals(strange, 60).to_pyarrow().to_pandas().sort_values("on")
    assert found["m_near"].tolist() == [2, 1, 1]
    assert found["m_arrived"].tolist() == [3, 3, 3]
