"""The sealed register: matched by tokens without anybody's help, read with the identity alone."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pyrage
import pytest
from click.testing import CliRunner

from gangfinder.cli import root
from gangfinder.errors import LeadError, RegisterError
from gangfinder.leads.register.deciding import Decision, decide
from gangfinder.leads.register.opening import open_register, sealed_path
from gangfinder.leads.register.reading import detail, overview
from gangfinder.leads.register.unsealing import open_sealed_register, veil_of
from gangfinder.leads.register.veil import Open, Tokens, opened_text, sealed_text
from gangfinder.leads.register.verification import verify

from ..made import KEY
from .weeks import Office, ring


@pytest.fixture
def identity(tmp_path) -> Path:
    file = tmp_path / "identity"
    file.write_text(f"{pyrage.x25519.Identity.generate()}\n")
    file.chmod(0o600)
    return file


@pytest.fixture
def recipient(identity) -> str:
    return str(pyrage.x25519.Identity.from_str(identity.read_text().strip()).to_public())


@pytest.fixture
def office(tmp_path, recipient):
    """The sealed register beside an open one; its leads are on staff."""
    return Office(sealed_path(tmp_path / "leads.db"), veil=Tokens(recipient, KEY))


def staff(people: str, *more):
    return ring(people, *more, kind="staff", code="T11")


def stored(path: Path) -> str:
    with closing(sqlite3.connect(path)) as raw:
        return "\n".join(raw.iterdump())


def test_leads_are_recognised_by_tokens(office):
    first = office.run(staff("a"), staff("xyz"))
    week = office.run(staff("a", (0, 1, 2, 9)), staff("xyz"))
    assert week.ids == first.ids
    assert week.told == {"a": "grown", "xyz": "unchanged"}
    assert office.run(staff("xyz")).gone == {first.ids["a"]: "vanished"}
    assert office.run(staff("aw"), staff("xyz")).told == {"aw": "reopened", "xyz": "unchanged"}
    verify(office.path)


def test_changes_name_those_who_joined(office):
    office.run(staff("a"))
    assert office.run(staff("ab")).lead("ab").change.joined == ("Pb",)


def test_nothing_that_can_be_read_stands_in_the_file(office):
    ids = office.run(staff("a"), staff("xyz")).ids
    office.dismiss(ids["a"], reason="he was on leave")
    everything = stored(office.path)
    # as a whole value: two letters stand in every long age file
    values = {*(f"P{p}" for p in "axyz"), "T11", "H1"}
    assert not [v for v in values if f"'{v}'" in everything or f'"{v}"' in everything]
    assert not [word for word in ("疑似", "\\u7591", "on leave", "10.00") if word in everything]
    assert ids["a"] in everything


def test_without_a_recipient_texts_are_plain_and_ids_are_tokens(tmp_path):
    office = Office(tmp_path / "plain.db", veil=Tokens(None, KEY))
    lead = office.run(staff("a")).ids["a"]
    (one,) = overview(open_register(office.path))
    assert (one["lead_id"], one["typologies"]) == (lead, ["T11"])
    with closing(sqlite3.connect(office.path)) as raw:
        ((name,),) = raw.execute("SELECT entity_id FROM members WHERE entity_type = 'staff'")
    assert name != "Pa"


def test_who_has_the_identity_reads_and_decides(office, identity, tmp_path):
    lead = office.run(staff("a")).ids["a"]
    register = open_sealed_register(tmp_path / "leads.db", lead, "file 7")
    made = Decision("note", reason="ask the roster")
    decide(register, lead, made, "inspector", veil_of(register, sealed=True))
    shown = detail(register, lead, identity)
    assert shown["typologies"] == ["T11"]
    assert "staff" in {m["entity_type"] for m in shown["members"]}
    assert [d["reason"] for d in shown["decisions"]] == ["ask the roster"]
    assert "ask the roster" not in stored(office.path)
    with pytest.raises(LeadError, match="encrypted"):
        detail(register, lead)


def test_a_dismissed_sealed_lead_stays_out(office):
    lead = office.run(staff("a")).ids["a"]
    office.dismiss(lead)
    assert office.run(staff("a")).told == {}
    assert office.run(staff("ab", (0, 1, 2, 20))).told == {"ab": "reopened"}


def test_a_new_recipient_is_noted_for_reviewers(office, tmp_path):
    office.run(staff("a"))
    other = str(pyrage.x25519.Identity.generate().to_public())
    Office(office.path, n=1, n_runs=1, veil=Tokens(other, KEY)).run(staff("a"))
    veil = veil_of(open_register(office.path), sealed=True)
    assert veil.facts == {"sealed_recipient": other}


def test_never_link_is_no_decision_on_sealed_leads(office):
    lead = office.run(staff("a")).ids["a"]
    with pytest.raises(RegisterError, match="no never-link"):
        office.decide(lead, "never_link", entity="terminal:TM1")


def test_an_open_register_is_not_taken_for_a_sealed_one(office, tmp_path):
    office.run(staff("a"))
    with pytest.raises(RegisterError, match="for other leads"):
        Office(office.path, veil=Open()).run(ring("abc"))


def test_a_reason_is_needed_and_recorded_before_anything_is_shown(office, tmp_path):
    office.run(staff("a"))
    beside = tmp_path / "leads.db"
    Office(beside).run(ring("abc"))
    for more in (("--sealed",), ("--sealed", "--reason", " ")):
        done = CliRunner().invoke(root, ["review", str(beside), *more])
        assert done.exit_code == 2
        assert "for a reason alone" in done.stderr
    done = CliRunner().invoke(root, ["review", str(beside), "--sealed", "--reason", "file 7"])
    assert "give --identity FILE" in done.stderr
    (line,) = (office.path.parent / "access.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["reason"] == "file 7"


def test_texts_are_opened_as_they_were(recipient, identity):
    for to in (recipient, None):
        assert opened_text(sealed_text("排除：已核实", to), identity) == "排除：已核实"
