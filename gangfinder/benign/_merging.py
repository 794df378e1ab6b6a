"""Merge units that share a person: connected components on the driver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

FAMILY_PEOPLE = 12
"""Units up to this size are families and are merged when they share a person; larger ones stand by themselves."""

CHAIN_PEOPLE = 30
"""A merged unit beyond this size is a chain of distant ties: its people keep their first own unit instead."""


def merged_units(rows: pa.Table) -> pa.Table:
    """Return one unit for each person: patient_id, unit_id, explanation, sorted by patient.

    Parameters
    ----------
    rows
        patient_id, unit_id, explanation; several rows for a person who belongs to several units.

    Returns
    -------
    pa.Table
        ``unit_id`` is the least id of the units merged; ``explanation`` names all of them, joined by ``+``.
    """
    import pandas as pd
    import pyarrow as pa

    frame = rows.select(["patient_id", "unit_id", "explanation"]).to_pandas().drop_duplicates()
    frame = frame.sort_values(["patient_id", "unit_id", "explanation"], ignore_index=True)
    size = frame.groupby("unit_id")["patient_id"].transform("nunique")
    # a resident of a home is no longer counted with the family he came from
    homes = frame[size > FAMILY_PEOPLE].drop_duplicates("patient_id")
    families = frame[(size <= FAMILY_PEOPLE) & ~frame["patient_id"].isin(homes["patient_id"])]
    families = families.assign(unit_id=_components(families))
    families = families.drop_duplicates(["patient_id", "unit_id", "explanation"])
    named = families.groupby(["patient_id", "unit_id"], sort=True)["explanation"].agg("+".join)
    merged = pd.concat([homes, named.reset_index()]).sort_values("patient_id")
    # whoever was left alone, because the others live in a home, is no unit
    alone = merged.groupby("unit_id")["patient_id"].transform("nunique") < 2
    merged = merged[~alone]
    columns = ("patient_id", "unit_id", "explanation")
    return pa.table({c: pa.array(merged[c].astype(object).to_numpy(), pa.string()) for c in columns})


def _components(frame: pd.DataFrame) -> NDArray[Any]:
    """Return the merged unit of each row; people of an overlong chain keep the least of their own units."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    if frame.empty:
        return frame["unit_id"].to_numpy()
    people, person = np.unique(frame["patient_id"].to_numpy(dtype=object).astype(str), return_inverse=True)
    names, unit = np.unique(frame["unit_id"].to_numpy(dtype=object).astype(str), return_inverse=True)
    total = len(people) + len(names)
    edges = coo_matrix((np.ones(len(frame)), (person, unit + len(people))), shape=(total, total))
    _, label = connected_components(edges, directed=False)
    size = np.bincount(label[: len(people)], minlength=label.max() + 1)
    first = np.full(label.max() + 1, len(names))
    np.minimum.at(first, label[len(people):], np.arange(len(names)))
    own = np.full(len(people), len(names))
    np.minimum.at(own, person, unit)
    chosen = np.where(size[label[person]] <= CHAIN_PEOPLE, first[label[person]], own[person])
    return names[chosen]
