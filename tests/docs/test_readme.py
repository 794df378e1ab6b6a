"""What the READMEs tell a reader to type is typed here, and their tables are what was measured."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from tests.bench import tables

ROOT = Path(__file__).parents[2]
READMES = ("README.md", "README.zh-CN.md")
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
LAUNCHER = "import sys; sys.argv[0] = 'gangfinder'; from gangfinder.cli import main; main()"


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def commands(name: str) -> list[str]:
    return [line for block in BLOCK.findall(text_of(name)) for line in block.splitlines() if line.strip()]


def split(name: str) -> tuple[list[str], list[str]]:
    """Return the commands that set up, and those that use what is set up."""
    own = commands(name)
    return [c for c in own if ".venv" in c], [c for c in own if ".venv" not in c]


@pytest.mark.parametrize("name", READMES)
def test_both_set_up_commands_are_one_line_each(name):
    """They are run from a fresh clone by .ci/run (the second) and by every reader; here their parts are checked."""
    first, second = split(name)[0]
    assert first == "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/gangfinder demo"
    assert second == ".venv/bin/pip install '.[test]' && .venv/bin/python -m pytest -n 2"


def test_ci_runs_the_documented_test_command():
    tests = split("README.md")[0][1].split("&& ")[1].removeprefix(".venv/bin/python ")
    script = text_of(".ci/run")
    assert f'"$venv/bin/python" {tests}\n' in script
    assert "'.[test]'" in script
    assert "GANGFINDER_REQUIRE_ALL=1" in script


def test_both_readmes_document_the_same_commands():
    assert commands("README.md") == commands("README.zh-CN.md")


@pytest.mark.slow
def test_every_documented_command_works(tmp_path):
    """In the order of the page, in an empty folder, as somebody who follows it would."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    for line in split("README.md")[1]:
        words = shlex.split(line)
        assert words[0] == "gangfinder", line
        done = subprocess.run([sys.executable, "-c", LAUNCHER, *words[1:]], cwd=tmp_path, env=environment,
                              capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        if words[1] in {"check", "run", "explain", "evaluate"}:
            assert done.stdout.strip(), f"{line} printed nothing"


@pytest.mark.slow
def test_the_demo_prints_leads_and_explains_the_best(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    done = subprocess.run([sys.executable, "-c", LAUNCHER, "demo"], cwd=tmp_path, env=environment, capture_output=True,
                          text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    assert "L-" in done.stdout
    assert "待核实" in done.stdout
    assert "已检验的合理解释" in done.stdout
    assert (tmp_path / "demo-out" / "leads.csv").exists()


@pytest.mark.parametrize("name", READMES)
def test_tables_are_what_was_measured(name):
    assert tables.rendered(text_of(name)) == text_of(name), "run: python -m tests.bench.tables"


@pytest.mark.parametrize("name", READMES)
def test_every_linked_or_named_file_exists(name):
    text = text_of(name)
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    named = re.findall(r"`((?:gangfinder|tests|fixtures)/[\w./]+)`", text)
    assert [path for path in [*links, *named] if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", READMES)
def test_every_named_bench_exists(name):
    assert {m for m in re.findall(r"python -m (tests[\w.]+)", text_of(name))
            if not (ROOT / (m.replace(".", "/") + ".py")).exists()} == set()


def test_every_command_is_in_the_readme():
    from gangfinder.cli import root

    for command in root.list_commands(click.Context(root)):
        assert f"gangfinder {command}" in text_of("README.md"), command


def test_the_licence_is_the_whole_text():
    text = text_of("LICENSE")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_the_changelog_begins_its_lines_with_what_a_user_notices():
    entries = re.findall(r"^- (.*)", text_of("CHANGELOG.md"), re.MULTILINE)
    assert entries
    assert not [e for e in entries if re.match(r"(Fix|Add|Refactor|Update|Change)", e)]


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md", "CHANGELOG.md", ".ci/run", "pyproject.toml"])
def test_nothing_names_this_machine_or_a_package_host(name):
    assert not re.search(r"/(?:home|root|Users|work|tmp)/\w|https?://\S*(?:pypi|mirror|simple)", text_of(name))
