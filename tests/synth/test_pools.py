"""On which days the cards of a pool are swiped."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from gangfinder.synth.rings.cards import _meetings


def days(difficulty, number):
    world = SimpleNamespace(settings=SimpleNamespace(difficulty=difficulty), first_day=20_000, days=360)
    return _meetings(np.random.default_rng(number), world, number, 20, 4)


def test_in_the_hardest_towns_every_third_pool_copies_a_market():
    copied = days(3, 2)
    assert len(copied) == 20
    assert set(np.diff(copied)) == {5}
    assert copied.min() >= 20_000
    assert copied.max() < 20_360


@pytest.mark.parametrize(("difficulty", "number"), [(3, 0), (3, 1), (0, 2), (2, 2)])
def test_all_others_meet_on_no_fixed_days(difficulty, number):
    assert len(set(np.diff(days(difficulty, number)))) > 2
