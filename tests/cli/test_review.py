"""``gangfinder review`` and ``gangfinder verify``."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import closing

import pytest
from click.testing import CliRunner
from leads.register.weeks import Office, ring

from gangfinder.cli import root


@pytest.fixture
def office(tmp_path):
    made = Office(tmp_path / "leads.db")
    made.run(ring("abcd"), ring("xyz"))
    return made


@pytest.fixture
def review(office):
    def call(*more: object):
        return CliRunner().invoke(root, ["review", str(office.path), *map(str, more)])

    return call


@pytest.fixture
def lead(office):
    return office.run(ring("abcd"), ring("xyz")).ids["abcd"]


def test_a_register_is_listed(review, lead):
    said = review().stdout
    assert lead in said
    assert "unchanged" in said
    assert [one["rank"] for one in json.loads(review("--json").stdout)] == [1, 2]


def test_decisions_are_shown_with_who_and_when(review, lead):
    assert f"Decision 4 on lead {lead}: dismiss" in review(lead, "dismiss", "--reason", "a buying office").stdout
    review(lead[:6].lower(), "assign", "--to", "group two")
    review(lead, "outcome", "--result", "verified", "--amount", "1234.56")
    shown = json.loads(review(lead, "--json").stdout)
    assert [d["kind"] for d in shown["decisions"]] == ["dismiss", "assign", "outcome"]
    assert shown["decisions"][2]["amount"] == "1234.56"
    assert (shown["decided"], shown["assignee"], shown["n_decisions"]) == ("dismiss", "group two", 3)
    assert [s["status"] for s in shown["sightings"]] == ["new", "unchanged"]
    said = review(lead).stdout
    assert "a buying office" in said
    assert "verified, 1234.56" in said


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (("dismiss",), "dismiss needs --reason"), (("transfer",), "transfer needs --document"),
        (("note",), "note needs --reason"), (("assign",), "assign needs --to"),
        (("outcome",), "outcome needs --result"), (("never-link", "--reason", "x"), "needs --value or --pair"),
        (("confirm", "--document", "7"), "confirm has no --document"),
        (("note", "--reason", "x", "--expires", "2026-01-01"), "note has no --expires"),
        (("outcome", "--result", "verified", "--amount", "-1"), "0 or more"),
        (("never-link", "--reason", "x", "--value", "phone:19900001234"), "named by its token"),
        (("never-link", "--reason", "x", "--value", "patient:P1"), "named by its type and id"),
        (("never-link", "--reason", "x", "--pair", "P1", "P1"), "a pair has two ids"),
        (("revoke", "--reason", "x"), "no decision on this lead"), (("praise",), "praise"),
        (("outcome", "--result", "verified", "--amount", "much"), "give an amount in yuan"),
    ],
)
def test_what_cannot_be_decided_is_a_sentence(review, lead, more, why):
    done = review(lead, *more)
    assert done.exit_code == 2
    assert why in done.stderr
    assert json.loads(review(lead, "--json").stdout)["decisions"] == []


def test_no_value_is_repeated_in_an_error(review, lead):
    said = review(lead, "never-link", "--reason", "x", "--value", "phone:19900001234").stderr
    assert "19900001234" not in said


def test_a_lead_that_is_not_there(review, lead):
    assert "has no lead 'L-ZZZZ'" in review("L-ZZZZ").stderr
    assert "nearest" in review(lead[:-1] + "9", "note", "--reason", "x").stderr
    assert "fits 2 leads" in review("L-", "note", "--reason", "x").stderr


def test_a_lead_that_went_into_another_one(office, review):
    ids = office.run(ring("abc"), ring("defgh")).ids
    office.run(ring("abcdefgh"))
    done = review(ids["abc"], "dismiss", "--reason", "x")
    assert done.exit_code == 2
    assert f"decide on {ids['defgh']}" in done.stderr


def test_revoking_and_the_numbers_that_count(review, lead):
    review(lead, "dismiss", "--reason", "x")
    review(lead, "note", "--reason", "y")
    assert "those that count: 4, 5" in review(lead, "revoke", "--reason", "z", "--decision", 99).stderr
    assert review(lead, "revoke", "--reason", "z", "--decision", 4).exit_code == 0
    assert json.loads(review(lead, "--json").stdout)["decided"] is None
    assert "revoked" in review(lead).stdout


def test_there_is_no_register(tmp_path):
    for name in ("review", "verify"):
        done = CliRunner().invoke(root, [name, str(tmp_path / "none.db")])
        assert done.exit_code == 2
        assert "there is no register" in done.stderr


def test_identity_goes_with_sealed(review):
    assert review("--identity", "x").exit_code == 2


def test_verify_says_what_it_found(office):
    done = CliRunner().invoke(root, ["verify", str(office.path)])
    assert done.exit_code == 0
    assert "2 entries, 1 heads outside agree" in done.stdout
    assert json.loads(CliRunner().invoke(root, ["verify", str(office.path), "--json"]).stdout)["sound"]


def test_verify_of_a_changed_register_exits_with_3(office, review, lead):
    import sqlite3

    review(lead, "dismiss", "--reason", "a buying office")
    with closing(sqlite3.connect(office.path)) as raw:
        raw.execute("DROP TRIGGER decisions_no_update")
        raw.execute("UPDATE decisions SET reason = 'another one'")
        raw.commit()
    done = CliRunner().invoke(root, ["verify", str(office.path)])
    assert done.exit_code == 3
    assert "table 'decisions': 1 rows of entry 4 are missing or changed" in done.stderr
    assert "another one" not in done.stderr


def test_eight_reviewers_at_once(office, lead):
    """Real processes of the command: every decision is there once, and the history verifies."""
    command = [sys.executable, "-m", "gangfinder.cli", "review", str(office.path), lead, "note", "--reason"]
    told: list[str] = []
    for _ in range(2):
        made = [subprocess.Popen([*command, f"note {len(told) + n}"], stdout=subprocess.PIPE, text=True)
                for n in range(8)]
        told += [p.communicate(timeout=300)[0] for p in made]
        assert {p.returncode for p in made} == {0}
    numbers = sorted(int(text.split()[1]) for text in told)
    assert numbers == list(range(numbers[0], numbers[0] + 16))
    shown = json.loads(CliRunner().invoke(root, ["review", str(office.path), lead, "--json"]).stdout)
    assert sorted(d["reason"] for d in shown["decisions"]) == sorted(f"note {n}" for n in range(16))
    assert CliRunner().invoke(root, ["verify", str(office.path)]).exit_code == 0


def test_a_review_that_is_killed_leaves_the_register_sound(office, lead):
    """kill -9 at random moments (``GANGFINDER_KILLS=30``: as many): a decision is there whole or not at all."""
    command = [sys.executable, "-m", "gangfinder.cli", "review", str(office.path), lead, "note", "--reason", "x"]
    started = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    whole = time.monotonic() - started
    moments = random.Random(5)
    for _ in range(max(12, int(os.environ.get("GANGFINDER_KILLS", "12")))):
        one = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(whole * moments.uniform(0.2, 1.1))
        os.kill(one.pid, signal.SIGKILL)
        one.wait()
        assert CliRunner().invoke(root, ["verify", str(office.path)]).exit_code == 0
    assert office.run(ring("abcd"), ring("xyz")).told == {"abcd": "unchanged", "xyz": "unchanged"}
