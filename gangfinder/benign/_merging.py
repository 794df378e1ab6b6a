"""Merge units that share a person: connected components on the driver."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

    Codes = NDArray[np.int64]

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

    frame = rows.select(["patient_id", "unit_id", "explanation"]).to_pandas()
    person, people = pd.factorize(frame["patient_id"], sort=True)
    unit, names = pd.factorize(frame["unit_id"], sort=True)
    belongs = np.column_stack(np.divmod(np.unique(person * len(names) + unit), max(1, len(names))))
    size = np.bincount(belongs[:, 1], minlength=len(names))
    # a resident of a home is no longer counted with the family he came from
    home = belongs[size[belongs[:, 1]] > FAMILY_PEOPLE]
    home = home[np.unique(home[:, 0], return_index=True)[1]]
    family = belongs[(size[belongs[:, 1]] <= FAMILY_PEOPLE) & ~np.isin(belongs[:, 0], home[:, 0])]
    chosen = np.full(len(people), -1)
    chosen[home[:, 0]] = home[:, 1]
    chosen[family[:, 0]] = _components(family, len(people), len(names))
    # whoever was left alone, because the others live in a home, is no unit
    crowd = np.bincount(chosen[chosen >= 0], minlength=len(names))
    kept = np.flatnonzero((chosen >= 0) & (crowd[chosen] > 1))
    why = _reasons(frame["explanation"], person, len(people))
    columns = {
        "patient_id": people.to_numpy(dtype=object)[kept], "unit_id": names.to_numpy(dtype=object)[chosen[kept]],
        "explanation": why[kept],
    }
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def _reasons(explanation: pd.Series[str], person: Codes, n_people: int) -> NDArray[np.object_]:
    """Return, for each person, the explanations that put him into a unit, in name order, joined by ``+``."""
    why = np.full(n_people, "", dtype=object)
    for slug in sorted(explanation.unique()):
        own = np.unique(person[(explanation == slug).to_numpy()])
        why[own] = [f"{w}+{slug}" if w else slug for w in why[own]]
    return why


def _components(belongs: NDArray[np.int64], n_people: int, n_units: int) -> Codes:
    """Return the merged unit of each membership; people of an overlong chain keep the least of their own units."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    person, unit = belongs[:, 0], belongs[:, 1]
    total = n_people + n_units
    edges = coo_matrix((np.ones(len(belongs)), (person, unit + n_people)), shape=(total, total))
    _, label = connected_components(edges, directed=False)
    size = np.bincount(label[np.unique(person)], minlength=total)
    first = np.full(total, n_units)
    np.minimum.at(first, label[unit + n_people], unit)
    own = np.full(n_people, n_units)
    np.minimum.at(own, person, unit)
    return np.where(size[label[person]] <= CHAIN_PEOPLE, first[label[person]], own[person])
