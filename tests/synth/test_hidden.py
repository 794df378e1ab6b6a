"""Rings inside a look-alike and around one hub: the innocents beside them are nobody's ring."""

from __future__ import annotations

import pytest

from gangfinder.synth import TownSettings, build_town

KINDS = ("hidden_dialysis", "hidden_village", "hidden_home", "star_account", "star_agent", "lockstep_wide")


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
