"""Towns with offices: all else as it was, rosters that are followed, insiders, and innocents who look like them."""

from __future__ import annotations

import hashlib
import io
import json
from collections import Counter

import numpy as np
import pandas as pd
import pyarrow.csv as pacsv
import pytest

from gangfinder.errors import SettingsError
from gangfinder.evaluate.reading import ring_of
from gangfinder.model.tables import TABLES
from gangfinder.synth import Town, TownSettings, build_town, personal
from gangfinder.synth.innocents import OFFICE_LOOKALIKES
from gangfinder.synth.limits import LIMITS

BEFORE = {
    # digests of all tables and the truth of small towns, taken before there were offices
    "small": (
        {"patients": 2_500, "seed": 11},
        "3fe4febb55b055b83eed9342ac5845679c96672c68c52002a1014862a480472b",
    ),
    "clean": (
        {"patients": 2_000, "seed": 12, "clean": True, "difficulty": 2},
        "94a23077c0fa5aff2da4b87c0782bba9099e63c3678ab6c8478b3c9adc14da10",
    ),
    "hidden": (
        {"patients": 2_000, "seed": 13, "difficulty": 3, "typologies": ("T11", "T13", "T17", "T19", "star_agent")},
        "b1dbaa04e1196604a6068507f63f6388d09c27bfe624cd5a06e9d494fb3e6890",
    ),
    "thin": (
        {"patients": 2_000, "seed": 14, "only_required": True, "dates_only": True, "months": 6},
        "747000670745809fcab9416830a481470e3d34edeca4160f6b4e22a4b3d49032",
    ),
}


def digest(town: Town) -> str:
    whole = hashlib.sha256()
    for name in sorted(town.tables):
        text = io.BytesIO()
        pacsv.write_csv(town.tables[name], text)
        whole.update(name.encode())
        whole.update(text.getvalue())
    whole.update(json.dumps(town.truth.to_json(), ensure_ascii=False, sort_keys=True).encode())
    return whole.hexdigest()


@pytest.mark.parametrize("name", sorted(BEFORE))
def test_a_town_without_offices_is_what_it_was(name):
    settings, before = BEFORE[name]
    assert digest(build_town(TownSettings(**settings))) == before


PEOPLE = 5_000


@pytest.fixture(scope="module")
def town() -> Town:
    return build_town(TownSettings(patients=PEOPLE, seed=3, offices=True))


@pytest.fixture(scope="module")
def clean() -> Town:
    return build_town(TownSettings(patients=PEOPLE, seed=3, offices=True, clean=True))


def test_the_same_town_twice(town):
    assert digest(build_town(TownSettings(patients=PEOPLE, seed=3, offices=True))) == digest(town)


def test_planting_insiders_leaves_every_honest_row_as_it_was(town, clean):
    for name in ("staff", "roster", "institutions", "patients", "operators"):
        # a house that turns out busier has more beds, whoever lies in them
        before, after = (t.tables[name].drop_columns(["beds"] * (name == "institutions")) for t in (clean, town))
        assert after.equals(before), name
    for name in ("reimbursements", "filings", "enrolments", "actions", "ties", "signals"):
        before, after = (Counter(map(repr, t.tables[name].to_pylist())) for t in (clean, town))
        assert not before - after, name


@pytest.mark.parametrize("which", ["town", "clean"])
def test_at_least_three_of_every_lookalike_among_staff(which, request):
    counts = request.getfixturevalue(which).truth.to_json()["lookalike_counts"]
    assert min(counts[kind] for kind in OFFICE_LOOKALIKES) >= 3
    assert counts == request.getfixturevalue("clean").truth.to_json()["lookalike_counts"]


def _files(town: Town) -> pd.DataFrame:
    """Return reimbursements and filings: kind of business, who did what, and when."""
    claims, filings = (town.tables[name].to_pandas() for name in ("reimbursements", "filings"))
    own = {"maternity": "maternity", "special_drug": "special_drug"}
    claims["business"] = claims["benefit_kind"].map(own).fillna("manual_reimbursement")
    claims = claims.rename(columns={"reimbursement_id": "key", "submitted_at": "filed_at"})
    filings = filings.rename(columns={"filing_id": "key"}).assign(business="filing")
    shown = ["key", "business", "filed_at", "handler_id", "handled_at", "reviewer_id", "reviewed_at", "decision"]
    return pd.concat([claims[shown], filings[shown]], ignore_index=True)


