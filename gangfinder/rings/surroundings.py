"""Facts on houses that the nulls of groups need, counted in the engine, collected for the houses concerned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gangfinder.linking.co_presence import Params as PresenceParams
from gangfinder.linking.co_presence import attendance, places
from gangfinder.rings.groups import Surroundings

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

    from gangfinder.engine import Engine

DESKS = {"terminal": "terminal_id", "operator": "operator_id", "doctor": "doctor_id"}


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
    chosen = visits.select("institution_id", "patient_id", "at", "on", "amount", *DESKS.values())
    here = engine.keep("visits_here", chosen.semi_join(houses, "institution_id"))
    attended = attendance(here, params)
    calendar = here.group_by("institution_id", "on").aggregate(n_visits=here.count())
    amounts = here.group_by("institution_id", yuan=here.amount.floor().cast("int64")).aggregate(n=here.count())
    whole = visits.aggregate(n_houses=visits.institution_id.nunique(), n_people=visits.patient_id.nunique())
    wanted = (places(here, attended, params), calendar, amounts, _desks(here), whole)
    facts, days, yuan, desks, size = (rows.to_pandas() for rows in engine.fetch_each(wanted))
    return Surroundings(
        units=units,
        places={str(r["institution_id"]): _facts(r) for r in facts.to_dict("records")},
        calendar=_by_house(days, ["institution_id", "on"]),
        amounts=_by_house(yuan, ["institution_id", "yuan"]),
        desks=_by_house(desks, ["institution_id", "kind", "desk"]),
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


def _by_house(counts: pd.DataFrame, order: list[str]) -> dict[str, pd.DataFrame]:
    import pandas as pd

    frame = counts.sort_values(order, kind="stable")
    if "on" in frame:
        frame["on"] = pd.to_datetime(frame["on"])
    return {str(h): part for h, part in frame.groupby("institution_id", sort=True)}
