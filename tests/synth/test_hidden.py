"""Rings inside a look-alike and around one hub: the innocents beside them are nobody's ring."""

from __future__ import annotations

import pytest

from gangfinder.synth import TownSettings, build_town

STARS = ("star_account", "star_agent", "star_address", "star_clinic", "star_seller")
KINDS = ("hidden_dialysis", "hidden_village", "hidden_home", "lockstep_wide", *STARS)


@pytest.fixture(scope="module")
def town():
    return build_town(TownSettings(patients=12_000, seed=2699, typologies=KINDS, rings_per_typology=1, months=6))


def ring(town, kind):
    found = [g for g in town.truth.rings if g.kind == kind]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("kind", KINDS)
def test_every_style_has_people_and_rows(town, kind):
    one = ring(town, kind)
    assert 5 <= len(one.patients) <= 40
    assert one.settlements or one.reimbursements
    assert one.subject_type == "patient"


def test_the_shift_is_larger_than_its_pool(town):
    one = ring(town, "hidden_dialysis")
    rows = town.tables["settlements"].to_pylist()
    treated = [r for r in rows if r["diagnosis_code"] == "N18.001"]
    assert set(one.patients) < {r["patient_id"] for r in treated if r["institution_id"] in one.institutions}
    # the illness may stand on a pool's row as well, but treatments are no ring rows
    own = {r["settlement_id"] for r in treated} & set(one.settlements)
    assert 2 * len(own) < len(one.settlements) < len(treated)


def test_the_home_is_larger_than_its_ghosts(town):
    one = ring(town, "hidden_home")
    homes = {r["patient_id"]: r["address"] for r in town.tables["patients"].to_pylist() if r["address"]}
    address = {homes[p] for p in one.patients if p in homes}
    assert len(address) == 1
    assert len(one.patients) < sum(a in address for a in homes.values())


def test_a_star_has_one_hub(town):
    claims = town.tables["reimbursements"].to_pylist()
    for kind, column in (("star_account", "payee_account"), ("star_agent", "agent_phone")):
        one = ring(town, kind)
        own = [r for r in claims if r["reimbursement_id"] in set(one.reimbursements)]
        counts = [r[column] for r in own]
        assert max(counts.count(value) for value in set(counts)) >= len(one.patients)


def test_a_star_is_of_strangers(town):
    register = {r["patient_id"]: r for r in town.tables["patients"].to_pylist()}
    for kind in STARS:
        people = [register[p] for p in ring(town, kind).patients]
        known = [p["household_id"] for p in people if p["household_id"]]
        assert len(set(known)) == len(known)


def test_the_people_of_an_address_star_are_registered_at_one_door(town):
    homes = {r["patient_id"]: r["address"] for r in town.tables["patients"].to_pylist() if r["address"]}
    doors = {homes[p] for p in ring(town, "star_address").patients if p in homes}
    assert len(doors) == 1


@pytest.mark.parametrize("kind", ["star_clinic", "star_seller"])
def test_nobody_of_a_house_star_is_seen_at_the_house(town, kind):
    one = ring(town, kind)
    assert len(one.institutions) == 1
    seen = [r for r in town.tables["settlements"].to_pylist() if r["institution_id"] in one.institutions]
    assert seen
    assert not set(one.patients) & {r["patient_id"] for r in seen}


def test_honest_people_hand_in_paper_of_the_same_houses_and_of_others(town):
    kinds = {r["institution_id"]: r["kind"] for r in town.tables["institutions"].to_pylist()}
    planted = {r for g in town.truth.rings for r in g.reimbursements}
    paper = [r for r in town.tables["reimbursements"].to_pylist() if r["benefit_kind"] == "outpatient"]
    honest = [r for r in paper if r["reimbursement_id"] not in planted]
    assert {kinds[r["institution_id"]] for r in paper} == {"clinic", "pharmacy"}
    assert len({r["institution_id"] for r in honest}) > 30
