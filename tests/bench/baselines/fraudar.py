"""Dense blocks: FRAUDAR (UGFraud) on patients and the institution-days they went to, one block after another.

References
----------
B. Hooi et al., FRAUDAR: Bounding graph fraud in the face of camouflage, KDD 2016.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
from scipy.sparse import csr_matrix

from tests.bench.baselines.leads import write_leads

BLOCKS = 12
"""The greedy search is pure Python: a dozen blocks of a town of 20 k people take minutes."""


def blocks(rows: pd.DataFrame) -> list[list[str]]:
    """Return the patients of the densest blocks, in the order in which they were found."""
    from UGFraud.Detector.Fraudar import detectMultiple, logWeightedAveDegree

    met = rows.assign(day=rows["settled_at"].dt.floor("D"))[["patient_id", "institution_id", "day"]].drop_duplicates()
    event = met.groupby(["institution_id", "day"]).ngroup()
    busy = event.map(event.value_counts()) >= 2
    who = met.loc[busy, "patient_id"].astype("category")
    column = event[busy].astype("category").cat.codes
    matrix = csr_matrix(([1] * len(who), (who.cat.codes, column)))
    found = detectMultiple(matrix, logWeightedAveDegree, BLOCKS)
    return [[who.cat.categories[i] for i in sorted(block[0])] for block, _ in found]


def main(town: Path, out: Path) -> None:
    """Find and write."""
    rows = pd.read_parquet(town / "settlements.parquet", columns=["patient_id", "institution_id", "settled_at"])
    print(write_leads(out, blocks(rows.dropna())))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
