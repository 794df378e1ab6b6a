"""Co-presence: the same two people in the same house on the same dates, within the hour where clocks can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gangfinder.engine.portable import epoch_minutes, minute_of_day
from gangfinder.linking.contract import Linker, Tables, empty_links
from gangfinder.linking.neighbouring import in_company, near_pairs, near_tails
from gangfinder.linking.pairing import counted_pairs, pair_links, pairs_of
from gangfinder.model.evidence import Family
from gangfinder.model.tails import benjamini_hochberg

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of co-presence.

    Parameters
    ----------
    window_minutes
        Two visits this close are together; a whole swipe session of some forty cards takes about an hour.
    quiet_people_per_day
        Up to this many people a day a house is watched with the full window.
    busy_people_per_day
        Up to this many with a quarter of it.
    crowded_people_per_day
        Up to this many with a twelfth of it; beyond, the day is a crowd and makes no pairs.
    date_people_per_day
        Where only dates are known: the most people a day that are still paired.
    minimum_joint_days
        Fewest joint days of a pair that is tested.
    false_discovery_share
        Expected share of chance links among the links kept.
    untrusted_minute_share
        A house more than this share of whose rows carry one minute of the day posts in batches: its clock is not used.
    near_minutes, near_days
        Two visits on neighbouring days are near when their hours of the day are this close and so many days apart at
        most: people who are told to come to a session come a day late, but at its hour.
    near_visits
        Fewest visit days at a house of people paired there by near visits.
    near_times
        Fewest near visits of a pair.
    near_log10_p, weak_log10_p
        Tails (log10) down to which near visits are chance, for pairs with one common companion, and for pairs with
        more. They only choose who is looked at; the groups are tested later, and pay for having been chosen.
    weak_companions
        Fewest companions that both of a weak pair have.
    """

    window_minutes: int = 60
    quiet_people_per_day: int = 150
    busy_people_per_day: int = 600
    crowded_people_per_day: int = 1800
    date_people_per_day: int = 150
    minimum_joint_days: int = 3
    false_discovery_share: float = 0.01
    untrusted_minute_share: float = 0.3
    near_minutes: int = 30
    near_days: int = 1
    near_visits: int = 2
    near_times: int = 2
    near_log10_p: float = -3.5
    weak_log10_p: float = -2.0
    weak_companions: int = 3


