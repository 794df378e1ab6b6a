"""Plain connected components over shared attributes: who has a phone or an address in common is one group.

Ranked by size, the largest first, as such tools usually list them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import networkx as nx
import pandas as pd

from tests.bench.baselines.leads import write_leads

ATTRIBUTES = ("phone", "address")


def components(patients: pd.DataFrame) -> list[list[str]]:
    """Return groups of patients who are joined by values of :data:`ATTRIBUTES`, the largest first."""
    graph = nx.Graph()
    for attribute in ATTRIBUTES:
        given = patients[patients[attribute].notna() & (patients[attribute] != "")]
        shared = given[given.duplicated(attribute, keep=False)]
        # a star per value instead of all its pairs: the same components at a fraction of the edges
        graph.add_edges_from(zip(shared["patient_id"], attribute + ":" + shared[attribute], strict=True))
    known = set(patients["patient_id"])
    groups = [sorted(known & c) for c in nx.connected_components(graph)]
    return sorted(groups, key=lambda g: (-len(g), g))


def main(town: Path, out: Path) -> None:
    """Find and write."""
    patients = pd.read_parquet(town / "patients.parquet", columns=["patient_id", *ATTRIBUTES])
    print(write_leads(out, components(patients)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
