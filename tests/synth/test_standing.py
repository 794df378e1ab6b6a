"""Suspended houses, doctors who left and doctors at two houses: honest people do nothing impossible."""

from __future__ import annotations

import pandas as pd
import pytest

from gangfinder.synth import Town, TownSettings, build_town


@pytest.fixture(scope="module")
def clean() -> Town:
    return build_town(TownSettings(patients=6_000, seed=2390, clean=True))


@pytest.fixture(scope="module")
def rows(clean) -> pd.DataFrame:
    frame = clean.tables["settlements"].to_pandas()
    frame["at"] = frame["occurred_at"].fillna(frame["settled_at"])
    return frame[frame["reversed_settlement_id"].isna()]


def test_contracts_of_every_house_follow_one_another(clean):
    held = clean.tables["contracts"].to_pandas().sort_values(["institution_id", "valid_from"])
    assert set(held["institution_id"]) == set(clean.tables["institutions"]["institution_id"].to_pylist())
    same = held["institution_id"] == held["institution_id"].shift()
    assert (held["valid_from"] > held["valid_to"].shift())[same].all()
    assert set(held["status"]) == {"active", "suspended", "ended"}


def test_suspended_houses_settle_next_to_nothing(clean, rows):
    held = clean.tables["contracts"].to_pandas()
    for one in held[held["status"] == "suspended"].itertuples():
        here = rows[rows["institution_id"] == one.institution_id]
        begin, end = pd.Timestamp(one.valid_from), pd.Timestamp(one.valid_to) + pd.Timedelta(days=1)
        inside = here[(here["at"] >= begin) & (here["at"] < end)]
        assert (inside["visit_type"] != "13").sum() <= 3


def test_regulars_of_a_suspended_house_disperse(clean, rows):
    held = clean.tables["contracts"].to_pandas()
    one = held[held["status"] == "suspended"].iloc[0]
    begin = pd.Timestamp(one.valid_from)
    before = rows[(rows["institution_id"] == one.institution_id) & (rows["at"] < begin)]
    people = set(before["patient_id"])
    after = rows[rows["patient_id"].isin(people) & (rows["at"] >= begin) & (rows["at"] < begin + pd.Timedelta(days=60))]
    assert after["institution_id"].nunique() >= 4


def test_doctors_who_left_sign_no_more(clean, rows):
    doctors = clean.tables["doctors"].to_pandas()
    left = doctors[doctors["active_to"].notna()].groupby("doctor_id")["active_to"].max()
    assert len(left) >= 3
    last = rows.groupby("doctor_id")["at"].max()
    for doctor, day in left.items():
        if doctor in last:
            assert last[doctor] < pd.Timestamp(day) + pd.Timedelta(days=6)


def test_owners_of_several_houses_stand_in_the_register(clean):
    houses = clean.tables["institutions"].to_pandas()
    assert houses["uscc"].duplicated().any()
    assert houses["parent_id"].notna().sum() >= 2
    assert set(houses["parent_id"].dropna()) <= set(houses["institution_id"])
