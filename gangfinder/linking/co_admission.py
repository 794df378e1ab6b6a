"""Co-admission: the same two people admitted to one ward and discharged from it together, more than once.

Two kinds of links are made. ``co_admission`` has a null: two people with so many stays in a house meet there
by chance so often. ``broker_contact`` ties patients of one house under the same contact or agent, where that
contact brings people within days of one another; it has no null of its own, and T06 tests those whom it ties
further.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gangfinder.engine.portable import add_days, days_between
from gangfinder.linking.contract import Linker, Tables, empty_links
from gangfinder.linking.pairing import common_partners
from gangfinder.model.evidence import Family
from gangfinder.model.tails import benjamini_hochberg

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd
    import pyarrow as pa

CONTACTS = ("contact_phone", "agent_phone", "agent_id_number")
"""Columns of a stay that name who brought the patient or answers for him."""


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of co-admission.

    Parameters
    ----------
    apart_days
        Two admissions, and two discharges, this far apart are still one occasion; one day covers a wave that
        arrives in the evening and in the morning.
    cell_cap_stays
        A house, department, day of admission and day of discharge with more stays than this is an outbreak or
        a campaign and makes no pairs.
    longest_stay_days
        Longer stays are counted as this long when the chance of equal lengths is computed.
    minimum_waves
        Fewest joint admissions of a pair that is tested.
    false_discovery_share
        Expected share of chance links among the links kept.
    weak_log10_p
        A pair too weak by itself is kept below this tail when it closes recurrent triples (next parameter).
    common_partners
        Fewest people with whom both of a weak pair were jointly admitted as often.
    contact_apart_days
        Two people under one contact came together when they were admitted this far apart at least once.
    contact_near_pairs, contact_near_share
        A contact brings people in waves when so many of its pairs, and this share of them, came together:
        twelve waves a year give a twelfth, a number that a whole village uses gives a fortieth.
    contact_patients
        From so many patients of a house on, a contact or agent ties those who came together.
    contact_cap_patients
        A contact of more patients of a house is its switchboard or a member of its staff.
    """

    apart_days: int = 1
    cell_cap_stays: int = 60
    longest_stay_days: int = 90
    minimum_waves: int = 2
    false_discovery_share: float = 0.01
    weak_log10_p: float = -2.0
    common_partners: int = 3
    contact_apart_days: int = 4
    contact_near_pairs: int = 3
    contact_near_share: float = 0.08
    contact_patients: int = 5
    contact_cap_patients: int = 60


def uncrowded(stays: ir.Table, params: Params) -> ir.Table:
    """Return the stays that are not part of a crowd admitted and discharged on the same two days."""
    cell = ("institution_id", "department", "admitted_on", "discharged_on")
    counted = stays.mutate(n_cell=stays.count().over(group_by=cell))
    return counted.filter(counted.n_cell <= params.cell_cap_stays).drop("n_cell")


def joint_stays(stays: ir.Table, params: Params) -> ir.Table:
    """Return pairs of stays of different people on one ward, in and out within the allowed days, each once.

    Parameters
    ----------
    stays
        Columns stay_id, patient_id, institution_id, department, admitted_on, discharged_on.

    Returns
    -------
    ir.Table
        source_id < target_id (patients), institution_id, source_stay, target_stay, source_on, target_on
        (admissions).

    Notes
    -----
    Every stay stands under its own day of admission and, on one side, also under the days before; an equality
    join on house and day and a filter find every pair once, without a range join. Departments must agree
    where both are known.
    """
    import ibis

    columns = ("stay_id", "patient_id", "institution_id", "department", "admitted_on", "discharged_on")
    left = stays.select(*columns, bucket=stays.admitted_on)
    parts = [left.mutate(bucket=add_days(left.admitted_on, -n)) for n in range(params.apart_days + 1)]
    late = parts[0]
    for part in parts[1:]:
        late = late.union(part, distinct=False)
    right = late.rename({f"{c}_r": c for c in late.columns})
    met = left.inner_join(
        right, [left.institution_id == right.institution_id_r, left.bucket == right.bucket_r]
    )
    ordered = (met.admitted_on < met.admitted_on_r) | (met.stay_id < met.stay_id_r)
    ward = (met.department == met.department_r) | met.department.isnull() | met.department_r.isnull()
    out = days_between(met.discharged_on, met.discharged_on_r).abs() <= params.apart_days
    met = met.filter((met.patient_id != met.patient_id_r) & ordered & ward & out)
    first = met.patient_id < met.patient_id_r
    return met.select(
        source_id=ibis.ifelse(first, met.patient_id, met.patient_id_r),
        target_id=ibis.ifelse(first, met.patient_id_r, met.patient_id),
        institution_id=met.institution_id,
        source_stay=ibis.ifelse(first, met.stay_id, met.stay_id_r),
        target_stay=ibis.ifelse(first, met.stay_id_r, met.stay_id),
        source_on=ibis.ifelse(first, met.admitted_on, met.admitted_on_r),
        target_on=ibis.ifelse(first, met.admitted_on_r, met.admitted_on),
    )


