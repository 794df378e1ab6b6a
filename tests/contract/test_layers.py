"""The rooms import downwards only (DESIGN §3)."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_import_contracts_hold():
    """The same command as in .ci/run, so that a developer sees a broken layer before that."""
    command = shutil.which("lint-imports", path=str(Path(sys.executable).parent)) or shutil.which("lint-imports")
    assert command, "the test extra installs import-linter"
    done = subprocess.run([command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_room_has_its_place_in_the_layers():
    """A room that no layer names could import anything."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = next(c for c in project["tool"]["importlinter"]["contracts"] if c["type"] == "layers")["layers"]
    names = [name for layer in layers for name in layer.replace("|", ":").split(":")]
    named = {name.strip(" ()").removeprefix("gangfinder.") for name in names}
    package = ROOT / "gangfinder"
    rooms = {p.name for p in package.iterdir() if p.is_dir() and any(p.glob("*.py"))}
    modules = {p.stem for p in package.glob("*.py")} - {"__init__", "__main__"}
    assert rooms | modules <= named, f"not in any layer: {sorted((rooms | modules) - named)}"
