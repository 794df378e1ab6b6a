"""The town that the acceptance tests share, ways to write it down, and ways to run it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gangfinder import pipeline
from gangfinder.settings import Settings
from gangfinder.synth import TownSettings, build_town

# seed chosen so that a lead of each of the six typologies comes out
SETTINGS = TownSettings(patients=2_500, seed=1, rings_per_typology=1, lookalikes_per_kind=1, months=6)

SHEETS = ("leads.csv", "members.csv", "evidence.csv", "benign.csv")
"""Files that are the same, byte for byte, for the same input."""

Tables = Mapping[str, pa.Table]


def town_tables(settings: TownSettings = SETTINGS) -> dict[str, pa.Table]:
    return build_town(settings).tables


def write_parquet(tables: Tables, folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet")
    return folder


def run(source: Path, out: Path, **settings: Any) -> pipeline.RunResult:
    """Run the inquiry in this process; the key is the one of ``GANGFINDER_KEY_FILE``."""
    return pipeline.run(source, out, Settings(**{"threads": 2, **settings}))


def sheets(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in SHEETS}


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "gangfinder.cli", *map(str, arguments)]


def environment(home: Path, **changes: str) -> dict[str, str]:
    """An environment with a state and a temporary folder of its own."""
    for name in ("state", "tmp", "config"):
        (home / name).mkdir(parents=True, exist_ok=True)
    own = {"XDG_STATE_HOME": str(home / "state"), "XDG_CONFIG_HOME": str(home / "config"), "TMPDIR": str(home / "tmp")}
    return {**os.environ, **own, **changes}
