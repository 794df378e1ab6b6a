"""Relay: people who leave one bed for the next within days, again and again, at the same houses as each other.

A relay is a discharge followed within days by an admission, at another house or at the same one. One is
nothing: people are transferred and fall ill again. Two people are tied when each has several and the houses
at whose doors they happen are the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from gangfinder.engine.portable import days_between
from gangfinder.linking.contract import Linker, Tables, empty_links
from gangfinder.model.evidence import Family
from gangfinder.model.tails import log10_binomial_tail

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

STAY = ("patient_id", "institution_id", "settlement_id", "admitted_on", "discharged_on")


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of relays.

    Parameters
    ----------
    gap_days
        Longest time from a discharge to the next admission.
    least_relays
        Fewest relays of a person who is tied to others; one is a transfer.
    shared_ends
        Fewest ends of relays (out of one house, into another) that two people have at the same houses.
    cap_patients
        A house with more people of several relays is not expanded into pairs.
    """

    gap_days: int = 3
    least_relays: int = 2
    shared_ends: int = 3
    cap_patients: int = 400


def relays(stays: ir.Table, gap_days: int) -> ir.Table:
    """Return the moves from one stay to the next that took at most so many days.

    Parameters
    ----------
    stays
        ``stays`` or a part of them.
    gap_days
        Longest gap; stays that overlap are no relay.

    Returns
    -------
    ir.Table
        patient_id, from_house, to_house, from_key, to_key (first bills of the two stays), left_on, came_on.
    """
    moves = consecutive(stays)
    gap = days_between(moves.came_on, moves.left_on)
    return moves.filter((gap >= 0) & (gap <= gap_days))


def consecutive(stays: ir.Table) -> ir.Table:
    """Return every two stays of a person that follow one another; columns as of :func:`relays`."""
    import ibis

    s = stays.select(*STAY)
    order = ibis.window(group_by="patient_id", order_by=["admitted_on", "discharged_on", "settlement_id"])
    moves = s.select(
        "patient_id",
        from_house="institution_id",
        from_key="settlement_id",
        left_on="discharged_on",
        to_house=s.institution_id.lead().over(order),
        to_key=s.settlement_id.lead().over(order),
        came_on=s.admitted_on.lead().over(order),
    )
    return moves.filter(moves.came_on.notnull())


def _ends(tables: Tables, params: Params) -> ir.Table:
    """Return how many relays each person of several has at the doors of each house, and the house's share of stays."""
    stays = tables["residual_stays"]
    often = stays.group_by("patient_id").aggregate(n=stays.count())
    moves = relays(stays.semi_join(often.filter(often.n > params.least_relays), "patient_id"), params.gap_days)
    size = moves.group_by("patient_id").aggregate(n=moves.count())
    moves = moves.semi_join(size.filter(size.n >= params.least_relays), "patient_id")
    sides = [moves.select("patient_id", "left_on", house=moves[f"{side}_house"]) for side in ("from", "to")]
    ends = sides[0].union(sides[1], distinct=False)
    own = ends.group_by("patient_id", "house").aggregate(
        n=ends.count(), first_on=ends.left_on.min(), last_on=ends.left_on.max()
    )
    whole = stays.aggregate(whole=stays.count())
    share = stays.group_by(house=stays.institution_id).aggregate(stays=stays.count()).cross_join(whole)
    share = share.select("house", share=(share.stays / share.whole).round(9))
    return own.inner_join(share, "house")


def link(tables: Tables, params: Params) -> ir.Table:
    """Return pairs of people with ends of relays at the same houses, and what their number is judged by."""
    import ibis

    ends = tables["ends"]
    crowd = ends.group_by("house").aggregate(people=ends.count())
    usable = ends.semi_join(crowd.filter(crowd.people <= params.cap_patients), "house")
    total = ends.group_by("patient_id").aggregate(n_ends=ends.n.sum(), reach=ends.share.sum().round(9))
    people = total.aggregate(people=total.count())
    other = usable.rename({f"{c}_r": c for c in usable.columns})
    met = usable.inner_join(other, [usable.house == other.house_r, usable.patient_id < other.patient_id_r])
    pairs = met.group_by(source_id=met.patient_id, target_id=met.patient_id_r).aggregate(
        n_events=ibis.least(met.n, met.n_r).sum(),
        n_places=met.count(),
        first_on=ibis.least(met.first_on.min(), met.first_on_r.min()),
        last_on=ibis.greatest(met.last_on.max(), met.last_on_r.max()),
    )
    pairs = pairs.filter(pairs.n_events >= params.shared_ends)
    source = total.select(source_id="patient_id", reach="reach")
    target = total.select(target_id="patient_id", n_ends="n_ends")
    full = pairs.inner_join(source, "source_id").inner_join(target, "target_id").cross_join(people)
    return full.select(
        "source_id", "target_id", "n_events", "n_places", "first_on", "last_on", "reach", "n_ends",
        m_tests=(full.people.cast("float64") * (full.people - 1) / 2),
    )


def measure(candidates: pa.Table, params: Params) -> pa.Table:
    """Return the ties, each with the chance that one person's relays end at the other's houses.

    Notes
    -----
    Each end of the second person's relays is at a house of the first with the share of all stays that those
    houses have. The tie is made by the count; the tail is for the reader, because the houses are near to both.
    """
    import pyarrow as pa

    like = empty_links()
    if candidates.num_rows == 0:
        return like
    frame = candidates.to_pandas().sort_values(["source_id", "target_id"], kind="stable")
    n = len(frame)
    trials = np.maximum(frame["n_ends"].to_numpy(dtype=float), frame["n_events"].to_numpy(dtype=float))
    chance = np.minimum(frame["reach"].to_numpy(dtype=float), 1.0)
    columns = {
        "kind": pa.array(["relay"] * n, pa.string()),
        "family": pa.array([Family.CALENDAR.value] * n, pa.string()),
        "source_type": pa.array(["patient"] * n, pa.string()),
        "source_id": pa.array(frame["source_id"], pa.string()),
        "target_type": pa.array(["patient"] * n, pa.string()),
        "target_id": pa.array(frame["target_id"], pa.string()),
        "n_events": pa.array(frame["n_events"].astype("int64"), pa.int64()),
        "n_places": pa.array(frame["n_places"].astype("int64"), pa.int64()),
        "expected": pa.array((trials * chance).round(6), pa.float64()),
        "log10_p": pa.array(log10_binomial_tail(frame["n_events"], trials, chance).round(6), pa.float64()),
        "weight": pa.array(frame["n_events"].astype(float), pa.float64()),
        "first_at": pa.array(frame["first_on"]).cast(pa.timestamp("us")),
        "last_at": pa.array(frame["last_on"]).cast(pa.timestamp("us")),
    }
    return pa.table(columns).select(like.column_names)


LINKER = Linker(
    slug="relay",
    title="Handed on from bed to bed at the same houses",
    family=Family.CALENDAR,
    kinds=("relay",),
    params=Params(),
    steps=(("ends", _ends),),
    link=link,
    measure=measure,
    requires=MappingProxyType({"settlements": frozenset({"admitted_at", "discharged_at"})}),
    uses=frozenset({"residual_stays"}),
)