def attendance(visits: ir.Table, params: Params) -> ir.Table:
    """Return one row per person, house and day: the first visit, and the window that applies there and then.

    Parameters
    ----------
    visits
        Columns patient_id, institution_id, at, on.

    Returns
    -------
    ir.Table
        patient_id, institution_id, on, minute (epoch minutes), window (minutes; 0: whole day), n_day (people that day),
        trusted (whether the house's clock is used).
    """
    import ibis

    houses = clocks(visits, params)
    day = visits.group_by("patient_id", "institution_id", "on").aggregate(
        minute=epoch_minutes(visits.at).min()
    )
    crowd = day.group_by("institution_id", "on").aggregate(n_day=day.count())
    joined = day.inner_join(crowd, ["institution_id", "on"]).inner_join(houses, "institution_id")
    w = params.window_minutes
    window = ibis.cases(
        (~joined.trusted & (joined.n_day <= params.date_people_per_day), 0),
        (~joined.trusted, -1),
        (joined.n_day <= params.quiet_people_per_day, w),
        (joined.n_day <= params.busy_people_per_day, max(1, w // 4)),
        (joined.n_day <= params.crowded_people_per_day, max(1, w // 12)),
        else_=-1,
    )
    return joined.select("patient_id", "institution_id", "on", "minute", "n_day", "trusted", window=window)


def clocks(visits: ir.Table, params: Params) -> ir.Table:
    """Return for every house whether its clock can be trusted: institution_id, trusted."""
    by_minute = visits.group_by("institution_id", minute=minute_of_day(visits.at)).aggregate(n=visits.count())
    house = by_minute.group_by("institution_id").aggregate(top=by_minute.n.max(), n=by_minute.n.sum())
    # a house of ten visits has one in a minute by chance: small numbers need an absolute excess as well
    batch = (house.top > params.untrusted_minute_share * house.n) & (house.top >= 5)
    midnight = by_minute.filter(by_minute.minute == 0).group_by("institution_id").aggregate(zero=lambda t: t.n.sum())
    joined = house.left_join(midnight, "institution_id")
    half = joined.zero.fill_null(0) * 2 >= joined.n
    return joined.select("institution_id", trusted=~(batch | half))


def places(visits: ir.Table, attended: ir.Table, params: Params) -> ir.Table:
    """Return what the null needs of every house.

    Returns
    -------
    ir.Table
        institution_id, n_days (days with a visit), n_people, closeness (chance that two visits of one day, drawn
        independently from the house's own hour profile over all days, fall within the window; 1 where dates only).

    Notes
    -----
    The profile has half-hour slots. Two visits in one slot, or half of those in neighbouring slots, are at most half an
    hour apart; closeness is scaled from there to the mean window in use.  The profile is taken over all days, so that
    a ring's own sessions, spread over hours, do not explain themselves.
    """
    import ibis

    slot = (minute_of_day(visits.at) / 30).floor().cast("int64")
    counts = visits.group_by("institution_id", slot=slot).aggregate(n=visits.count())
    total = counts.group_by("institution_id").aggregate(total=counts.n.sum())
    share = counts.inner_join(total, "institution_id")
    share = share.select("institution_id", "slot", h=share.n / share.total)
    after = share.select("institution_id", slot=share.slot - 1, h_next=share.h)
    both = share.left_join(after, ["institution_id", "slot"])
    near = both.group_by("institution_id").aggregate(
        half_hour=(both.h * both.h + both.h * both.h_next.fill_null(0.0)).sum()
    )
    use = attended.filter(attended.window >= 0)
    house = use.group_by("institution_id").aggregate(
        n_days=use.on.nunique(), n_people=use.patient_id.nunique(), window=use.window.mean(), trusted=use.trusted.max()
    )
    joined = house.inner_join(near, "institution_id")
    scaled = joined.half_hour * joined.window / 30.0
    closeness = ibis.ifelse(joined.trusted, ibis.least(1.0, scaled), 1.0)
    return joined.select("institution_id", "n_days", "n_people", "window", "trusted", closeness=closeness.round(9))


def pairs(attended: ir.Table) -> ir.Table:
    """Return joint days: patient a, patient b (a < b), house, day; each at most once.

    Parameters
    ----------
    attended
        patient (dense integer), house (dense integer), on, minute, window.

    Notes
    -----
    Every row stands in its own bucket of the window's length and, on one side, also in the next; joining on the bucket
    and filtering by distance finds every pair within the window once, without a range join.
    """
    timed = attended.filter(attended.window > 0)
    timed = timed.mutate(bucket=(timed.minute / timed.window).floor().cast("int64"))
    dated = attended.filter(attended.window == 0)
    left = timed.select("patient", "house", "on", "minute", "bucket", "window")
    twice = left.union(left.mutate(bucket=left.bucket + 1), distinct=False)
    right = twice.rename({f"{c}_r": c for c in twice.columns})
    close = left.inner_join(
        right,
        [left.house == right.house_r, left.bucket == right.bucket_r, left.patient != right.patient_r],
    )
    # same bucket: both orders occur, keep one; neighbouring buckets: the later row meets the earlier one once
    same = (close.minute_r / close.window).floor().cast("int64") == close.bucket
    keep = (~same | (close.patient < close.patient_r)) & ((close.minute - close.minute_r).abs() <= close.window)
    close = close.filter(keep & (close.on == close.on_r))
    day_left = dated.select("patient", "house", "on")
    day_right = day_left.rename(patient_r="patient", house_r="house", on_r="on")
    day = day_left.inner_join(
        day_right,
        [day_left.house == day_right.house_r, day_left.on == day_right.on_r, day_left.patient < day_right.patient_r],
    )
    columns = ("patient", "patient_r", "house", "on")
    met = close.select(*columns).union(day.select(*columns), distinct=False)
    import ibis

    return met.select(
        a=ibis.least(met.patient, met.patient_r),
        b=ibis.greatest(met.patient, met.patient_r),
        house=met.house,
        on=met.on,
    )


def _attended(tables: Tables, params: Params) -> ir.Table:
    attended = attendance(tables["residual_visits"], params)
    return attended.filter(attended.window >= 0)


def _houses(tables: Tables, params: Params) -> ir.Table:
    import ibis

    facts = places(tables["residual_visits"], tables["attended"], params)
    return facts.mutate(house=ibis.row_number().over(order_by=facts.institution_id))


def _people(tables: Tables, params: Params) -> ir.Table:
    """People with enough visit days to be in a pair that is tested, as dense integers."""
    import ibis

    often = tables["attended"].group_by("patient_id").aggregate(n=lambda t: t.on.nunique())
    often = often.filter(often.n >= params.minimum_joint_days)
    return often.select("patient_id", patient=ibis.row_number().over(order_by=often.patient_id))


def _coded(tables: Tables, params: Params) -> ir.Table:
    attended, houses = tables["attended"], tables["houses"].select("institution_id", "house")
    joined = attended.inner_join(tables["people"], "patient_id").inner_join(houses, "institution_id")
    return joined.select("patient", "house", "on", "minute", "window")


def _counted(tables: Tables, params: Params) -> ir.Table:
    met = pairs(tables["coded"])
    return met.group_by("a", "b", "house").aggregate(c=met.count(), first_on=met.on.min(), last_on=met.on.max())


def _near(tables: Tables, params: Params) -> ir.Table:
    """Near visits on quiet days: where many come, somebody is near on any day."""
    coded = tables["coded"]
    quiet = coded.filter(coded.window == params.window_minutes)
    return near_pairs(quiet, tables["own"], params.near_minutes, params.near_days, params.near_visits)


def _own(tables: Tables, params: Params) -> ir.Table:
    return tables["coded"].group_by("patient", "house").aggregate(n=lambda t: t.count())


def link(tables: Tables, params: Params) -> ir.Table:
    """Return candidate pairs with ≥ ``minimum_joint_days`` joint days, or ``near_times`` near visits.

    One row per pair, common house and reading (``kind``).
    """
    parts = [
        _candidates(tables, tables["counted"], "co_presence", params.minimum_joint_days),
        _candidates(tables, tables["near"], "near_presence", params.near_times),
    ]
    return parts[0].union(parts[1], distinct=False)


def _candidates(tables: Tables, counted: ir.Table, kind: str, least: int) -> ir.Table:
    import ibis

    people, own = tables["people"], tables["own"]
    total = counted.group_by("a", "b").aggregate(total=lambda t: t.c.sum())
    tested = total.filter(total.total >= least)
    common = (
        tested.inner_join(own.select(a="patient", house="house", n_a="n"), "a")
        .inner_join(own.select(b="patient", house_b="house", n_b="n"), [("b", "b"), ("house", "house_b")])
        .left_join(counted, ["a", "b", "house"])
    )
    common = common.select("a", "b", "house", "n_a", "n_b", "c", "first_on", "last_on")
    full = (
        common.inner_join(people.select(source_id="patient_id", a="patient"), "a")
        .inner_join(people.select(target_id="patient_id", b="patient"), "b")
        .inner_join(tables["houses"], "house")
        .cross_join(_n_tests(own))
    )
    return full.select(
        "source_id", "target_id", "institution_id", "n_a", "n_b", "n_days", "closeness", "window", "m_tests",
        "first_on", "last_on",
        c=full.c.fill_null(0), kind=ibis.literal(kind),
    )


def _n_tests(own: ir.Table) -> ir.Table:
    """Pairs of people with a common house, each house counted: the number of hypotheses, from above."""
    eligible = own.group_by("house").aggregate(p=own.count())
    return eligible.aggregate(m_tests=(eligible.p.cast("float64") * (eligible.p - 1) / 2).sum())


def measure(candidates: pa.Table, params: Params) -> pa.Table:
    """Return the links whose joint days exceed chance at the stated false-discovery share, and the near ones.

    Notes
    -----
    At one house with ``D`` active days and closeness ``r`` there are ``D/r`` slots; the joint days of two people with
    ``n_a`` and ``n_b`` visit days are hypergeometric. Houses are independent: their masses are convolved, exactly.
    Near visits are looked at where their Poisson tail is small and others are near both
    (:func:`~gangfinder.linking.neighbouring.in_company`).
    """
    import pyarrow as pa

    keys = ("source_id", "target_id", "institution_id")
    frame = candidates.sort_by([(key, "ascending") for key in keys])
    near = frame["kind"].to_numpy(zero_copy_only=False) == "near_presence"
    rows = {name: frame[name].to_numpy() for name in frame.column_names}
    found = []
    if not near.all():
        out = _summary({name: column[~near] for name, column in rows.items()})
        q = benjamini_hochberg(out["log10_p"].to_numpy(), int(candidates["m_tests"][0].as_py()))
        found.append(pair_links("co_presence", out[q <= np.log10(params.false_discovery_share)]))
    if near.any():
        out = _near_summary({name: column[near] for name, column in rows.items()}, params)
        out = out[out["log10_p"] <= params.weak_log10_p]
        source, target = (out[c].to_numpy(str) for c in ("source_id", "target_id"))
        strong = out["log10_p"].to_numpy() <= params.near_log10_p
        held = in_company(source, target, strong, params.weak_companions)
        # a pair that meets on one day is linked by that
        tied = {pair for one in found for pair in zip(*(one[c].to_pylist() for c in keys[:2]), strict=True)}
        new = np.array([pair not in tied for pair in zip(out["source_id"], out["target_id"], strict=True)], dtype=bool)
        found.append(pair_links("near_presence", out[held & new]))
    return pa.concat_tables(found) if found else empty_links()


def _summary(rows: Mapping[str, NDArray[Any]]) -> pd.DataFrame:
    """Return one row per pair, in order: who, joint days, houses, expectation, exact tail of the sum over houses."""
    from gangfinder.linking.convolution import log10_hypergeometric_sum_tail

    first, pair = pairs_of(rows)
    n_a, n_b = rows["n_a"], rows["n_b"]
    slots = np.maximum(rows["n_days"] / rows["closeness"], np.maximum(n_a, n_b))
    out = counted_pairs(rows, first, np.asarray(np.bincount(pair, n_a * n_b / slots, len(first)), dtype=float))
    out["log10_p"] = log10_hypergeometric_sum_tail(pair, slots, n_a, n_b, out["n_events"].to_numpy())
    return out


def _near_summary(rows: Mapping[str, NDArray[Any]], params: Params) -> pd.DataFrame:
    """Return one row per pair, in order: who, near visits, houses, expectation and its Poisson tail."""
    first, pair = pairs_of(rows)
    closeness = rows["closeness"] * params.near_minutes / np.maximum(rows["window"], 1.0)
    meet = np.minimum(1.0, closeness * (2 * params.near_days + 1) / rows["n_days"])
    expected = np.asarray(np.bincount(pair, rows["n_a"] * rows["n_b"] * meet, len(first)), dtype=float)
    out = counted_pairs(rows, first, expected)
    out["log10_p"] = near_tails(out["expected"].to_numpy(), out["n_events"].to_numpy())
    return out


LINKER = Linker(
    slug="co_presence",
    title="Same house on the same dates, within the hour, or at the same hour of neighbouring days",
    family=Family.CALENDAR,
    kinds=("co_presence", "near_presence"),
    params=Params(),
    link=link,
    measure=measure,
    steps=(
        ("attended", _attended), ("houses", _houses), ("people", _people), ("coded", _coded), ("counted", _counted),
        ("own", _own), ("near", _near),
    ),
    uses=frozenset({"residual_visits"}),
)
