"""Facts on houses that the nulls of groups need, counted in the engine, collected for the houses concerned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gangfinder.engine.portable import floor_divide, minute_of_day
from gangfinder.linking.behaviour import fen
from gangfinder.linking.co_presence import Params as PresenceParams
from gangfinder.linking.co_presence import attendance, places
from gangfinder.network.visits import counted, texts
from gangfinder.rings.groups import DESKS, Surroundings

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

    from gangfinder.engine import Engine

QUARTER_MINUTES = 15
"""Width of the slots in which a house's hours are counted."""


def surroundings(
    engine: Engine, visits: ir.Table, houses: ir.Table, units: Mapping[str, str], params: PresenceParams, *, clock: bool
) -> Surroundings:
    """Count what everybody does at the houses where groups were found.

    Parameters
    ----------
    engine
        Where the visits are.
    visits
        All visits, explained ones included: a null is about everybody.
    houses
        Column institution_id: the houses concerned.
    units
        Patient → unit.
    params
        Parameters of co-presence, whose windows the groups' tests share.
    clock
        Whether instants carry a time of day.
    """
    import pandas as pd

    chosen = visits.select("institution_id", "patient_id", "at", "on", "amount", "total_amount", *DESKS.values())
    here = engine.keep("visits_here", chosen.semi_join(houses, "institution_id"))
    attended = attendance(here, params)
    calendar = here.group_by("institution_id", "on").aggregate(n_visits=here.count())
    quarter = floor_divide(minute_of_day(here["at"]), QUARTER_MINUTES)
    hours = here.group_by("institution_id", quarter=quarter).aggregate(n=here.count())
    amounts = here.group_by("institution_id", yuan=here.amount.floor().cast("int64")).aggregate(n=here.count())
    billed = here.filter(here.total_amount.notnull())
    bills = billed.group_by("institution_id", fen=fen(billed.total_amount)).aggregate(n=billed.count())
    whole = visits.aggregate(n_houses=visits.institution_id.nunique(), n_people=visits.patient_id.nunique())
    wanted = (places(here, attended, params), calendar, hours, amounts, bills, _desks(here), whole)
    facts, days, quarters, yuan, billed_fen, desks, size = (r.to_pandas() for r in engine.fetch_each(wanted))
    return Surroundings(
        units=units,
        places={str(r["institution_id"]): _facts(r) for r in facts.to_dict("records")},
        calendar=counted(days.assign(on=pd.to_datetime(days["on"])), "on", "n_visits"),
        amounts=counted(yuan, "yuan", "n"),
        hours=counted(quarters, "quarter", "n") if clock else {},
        bills=counted(billed_fen, "fen", "n"),
        desks=_by_desk(desks),
        clock=clock,
        n_houses=int(size["n_houses"].iloc[0]),
        shared={} if clock else _shared(engine, here),
        n_people=int(size["n_people"].iloc[0]),
    )


def _shared(engine: Engine, visits: ir.Table) -> dict[tuple[str, str], int]:
    """Count who was at both, for every two of the houses."""
    own = engine.keep("people_here", visits.select("patient_id", house="institution_id").distinct())
    both = own.inner_join(own.select("patient_id", other="house"), "patient_id")
    both = both.filter(both.house < both.other).group_by("house", "other").aggregate(n=lambda t: t.count())
    found = engine.fetch(both).to_pydict()
    return dict(zip(zip(found["house"], found["other"], strict=True), found["n"], strict=True))


def _facts(row: Mapping[object, object]) -> dict[str, float]:
    return {name: float(row[name]) for name in ("n_days", "n_people", "closeness", "window", "trusted")}  # type: ignore[arg-type]


def _desks(visits: ir.Table) -> ir.Table:
    import ibis

    parts = [
        visits.filter(visits[column].notnull())
        .group_by("institution_id", kind=ibis.literal(kind), desk=visits[column])
        .aggregate(n=lambda t: t.count())
        for kind, column in DESKS.items()
    ]
    union = parts[0]
    for part in parts[1:]:
        union = union.union(part, distinct=False)
    return union


def _by_desk(counts: pd.DataFrame) -> dict[tuple[str, str], dict[str, int]]:
    columns = (texts(counts, name).tolist() for name in ("institution_id", "kind", "desk", "n"))
    found: dict[tuple[str, str], dict[str, int]] = {}
    for house, kind, desk, n in sorted(zip(*columns, strict=True)):
        found.setdefault((house, kind), {})[desk] = n
    return found
