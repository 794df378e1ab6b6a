"""Insiders of institutions in open leads: doctors and desks that bind a ring, lent logins, owners of several houses."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from gangfinder.leads.facts import EntityFacts
from gangfinder.leads.insiders import InsiderParams, Registers, insiders_of
from gangfinder.leads.members import AssociationParams, members_of
from tests.leads.made import KEY, PEOPLE, pool

ROWS = [(e.source_table, e.source_key) for f in pool().ring.findings for e in f.evidence]


def facts(kind, name, rows, **registers):
    named = ((kind, name, kind), ("institution", "H1", "institution"))
    return EntityFacts(dict.fromkeys(rows, named), Registers(**registers))


def bound(kind, name, role):
    ring = pool().ring
    return replace(ring, findings=(replace(ring.findings[0], hubs=((kind, name, role),)), *ring.findings[1:]))


def roles(ring, known):
    return {(m.entity_type, m.entity_id): m.role for m in members_of(ring, known, KEY, AssociationParams())}


def test_a_doctor_who_binds_the_ring():
    ring = bound("doctor", "D1", "attends")
    assert insiders_of(ring, facts("doctor", "D1", ROWS), InsiderParams()) == {("doctor", "D1")}
    assert roles(ring, facts("doctor", "D1", ROWS))["doctor", "D1"] == "insider"


def test_a_doctor_of_few_is_none():
    two = [key for key in ROWS if key[1].endswith(PEOPLE[:2])]
    assert insiders_of(bound("doctor", "D1", "attends"), facts("doctor", "D1", two), InsiderParams()) == frozenset()


def test_a_doctor_who_was_merely_seen_is_none():
    assert insiders_of(pool().ring, facts("doctor", "D1", ROWS), InsiderParams()) == frozenset()


def test_a_login_used_where_its_owner_is_not_registered():
    away = facts("operator", "O1", ROWS, operators={"O1": (("H2", date(2024, 1, 1), None),)})
    assert insiders_of(pool().ring, away, InsiderParams()) == {("operator", "O1")}
    assert roles(pool().ring, away)["operator", "O1"] == "insider"
    both = facts("operator", "O1", ROWS, operators={"O1": (("H1", None, None), ("H2", None, None))})
    assert insiders_of(pool().ring, both, InsiderParams()) == frozenset()
    unknown = facts("operator", "O1", ROWS)
    assert insiders_of(pool().ring, unknown, InsiderParams()) == frozenset()


def test_a_login_used_after_its_owner_left():
    left = {"O1": (("H1", date(2020, 1, 1), date(2025, 1, 31)),)}
    assert insiders_of(pool().ring, facts("operator", "O1", ROWS, operators=left), InsiderParams())


def test_four_rows_are_slips():
    away = {"O1": (("H2", None, None),)}
    assert insiders_of(pool().ring, facts("operator", "O1", ROWS[:4], operators=away), InsiderParams()) == frozenset()
    assert insiders_of(pool().ring, facts("operator", "O1", ROWS[:5], operators=away), InsiderParams())


@pytest.mark.parametrize(("logins", "behind"), [(2, False), (3, True)])
def test_a_counter_that_moved_is_a_register_that_is_behind(logins, behind):
    """Seen in a town of 20,000: fifteen operators of a suspended house who had moved to its successor."""
    named = {row: (("operator", f"O{n % logins}", "operator"), ("institution", "H1", "institution"))
             for n, row in enumerate(ROWS)}
    moved = EntityFacts(named, Registers({f"O{n}": (("H2", None, None),) for n in range(logins)}))
    assert len(ROWS) >= 5 * logins
    told = insiders_of(pool().ring, moved, InsiderParams())
    assert told == (frozenset() if behind else {("operator", "O0"), ("operator", "O1")})


def checked_by(*names, everybody):
    """Facts in which the ring's rows are prescriptions at P1, checked by the named pharmacists in turn."""
    rows = {row: (("institution", "P1", "pharmacy"), ("pharmacist", names[n % len(names)], "pharmacist"))
            for n, row in enumerate(ROWS)}
    return EntityFacts(rows, Registers(checked={"P1": everybody}))


def test_a_pharmacist_who_checked_more_than_his_shifts_explain():
    alone = checked_by("HY1", everybody={"HY1": 60, "HY2": 60, "HY3": 60})
    assert insiders_of(pool().ring, alone, InsiderParams()) == {("pharmacist", "HY1")}
    assert roles(pool().ring, alone)["pharmacist", "HY1"] == "insider"


@pytest.mark.parametrize("everybody", [{"HY1": 180}, {"HY1": 170, "HY2": 10}])
def test_the_only_pharmacist_checks_everything(everybody):
    assert insiders_of(pool().ring, checked_by("HY1", everybody=everybody), InsiderParams()) == frozenset()


def test_pharmacists_in_turn_are_shifts():
    turns = checked_by("HY1", "HY2", everybody={"HY1": 90, "HY2": 90})
    assert insiders_of(pool().ring, turns, InsiderParams()) == frozenset()


def test_who_owns_two_houses_of_a_ring_of_houses():
    ring = replace(pool().ring, subject_type="institution", core=("H1", "H2"))
    one = facts("doctor", "D1", (), owners={"H1": "990101198001010010", "H2": "990101198001010010"})
    assert insiders_of(ring, one, InsiderParams()) == {("agent", "990101198001010010")}
    two = facts("doctor", "D1", (), owners={"H1": "990101198001010010", "H2": "990101198001010029"})
    assert insiders_of(ring, two, InsiderParams()) == frozenset()


def test_leads_on_the_fund_tell_of_no_insider_of_a_house():
    ring = replace(bound("doctor", "D1", "attends"), subject_type="staff")
    assert "insider" not in roles(ring, facts("doctor", "D1", ROWS)).values()
