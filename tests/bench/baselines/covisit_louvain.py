"""A stronger peer: only people who meet are tied. pandas + networkx + python-louvain, vectorised.

People who swipe at one terminal within five minutes of each other are tied; a tie counts where it happens on at least
two institution-days; Louvain communities of the tied people are the rings, ranked by their mean tie.
"""

from __future__ import annotations

import sys
from pathlib import Path

import community
import networkx as nx
import pandas as pd

from tests.bench.baselines.leads import write_leads

WINDOW = pd.Timedelta(minutes=5)
LEAST_DAYS = 2


def tied(rows: pd.DataFrame) -> pd.DataFrame:
    """Return pairs of patients with the number of institution-days on which they were within the window."""
    place = rows["terminal_id"] if "terminal_id" in rows else rows["institution_id"]
    own = pd.DataFrame({
        "patient": rows["patient_id"].astype("category").cat.codes,
        "place": place.fillna(rows["institution_id"]).astype("category").cat.codes,
        "house": rows["institution_id"].astype("category").cat.codes,
        "at": rows["settled_at"],
    })
    own["bucket"] = own["at"].astype("datetime64[s]").astype("int64") // int(WINDOW.total_seconds())
    # each row stands in its bucket and in the next, so that neighbours across a border meet, too
    twice = pd.concat([own, own.assign(bucket=own["bucket"] + 1)], ignore_index=True)
    pairs = own.merge(twice, on=["place", "bucket"], suffixes=("", "_other"))
    near = (pairs["at"] - pairs["at_other"]).abs() <= WINDOW
    pairs = pairs[near & (pairs["patient"] != pairs["patient_other"])]
    swap = pairs["patient"] > pairs["patient_other"]
    low = pairs["patient"].where(~swap, pairs["patient_other"])
    high = pairs["patient_other"].where(~swap, pairs["patient"])
    days = pd.DataFrame({"low": low, "high": high, "house": pairs["house"], "day": pairs["at"].dt.floor("D")})
    counted = days.drop_duplicates().groupby(["low", "high"]).size().rename("weight").reset_index()
    return counted[counted["weight"] >= LEAST_DAYS]


def communities(ties: pd.DataFrame) -> list[list[int]]:
    """Return Louvain communities, those with the strongest mean tie first."""
    graph = nx.from_pandas_edgelist(ties, "low", "high", edge_attr="weight")
    labels = community.best_partition(graph, weight="weight", random_state=1)
    label = pd.Series(labels)
    inside = ties[ties["low"].map(label) == ties["high"].map(label)]
    strength = inside.groupby(inside["low"].map(label))["weight"].mean()
    members = label.index.to_series().groupby(label.to_numpy()).apply(list)
    order = strength.reindex(members.index).fillna(0).sort_values(ascending=False, kind="stable").index
    return [members[c] for c in order]


def main(town: Path, out: Path) -> None:
    """Find and write."""
    columns = ["patient_id", "institution_id", "terminal_id", "settled_at"]
    rows = pd.read_parquet(town / "settlements.parquet", columns=columns).dropna(subset=["settled_at"])
    names = rows["patient_id"].astype("category").cat.categories
    found = communities(tied(rows))
    print(write_leads(out, ([names[i] for i in group] for group in found)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
