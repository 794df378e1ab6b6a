"""The command line: errors, exit codes, output forms, help."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from golden.golden import same_as_golden
from leads.made import KEY, TEXTS, facts, impersonation, pool

from gangfinder.cli import root
from gangfinder.cli._group import _names
from gangfinder.errors import GangfinderError, IntakeError, LeadError, OutputError, SettingsError
from gangfinder.export.contract import RunView
from gangfinder.export.publish import export_run, publication
from gangfinder.leads import build_leads
from gangfinder.settings import Settings

LEADS = build_leads([pool(), impersonation()], facts(), Settings(), KEY, TEXTS)
COMMANDS = (
    "benign", "check", "demo", "evaluate", "explain", "review", "run", "selftest", "synth", "typologies", "verify",
)


@pytest.fixture(autouse=True)
def _own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("GANGFINDER_DEBUG", raising=False)


@pytest.fixture
def out(tmp_path) -> Path:
    with publication(tmp_path / "out") as made:
        export_run(LEADS, made.folder, RunView("zh", TEXTS))
        made.complete("r1", "{}\n")
    return tmp_path / "out"


def call(*args: object):
    return CliRunner().invoke(root, [str(a) for a in args])


def failing(monkeypatch, error: BaseException):
    from gangfinder import pipeline

    def run(*_, **__):
        raise error

    monkeypatch.setattr(pipeline, "run", run)
    return call("run", "town", "--out", "x", "--quiet")


def test_every_command_of_the_issue_is_there():
    assert set(COMMANDS) <= set(_names())


@pytest.mark.parametrize("name", ["", *_names()])
def test_help_is_reviewed(name: str):
    done = call(*([name] if name else []), "--help")
    assert done.exit_code == 0
    same_as_golden(f"help/{name or 'gangfinder'}.txt", done.output)


@pytest.mark.parametrize("name", _names())
def test_help_begins_with_a_sentence_and_has_an_example(name: str):
    command = root.get_command(click.Context(root), name)
    lines = command.help.split("\n")
    assert lines[0].endswith((".", ":")) or "." in command.help.split("\n\n")[0]
    assert "Example:" in command.help
    assert {"--quiet"} <= {o for p in command.params for o in p.opts}


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from gangfinder.cli import root\n"
        "try: root.main(['--help'], prog_name='gangfinder')\n"
        "except SystemExit: pass\n"
        "heavy = {'pandas', 'ibis', 'duckdb', 'scipy', 'numpy', 'networkx', 'neo4j', 'rich', 'pyarrow'}\n"
        "sys.stderr.write(' '.join(sorted(heavy & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_explain_imports_no_detector(out):
    code = (
        "import sys; from gangfinder.cli import root\n"
        f"try: root.main(['explain', {str(out)!r}, '1'], prog_name='gangfinder')\n"
        "except SystemExit: pass\n"
        "heavy = {'pandas', 'ibis', 'duckdb', 'scipy', 'numpy', 'gangfinder.typologies'}\n"
        "sys.stderr.write(' '.join(sorted(heavy & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""


@pytest.mark.parametrize("error_class", [GangfinderError, SettingsError, IntakeError, OutputError, LeadError])
def test_our_errors_are_two_lines_and_a_code(monkeypatch, error_class):
    done = failing(monkeypatch, error_class("what is wrong", hint="what to do", details=["one", "two"]))
    assert done.exit_code == error_class.exit_code
    assert done.stderr == "error: what is wrong\n  - one\n  - two\nhint: what to do\n"
    assert done.stdout == ""


def test_an_unexpected_error_shows_no_traceback_and_no_value(monkeypatch, tmp_path):
    done = failing(monkeypatch, ValueError("could not convert '测试 19900001234'"))
    assert done.exit_code == 1
    assert "internal error" in done.stderr
    assert "Traceback" not in done.stderr
    logs = list((tmp_path / "state" / "gangfinder").iterdir())
    assert len(logs) == 1
    text = logs[0].read_text(encoding="utf-8")
    assert "ValueError" in text
    assert "19900001234" not in done.stderr + text
    assert "测试" not in done.stderr + text
    assert logs[0].stat().st_mode & 0o077 == 0


def test_debug_shows_the_traceback(monkeypatch):
    monkeypatch.setenv("GANGFINDER_DEBUG", "1")
    assert "Traceback" in failing(monkeypatch, ValueError("x")).stderr


def test_interrupt_is_130(monkeypatch):
    done = failing(monkeypatch, KeyboardInterrupt())
    assert done.exit_code == 130
    assert "Traceback" not in done.stderr


def test_bad_usage_is_2():
    assert call("run").exit_code == 2
    assert call("nonsense").exit_code == 2
    assert call("explain", "x").exit_code == 2


def test_options_come_from_the_environment(monkeypatch):
    from gangfinder import pipeline

    seen = {}

    def run(source, out, settings, **_):
        seen.update(source=source, out=out, seed=settings.seed)
        raise OutputError("stop")

    monkeypatch.setattr(pipeline, "run", run)
    CliRunner().invoke(root, ["run", "town"], env={"GANGFINDER_RUN_OUT": "o", "GANGFINDER_RUN_SEED": "7"})
    assert seen == {"source": Path("town"), "out": Path("o"), "seed": 7}


@pytest.mark.parametrize(
    "wanted", ["1", LEADS[0].lead_id, LEADS[0].lead_id[2:6].lower(), LEADS[0].lead_id[:5]]
)
def test_explain_takes_id_prefix_and_rank(out, wanted: str):
    done = call("explain", out, wanted)
    assert done.exit_code == 0
    assert done.stdout.startswith(f"线索 {LEADS[0].lead_id}（新增），第 1 名\n")


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_explain_is_reviewed(out, lang: str):
    same_as_golden(f"explain/plain.{lang}.txt", call("explain", out, "2", "--lang", lang).stdout)


def test_explain_takes_a_run_folder(out):
    assert call("explain", out / "runs" / "r1", 2).exit_code == 0


def test_explain_as_json(out):
    told = json.loads(call("explain", out, 1, "--json").stdout)
    assert told["rank"] == 1
    assert [s["title"] for s in told["sections"]][0] == "涉及对象"


@pytest.mark.parametrize(
    ("wanted", "said"),
    [("L-ZZZZZZZZ", "nearest"), ("99", "nearest"), ("L-", "more characters")],
)
def test_explain_without_such_a_lead(out, wanted: str, said: str):
    done = call("explain", out, wanted)
    assert done.exit_code == 2
    assert said in done.stderr


def test_explain_without_a_run(tmp_path):
    done = call("explain", tmp_path, 1)
    assert done.exit_code == 2
    assert "no finished run" in done.stderr


def test_explain_of_a_run_without_leads(tmp_path):
    with publication(tmp_path / "out") as made:
        export_run([], made.folder, RunView("zh", TEXTS))
        made.complete("r1", "{}\n")
    assert "no leads" in call("explain", tmp_path / "out", 1).stderr


def test_escape_sequences_in_data_do_not_reach_the_terminal(tmp_path):
    from dataclasses import replace

    evil = replace(LEADS[0].members[0], entity_id="\x1b[2J\x07evil")
    with publication(tmp_path / "out") as made:
        export_run([replace(LEADS[0], members=(evil,))], made.folder, RunView("zh", TEXTS))
        made.complete("r1", "{}\n")
    told = call("explain", tmp_path / "out", 1).stdout
    assert "evil" in told
    assert "\x1b" not in told
    assert "\x07" not in told


def test_registries_as_json():
    typologies = json.loads(call("typologies", "--json").stdout)
    assert {t["code"] for t in typologies} >= {"T01", "T05", "T06", "T08", "T10", "T17"}
    assert all({"requires", "optional", "params", "benign"} <= set(t) for t in typologies)
    benign = json.loads(call("benign", "--json").stdout)
    assert {b["slug"] for b in benign} >= {"family", "care_home", "outbreak"}


def test_registries_as_tables():
    assert "T01" in call("typologies").stdout
    assert "suspected" in call("typologies", "--lang", "en").stdout
    assert "family" in call("benign").stdout


def test_a_closed_pipe_is_no_error(out):
    command = f"{sys.executable} -m gangfinder.cli explain '{out}' 1 | head -c 1 > /dev/null"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert "Traceback" not in done.stderr


@pytest.fixture
def finished(monkeypatch, tmp_path):
    """A pipeline that has already found two leads."""
    from types import SimpleNamespace

    from gangfinder import pipeline
    from gangfinder.run import SkippedPart

    skipped = (SkippedPart("typology", "ghost_beds", "needs beds"), SkippedPart("linker", "x", "needs y"))
    record = SimpleNamespace(skipped=skipped, run_id="r1")
    result = SimpleNamespace(
        leads=tuple(LEADS), record=record, folder=tmp_path, departures=(), unchanged=False
    )
    monkeypatch.setattr(pipeline, "run", lambda *_, **__: result)
    return result


def test_run_prints_the_ranked_table_and_what_to_do_next(finished):
    said = call("run", "town", "--out", "out", "--quiet").stdout
    assert said.index(LEADS[0].lead_id) < said.index(LEADS[1].lead_id)
    assert "2,892" in said
    assert "Skipped: ghost_beds – needs beds" in said
    assert "Skipped: 1 links and explanations" in said
    assert f"gangfinder explain out {LEADS[0].lead_id}" in said


def test_run_as_json_has_the_columns_of_leads_csv(finished):
    from gangfinder.export.projection import FIELDS

    rows = json.loads(call("run", "town", "--out", "out", "--json", "--quiet").stdout)
    assert [tuple(row) for row in rows] == [FIELDS["leads"]] * 2


def test_leads_on_staff_are_not_printed(finished):
    from dataclasses import replace

    insider = replace(LEADS[0], members=(replace(LEADS[0].members[0], entity_type="staff"),))
    finished.leads = (insider, LEADS[1])
    for form in ((), ("--json",)):
        said = call("run", "town", "--out", "out", "--quiet", *form).stdout
        assert insider.lead_id not in said
        assert LEADS[1].lead_id in said


def test_run_over_a_known_input_says_so(finished):
    finished.unchanged = True
    done = call("run", "town", "--out", "out", "--quiet", "--register", "leads.db")
    assert done.exit_code == 0
    assert "run r1 has seen this input" in done.stderr
    assert not done.stdout


def test_run_with_a_register_counts_what_changed(finished):
    from gangfinder.model.lead import Departure

    finished.departures = (Departure("L-AAAAAAAA", "vanished", 3),)
    said = call("run", "town", "--out", "out", "--quiet", "--register", "leads.db").stdout
    assert "Since the last run: 2 new, 1 vanished" in said


def test_run_without_leads_says_so(finished):
    finished.leads = ()
    done = call("run", "town", "--out", "out", "--quiet")
    assert done.exit_code == 0
    assert "No leads" in done.stdout


def test_settings_errors_stop_a_run_before_anything_is_read(tmp_path):
    (tmp_path / "s.toml").write_text("sed = 1")
    done = call("run", "town", "--out", tmp_path / "out", "--settings", tmp_path / "s.toml")
    assert done.exit_code == 2
    assert "did you mean seed" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.fixture
def checked(monkeypatch):
    """A pipeline that has checked an input with one fault and one detector that cannot run."""
    from types import SimpleNamespace

    from gangfinder import pipeline
    from gangfinder.intake import Intake, QualityFinding, Severity, TableReport
    from gangfinder.run import SkippedPart
    from gangfinder.typologies import typologies

    table = TableReport(
        "settlements", 10, 9, 0, 1, 0, {"bad date": 1}, ("patient_id",), (), ("a.csv",), {}, "canonical", {}
    )
    found = QualityFinding(
        "x", Severity.WARNING, "settlements", "phone", 3, 0.25, "3 phones are odd", "look at them"
    )
    report = SimpleNamespace(
        intake=Intake("town", {"settlements": table}, {}, ignored=("truth.json",)),
        findings=(found,),
        runnable=(typologies()["card_pooling"],),
        skipped=(SkippedPart("typology", "ghost_beds", "needs beds"),),
    )
    monkeypatch.setattr(pipeline, "check", lambda *_, **__: report)


def test_check_reads_as_a_report_to_act_on(checked):
    said = call("check", "town", "--quiet").stdout
    for piece in (
        "settlements",
        "[warning] settlements.phone (3, 25.0%): 3 phones are odd",
        "→ look at them",
    ):
        assert piece in said
    assert said.index("Detectors that can run") < said.index("What cannot run on these data")
    assert "needs beds" in said
    assert "truth.json" in said


def test_check_as_json(checked):
    plain = json.loads(call("check", "town", "--json", "--quiet", "--lang", "en").stdout)
    assert plain["runnable"][0]["code"] == "T01"
    assert plain["skipped"] == [{"kind": "typology", "slug": "ghost_beds", "reason": "needs beds"}]
    assert plain["findings"][0]["severity"] == "warning"


def test_a_narrow_terminal_folds_and_never_cuts(monkeypatch, capsys):
    from rich.console import Console

    from gangfinder.cli import _output
    from gangfinder.leads.catalogue import translator
    from gangfinder.leads.narrative import narrate

    console = Console(force_terminal=True, width=40, highlight=False)
    monkeypatch.setattr(_output, "_console", lambda: console)
    _output.show_lead(narrate(LEADS[0], TEXTS), translator("zh"))
    said = capsys.readouterr().out
    assert "…" not in said
    for person in ("P001", "P006", "CP006"):
        assert person in said
