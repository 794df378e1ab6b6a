"""Sealed leads: opened for a reason, recorded, routed, encrypted where a recipient is set."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyrage
import pytest
from click.testing import CliRunner

from gangfinder.cli import root
from gangfinder.engine import DuckDBEngine
from gangfinder.errors import LeadError, OutputError, SettingsError
from gangfinder.export.contract import RunView
from gangfinder.export.publish import export_run, publication, write_sealed
from gangfinder.leads import build_leads
from gangfinder.leads.access import open_sealed
from gangfinder.leads.encryption import decrypted, encrypted, recipients
from gangfinder.leads.routing import routed
from gangfinder.model.evidence import Family
from gangfinder.model.lead import Routing
from gangfinder.settings import Settings, read_settings
from leads.made import KEY, TEXTS, facts, impersonation, pool

OFFICES = ("测试镇医保窗口", "测试县医保中心")


def about(kind: str, core: str, *, hub: str = ""):
    """The ring of :mod:`leads.made` as one about staff or an office, which a member of staff binds."""
    made = pool()
    hubs = (("staff", hub, "staff"),) if hub else ()
    anomalies = tuple(replace(a, family=f) for a, f in zip(
        made.ring.findings[0].anomalies, (Family.CONTROL, Family.PERSONAL), strict=True
    ))
    own = replace(made.ring.findings[0], subject_type=kind, core=(core,), hubs=hubs, anomalies=anomalies)
    ring = replace(made.ring, subject_type=kind, core=(core,), findings=(own,))
    return replace(made, ring=ring, admitted_by="personal_tie")


def sealed_leads(*rings):
    made = build_leads(list(rings), facts(), Settings(), KEY, TEXTS)
    return [replace(lead, routing=Routing(OFFICES)) for lead in made]


OPEN = build_leads([impersonation()], facts(), Settings(), KEY, TEXTS)
SEALED = sealed_leads(about("staff", "ST1"))


def publish(folder: Path, settings: Settings) -> Path:
    (folder / "draft").mkdir()
    with publication(folder / "out") as made:
        export_run(OPEN, made.folder, RunView("zh", TEXTS))
        write_sealed(SEALED, folder / "draft", made.folder / "sealed", settings, "{}\n")
        made.complete("r1", "{}\n")
    return folder / "out"


@pytest.fixture
def out(tmp_path) -> Path:
    return publish(tmp_path, Settings())


def call(*args: object):
    return CliRunner().invoke(root, ["explain", *map(str, args)])


def records(out: Path) -> list[dict[str, object]]:
    path = out / "sealed" / "access.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


LEAD = SEALED[0].lead_id


# without --sealed it does not exist


def test_an_open_reader_is_told_what_he_is_told_of_any_id(out):
    first, second = call(out, LEAD), call(out, "L-AAAAAAAA")
    assert first.exit_code == second.exit_code == 2
    assert first.stderr.replace(LEAD, "L-AAAAAAAA") == second.stderr
    assert LEAD not in second.stderr
    assert records(out) == []


@pytest.mark.parametrize("option", ["--reason", "--identity"])
def test_a_reason_goes_with_sealed(out, option):
    done = call(out, LEAD, option, "x")
    assert done.exit_code == 2
    assert "go with --sealed" in done.stderr


# with it, for a reason


@pytest.mark.parametrize("reason", [(), ("--reason", ""), ("--reason", "  \t")])
def test_no_reason_no_lead(out, reason):
    done = call(out, LEAD, "--sealed", *reason)
    assert done.exit_code == 2
    assert "for a reason alone" in done.stderr
    assert "--reason" in done.stderr
    assert done.stdout == ""
    assert records(out) == []


def test_neither_is_taken_from_the_environment(out, monkeypatch):
    monkeypatch.setenv("GANGFINDER_EXPLAIN_SEALED", "1")
    monkeypatch.setenv("GANGFINDER_EXPLAIN_REASON", "always")
    assert call(out, LEAD).exit_code == 2
    assert call(out, LEAD, "--sealed").exit_code == 2
    assert records(out) == []


def test_what_is_shown_and_what_is_recorded(out):
    done = call(out, LEAD, "--sealed", "--reason", " 纪检组 2026-14 ")
    assert done.exit_code == 0, done.stderr
    assert LEAD in done.stdout
    assert "ST1" in done.stdout
    (one,) = records(out)
    assert one["lead_id"] == LEAD
    assert one["reason"] == "纪检组 2026-14"
    assert one["uid"] == os.getuid()
    assert one["user"]
    assert str(one["at"])[:2] == "20"
    path = (out / "sealed" / "access.jsonl").resolve()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    call(out, "1", "--sealed", "--reason", "again", "--json")
    assert [r["asked"] for r in records(out)] == [LEAD, "1"]


def test_it_says_where_the_lead_may_go(out):
    zh = call(out, LEAD, "--sealed", "--reason", "x").stdout
    assert "移送与保密" in zh
    assert "纪检监察" in zh
    assert all(office in zh for office in OFFICES)
    assert "本人与所办对象之间的关联" in zh
    en = call(out, LEAD, "--sealed", "--reason", "x", "--lang", "en").stdout
    assert "discipline inspection alone" in en.lower()


def test_an_open_lead_says_nothing_of_it(out):
    assert "移送与保密" not in call(out, "1").stdout


def test_a_request_for_no_lead_is_recorded_too(out):
    done = call(out, "L-AAAAAAAA", "--sealed", "--reason", "try")
    assert done.exit_code == 2
    assert [(r["asked"], r["lead_id"]) for r in records(out)] == [("L-AAAAAAAA", None)]


def test_what_cannot_be_recorded_is_not_shown(out):
    (out / "sealed" / "access.jsonl").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        open_sealed(out, LEAD, "x")


def test_an_older_run_has_no_sealed_part(out):
    for file in (out / "sealed").resolve().iterdir():
        file.unlink()
    (out / "sealed").resolve().rmdir()
    with pytest.raises(LeadError, match="no sealed part"):
        open_sealed(out, LEAD, "x")


# encrypted


@pytest.fixture
def keys(tmp_path) -> tuple[str, Path]:
    identity = pyrage.x25519.Identity.generate()
    path = tmp_path / "identity"
    path.write_text(f"# made for a test\n{identity}\n")
    path.chmod(0o600)
    return str(identity.to_public()), path


def test_with_a_recipient_everything_sealed_is_encrypted(tmp_path, keys):
    out = publish(tmp_path, Settings(sealed_recipient=keys[0]))
    names = {p.name for p in (out / "sealed").iterdir()}
    assert names == {f"{n}.age" for n in (
        "run.json", "leads.csv", "members.csv", "evidence.csv", "benign.csv", "explain.jsonl"
    )}
    for path in (out / "sealed").resolve().iterdir():
        data = path.read_bytes()
        assert data.startswith(b"age-encryption.org/v1")
        assert b"ST1" not in data
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    sealed = (out / "sealed" / "members.csv.age").read_bytes()
    assert b"ST1" in decrypted(sealed, keys[1])


def test_explain_says_how_to_decrypt_and_does_it(tmp_path, keys):
    out = publish(tmp_path, Settings(sealed_recipient=keys[0]))
    done = call(out, LEAD, "--sealed", "--reason", "x")
    assert done.exit_code == 2
    assert "encrypted" in done.stderr
    assert "--identity FILE" in done.stderr
    assert "age -d -i FILE" in done.stderr
    done = call(out, LEAD, "--sealed", "--reason", "x", "--identity", keys[1])
    assert done.exit_code == 0, done.stderr
    assert "ST1" in done.stdout
    assert [r["lead_id"] for r in records(out)] == [LEAD]


def test_another_identity_opens_nothing(tmp_path, keys):
    out = publish(tmp_path, Settings(sealed_recipient=keys[0]))
    other = tmp_path / "other"
    other.write_text(f"{pyrage.x25519.Identity.generate()}\n")
    other.chmod(0o600)
    with pytest.raises(LeadError, match="cannot be decrypted"):
        open_sealed(out, LEAD, "x", other)
    other.chmod(0o644)
    with pytest.raises(LeadError, match="read by others"):
        open_sealed(out, LEAD, "x", other)
    other.write_text("no key")
    with pytest.raises(LeadError, match="cannot be read"):
        open_sealed(out, LEAD, "x", other)


def test_several_recipients_open_the_same_file(tmp_path, keys):
    second = pyrage.x25519.Identity.generate()
    data = encrypted(b"x", f"{keys[0]}, {second.to_public()}")
    assert decrypted(data, keys[1]) == b"x"
    assert pyrage.decrypt(data, [second]) == b"x"


@pytest.mark.parametrize("bad", ["age1nonsense", "", " , "])
def test_a_wrong_recipient_is_said_before_anything_is_read(tmp_path, bad, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with pytest.raises(SettingsError, match="sealed_recipient"):
        recipients(bad)
    (tmp_path / "s.toml").write_text(f'sealed_recipient = "{bad}"\n')
    done = CliRunner().invoke(
        root, ["run", str(tmp_path / "none"), "--out", str(tmp_path / "o"), "--settings", str(tmp_path / "s.toml")]
    )
    assert done.exit_code == 2
    assert "sealed_recipient" in done.stderr
    assert not (tmp_path / "o").exists()


def test_the_recipient_changes_no_lead(tmp_path, keys):
    (tmp_path / "s.toml").write_text(f'sealed_recipient = "{keys[0]}"\n')
    settings = read_settings(tmp_path / "s.toml")
    assert settings.sealed_recipient == keys[0]
    assert settings.digest == Settings().digest


# who is named, and from whom it is kept


def test_a_lead_on_a_process_shows_staff_as_tokens():
    rings = [about("staff", "ST1"), about("office", "测试", hub="ST1")]
    person, process = build_leads(rings, facts(), Settings(), KEY, TEXTS)
    assert {m.entity_id for m in person.members if m.entity_type == "staff"} == {"ST1"}
    (hidden,) = (m.entity_id for m in process.members if m.entity_type == "staff")
    assert hidden.startswith("staff:")
    assert {m.entity_id for m in process.members if m.entity_type == "office"} == {"测试"}


def test_offices_of_subjects_and_hubs_are_kept_out():
    rings = [about("staff", "ST1"), about("office", "丙", hub="ST2"), about("staff", "ST9")]
    leads = build_leads(rings, facts(), Settings(), KEY, TEXTS)
    tables = {
        "staff": pa.table({"staff_id": ["ST1", "ST2"], "office": ["甲", None]}),
        "roster": pa.table({"staff_id": ["ST1", "ST2", "ST3"], "office": ["乙", "丁", "戊"]}),
    }
    engine = DuckDBEngine(threads=1)
    try:
        canonical = {name: engine.put(name, table) for name, table in tables.items()}
        found = routed(leads, canonical, engine)
        assert [lead.routing for lead in found] == [Routing(("乙", "甲")), Routing(("丁", "丙")), Routing(())]
        assert [lead.routing for lead in routed(leads, {}, engine)] == [Routing(()), Routing(("丙",)), Routing(())]
    finally:
        engine.close()