def houses(stays: ir.Table, params: Params) -> ir.Table:
    """Return what the null needs of every house.

    Returns
    -------
    ir.Table
        institution_id, n_days (days with an admission, or more, see below), closeness: expected number of
        days, out of those, on which a second stay could begin so that both ends fall together, given lengths
        of stay drawn from the house's own.

    Notes
    -----
    A ring that is most of a small house would make its own days the only ones on which it admits. A house
    counts for as many days as the run's houses have at its number of stays: n stays independently spread over
    the S days of its span fall on S (1 − (1 − 1/S)^n) of them, and the run's houses together show a share of
    these.

    With p(d) the chance that two lengths differ by d days, admission days δ apart match when the lengths
    differ by at most ``apart_days`` around δ; summed over δ = −a … a.
    """
    import ibis

    days = _admission_days(stays)
    length = days_between(stays.discharged_on, stays.admitted_on)
    length = ibis.greatest(0, ibis.least(length, params.longest_stay_days))
    shares = stays.group_by("institution_id", length=length).aggregate(n=stays.count())
    other = shares.select(institution_id_r="institution_id", length_r="length", n_r="n")
    both = shares.inner_join(other, shares.institution_id == other.institution_id_r)
    gap = (both.length - both.length_r).abs()
    a = params.apart_days
    # how many of the 2a+1 shifts of admission also bring the discharges together, by difference of lengths
    fits = ibis.greatest(0, ibis.least(2 * a + 1, 2 * a + 1 - gap))
    near = both.group_by("institution_id").aggregate(close=(both.n.cast("float64") * both.n_r * fits).sum())
    joined = days.inner_join(near, "institution_id")
    share = joined.close / (joined.n_stays.cast("float64") * joined.n_stays)
    return joined.select("institution_id", "n_days", closeness=ibis.greatest(share, 0.05).round(9))


def _admission_days(stays: ir.Table) -> ir.Table:
    """Return institution_id, n_stays and n_days: its own admission days, or the run's at its number of stays."""
    import ibis

    days = stays.group_by("institution_id").aggregate(
        seen=stays.admitted_on.nunique(), n_stays=stays.count(),
        span=days_between(stays.admitted_on.max(), stays.admitted_on.min()) + 1,
    )
    span = ibis.greatest(days.span, 2).cast("float64")
    spread = span * (1.0 - (days.n_stays * (1.0 - 1.0 / span).ln()).exp())
    days = days.mutate(spread=spread)
    share = days.aggregate(share=days.seen.sum().cast("float64") / days.spread.sum().round(6))
    days = days.cross_join(share)
    usual = (days.share * days.spread).round().cast("int64")
    return days.select("institution_id", "n_stays", n_days=ibis.greatest(days.seen, usual))


def link(tables: Tables, params: Params) -> ir.Table:
    """Return candidate pairs of both kinds, one row per pair and common house."""
    stays = uncrowded(tables["residual_stays"], params)
    own = stays.group_by("patient_id", "institution_id").aggregate(n=stays.admitted_on.nunique())
    often = own.filter(own.n >= params.minimum_waves)
    size = often.group_by("institution_id").aggregate(p=often.count())
    tests = size.aggregate(m_tests=(size.p.cast("float64") * (size.p - 1) / 2).sum().fill_null(0.0))
    return _repeated(stays, own, tests, params).union(_brought(stays, tests, params), distinct=False)


