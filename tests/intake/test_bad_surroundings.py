"""Bad surroundings: closed folders, full disks, and what messages and rejects may show."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from gangfinder.errors import (
    GangfinderError,
    OutputError,
)
from gangfinder.intake import Intake

from .inputs import contents, need_root, rejected, settlement, write_csv

Read = Callable[..., Intake]
SECRET = "990101199001010018"  # a synthetic identity that no message may hold


def everything_said(error: GangfinderError) -> str:
    return " ".join([str(error), error.message, error.hint or "", *error.details])


def test_rejects_are_private(read: Read, folder: Path, tmp_path: Path) -> None:
    write_csv(
        folder / "settlements.csv",
        [settlement(1), settlement(2, patient_id=""), settlement(3, settlement_id="=1+1", patient_id="")],
    )
    read()
    path = tmp_path / "rejects" / "settlements.csv"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [r["key"] for r in rejected(tmp_path)] == ["S00002", "'=1+1"]  # no formula for a spreadsheet
    assert os.listdir(path.parent) == ["settlements.csv"]


READ_AS_NOBODY = textwrap.dedent("""
    import os, sys, duckdb
    from pathlib import Path
    from gangfinder.intake import read_input
    from gangfinder.errors import GangfinderError
    def read(source):
        read_input(source, duckdb.connect(), reject_share=1, rejects_folder=Path(sys.argv[3]))
    try:
        read(sys.argv[1])  # loads all modules while their folders are readable
    except GangfinderError:
        pass
    os.setgid(65534)
    os.setuid(65534)
    try:
        read(sys.argv[2])
    except GangfinderError as error:
        print(type(error).__name__, error.message)
        sys.exit(error.exit_code)
""")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users reach; pytest's own are closed to them."""
    import shutil
    import tempfile

    made = Path(tempfile.mkdtemp(prefix="gangfinder-test-", dir="/tmp"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.mark.parametrize("closed", ["folder", "file", "parent"])
def test_unreadable_folder_or_file_under_a_dropped_user(
    open_folder: Path, tmp_path: Path, closed: str
) -> None:
    need_root()
    source = open_folder / "input"
    source.mkdir()
    write_csv(source / "settlements.csv", [settlement(1)])
    write_csv(tmp_path / "settlements.csv", [settlement(1)])
    {"folder": source, "file": source / "settlements.csv", "parent": open_folder}[closed].chmod(0o000)
    arguments = [str(tmp_path), str(source), str(tmp_path / "rejects")]
    result = subprocess.run(
        [sys.executable, "-c", READ_AS_NOBODY, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 2
    assert result.stdout.startswith("UnreadableFile")
    assert "Permission denied" in result.stdout
    assert result.stderr == ""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    need_root()
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        reason = f"a small tmpfs cannot be mounted here: {mounted.stderr.strip()}"
        if os.environ.get("GANGFINDER_REQUIRE_ALL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_leaves_no_half_file(read: Read, folder: Path, small_disk: Path) -> None:
    write_csv(folder / "settlements.csv", [settlement(n, patient_id="") for n in range(20_000)])
    rejects = small_disk / "rejects"
    with pytest.raises(OutputError, match="cannot be written") as raised:
        read(rejects_folder=rejects)
    assert raised.value.hint
    assert list(rejects.iterdir()) == []


def test_a_full_disk_keeps_the_previous_file(read: Read, folder: Path, small_disk: Path) -> None:
    rejects = small_disk / "rejects"
    write_csv(folder / "settlements.csv", [settlement(1), settlement(2, patient_id="")])
    read(rejects_folder=rejects)
    before = (rejects / "settlements.csv").read_bytes()
    write_csv(folder / "settlements.csv", [settlement(n, patient_id="") for n in range(20_000)])
    with pytest.raises(OutputError):
        read(rejects_folder=rejects)
    assert (rejects / "settlements.csv").read_bytes() == before
    assert os.listdir(rejects) == ["settlements.csv"]


def test_a_full_scratch_disk_is_told_as_such(
    read: Read, folder: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_csv(
        folder / "settlements.csv", [settlement(n, department="测试") for n in range(20_000)], "gb18030"
    )
    monkeypatch.setattr("tempfile.tempdir", str(small_disk))
    with pytest.raises(OutputError, match=os.strerror(errno.ENOSPC)):
        read()
    assert list(small_disk.iterdir()) == []


def test_no_message_holds_a_value_of_a_row(read: Read, folder: Path) -> None:
    rows = [
        settlement(n, patient_id=SECRET, settled_at=f"x{SECRET}", department=f'"{SECRET}') for n in range(50)
    ]
    write_csv(folder / "settlements.csv", rows)
    with pytest.raises(GangfinderError) as raised:
        read(reject_share=0.01)
    assert SECRET not in everything_said(raised.value)
    assert raised.value.__cause__ is None


def test_contents_do_not_depend_on_rejected_rows(
    read: Read, folder: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    good = [settlement(n) for n in range(50)]
    write_csv(folder / "settlements.csv", good)
    read()
    before = contents(connection)
    write_csv(
        folder / "settlements.csv",
        [settlement(90, patient_id=""), *reversed(good), settlement(91, settled_at="")],
    )
    read()
    assert contents(connection) == before
