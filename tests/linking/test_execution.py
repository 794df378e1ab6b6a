"""What the runner of linkers does with those that run, those that cannot, and those that break their contract."""

from __future__ import annotations

from dataclasses import dataclass, replace

import ibis
import pytest

from gangfinder.errors import ContractError
from gangfinder.linking import linkers
from gangfinder.linking.contract import Linker, empty_links
from gangfinder.linking.execution import run_linkers
from gangfinder.linking.projection import staged
from gangfinder.model.evidence import LINK_SCHEMA, Family
from linking.made import settlement, table


@dataclass(frozen=True, slots=True)
class Params:
    least: int = 1


def ties(tables, params):
    """A settlement ties its patient to its house."""
    s = tables["settlements"]
    values = {
        "kind": "test", "family": "control", "source_type": "patient", "source_id": s.patient_id,
        "target_type": "institution", "target_id": s.institution_id, "n_events": params.least, "n_places": 1,
        "expected": 0, "log10_p": 0, "weight": 1, "first_at": s.settled_at, "last_at": s.settled_at,
    }
    return s.select(**{k: ibis.literal(v) if isinstance(v, str | int) else v for k, v in values.items()})


BASE = Linker(
    slug="test", title="Test", family=Family.CONTROL, kinds=("test",), params=Params(), link=ties,
    requires={"settlements": frozenset({"settled_at"})},
)
FULL = {"settlements": frozenset({"settled_at", "patient_id"})}


def run(engine, linker, available=FULL, wanted=None):
    rows = table("settlements", [settlement("S", "A", "I", "2025-01-02")])
    canonical = {"settlements": engine.put("execution_in", rows)}
    return run_linkers(engine, {linker.slug: linker}, canonical, {}, available, wanted)


def test_links_get_the_types_of_the_schema(engine):
    found = run(engine, BASE)
    assert {k: str(v).split("(")[0] for k, v in found.links.schema().items()} == dict(LINK_SCHEMA)
    assert (found.rows, found.skipped, found.n_tests) == ({"test": 1}, (), {})


def test_what_cannot_run_is_skipped_with_its_reason(duckdb_engine):
    needs = replace(BASE, requires={"patients": frozenset({"phone"})})
    found = run(duckdb_engine, needs)
    assert [(s.slug, s.reason) for s in found.skipped] == [("test", "needs table 'patients', which is absent")]
    assert duckdb_engine.fetch(found.links).num_rows == 0


def test_what_nobody_reads_does_not_run(duckdb_engine):
    found = run(duckdb_engine, BASE, wanted=frozenset({"co_presence"}))
    assert found.rows == {}
    assert "no detector" in found.skipped[0].reason
    assert run(duckdb_engine, BASE, wanted=frozenset({"test"})).rows == {"test": 1}


@pytest.mark.parametrize("change", [lambda t: t.drop("weight"), lambda t: t.mutate(more=1)])
def test_other_columns_break_the_contract(duckdb_engine, change):
    bad = replace(BASE, link=lambda tables, params: change(ties(tables, params)))
    with pytest.raises(ContractError, match="linker 'test' returns columns"):
        run(duckdb_engine, bad)


def test_steps_are_kept_in_order(duckdb_engine):
    def first(tables, params):
        return tables["settlements"].filter(tables["settlements"].patient_id == "A")

    def second(tables, params):
        return tables["first"].mutate(patient_id=tables["first"].patient_id.upper())

    def link(tables, params):
        return ties({"settlements": tables["second"]}, params)

    both = replace(BASE, steps=(("first", first), ("second", second)), link=link)
    assert run(duckdb_engine, both).rows == {"test": 1}
    canonical = {"settlements": duckdb_engine.put("execution_in", table("settlements", []))}
    assert set(staged(duckdb_engine, replace(BASE, steps=(("first", first),)), canonical)) == {"settlements", "first"}


def test_candidates_are_measured_and_tests_counted(duckdb_engine):
    def measured(candidates, params):
        assert candidates.num_rows == 1
        return empty_links()

    counted = replace(BASE, link=lambda t, p: ties(t, p).mutate(m_tests=7), measure=measured)
    found = run(duckdb_engine, counted)
    assert (found.rows, found.n_tests) == ({"test": 0}, {"test": 7})


def test_no_links_have_the_columns_of_the_schema():
    assert empty_links().column_names == list(LINK_SCHEMA)
    assert empty_links().num_rows == 0


def test_every_linker_makes_kinds_of_its_own():
    assert all(linker.slug == slug and linker.kinds for slug, linker in linkers().items())