def _planted(town: Town) -> set[str]:
    rings = town.truth.rings
    return {key for ring in rings for key in (*ring.reimbursements, *ring.entries.get("filings", ()))}


def test_tables_of_offices_follow_the_model(town):
    for name in ("staff", "roster", "actions", "ties"):
        table, spec = town.tables[name], TABLES[name]
        assert set(table.column_names) <= set(spec.names)
        assert all(table[column].null_count == 0 for column in spec.required)
    keys = list(TABLES["roster"].key)
    assert not town.tables["roster"].select(keys).to_pandas().duplicated().any()


@pytest.mark.parametrize("who", ["handler", "reviewer"])
def test_honest_files_are_done_by_whoever_is_on_the_roster(clean, who):
    files = _files(clean)
    roster = clean.tables["roster"].to_pandas().rename(columns={"staff_id": f"{who}_id"})
    files["day"] = pd.to_datetime(files["handled_at" if who == "handler" else "reviewed_at"]).dt.normalize()
    both = files.merge(roster, left_on=[f"{who}_id", "business"], right_on=[f"{who}_id", "business_kind"])
    begin = pd.to_datetime(both["valid_from"])
    end = pd.to_datetime(both["valid_to"]).fillna(pd.Timestamp(2099, 1, 1))
    on = both[(begin <= both["day"]) & (both["day"] <= end)]
    assert set(on["key"]) == set(files["key"])
    assert (files["day"].dt.day_of_week < 5).all()


def test_honest_files_pass_two_people_in_order(clean):
    files = _files(clean)
    assert (files["handler_id"] == files["reviewer_id"]).mean() < 0.005
    assert (files["filed_at"] < files["handled_at"]).all()
    wait = (files["reviewed_at"] - files["handled_at"]).dt.total_seconds()
    assert wait.min() >= 900
    late = files["handled_at"].dt.hour >= 18
    assert 0.002 < late.mean() < 0.03
    assert 0.03 < (files["decision"] == "rejected").mean() < 0.1


def test_nothing_is_paid_for_what_is_refused(town):
    claims = town.tables["reimbursements"].to_pandas()
    refused = claims["decision"] == "rejected"
    assert (claims.loc[refused, "fund_amount"] == 0).all()
    assert claims.loc[refused, "paid_at"].isna().all()
    assert claims.loc[~refused, "paid_at"].notna().all()


def _hosts(town: Town) -> list[tuple[object, object]]:
    by_id = {ring.group_id: ring for ring in town.truth.rings}
    return [(ring, by_id[ring.attached_to]) for ring in town.truth.rings if ring.kind == "T20"]


def test_insiders_are_staff_and_rings_of_their_own(town):
    staff = set(town.tables["staff"]["staff_id"].to_pylist())
    found = _hosts(town)
    assert len(found) == 3
    for ring, host in found:
        assert ring.subject_type == "staff"
        assert ring.staff
        assert set(ring.staff) <= staff
        assert host.kind in {"T11", "T13", "T17", "T19"}
        assert ring_of(_entry(town, ring.group_id)).subjects == {("staff", one) for one in ring.staff}


def _entry(town: Town, ring_id: str) -> dict[str, object]:
    return next(ring for ring in town.truth.to_json()["rings"] if ring["ring_id"] == ring_id)


@pytest.mark.parametrize("more", [{"difficulty": 3}, {"lookalike_density": 2.0}, {"patients": 2_000}, {"months": 3}])
def test_insiders_and_lookalikes_are_cast_in_hidden_dense_small_and_short_towns(more):
    town = build_town(TownSettings(**{"patients": 3_000, "seed": 26, "offices": True, **more}))
    assert len(_hosts(town)) == 3
    assert all(ring.n_rows >= 3 or ring.style == "owner" for ring, _ in _hosts(town))
    counts, least = town.truth.to_json()["lookalike_counts"], 3 * more.get("lookalike_density", 1)
    assert min(counts[kind] for kind in OFFICE_LOOKALIKES) >= least