def _repeated(stays: ir.Table, own: ir.Table, tests: ir.Table, params: Params) -> ir.Table:
    """Pairs with the least number of joint admissions, and every house where both have been."""
    import ibis

    often = own.filter(own.n >= params.minimum_waves)
    met = joint_stays(stays.semi_join(often, ["patient_id", "institution_id"]), params)
    counted = met.group_by("source_id", "target_id", "institution_id").aggregate(
        c=ibis.least(met.source_on.nunique(), met.target_on.nunique()),
        first_on=ibis.least(met.source_on.min(), met.target_on.min()),
        last_on=ibis.greatest(met.source_on.max(), met.target_on.max()),
    )
    total = counted.group_by("source_id", "target_id").aggregate(total=counted.c.sum())
    total = total.filter(total.total >= params.minimum_waves)
    common = (
        total.inner_join(
            own.select(source_id="patient_id", institution_id="institution_id", n_a="n"), "source_id"
        )
        .inner_join(
            own.select(target_id="patient_id", institution_id="institution_id", n_b="n"),
            ["target_id", "institution_id"],
        )
        .left_join(counted, ["source_id", "target_id", "institution_id"])
    )
    common = common.select(
        "source_id",
        "target_id",
        "institution_id",
        "n_a",
        "n_b",
        "first_on",
        "last_on",
        c=common.c.fill_null(0),
    )
    full = common.inner_join(houses(stays, params), "institution_id").cross_join(tests)
    return full.mutate(kind=ibis.literal("co_admission")).select(*_CANDIDATE)


def _brought(stays: ir.Table, tests: ir.Table, params: Params) -> ir.Table:
    """Pairs of patients of one house under a contact that brings several people in waves."""
    import ibis

    named = [
        stays.filter(stays[c].notnull()).select(
            "stay_id",
            "patient_id",
            "institution_id",
            "department",
            "admitted_on",
            "discharged_on",
            contact=stays[c],
        )
        for c in CONTACTS
    ]
    rows = named[0]
    for part in named[1:]:
        rows = rows.union(part, distinct=False)
    rows = rows.distinct()
    hubs = rows.group_by("institution_id", "contact").aggregate(p=rows.patient_id.nunique())
    hubs = hubs.filter((hubs.p >= params.contact_patients) & (hubs.p <= params.contact_cap_patients))
    rows = rows.semi_join(hubs, ["institution_id", "contact"])
    # a hub holds few people by the cap, so joining on it makes few pairs
    side = rows.select("patient_id", "institution_id", "contact", "admitted_on").distinct()
    other = side.rename({f"{c}_r": c for c in side.columns})
    met = side.inner_join(
        other,
        [
            side.institution_id == other.institution_id_r,
            side.contact == other.contact_r,
            side.patient_id < other.patient_id_r,
        ],
    )
    near = days_between(met.admitted_on, met.admitted_on_r).abs() <= params.contact_apart_days
    pairs = met.group_by(
        "institution_id", "contact", source_id=met.patient_id, target_id=met.patient_id_r
    ).aggregate(
        near=near.cast("int64").max(),
        c=met.admitted_on.nunique(where=near),
        first_on=ibis.least(met.admitted_on.min(), met.admitted_on_r.min()),
        last_on=ibis.greatest(met.admitted_on.max(), met.admitted_on_r.max()),
    )
    hub = pairs.group_by("institution_id", "contact").aggregate(n=pairs.count(), n_near=pairs.near.sum())
    enough = (hub.n_near >= params.contact_near_pairs) & (hub.n_near >= params.contact_near_share * hub.n)
    pairs = pairs.semi_join(hub.filter(enough), ["institution_id", "contact"])
    counted = pairs.group_by("source_id", "target_id", "institution_id").aggregate(
        c=ibis.greatest(1, pairs.c.max()), first_on=pairs.first_on.min(), last_on=pairs.last_on.max()
    )
    nothing = ibis.literal(0).cast("int64")
    return (
        counted.cross_join(tests)
        .mutate(
            kind=ibis.literal("broker_contact"),
            n_a=nothing,
            n_b=nothing,
            n_days=nothing,
            closeness=ibis.literal(0.0),
        )
        .select(*_CANDIDATE)
    )


_CANDIDATE = (
    "kind",
    "source_id",
    "target_id",
    "institution_id",
    "n_a",
    "n_b",
    "c",
    "n_days",
    "closeness",
    "m_tests",
    "first_on",
    "last_on",
)


