"""Candidate rows of pairs, one per common house, become one link per pair."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gangfinder.model.evidence import Family

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray


def pairs_of(rows: Mapping[str, NDArray[Any]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where every pair's rows begin, and every row's pair; rows come by source_id and target_id."""
    source, target = rows["source_id"], rows["target_id"]
    begins = np.ones(len(source), dtype=bool)
    begins[1:] = (source[1:] != source[:-1]) | (target[1:] != target[:-1])
    return np.flatnonzero(begins), np.cumsum(begins) - 1


def counted_pairs(
    rows: Mapping[str, NDArray[Any]], first: NDArray[np.int64], expected: NDArray[np.float64]
) -> pd.DataFrame:
    """Return one row per pair: who, joint events, houses with some, how many chance makes, first and last."""
    import pandas as pd

    c = rows["c"]
    return pd.DataFrame(
        {
            "source_id": rows["source_id"][first], "target_id": rows["target_id"][first],
            "n_events": np.add.reduceat(c, first),
            "n_places": np.add.reduceat((c > 0).astype(np.int64), first),
            "expected": expected,
            # a house where the two never met has no dates
            "first_at": np.fmin.reduceat(rows["first_on"].astype("datetime64[us]"), first),
            "last_at": np.fmax.reduceat(rows["last_on"].astype("datetime64[us]"), first),
        }
    )


def pair_links(kind: str, kept: pd.DataFrame) -> pa.Table:
    """Return links between patients of one kind: what :func:`counted_pairs` returns, with ``log10_p``."""
    import pyarrow as pa

    n = len(kept)
    return pa.table(
        {
            "kind": pa.array([kind] * n, pa.string()),
            "family": pa.array([Family.CALENDAR.value] * n, pa.string()),
            "source_type": pa.array(["patient"] * n, pa.string()),
            "source_id": pa.array(kept["source_id"], pa.string()),
            "target_type": pa.array(["patient"] * n, pa.string()),
            "target_id": pa.array(kept["target_id"], pa.string()),
            "n_events": pa.array(kept["n_events"], pa.int64()),
            "n_places": pa.array(kept["n_places"], pa.int64()),
            "expected": pa.array(kept["expected"].round(9), pa.float64()),
            "log10_p": pa.array(kept["log10_p"].round(6), pa.float64()),
            "weight": pa.array((-kept["log10_p"]).clip(1.0, 50.0).round(6), pa.float64()),
            "first_at": pa.array(kept["first_at"]).cast(pa.timestamp("us")),
            "last_at": pa.array(kept["last_at"]).cast(pa.timestamp("us")),
        }
    )
