"""Every worked example of every help text, executed in order in an empty folder."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from gangfinder.cli import root
from gangfinder.cli._group import _names

ORDER = ("synth", "check", "run", "explain", "evaluate", "selftest", "typologies", "benign", "demo")
"""Examples that others build on come first; commands not named here follow."""


def examples(name: str) -> list[str]:
    help_text = root.get_command(click.Context(root), name).help
    block = re.search(r"Example:\n((?:  +\S.*\n?)+)", help_text)
    assert block, f"the help of {name} has no example"
    return [line.strip() for line in block.group(1).strip().split("\n")]


def ordered() -> list[str]:
    return [n for n in ORDER if n in _names()] + [n for n in _names() if n not in ORDER]


@pytest.mark.slow
def test_every_example_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("GANGFINDER_DEBUG", "1")
    printed = {}
    for name in ordered():
        for line in examples(name):
            program, *arguments = shlex.split(line)
            assert program == "gangfinder", line
            done = CliRunner().invoke(root, arguments)
            assert done.exit_code == 0, f"{line}\n{done.stderr}"
            assert done.stdout.strip(), f"{line} printed nothing"
            printed[name] = done.stdout
    for name in ("leads.csv", "members.csv", "evidence.csv", "benign.csv", "run.json"):
        assert (Path("out") / name).stat().st_size > 0
    assert os.readlink("out/latest").startswith("runs/")
    assert "线索" in printed["demo"]  # it ends with the best lead explained
