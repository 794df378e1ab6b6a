"""Bad input and bad surroundings as a user meets them: exit codes, sentences, and nothing of the data in them."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from gangfinder.cli import root

from . import towns

# identity number, phone and name of somebody who does not exist; in every row, and never in what is said
CANARY = ("990101199001010018", "19900001234", "测试金丝雀")
HEADER = (
    "settlement_id", "patient_id", "institution_id", "settled_at", "fund_amount", "agent_id_number",
    "contact_phone", "department",
)


def row(number: int, **changes: str) -> list[str]:
    identity, phone, name = CANARY
    sound = [f"S{identity}{number}", identity, f"H{number % 3}", f"2024-03-{number % 28 + 1:02} 10:00:00", "12.50",
             identity, phone, name]
    return [changes.get(column, value) for column, value in zip(HEADER, sound, strict=True)]


def text(rows: list[list[str]], header: tuple[str, ...] | list[str] = HEADER) -> str:
    return "".join(",".join(line) + "\n" for line in [header, *rows])


SOUND = [row(n) for n in range(40)]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> Path:
    for name, value in towns.environment(tmp_path / "home").items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("GANGFINDER_DEBUG", raising=False)
    return tmp_path / "home"


@pytest.fixture
def source(tmp_path) -> Path:
    folder = tmp_path / "input"
    folder.mkdir()
    return folder


Outcome = tuple[int, str]


@pytest.fixture
def call(home, tmp_path) -> Callable[..., Outcome]:
    """Run ``gangfinder run`` in this process; what it says and logs shows no canary and no traceback."""

    def run(source: Path, out: Path | None = None) -> Outcome:
        out = out or tmp_path / "out"
        done = CliRunner().invoke(root, ["run", str(source), "--out", str(out)])
        said = done.stdout + done.stderr
        discreet(said, home)
        return done.exit_code, said

    return run


def discreet(said: str, *folders: Path) -> None:
    left = [p.read_text(encoding="utf-8", errors="replace") for f in folders for p in visible(f)]
    assert "Traceback" not in said
    assert "internal error" not in said
    assert [c for c in CANARY if any(c in one for one in (said, *left))] == []


def visible(folder: Path) -> list[Path]:
    """Files of a folder, hidden ones too."""
    return [p for p in folder.rglob("*") if p.is_file()] if folder.is_dir() else []


def nothing_published(out: Path) -> bool:
    return [p.name for p in visible(out) if p.name != ".lock"] == [] and not (out / "latest").is_symlink()


def ragged(source: Path) -> None:
    lines = text(SOUND).splitlines()
    broken = [line + ",too,many" if n % 2 else line.rsplit(",", 5)[0] for n, line in enumerate(lines[1:])]
    (source / "settlements.csv").write_text("\n".join([lines[0], *broken]) + "\n", encoding="utf-8")


def without(column: str, found: str | None = None) -> str:
    renamed = [found if name == column and found else name for name in HEADER]
    keep = [n for n, name in enumerate(HEADER) if name != column or found]
    return text([[line[n] for n in keep] for line in SOUND], [renamed[n] for n in keep])


def write(name: str, content: str | bytes) -> Callable[[Path], None]:
    data = content if isinstance(content, bytes) else content.encode("utf-8")
    return lambda source: (source / name).write_bytes(data) and None


FAULTS: dict[str, tuple[Callable[[Path], object], tuple[str, ...]]] = {
    "empty_folder": (lambda source: None, ("no table 'settlements'", "settlements.csv")),
    "no_such_folder": (lambda source: source.rmdir(), ("input", "hint:")),
    "empty_file": (write("settlements.csv", ""), ("'settlements.csv' is empty",)),
    "empty_parquet": (write("settlements.parquet", b""), ("'settlements.parquet' is empty",)),
    "text_called_parquet": (write("settlements.parquet", text(SOUND)), ("no readable Parquet file",)),
    "text_called_xlsx": (write("settlements.xlsx", text(SOUND)), ("settlements.xlsx",)),
    "text_called_gzip": (write("settlements.csv.gz", text(SOUND)), ("settlements.csv.gz",)),
    "gzip_cut_short": (
        write("settlements.csv.gz", gzip.compress(text(SOUND * 50).encode())[:-40]), ("settlements.csv.gz",)
    ),
    "header_only": (write("settlements.csv", text([])), ("has a header but no rows",)),
    "no_header": (write("settlements.csv", text(SOUND[1:], SOUND[0])), ("settlements", "hint:")),
    "column_missing": (write("settlements.csv", without("patient_id")), ("lacks column 'patient_id'",)),
    "column_misspelt": (
        write("settlements.csv", without("patient_id", "pateint_id")),
        ("lacks column 'patient_id'", "found 'pateint_id'", 'patient_id = "pateint_id"'),
    ),
    "utf_16": (write("settlements.csv", text(SOUND).encode("utf-16")), ("settlements.csv",)),
    "no_encoding": (
        write("settlements.csv", text(SOUND).encode().replace("测试金丝雀".encode(), b"\xff\xfe\x81\x30\xff")),
        ("neither UTF-8 nor GB18030",),
    ),
    "ragged": (ragged, ("cannot be used", "more than the limit of 20.0%")),
    "above_the_reject_limit": (
        write("settlements.csv", text([*SOUND[:31], *(row(n, settled_at=CANARY[1]) for n in range(31, 40))])),
        ("9 of 40 rows (22.5%)", "unreadable:settled_at", "reject_share"),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_unusable_input_is_2_and_a_sentence(fault, source, call, tmp_path):
    make, expected = FAULTS[fault]
    make(source)
    code, said = call(source)
    assert [word for word in expected if word not in said] == []
    assert code == 2, said
    assert said.startswith("error: ")
    assert "\nhint: " in said
    assert nothing_published(tmp_path / "out")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_up_to_the_reject_limit_the_run_goes_on(encoding, source, call, tmp_path):
    bad = [row(n, settled_at=CANARY[1]) for n in range(32, 40)]
    (source / "settlements.csv").write_bytes(text([*SOUND[:32], *bad]).encode(encoding))
    code, said = call(source)
    assert code == 0, said
    assert "No leads" in said
    rejects = (tmp_path / "out" / "rejects" / "settlements.csv").read_text(encoding="utf-8")
    assert rejects.count("unreadable:settled_at") == 8


def test_out_is_a_file(source, call, tmp_path):
    (source / "settlements.csv").write_text(text(SOUND), encoding="utf-8")
    (tmp_path / "file").touch()
    code, said = call(source, tmp_path / "file" / "out")
    assert code == 1
    assert "the result cannot be written" in said


def test_out_holds_files_of_somebody_else(source, call, tmp_path):
    (source / "settlements.csv").write_text(text(SOUND), encoding="utf-8")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "leads.csv").write_text("mine", encoding="utf-8")
    code, said = call(source)
    assert code == 1
    assert "not of a gangfinder run" in said
    assert (tmp_path / "out" / "leads.csv").read_text(encoding="utf-8") == "mine"


def need_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to drop rights or to mount a small disk")


RUN_AS_NOBODY = textwrap.dedent("""
    import codecs, os, sys
    from click.testing import CliRunner
    from gangfinder.cli import root
    sound, source, first, out = sys.argv[1:]
    # loads every module while their folders are readable
    assert CliRunner().invoke(root, ["run", sound, "--out", first, "--quiet"]).exit_code == 0
    for codec in ("ascii", "gb18030", "utf_8_sig"):
        codecs.lookup(codec)
    os.environ.pop("GANGFINDER_KEY_FILE")
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "TMPDIR"):
        os.environ[name] = os.path.join(os.path.dirname(source), "home")
    import tempfile; tempfile.tempdir = None
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
    root.main(["run", source, "--out", out], prog_name="gangfinder")
