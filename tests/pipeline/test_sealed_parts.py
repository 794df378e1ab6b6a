"""With one table, or without a register of staff, what can run runs, and the rest says why not in a sentence."""

from __future__ import annotations

import pytest

from gangfinder.sealed import UNKNOWN_WITHOUT, not_seen
from gangfinder.typologies import typologies
from gangfinder.typologies.detection import runnable

DESKS = frozenset({"handler_id", "reviewer_id", "patient_id"})
SEALED = ("inside_collusion", "own_interest", "dual_control")


def able(**available):
    known = {slug: runnable(typologies()[slug], available, clock=True) for slug in SEALED}
    return {slug for slug, reason in known.items() if reason is None}, known


@pytest.mark.parametrize("table", ["reimbursements", "filings"])
def test_one_table_without_staff(table):
    """The process of an office can be judged; nobody can be named, and the reason says why."""
    ran, known = able(**{table: DESKS})
    assert ran == {"dual_control"}
    assert known["inside_collusion"] == (
        "needs table 'staff', which is absent: who sits at a desk is named only with a tie of his own, "
        "and a share of papers alone names nobody"
    )
    assert known["own_interest"].startswith("needs table 'staff', which is absent: whose account")


@pytest.mark.parametrize("table", ["reimbursements", "filings"])
def test_one_table_and_staff(table):
    assert able(staff=frozenset({"staff_id"}), **{table: DESKS})[0] == set(SEALED)


def test_enrolments_have_one_desk():
    ran, known = able(staff=frozenset({"staff_id"}), enrolments=DESKS - {"reviewer_id"})
    assert ran == {"inside_collusion", "own_interest"}
    assert "no paper says who reviewed it" in known["dual_control"]


def test_actions_alone_tell_of_switched_houses():
    assert able(actions=frozenset({"staff_id", "action", "target_id"}))[0] == {"dual_control"}


def test_what_is_absent_is_told_once():
    told = {part.slug: part for part in not_seen({"reimbursements": DESKS - {"reviewer_id"}})}
    assert told["staff"].kind == "table"
    assert "nobody is named" in told["staff"].reason
    assert told["reimbursements.reviewer_id"].kind == "column"
    assert "filings" in told
    assert "filings.reviewer_id" not in told
    assert "reimbursements" not in told


def test_nothing_is_told_of_full_tables():
    everything = {name: frozenset() for name in UNKNOWN_WITHOUT if "." not in name} | {"patients": frozenset()}
    full = {t: frozenset(n.partition(".")[2] for n in UNKNOWN_WITHOUT if n.startswith(f"{t}.")) for t in everything}
    assert not_seen(full) == ()
