"""A CSV larger than the memory it may use."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

SIZE = 2 * 10**9

READ = textwrap.dedent("""
    import re, sys, duckdb
    from pathlib import Path
    from gangfinder.intake import read_input
    connection = duckdb.connect(sys.argv[2])
    connection.execute("SET memory_limit = '400MB'; SET threads = 2")
    connection.execute(f"SET temp_directory = '{sys.argv[2]}.tmp'")
    report = read_input(sys.argv[1], connection).tables["settlements"]
    # not ru_maxrss: a process begins with that of the one that started it, here a large test worker
    peak = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024
    print(report.rows_read, report.rows_kept, report.rows_rejected, peak)
""")


def write_repeated(path: Path, size: int) -> int:
    """Write a CSV of at least that size in blocks of one pattern with running numbers; return its rows."""
    filler = "测试科" * 60
    rows = 0
    with path.open("wb") as out:
        out.write(b"settlement_id,patient_id,institution_id,settled_at,fund_amount,note\n")
        while out.tell() < size:
            block = "".join(
                f"S{rows + n:012},P{n % 5000:06},H990101{n % 90:05},"
                f"2024-03-{n % 28 + 1:02} 10:{n % 60:02}:00,{n}.50,{filler}\n"
                for n in range(10_000)
            )
            out.write(block.encode())
            rows += 10_000
    return rows


@pytest.mark.slow
def test_a_2_gb_csv_is_streamed(tmp_path: Path) -> None:
    folder = tmp_path / "input"
    folder.mkdir()
    rows = write_repeated(folder / "settlements.csv", SIZE)
    try:
        result = subprocess.run(
            [sys.executable, "-c", READ, str(folder), str(tmp_path / "work.duckdb")],
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    finally:
        (folder / "settlements.csv").unlink()
    assert result.stderr == ""
    read, kept, rejected, peak = map(int, result.stdout.split())
    assert (read, kept, rejected) == (rows, rows, 0)
    assert peak < 10**9