""")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users reach; pytest's own are closed to them."""
    import shutil
    import tempfile

    made = Path(tempfile.mkdtemp(prefix="gangfinder-test-", dir="/tmp"))
    made.chmod(0o755)
    (made / "home").mkdir()
    (made / "home").chmod(0o777)
    yield made
    shutil.rmtree(made)


@pytest.mark.parametrize(("closed", "mode", "code"), [
    ("input", 0o000, 2), ("input", 0o444, 2), ("input/settlements.csv", 0o000, 2), ("out", 0o000, 2), ("out", 0o555, 1),
])
def test_rights_are_missing(closed, mode, code, source, open_folder, tmp_path):
    need_root()
    (source / "settlements.csv").write_text(text(SOUND), encoding="utf-8")
    theirs, out = open_folder / "input", open_folder / "out"
    theirs.mkdir()
    (theirs / "settlements.csv").write_text(text(SOUND), encoding="utf-8")
    out.mkdir()
    out.chmod(0o777)
    for folder in (theirs, theirs / "settlements.csv"):
        folder.chmod(0o755)
    (open_folder / closed).chmod(mode)
    done = subprocess.run(
        [sys.executable, "-c", RUN_AS_NOBODY, *map(str, (source, theirs, tmp_path / "first", out))],
        capture_output=True, text=True, timeout=120, check=False,
    )
    assert done.returncode == code, done.stderr
    assert "Permission denied" in done.stderr or "is not readable" in done.stderr
    discreet(done.stdout + done.stderr, open_folder / "home")
    assert nothing_published(out)


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    need_root()
    disk = tmp_path / "disk"
    disk.mkdir()
    options = ["-t", "tmpfs", "-o", "size=192k", "tmpfs"]
    mounted = subprocess.run(["mount", *options, str(disk)], capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a small tmpfs cannot be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_shows_no_half_file(town, small_disk, source, call):
    out = small_disk / "out"
    (source / "settlements.csv").write_text(text(SOUND), encoding="utf-8")
    assert call(source, out)[0] == 0
    before, stood = towns.sheets(out), (out / "latest").readlink()
    code, said = call(town, out)
    assert code == 1
    assert "No space left" in said
    assert "free some space" in said
    assert towns.sheets(out) == before
    assert (out / "latest").readlink() == stood
    assert [p.name for p in (out / "runs").iterdir() if p.is_dir()] == [stood.name]


@pytest.mark.parametrize("moment", ["reading", "judging"])
def test_a_killed_run_leaves_nothing_in_the_way(moment, finished, out, town, tmp_path):
    """The record of the finished run says how long to wait."""
    mine, own = tmp_path / "mine", towns.environment(tmp_path / "own")
    running = subprocess.Popen(
        towns.command("run", town, "--out", mine), env=own, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        wait_for(running, mine, "" if moment == "reading" else "detecting")
    finally:
        running.send_signal(signal.SIGKILL)
        running.communicate(timeout=60)
    assert running.returncode == -signal.SIGKILL
    assert [p.name for p in mine.iterdir()] == ["runs"]
    assert all(p.name.startswith(".") for p in (mine / "runs").iterdir())
    done = subprocess.run(
        towns.command("run", town, "--out", mine, "--quiet"), env=own, capture_output=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert towns.sheets(mine) == towns.sheets(out)
    left = [p.name for p in (mine / "runs").iterdir() if p.is_dir()]
    assert left == [(mine / "latest").readlink().name]


def wait_for(running: subprocess.Popen[str], out: Path, stage: str) -> None:
    """Wait until the run has made its folder, and has finished a stage where one is named."""
    limit = time.monotonic() + 120
    while not list(out.glob("runs/.partial-*")):
        assert running.poll() is None
        assert time.monotonic() < limit
        time.sleep(0.02)
    assert running.stderr is not None
    while stage and not running.stderr.readline().startswith(stage):
        assert running.poll() is None
