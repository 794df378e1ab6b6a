"""Around one hub and nothing else: strangers of an account, an agent, an address, a clinic, a seller.

Two small towns, others with every commit: one in which such rings are planted, and a clean one in which the hubs that
look like them are twice as many. Seeds begin where no tuning seed is.
"""

from __future__ import annotations

import pytest

from gangfinder.pipeline import run
from gangfinder.run import Stages
from gangfinder.settings import read_settings
from gangfinder.synth import TownSettings, build_town, write_town
from tests.bench.towns import STARS
from tests.towns.rotation import choose, rotation

HUBS = {
    "company_agent", "payroll_account", "village_agent", "collective_account", "company_dormitory", "clinic_off_line",
    "chain_pharmacy", "outsourcing_firm", "enrolment_desk",
}
"""Innocent hubs of many: large employers, payroll accounts, cadres, dormitories, chains."""

FIRST_SEED = 73_000


def leads_of(town, folder):
    write_town(town, folder / "town")
    return run(folder / "town", folder / "out", read_settings(None), stages=Stages(quiet=True)).leads


def core(lead):
    return {m.entity_id for m in lead.members if m.membership == "core"}


def fits(lead, people):
    both = len(core(lead) & people)
    return both >= 0.6 * len(people) and both >= 0.6 * len(core(lead))


@pytest.fixture(scope="module")
def seed():
    found = FIRST_SEED + choose("stars", 10_000)[0]
    print(f"rotation {rotation()}: seed {found}")
    return found


def test_stars_of_every_kind_and_size_are_found(seed, tmp_path):
    settings = TownSettings(patients=6_000, seed=seed, typologies=STARS, rings_per_typology=4)
    town = build_town(settings)
    leads = leads_of(town, tmp_path)[: len(town.truth.rings)]
    missed = [
        (g.kind, len(g.patients)) for g in town.truth.rings if not any(fits(x, set(g.patients)) for x in leads)
    ]
    # of the smallest stars one or the other stays below what chance may do; a seller with the custom of a large shop,
    # and bills of a few in a hundred of them, has nothing in these data that the main shop of a chain lacks
    large = [one for one in missed if one[1] >= 10 and one[0] != "star_seller"]
    assert not large, missed
    assert len(missed) <= 0.2 * len(town.truth.rings), missed
    hubs = [set(g.patients) for g in town.truth.lookalikes if g.kind in HUBS]
    assert not [x.headline for x in leads if any(len(core(x) & people) >= 0.5 * len(core(x)) for people in hubs)]


def test_innocent_hubs_are_not_listed(seed, tmp_path):
    town = build_town(TownSettings(patients=5_000, seed=seed + 1, clean=True, lookalike_density=2.0))
    assert {g.kind for g in town.truth.lookalikes} >= HUBS - {"chain_pharmacy"}
    stars = [x for x in leads_of(town, tmp_path) if {"T17", "T19", "T25", "T26"} & set(x.typologies)]
    assert not stars