def test_an_insider_has_more_of_the_ring_than_his_office_explains(town):
    office = town.tables["staff"].to_pandas().set_index("staff_id")
    files = _files(town)
    for ring, host in _hosts(town):
        own = set(host.reimbursements) | set(host.entries.get("filings", ()))
        if host.kind not in {"T17", "T11"}:
            continue
        for one in ring.staff:
            column = f"{office.loc[one, 'role']}_id"
            there = files[files["handler_id"].map(office["office"]) == office.loc[one, "office"]]
            of_ring = there["key"].isin(own)
            his = there[column] == one
            assert his[of_ring].mean() > 2 * his[~of_ring].mean() - 0.35
            assert his[of_ring].mean() > 0.7


def test_every_style_is_played_in_towns_of_four():
    town = build_town(TownSettings(patients=PEOPLE, seed=7, offices=True, rings_per_typology=4, difficulty=0))
    found = _hosts(town)
    assert {ring.style for ring, _ in found} == {"one_handler", "pair", "owner", "looks_away"}
    files = _files(town).set_index("key")
    for ring, host in found:
        own = files.loc[[*ring.reimbursements, *ring.entries.get("filings", ())]]
        wait = (own["reviewed_at"] - own["handled_at"]).dt.total_seconds()
        if ring.style == "looks_away":
            assert (wait < 120).mean() > 0.6
            assert (own["decision"] == "approved").all()
        if ring.style == "pair":
            assert (own["handler_id"].isin(ring.staff) & own["reviewer_id"].isin(ring.staff)).mean() > 0.8
        if ring.style == "one_handler" and host.kind != "T19":
            assert (own["handler_id"] == own["reviewer_id"]).mean() > 0.1
        if ring.style == "owner":
            actions = town.tables["actions"].to_pandas()
            his = actions[actions["staff_id"].isin(ring.staff) & actions["target_id"].isin(host.institutions)]
            assert len(his) >= 1
    assert any(ring.style == "owner" for ring, _ in found)


def test_every_insider_of_an_open_town_has_a_tie_that_the_records_show():
    for seed in (8, 9):
        town = build_town(TownSettings(patients=PEOPLE, seed=seed, offices=True))
        staff = town.tables["staff"].to_pandas().set_index("staff_id")
        claims, ties = town.tables["reimbursements"].to_pandas(), town.tables["ties"].to_pandas()
        for ring, host in _hosts(town):
            own = claims[claims["reimbursement_id"].isin(host.reimbursements)]
            if "own_account" in ring.ties:
                assert own["payee_account"].isin(staff.loc[list(ring.staff), "bank_account"]).any()
            if "declared" in ring.ties:
                mine = ties[ties["source_id"].isin(ring.staff)]
                assert mine["target_id"].isin([*host.agents, *host.patients]).any()


def test_kin_of_both_insiders_of_a_pair_act_for_the_ring(monkeypatch):
    """The second's kin took the first's place among the agents, and nothing on record tied the first to the ring."""
    monkeypatch.setattr(personal, "_TIES", dict.fromkeys(("T11", "T17", "T19"), ((personal.KIN_AGENT,),) * 4))
    town = build_town(TownSettings(patients=PEOPLE, seed=7, offices=True, rings_per_typology=4, difficulty=0))
    staff, people = (town.tables[name].to_pandas() for name in ("staff", "patients"))
    home = people.set_index("patient_id")["household_id"]
    lives = staff.merge(people[["id_number", "household_id"]], on="id_number").set_index("staff_id")["household_id"]
    pairs = [(ring, host) for ring, host in _hosts(town) if ring.style == "pair"]
    assert pairs
    for ring, host in pairs:
        acting = {home[agent] for agent in host.agents if agent in home}
        known = [lives[one] for one in ring.staff if one in lives]
        assert len(known) == 2
        assert set(known) <= acting


