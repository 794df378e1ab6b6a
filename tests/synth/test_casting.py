"""Everything that is asked for is cast: look-alikes in their full number, and every ring."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from gangfinder.synth import TownSettings
from gangfinder.synth.casting import Part, Scene, matched
from gangfinder.synth.lookalikes import LOOKALIKES, play
from gangfinder.synth.people import EMPLOYEE
from gangfinder.synth.rings import plant
from gangfinder.synth.town import _ordinary_year
from gangfinder.synth.world import make_world


def staged(**settings: object) -> tuple[Scene, list[Part]]:
    scene = _ordinary_year(make_world(TownSettings(**settings)))
    return scene, play(scene)


@pytest.mark.parametrize("seed", [4101, 4105])
@pytest.mark.parametrize("patients", [20_000, 60_000])
@pytest.mark.parametrize("density", [1.0, 2.0])
def test_every_lookalike_and_every_ring_is_cast(patients, density, seed):
    """Too few houses were left for chains in towns dense in look-alikes, and too few that stamp as they save."""
    scene, alike = staged(patients=patients, seed=seed, lookalike_density=density)
    found, settings = Counter(part.kind for part in alike), scene.world.settings
    common = {kind: round(density * patients / residents) for kind, (_, residents) in LOOKALIKES.items()}
    fewer = {
        kind: (found[kind], more)
        for kind, more in common.items()
        if found[kind] < max(settings.lookalikes, 0 if kind == "shared_login" else more)
    }
    assert fewer == {}
    rings = Counter(part.kind for part in plant(scene))
    assert rings == dict.fromkeys(settings.planted, settings.rings_per_typology)


def test_chains_are_pairs_of_different_houses_at_which_no_ring_is():
    scene, alike = staged(patients=60_000, seed=4101, lookalike_density=2.0)
    pairs = [part.places for part in alike if part.kind == "chain_transfer"]
    houses = np.concatenate(pairs)
    assert {len(pair) for pair in pairs} == {2}
    assert len(np.unique(houses)) == len(houses)
    assert not np.isin(houses, np.concatenate([*scene.world.ring_sites.values()])).any()


def test_weights_make_up_for_those_whom_lookalikes_have_taken():
    """The old and the employed are in look-alikes more often: of those left, each is drawn the more often."""
    scene, _ = staged(patients=20_000, seed=4101)
    people = scene.world.people
    adults = scene.alive & (people.age >= 25)
    free = adults & ~scene.world.seats.in_alike
    weight = matched(scene, adults, adults.astype(np.float64))
    for those in (people.age >= 60, people.insured == EMPLOYEE):
        drawn = weight[free & those].sum() / weight[free].sum()
        assert drawn == pytest.approx((adults & those).sum() / adults.sum(), abs=0.01)
