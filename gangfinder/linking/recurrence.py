"""Recurrence: the same few people at several houses on the same dates, where only dates are known.

Two people of a weak crew meet too rarely to be a link by themselves. But the dates of the crew, taken two and two, have
several people in common, and two dates at different houses hardly ever have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gangfinder.engine.portable import days_between, floor_divide, is_midnight
from gangfinder.linking.co_presence import Params as PresenceParams
from gangfinder.linking.co_presence import attendance
from gangfinder.linking.contract import Linker, Tables, empty_links
from gangfinder.model.evidence import Family
from gangfinder.model.tails import log10_poisson_tail

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of recurrence.

    Parameters
    ----------
    people_per_day
        Days with more people at a house are crowds, at which nobody is looked for.
    stretch_days
        Length of an occasion. Occasions overlap by half, so that any three days in a row lie in one of them.
    apart_days
        Two occasions nearer than this may be one errand: the doctor, then the pharmacy.
    people
        Fewest people that two occasions have in common.
    occasions
        Fewest occasions of a chain.
    surprise_log10_p
        Tail (log10) down to which two occasions have people in common by chance. It only chooses who is looked at: the
        groups are tested later, and pay for having been chosen.
    visits
        People with more visits than this are at any two places: they are left out.
    """

    people_per_day: int = 150
    stretch_days: int = 4
    apart_days: int = 4
    people: int = 3
    occasions: int = 3
    surprise_log10_p: float = -5.0
    visits: int = 120


def _came(tables: Tables, params: Params) -> ir.Table:
    """Return who was where on which day, at houses of which only dates are known."""
    import ibis

    visits = tables["residual_visits"]
    # where clocks are known people are looked for by the minute; here most of the input must be without
    timed = visits.aggregate(timed=(~is_midnight(visits["at"])).cast("int64").sum(), rows=visits.count())
    chosen = visits.cross_join(timed).filter(lambda t: t.timed * 2 <= t.rows).drop("timed", "rows")
    attended = attendance(chosen, PresenceParams(date_people_per_day=params.people_per_day))
    dated = attended.filter(attended.window == 0).select("patient_id", "institution_id", "on")
    return dated.mutate(day=days_between(dated.on, ibis.date("1970-01-01"))).drop("on")


def _dated(tables: Tables, params: Params) -> ir.Table:
    """Return the visits of people who could be in a crew: often enough, at two houses, not always somewhere."""
    dated = tables["came"]
    own = dated.group_by("patient_id").aggregate(n=dated.count(), houses=dated.institution_id.nunique())
    own = own.filter((own.n >= params.occasions) & (own.n <= params.visits) & (own.houses >= 2))
    return dated.semi_join(own, "patient_id")


def _occasions(tables: Tables, params: Params) -> ir.Table:
    """Return the visits once in each of the two occasions they lie in."""
    return _in_stretches(tables["dated"], params)


def _in_stretches(dated: ir.Table, params: Params) -> ir.Table:
    import ibis

    half = params.stretch_days // 2
    parts = [
        dated.mutate(
            phase=ibis.literal(phase), stretch=floor_divide(dated.day + phase * half, params.stretch_days)
        )
        for phase in (0, 1)
    ]
    return parts[0].union(parts[1], distinct=False)


def _met(tables: Tables, params: Params) -> ir.Table:
    """Return two occasions at different houses that have enough people in common, with the number."""
    once = tables["occasions"].select("patient_id", "institution_id", "phase", "stretch").distinct()
    met = _across(once, once, params)
    both = met.group_by("house", "phase", "stretch", "house_r", "phase_r", "stretch_r").aggregate(
        n_both=met.count()
    )
    return both.filter(both.n_both >= params.people)