@pytest.mark.parametrize("seed", [3, 4])
def test_a_lent_login_is_used_at_other_houses_or_after_its_owner_left(seed):
    lent = build_town(TownSettings(patients=PEOPLE, seed=seed, offices=True, difficulty=0))
    rows = lent.tables["settlements"].to_pandas().drop_duplicates().set_index("settlement_id")
    operators = lent.tables["operators"].to_pandas().set_index("operator_id")
    (ring,) = [one for one in lent.truth.rings if one.insiders]
    operator = ring.insiders[0].removeprefix("operator:")
    own = rows.loc[list(ring.settlements)]
    own = own[own["operator_id"] == operator]
    elsewhere = own["institution_id"] != operators.loc[operator, "institution_id"]
    left = pd.to_datetime(operators.loc[operator, "active_to"])
    after = own["settled_at"] > (left if pd.notna(left) else pd.Timestamp.max)
    assert (elsewhere | after).sum() >= 5


def test_no_honest_row_bears_the_login_of_an_operator_who_left(clean):
    rows = clean.tables["settlements"].to_pandas()
    left = pd.to_datetime(clean.tables["operators"].to_pandas().set_index("operator_id")["active_to"])
    assert left.notna().sum() >= 3
    when = rows["occurred_at"].fillna(rows["settled_at"])
    assert not (when.dt.normalize() > rows["operator_id"].map(left)).any()


def test_relatives_of_insiders_can_be_known_and_those_of_innocents_own_houses_too(town, clean):
    for t in (town, clean):
        reps = t.tables["institutions"].to_pandas()["legal_rep_id_number"]
        people = t.tables["patients"].to_pandas().set_index("patient_id")
        ties = t.tables["ties"].to_pandas()
        kin = ties[(ties["source_type"] == "staff") & (ties["target_type"] == "patient")]["target_id"]
        assert reps.isin(people.loc[kin.unique(), "id_number"].dropna()).sum() >= 3
    assert all(ring.ties for ring, _ in _hosts(town))


def _ids_of(town: Town, table: str, *columns: str) -> set[str]:
    return {one for column in columns for one in town.tables[table][column].to_pylist()} - {None}


@pytest.mark.parametrize("which", ["town", "clean"])
def test_who_works_for_the_fund_works_and_owns_nowhere_else(which, request):
    town = request.getfixturevalue(which)
    staff = town.tables["staff"].to_pandas()
    assert not staff[["id_number", "phone", "bank_account"]].stack().duplicated().any()
    elsewhere = _ids_of(town, "doctors", "id_number") | _ids_of(town, "operators", "id_number")
    elsewhere |= _ids_of(town, "institutions", "legal_rep_id_number")
    assert not elsewhere & set(staff["id_number"])
    phones = _ids_of(town, "doctors", "phone") | _ids_of(town, "institutions", "phone")
    assert not phones & set(staff["phone"])
    # some of them are insured elsewhere, and are nobody else's neighbours either
    assert 0 < (~staff["id_number"].isin(_ids_of(town, "patients", "id_number"))).mean() < 0.3


def _declared(town: Town) -> set[tuple[str, str]]:
    """Return staff and the relatives whom they have declared."""
    ties = town.tables["ties"].to_pandas()
    kin = ties[(ties["source_type"] == "staff") & (ties["target_type"] == "patient")]
    return set(zip(kin["source_id"], kin["target_id"], strict=True))


@pytest.mark.parametrize("which", ["town", "clean"])
def test_staff_and_towns_people_have_honest_things_in_common(which, request):
    town = request.getfixturevalue(which)
    staff = town.tables["staff"].to_pandas().set_index("staff_id")
    people = town.tables["patients"].to_pandas().set_index("patient_id")
    claims = town.tables["reimbursements"].to_pandas()
    alike = {kind: [a for a in town.truth.lookalikes if a.kind == kind] for kind in OFFICE_LOOKALIKES}
    for one in alike["number_of_kin"]:
        assert set(people.loc[list(one.patients), "phone"]) == set(staff.loc[list(one.staff), "phone"])
    for one in alike["helped_neighbour"]:
        paper = claims[claims["reimbursement_id"].isin(one.reimbursements)]
        assert len(paper) == 1
        assert set(paper["agent_id_number"].dropna()) <= set(staff.loc[list(one.staff), "id_number"])
    for one in alike["large_family"]:
        assert {(s, kin) for s in one.staff for kin in one.patients} <= _declared(town)
        assert len(one.patients) >= 5
    for one in alike["flat_rates"]:
        paper = claims[claims["reimbursement_id"].isin(one.reimbursements)]
        paid = paper.loc[paper["decision"] == "approved", "fund_amount"].astype(float)
        assert sum((0.95 * limit <= paid).all() and (paid < limit).all() for limit in LIMITS) == 1


