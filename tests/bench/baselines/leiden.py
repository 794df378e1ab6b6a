"""Leiden (modularity, graspologic-native) on the graph of everything, as the Louvain pipeline builds it."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from tests.bench.baselines.leads import write_leads
from tests.bench.baselines.louvain import SEED, edges


def communities(ties: pd.DataFrame, patients: set[str]) -> list[list[str]]:
    """Return the patients of each community, those with most weight inside per member first."""
    from graspologic_native import leiden

    listed = [(s, t, float(w)) for s, t, w in ties[["source", "target", "weight"]].itertuples(index=False)]
    label = pd.Series(leiden(listed, use_modularity=True, seed=SEED)[1])
    inside = ties[ties["source"].map(label) == ties["target"].map(label)]
    weight = inside.groupby(inside["source"].map(label))["weight"].sum()
    people = label[label.index.isin(patients)]
    groups = people.index.to_series().groupby(people.to_numpy()).apply(sorted)
    knit = (weight.reindex(groups.index).fillna(0) / groups.map(len)).sort_values(ascending=False, kind="stable")
    return [groups[c] for c in knit.index]


def main(town: Path, out: Path) -> None:
    """Find and write."""
    settlements = pd.read_parquet(town / "settlements.parquet", columns=["patient_id", "institution_id", "doctor_id"])
    patients = pd.read_parquet(town / "patients.parquet", columns=["patient_id", "phone", "address"])
    print(write_leads(out, communities(edges(settlements, patients), set(patients["patient_id"]))))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