def _across(left: ir.Table, right: ir.Table, params: Params) -> ir.Table:
    """Join a person's occasions at different houses, at different times."""
    one = left.rename(house="institution_id")
    two = right.rename(house_r="institution_id", phase_r="phase", stretch_r="stretch")
    met = one.inner_join(two, "patient_id")
    # in half stretches, so that occasions of either phase are on one scale
    gap = (met.stretch * 2 - met.phase - met.stretch_r * 2 + met.phase_r).abs()
    half = max(1, params.stretch_days // 2)
    return met.filter((met.house < met.house_r) & (gap * half >= params.stretch_days + params.apart_days))


def link(tables: Tables, params: Params) -> ir.Table:
    """Return the people whom two occasions have in common, with what chance makes of it: one row per person.

    Columns: the two occasions (house, phase, stretch; the same with ``_r``), n_both, expected, patient_id.
    """
    once = tables["occasions"].select("patient_id", "institution_id", "phase", "stretch").distinct()
    expected = _expected(tables, params)
    met = tables["met"].inner_join(expected, ["house", "phase", "stretch", "house_r", "phase_r", "stretch_r"])
    one = met.inner_join(once.rename(house="institution_id"), ["house", "phase", "stretch"])
    two = once.rename(house_r="institution_id", phase_r="phase", stretch_r="stretch", patient_r="patient_id")
    full = one.inner_join(two, ["house_r", "phase_r", "stretch_r", one.patient_id == two.patient_r])
    return full.select(
        "house", "phase", "stretch", "house_r", "phase_r", "stretch_r", "n_both", "expected", "patient_id"
    )


def _expected(tables: Tables, params: Params) -> ir.Table:
    """Return how many people two occasions would have in common if everybody's dates were drawn like everybody's.

    Notes
    -----
    With ``n`` visits at each house and shares w of the visits of the two houses on the days of the occasions,
    ``sum over people of n n' · w w'``.
    """
    dated, met, came = tables["dated"], tables["met"], tables["came"]
    pairs = met.select("house", "house_r").distinct()
    own = dated.group_by("patient_id", house="institution_id").aggregate(n=dated.count())
    here = own.inner_join(pairs, "house")
    two = own.rename(house_r="house", n_r="n")
    both = here.inner_join(two, ["patient_id", "house_r"])
    both = both.group_by("house", "house_r").aggregate(cross=(both.n * both.n_r).sum().cast("float64"))
    # shares are of everybody's visits: people who come to one house only keep its calendar as well
    size = came.group_by(house="institution_id").aggregate(total=came.count().cast("float64"))
    every = _in_stretches(came, params)
    at = every.group_by("phase", "stretch", house="institution_id").aggregate(n_at=every.count())
    at = at.inner_join(size, "house")
    at = at.select("house", "phase", "stretch", share=at.n_at / at.total)
    full = met.inner_join(both, ["house", "house_r"]).inner_join(at, ["house", "phase", "stretch"])
    full = full.inner_join(
        at.rename(house_r="house", phase_r="phase", stretch_r="stretch", share_r="share"),
        ["house_r", "phase_r", "stretch_r"],
    )
    return full.select(
        "house", "phase", "stretch", "house_r", "phase_r", "stretch_r", expected=full.cross * full.share * full.share_r
    )


def measure(candidates: pa.Table, params: Params) -> pa.Table:
    """Return links between people who share two occasions of one chain.

    Notes
    -----
    Two occasions are tied when they have more people in common than chance (Poisson tail of the number expected).
    Chains of tied occasions are components; in each, two people are linked when at least two occasions saw them both.
    Overlapping occasions of one house count once. This only chooses who is looked at.
    """
    frame = candidates.to_pandas()
    if frame.empty:
        return empty_links()
    tails = log10_poisson_tail(frame["n_both"].to_numpy(), frame["expected"].to_numpy())
    frame = frame.assign(tail=tails)[tails <= params.surprise_log10_p]
    if frame.empty:
        return empty_links()
    return _links(_chained(frame, params), frame, params)


def _chained(frame: pd.DataFrame, params: Params) -> pd.DataFrame:
    """Return one row per person and occasion of a chain: chain, who, house, time (in half stretches)."""
    import pandas as pd
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    sides = [
        pd.DataFrame({
            "who": frame["patient_id"], "house": frame[f"house{r}"],
            "time": 2 * frame[f"stretch{r}"] - frame[f"phase{r}"],
        })
        for r in ("", "_r")
    ]
    both = pd.concat(sides, ignore_index=True)
    node = both.groupby(["house", "time"], sort=True).ngroup().to_numpy()
    n = int(node.max()) + 1
    half = len(frame)
    edges = coo_matrix((np.ones(half), (node[:half], node[half:])), shape=(n, n))
    _, chain = connected_components(edges, directed=False)
    both["chain"] = chain[node]
    length = both.drop_duplicates(["chain", "house", "time"]).sort_values(["chain", "house", "time"])
    # an occasion that overlaps the one before is the same
    new = length["time"].diff().ne(1) | length["house"].ne(length["house"].shift())
    length["occasion"] = new.cumsum()
    enough = length.groupby("chain")["occasion"].nunique()
    both = both.merge(length, on=["chain", "house", "time"], suffixes=("", "_y"))
    kept = both["chain"].isin(enough.index[enough >= params.occasions])
    rows = both.loc[kept].groupby(["chain", "who", "house", "occasion"], sort=True)["time"].min()
    return rows.reset_index()


def _links(rows: pd.DataFrame, frame: pd.DataFrame, params: Params) -> pa.Table:
    import pandas as pd
    import pyarrow as pa

    if rows.empty:
        return empty_links()
    met = rows.merge(rows, on=["chain", "house", "occasion"], suffixes=("", "_r"))
    met = met[met["who"] < met["who_r"]]
    pairs = met.groupby(["who", "who_r"], sort=True).agg(
        n=("occasion", "nunique"), places=("house", "nunique"), first=("time", "min"), last=("time", "max")
    )
    pairs = pairs[pairs["n"] >= 2].reset_index()
    best = frame.groupby("patient_id")["tail"].min()
    tail = np.maximum(best.reindex(pairs["who"]).to_numpy(), best.reindex(pairs["who_r"]).to_numpy())
    n, half = len(pairs), params.stretch_days // 2
    first, last = (pd.to_datetime(pairs[c] * half, unit="D").astype("datetime64[us]") for c in ("first", "last"))
    return pa.table({
        "kind": pa.array(["recurrence"] * n, pa.string()),
        "family": pa.array([Family.CALENDAR.value] * n, pa.string()),
        "source_type": pa.array(["patient"] * n, pa.string()),
        "source_id": pa.array(pairs["who"], pa.string()),
        "target_type": pa.array(["patient"] * n, pa.string()),
        "target_id": pa.array(pairs["who_r"], pa.string()),
        "n_events": pa.array(pairs["n"], pa.int64()),
        "n_places": pa.array(pairs["places"], pa.int64()),
        "expected": pa.array([0.0] * n, pa.float64()),
        "log10_p": pa.array(tail.round(6), pa.float64()),
        "weight": pa.array(_weights(tail), pa.float64()),
        "first_at": pa.array(first).cast(pa.timestamp("us")),
        "last_at": pa.array(last).cast(pa.timestamp("us")),
    })


def _weights(tail: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((-tail).clip(1.0, 50.0).round(6))


LINKER = Linker(
    slug="recurrence",
    title="The same people at several houses on the same dates, where only dates are known",
    family=Family.CALENDAR,
    kinds=("recurrence",),
    params=Params(),
    link=link,
    measure=measure,
    steps=(("came", _came), ("dated", _dated), ("occasions", _occasions), ("met", _met)),
    uses=frozenset({"residual_visits"}),
)