def measure(candidates: pa.Table, params: Params) -> pa.Table:
    """Return repeated joint admissions that exceed chance, and pairs brought by one contact.

    Notes
    -----
    In a house with ``D`` admission days and closeness ``r`` there are ``D/r`` slots; the joint admissions of
    two people with ``n_a`` and ``n_b`` stays are hypergeometric, and houses are independent. The tests
    counted are all pairs that have the least number of stays in one house.
    """
    if candidates.num_rows == 0:
        return empty_links()
    frame = candidates.to_pandas().sort_values(
        ["kind", "source_id", "target_id", "institution_id"], kind="stable"
    )
    brought = _summary(frame[frame["kind"] == "broker_contact"]).assign(log10_p=0.0, expected=0.0, weight=1.0)
    repeated = frame[frame["kind"] == "co_admission"]
    kept = _surprising(repeated, params) if len(repeated) else brought.iloc[:0]
    return _links([("co_admission", Family.CALENDAR, kept), ("broker_contact", Family.ATTRIBUTE, brought)])


def _summary(frame: pd.DataFrame) -> pd.DataFrame:
    """One row per pair, in pair order."""
    grouped = frame.groupby(["source_id", "target_id"], sort=True)
    out = grouped.agg(n_events=("c", "sum"), first_at=("first_on", "min"), last_at=("last_on", "max"))
    out["n_places"] = (frame["c"] > 0).groupby([frame["source_id"], frame["target_id"]], sort=True).sum()
    return out.reset_index()


def _surprising(frame: pd.DataFrame, params: Params) -> pd.DataFrame:
    """Pairs below the false-discovery share, and weaker ones that close recurrent triples."""
    from gangfinder.linking.convolution import log10_hypergeometric_sum_tail

    out = _summary(frame)
    pair = frame.groupby(["source_id", "target_id"], sort=True).ngroup().to_numpy().astype(np.int64)
    n_a, n_b = frame["n_a"].to_numpy(dtype=float), frame["n_b"].to_numpy(dtype=float)
    slots = np.maximum(frame["n_days"].to_numpy() / frame["closeness"].to_numpy(), np.maximum(n_a, n_b))
    out["expected"] = np.bincount(pair, n_a * n_b / slots, len(out))
    tails = log10_hypergeometric_sum_tail(pair, slots, n_a, n_b, out["n_events"].to_numpy())
    out["log10_p"] = tails
    q = benjamini_hochberg(tails, int(frame["m_tests"].iloc[0]))
    strong = q <= np.log10(params.false_discovery_share)
    out["weight"] = np.clip(-tails, 1.0, 50.0)
    candidate = strong | (tails <= params.weak_log10_p)
    triple = common_partners(out[candidate]) >= params.common_partners
    keep = strong.copy()
    keep[np.flatnonzero(candidate)] |= triple
    kept: pd.DataFrame = out[keep]
    return kept


def _links(parts: list[tuple[str, Family, pd.DataFrame]]) -> pa.Table:
    import pyarrow as pa

    tables = [empty_links()]
    for kind, family, rows in parts:
        n = len(rows)
        texts = {"kind": kind, "family": family.value, "source_type": "patient", "target_type": "patient"}
        columns = {name: pa.array([value] * n, pa.string()) for name, value in texts.items()}
        for name in ("source_id", "target_id"):
            columns[name] = pa.array(rows[name], pa.string())
        for name in ("n_events", "n_places"):
            columns[name] = pa.array(rows[name].astype("int64"), pa.int64())
        for name in ("expected", "log10_p", "weight"):
            columns[name] = pa.array(rows[name].astype(float).round(6), pa.float64())
        for name in ("first_at", "last_at"):
            columns[name] = pa.array(rows[name]).cast(pa.timestamp("us"))
        tables.append(pa.table(columns).select(tables[0].column_names))
    return pa.concat_tables(tables)


LINKER = Linker(
    slug="co_admission",
    title="Admitted and discharged together",
    family=Family.CALENDAR,
    kinds=("co_admission", "broker_contact"),
    params=Params(),
    link=link,
    measure=measure,
    requires={"settlements": frozenset({"admitted_at"})},
    uses=frozenset({"residual_stays"}),
)
