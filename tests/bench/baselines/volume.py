"""Plain volume: the houses that cost the fund most, each with the tenth of its patients who cost most there."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from tests.bench.baselines.leads import write_leads

SHARE = 0.1


def spenders(rows: pd.DataFrame) -> list[list[str]]:
    """Return for every house, the dearest first, the patients who cost most."""
    paid = rows.groupby(["institution_id", "patient_id"])["fund_amount"].sum()
    houses = paid.groupby(level=0).sum().sort_values(ascending=False).index
    result = []
    for house in houses:
        own = paid[house].sort_values(ascending=False)
        result.append(sorted(own.index[: max(5, int(SHARE * len(own)))]))
    return result


def main(town: Path, out: Path) -> None:
    """Find and write."""
    columns = ["patient_id", "institution_id", "fund_amount"]
    rows = pd.read_parquet(town / "settlements.parquet", columns=columns)
    print(write_leads(out, spenders(rows.assign(fund_amount=rows["fund_amount"].astype(float)))))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
