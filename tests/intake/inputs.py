"""Ways to make an input and to look at what became of it."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest


def settlement(number: int, **changes: str) -> dict[str, str]:
    """One sound settlement as text; changes replace or add columns."""
    row = {
        "settlement_id": f"S{number:05}",
        "patient_id": f"{number % 7:04}",
        "institution_id": "H99010100001",
        "settled_at": f"2024-03-{number % 28 + 1:02} 10:{number % 60:02}:00",
        "fund_amount": f"{number}.50",
    }
    return {**row, **changes}


def csv_text(rows: Sequence[dict[str, str]], header: Sequence[str] | None = None) -> str:
    names = list(header or dict.fromkeys(name for row in rows for name in row))
    return "\n".join([",".join(names), *(",".join(row.get(n, "") for n in names) for row in rows)]) + "\n"


def write_csv(path: Path, rows: Sequence[dict[str, str]], encoding: str = "utf-8") -> Path:
    path.write_bytes(csv_text(rows).encode(encoding))
    return path


def contents(connection: duckdb.DuckDBPyConnection, table: str = "settlements") -> list[tuple[Any, ...]]:
    """All rows with columns in name order, sorted: two equal tables give equal lists."""
    names = sorted(r[0] for r in connection.execute(f"DESCRIBE main.{table}").fetchall())
    rows = connection.execute(f"SELECT {', '.join(names)} FROM main.{table}").fetchall()
    return sorted(rows, key=repr)


def rejected(tmp_path: Path, table: str = "settlements") -> list[dict[str, str]]:
    path = tmp_path / "rejects" / f"{table}.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def need_root() -> None:
    """Skip without root, or fail where every test must run."""
    if os.geteuid() != 0:
        reason = "needs root to drop rights or to mount a small disk"
        if os.environ.get("GANGFINDER_REQUIRE_ALL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
