"""Tails of sums of hypergeometric counts, against scipy's masses convolved by a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import hypergeom

from gangfinder.linking import convolution
from gangfinder.linking.convolution import FLOOR, log10_hypergeometric_sum_tail


@st.composite
def terms(draw):
    """Slots, marked and drawn of one hypergeometric count."""
    slots = draw(st.integers(1, 60))
    return slots, draw(st.integers(0, slots)), draw(st.integers(0, slots))


def exact(group, observed):
    """P(sum >= observed), masses convolved."""
    mass = np.ones(1)
    for slots, marked, drawn in group:
        mass = np.convolve(mass, hypergeom.pmf(np.arange(min(marked, drawn) + 1), slots, marked, drawn))
    return mass[observed:].sum() if observed < len(mass) else 0.0


@settings(max_examples=60)
@given(st.lists(st.tuples(st.lists(terms(), min_size=1, max_size=4), st.integers(0, 40)), min_size=1, max_size=5))
def test_against_scipy(groups):
    number = np.repeat(np.arange(len(groups)), [len(g) for g, _ in groups])
    slots, marked, drawn = (np.array([t[k] for g, _ in groups for t in g], dtype=float) for k in range(3))
    observed = np.array([k for _, k in groups])
    found = log10_hypergeometric_sum_tail(number, slots, marked, drawn, observed)
    for tail, (group, k) in zip(found, groups, strict=True):
        wanted = exact(group, k)
        if wanted < 1e-12:  # scipy's own masses are only this exact
            assert tail < -11
        else:
            assert 10.0**tail == pytest.approx(wanted, rel=1e-6)


def test_chunks_change_nothing(monkeypatch):
    random = np.random.default_rng(5)
    number = np.repeat(np.arange(40), random.integers(1, 4, 40))
    slots = random.integers(20, 400, len(number)).astype(float)
    marked, drawn = random.integers(1, 20, (2, len(number))).astype(float)
    observed = random.integers(1, 6, 40)
    whole = log10_hypergeometric_sum_tail(number, slots, marked, drawn, observed)
    monkeypatch.setattr(convolution, "CHUNK", 3)
    assert log10_hypergeometric_sum_tail(number, slots, marked, drawn, observed) == pytest.approx(whole, abs=1e-12)


def test_what_cannot_happen_is_floored():
    tail = log10_hypergeometric_sum_tail(
        np.array([0, 0, 1]), np.full(3, 100.0), np.full(3, 2.0), np.full(3, 2.0), np.array([9, 9])
    )
    assert tail.tolist() == [FLOOR, -np.inf]
