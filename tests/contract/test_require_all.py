"""Where everything must run, a skip is a failure, however it comes about; elsewhere it is a skip."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"

CASES = {
    "called": "import pytest\ndef test_a(): pytest.skip('no such thing here')",
    "marked": "import pytest\n@pytest.mark.skip(reason='no such thing here')\ndef test_a(): pass",
    "in_a_fixture": "import pytest\n@pytest.fixture\ndef f(): pytest.skip('no such thing here')\ndef test_a(f): pass",
    "whole_module": "import pytest\npytest.skip('no such thing here', allow_module_level=True)",
    "missing_module": "import pytest\npytest.importorskip('no_such_thing_here', reason='no such thing here')",
}


def outcome(folder: Path, source: str, required: str, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text(CONFTEST.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "test_it.py").write_text(source, encoding="utf-8")
    environment = {**os.environ, "GANGFINDER_REQUIRE_ALL": required}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, str(folder)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("how", CASES)
def test_a_skip_fails_where_everything_must_run(how, tmp_path):
    done = outcome(tmp_path, CASES[how], "1")
    assert done.returncode != 0
    assert "no such thing here" in done.stdout
    # an empty run (5) is what pytest says when a whole module skips itself
    assert outcome(tmp_path, CASES[how], "").returncode in (0, 5)


def test_a_deselected_test_fails_where_everything_must_run(tmp_path):
    source = "def test_a(): pass\ndef test_b(): pass"
    assert outcome(tmp_path, source, "1", "-k", "test_a").returncode != 0
    assert outcome(tmp_path, source, "0", "-k", "test_a").returncode == 0


def test_an_expected_failure_did_run(tmp_path):
    source = "import pytest\n@pytest.mark.xfail(strict=True)\ndef test_a(): assert False"
    assert outcome(tmp_path, source, "1").returncode == 0


def test_tests_on_spark_share_a_worker(tmp_path):
    source = (
        "import os, pytest\n"
        "@pytest.mark.parametrize('i', range(6))\n@pytest.mark.parametrize('e', ['spark', 'duckdb'])\n"
        "def test_a(e, i): open(e, 'a').write(f'{os.getpid()}\\n')"
    )
    assert outcome(tmp_path, source, "1", "-n", "2").returncode == 0
    assert len(set((tmp_path / "spark").read_text().split())) == 1
    assert len((tmp_path / "duckdb").read_text().split()) == 6
