"""The shared town and its finished run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from gangfinder.pipeline import RunResult

from . import towns


@pytest.fixture(scope="session", autouse=True)
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One key for all runs: ids and tokens can be compared."""
    path = tmp_path_factory.mktemp("key") / "key"
    path.write_text("0123456789abcdef" * 4, encoding="ascii")
    path.chmod(0o600)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANGFINDER_KEY_FILE", str(path))
        yield path


@pytest.fixture(scope="session")
def tables() -> dict[str, pa.Table]:
    return towns.town_tables()


@pytest.fixture(scope="session")
def town(tables, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return towns.write_parquet(tables, tmp_path_factory.mktemp("acceptance") / "town")


@pytest.fixture(scope="session")
def out(town: Path) -> Path:
    return town.parent / "out"


@pytest.fixture(scope="session")
def finished(town: Path, out: Path) -> RunResult:
    """The run that all others are compared with. Tests read it and never write into its folder."""
    return towns.run(town, out)