def test_half_of_the_families_of_staff_are_paid_into_accounts_known_for_theirs(town, clean):
    for t in (town, clean):
        families = [a for a in t.truth.lookalikes if a.kind == "staff_as_patients" and a.reimbursements]
        claims = t.tables["reimbursements"].to_pandas().set_index("reimbursement_id")
        names = t.tables["patients"].to_pandas().set_index("patient_id")["name"]
        for one in families:
            paper = claims.loc[list(one.reimbursements)]
            assert (paper["payee_name"] == paper["patient_id"].map(names)).all()
        assert 0.3 * 46 < len(families) < 0.8 * 46  # members of staff at large offices


def test_kin_of_honest_staff_are_among_the_people_of_rings_now_and_then():
    met = []
    for seed in (3, 21, 22):
        town = build_town(TownSettings(patients=PEOPLE, seed=seed, offices=True))
        insiders = {one for ring, _ in _hosts(town) for one in ring.staff}
        members = {one for ring in town.truth.rings for one in (*ring.patients, *ring.agents)}
        met.append(sum(kin in members for one, kin in _declared(town) if one not in insiders))
    assert min(met) >= 1
    assert sum(met) >= 6


def test_bills_over_the_desk_of_an_insider_lie_just_below_limits_more_often_than_others():
    near, far = [], []
    for seed in (23, 24, 25):
        town = build_town(TownSettings(patients=PEOPLE, seed=seed, offices=True, typologies=("T17", "T20")))
        claims = town.tables["reimbursements"].to_pandas().set_index("reimbursement_id")
        fund = claims["fund_amount"].astype(float)
        just = pd.concat([(fund >= 0.97 * limit) & (fund < limit) for limit in LIMITS], axis=1).any(axis=1)
        told = {host.group_id for ring, host in _hosts(town) if ring.style in {"one_handler", "pair"}}
        for ring in town.truth.rings:
            if ring.kind == "T17":
                (near if ring.group_id in told else far).append(just[list(ring.reimbursements)].mean())
    assert max(far) < 0.1
    assert 0.05 < sum(near) / len(near) < 0.3


def test_no_honest_member_of_staff_hands_in_for_strangers_again_and_again():
    for more in ({"seed": 3}, {"seed": 21, "difficulty": 3}, {"seed": 22, "lookalike_density": 2.0}):
        town = build_town(TownSettings(patients=PEOPLE, offices=True, **more))
        staff = town.tables["staff"].to_pandas().set_index("id_number")["staff_id"]
        home = town.tables["patients"].to_pandas().set_index("patient_id")
        household = home.dropna(subset=["id_number", "household_id"]).set_index("id_number")["household_id"]
        insiders, kin = {one for ring, _ in _hosts(town) for one in ring.staff}, _declared(town)
        for table in ("reimbursements", "filings", "enrolments"):
            rows = town.tables[table].to_pandas()
            rows = rows[rows["agent_id_number"].isin(staff.index.intersection(household.index))]
            far = rows["patient_id"].map(home["household_id"]).ne(rows["agent_id_number"].map(household))
            far &= rows["patient_id"].map(home["household_id"]).notna()
            own = rows["agent_id_number"].map(staff)
            far &= np.array([pair not in kin for pair in zip(own, rows["patient_id"], strict=True)], dtype=bool)
            strangers = rows[far & ~own.isin(insiders)].groupby("agent_id_number")["patient_id"].nunique()
            assert strangers.max() <= 1 or strangers.empty, table


@pytest.mark.parametrize(
    "wrong",
    [
        {"typologies": ("T20", "T17")},
        {"typologies": ("T20", "T05"), "offices": True},
        {"typologies": ("T20", "T17"), "offices": True, "only_required": True},
    ],
)
def test_insiders_need_offices_and_a_ring(wrong):
    with pytest.raises(SettingsError) as refused:
        TownSettings(**wrong)
    assert refused.value.hint
