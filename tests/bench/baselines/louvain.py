"""pandas + networkx + python-louvain on the graph of everything, written well: vectorised, no Python loop over rows.

The graph that this kind of pipeline builds: patients, institutions, doctors and the phones and addresses that patients
share are nodes; a patient is tied to whom he visited, as often as he did, and to what he shares. Louvain communities
with at least five patients are the rings, the most tightly knit first.
"""

from __future__ import annotations

import sys
from pathlib import Path

import community
import networkx as nx
import pandas as pd

from tests.bench.baselines.leads import write_leads

SEED = 1


def edges(settlements: pd.DataFrame, patients: pd.DataFrame) -> pd.DataFrame:
    """Return ties of patients: source, target, weight."""
    parts = [_visited(settlements, column) for column in ("institution_id", "doctor_id") if column in settlements]
    parts += [_shared(patients, column) for column in ("phone", "address") if column in patients]
    return pd.concat(parts, ignore_index=True)


def _visited(settlements: pd.DataFrame, column: str) -> pd.DataFrame:
    counted = settlements.dropna(subset=[column]).groupby(["patient_id", column], sort=False).size()
    tied = counted.rename("weight").reset_index()
    return pd.DataFrame({"source": tied["patient_id"], "target": column + ":" + tied[column], "weight": tied["weight"]})


def _shared(patients: pd.DataFrame, column: str) -> pd.DataFrame:
    given = patients[patients[column].notna() & (patients[column] != "")]
    shared = given[given.duplicated(column, keep=False)]
    return pd.DataFrame({"source": shared["patient_id"], "target": column + ":" + shared[column], "weight": 1})


def communities(ties: pd.DataFrame, patients: set[str]) -> list[list[str]]:
    """Return the patients of each Louvain community, those with most weight inside per member first."""
    graph = nx.from_pandas_edgelist(ties, "source", "target", edge_attr="weight")
    label = pd.Series(community.best_partition(graph, weight="weight", random_state=SEED))
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
