"""Nothing marks a planted row but its conduct: the tell audit on unseen seeds, and on itself."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gangfinder.synth.lookalikes import LOOKALIKES
from gangfinder.synth.settings import TYPOLOGIES
from tests.towns.rotation import choose, rotation

sys.path.insert(0, str(Path(__file__).parent))

from tell_audit import LIMIT, TABLES, Observed, Sample, audit, column_aucs, house_audit, observe, told_twice
from tell_conduct import ALIKE_CONDUCT, CONDUCT, OF_ALIKE

FIRST, SEEDS, TOWNS = 10_001, 90_000, 10
"""Towns are drawn from seeds 10001 … 100000, others with every commit: nothing can have been tuned to them.

The seeds that were looked at while tells were mended (3401 – 3449, 7001 – 7016, 8001 – 8610) lie below.
"""

TOWN = {"patients": 40_000, "rings_per_typology": 10, "lookalikes_per_kind": 10}
"""A hundred rings of each typology and a hundred look-alikes of each kind in all, as many of them in one town as live
there: a column without a tell is known with a standard error of 0.01 on average and 0.033 at most.
"""

KNOWN = (LIMIT - 0.5) / 3
"""The limit is a tenth above chance: what is measured must be known three times as well."""

FEW = 0.02
"""Share of the columns that may be known less well: where a ring has one employer or laboratory, or one ward, rows say
less than rings do. Such a column is a tell when it is three standard errors above chance.
"""


def observed(what: str) -> Observed:
    seeds = [FIRST + n for n in choose(what, SEEDS, TOWNS)]
    print(f"GANGFINDER_ROTATION={rotation()} gives seeds {seeds} for the {what}")
    return observe(seeds, **TOWN)


@pytest.fixture(scope="module")
def towns() -> Observed:
    return observed("tell audit")


@pytest.fixture(scope="module")
def audited(towns) -> pd.DataFrame:
    return audit(towns.rings)


@pytest.fixture(scope="module")
def alike(towns) -> pd.DataFrame:
    return audit(towns.lookalikes, OF_ALIKE)


def others(which: str) -> Callable[[], list[list[Sample]]]:
    """Return how ten other towns are had, if they are asked for."""
    return lambda: getattr(observed("second tell audit"), which)


@pytest.mark.slow
def test_no_column_of_a_row_tells_planted_from_honest(audited):
    found = told_twice(audited, CONDUCT, others("rings"))
    assert found.empty, found.to_string()


@pytest.mark.slow
@pytest.mark.parametrize("which", ["audited", "alike"])
def test_the_sample_is_large_enough_to_tell(which, request):
    errors = request.getfixturevalue(which)["error"]
    assert (errors <= KNOWN).mean() >= 1 - FEW
    assert errors.median() <= KNOWN / 2


@pytest.mark.slow
def test_every_typology_and_many_columns_were_audited(audited):
    assert set(audited["typology"]) - {"every"} == set(TYPOLOGIES)
    assert set(audited["table"]) == set(TABLES)
    of_each = audited[audited["typology"] != "every"].groupby("typology")
    assert of_each.size().min() >= 20


@pytest.mark.slow
def test_no_column_of_a_row_tells_lookalikes_from_other_honest_people(alike):
    found = told_twice(alike, ALIKE_CONDUCT, others("lookalikes"))
    assert found.empty, found.to_string()


@pytest.mark.slow
def test_every_lookalike_with_rows_of_its_own_was_audited(alike):
    assert set(LOOKALIKES) - NOT_COMPARED <= set(alike["typology"])


NOT_COMPARED = frozenset(
    {
        "psychiatric_stay", "checkup_day",
        "shared_login", "suspended_house", "moved_house", "late_renewal", "private_chain", "saved_at_once",
        "shelf_label", "carried_stock", "books_in_tablets", "free_samples",
    }
)
"""Two kinds of visit that nobody else makes at the same house, and look-alikes that are a house: their rows are those
of its customers, and the house is audited.
"""


@pytest.mark.parametrize("declared", [CONDUCT, ALIKE_CONDUCT], ids=["rings", "look-alikes"])
def test_conduct_columns_have_a_reason(declared):
    assert all(len(reason) > 15 for reason in declared.values())


def test_only_what_can_be_planted_has_conduct():
    assert {typology for typology, _ in CONDUCT} <= set(TYPOLOGIES)
    assert {kind for kind, _ in ALIKE_CONDUCT} <= set(LOOKALIKES)


@pytest.mark.slow
def test_no_column_of_a_house_tells_ring_sites(towns):
    houses = house_audit(towns.houses)
    found = houses[houses["auc"] > LIMIT]
    assert found.empty, found.to_string()


@pytest.mark.parametrize("tell", ["seconds", "null", "price", "code"])
def test_the_audit_would_see_a_tell(tell):
    """A planted mark of each kind must be found, or the audit proves nothing."""
    samples = [_marked(seed, tell) for seed in (1, 2, 3, 4)]
    assert min(column_aucs(samples, "column")) > 0.8


def _marked(seed: int, tell: str) -> Sample:
    rng = np.random.default_rng(seed)
    planted = rng.random(3_000) < 0.3
    column: pd.Series = {
        "seconds": lambda: pd.Series(
            pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.integers(0, 86_400, 3_000), "s")
        ).mask(planted, pd.Timestamp("2025-03-01 09:00:00")),
        "null": lambda: pd.Series(rng.choice(["a", "b"], 3_000), dtype=object).mask(planted),
        "price": lambda: pd.Series(rng.lognormal(4, 1, 3_000).round(2)).mask(planted, 150.0),
        "code": lambda: pd.Series(np.where(planted, "03", rng.choice(["01", "02"], 3_000))),
    }[tell]()
    return Sample("settlements", "T01", pd.DataFrame({"column": column}), planted, np.ones(3_000))


def test_the_house_audit_would_see_a_tell():
    planted = np.arange(400) % 4 == 0
    kind = np.where(np.arange(400) % 8 < 5, "pharmacy", "clinic")
    houses = pd.DataFrame({"kind": kind, "level": "11", "planted": planted, "phone": np.where(planted, None, "1")})
    assert house_audit([houses])["auc"].max() > 0.8
    assert house_audit([houses.assign(phone="1")])["auc"].max() == 0.5
