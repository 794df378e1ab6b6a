"""Spark gives the same leads as DuckDB, byte for byte, on the contract towns."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gangfinder import pipeline
from gangfinder.settings import Settings
from gangfinder.synth import TownSettings, build_town, write_town

FILES = ("leads.csv", "members.csv", "evidence.csv", "benign.csv")
SMALL = {"patients": 2_000, "rings_per_typology": 1, "lookalikes_per_kind": 1, "months": 6}

CONTRACT_TOWNS = {
    "whole": TownSettings(seed=3, **SMALL),
    "thin": TownSettings(seed=4, only_required=True, dates_only=True, **SMALL),
}


def run(town: Path, out: Path, engine: str) -> dict[str, object]:
    """Run the whole inquiry and return its record; tokens of one key can be compared."""
    key = town.parent / "key"
    key.write_text("00" * 32, encoding="ascii")
    key.chmod(0o600)
    pipeline.run(town, out, Settings(key_file=key), engine=engine)
    return json.loads((out / "run.json").read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.spark
@pytest.mark.parametrize("name", CONTRACT_TOWNS)
def test_spark_gives_the_same_leads(name, tmp_path, spark_engine):
    """The session of ``spark_engine`` serves the run, too: a second JVM would cost seconds and a gigabyte."""
    assert spark_engine.name == "spark"
    town = write_town(build_town(CONTRACT_TOWNS[name]), tmp_path / "town")
    on_duckdb, on_spark = tmp_path / "duckdb", tmp_path / "spark"
    record, other = run(town, on_duckdb, "duckdb"), run(town, on_spark, "spark")
    assert (record["engine"], other["engine"]) == ("duckdb", "spark")
    assert record["n_leads"] > 0, "an empty result proves nothing"
    for file in FILES:
        assert (on_duckdb / file).read_bytes() == (on_spark / file).read_bytes(), file
    assert record["skipped"] == other["skipped"]
