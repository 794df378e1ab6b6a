"""An empty input folder, a connection, and a way to read the one into the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from gangfinder.intake import Intake, read_input


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "input"
    made.mkdir()
    return made


@pytest.fixture
def read(connection: duckdb.DuckDBPyConnection, folder: Path, tmp_path: Path) -> Callable[..., Intake]:
    """Read the folder; rejects go to tmp_path/rejects, and the limit is off by default."""

    def _read(source: Path | None = None, **options: Any) -> Intake:
        options = {"reject_share": 1.0, "rejects_folder": tmp_path / "rejects", **options}
        return read_input(source or folder, connection, **options)

    return _read
