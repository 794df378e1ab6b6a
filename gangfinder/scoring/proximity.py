"""From known cases outward: cards → institutions → cards, with the lift of every step and a rule to stop.

What is near a known case is shown on a lead as proximity and never counts as evidence: guilt is not inherited.

References
----------
The steps are those of a prosecutor's model that went from known cards to pharmacies to further cards (DOMAIN §0.5).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from gangfinder.model.lead import Proximity, ScoredRing
from gangfinder.model.tails import log10_hypergeometric_tail

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

    from gangfinder.engine import Engine


_CASES = ("patient", "institution")
"""Entity types from which the expansion begins."""


@dataclass(frozen=True, slots=True)
class ProximityParams:
    """Parameters of the expansion.

    Parameters
    ----------
    kinds
        Kinds of signals that make a patient or an institution a known case.
    least_lift
        An institution or a card is near when known ones are this many times as frequent there as anywhere.
    least_known
        Fewest known cards at an institution, and fewest near institutions of a card.
    tail_log10_p
        The exact tail of that number, corrected for what was tested in the step, must be at most this.
    stop_lift
        The expansion ends with the first round whose new cards have a lower mean lift than this.
    rounds
        Most rounds (institutions, then cards).
    """

    kinds: tuple[str, ...] = ("confirmed_case", "penalty", "tip", "earlier_lead")
    least_lift: float = 3.0
    least_known: int = 2
    tail_log10_p: float = -2.0
    stop_lift: float = 5.0
    rounds: int = 2


@dataclass(frozen=True, slots=True)
class Expansion:
    """What is near the known cases.

    Parameters
    ----------
    known
        (entity type, id) of known cases that occur in the data.
    near
        (entity type, id) → (round, lift).
    lifts
        Per round: mean lift of the new institutions and of the new cards.
    """

    known: frozenset[tuple[str, str]]
    near: Mapping[tuple[str, str], tuple[int, float]]
    lifts: tuple[tuple[float, float], ...]


def expand(
    engine: Engine, canonical: Mapping[str, ir.Table], visits: ir.Table, params: ProximityParams,
    confirmed: Collection[tuple[str, str]] = (),
) -> Expansion | None:
    """Expand from the known cases of the table ``signals`` and of decisions; ``None`` where there are none.

    Parameters
    ----------
    engine
        Where the tables are.
    canonical
        Canonical tables.
    visits
        All visits.
    params
        Parameters.
    confirmed
        Entity type and id of members of leads that were confirmed: known cases, too.
    """
    known = _known(engine, canonical, params) | {(kind, i) for kind, i in confirmed if kind in _CASES}
    if not known:
        return None
    met = engine.keep("card_houses", visits.select("patient_id", "institution_id").distinct())
    n_cards, n_houses = _sizes(engine, met)
    cards = {i for kind, i in known if kind == "patient"}
    houses = {i for kind, i in known if kind == "institution"}
    near: dict[tuple[str, str], tuple[int, float]] = {}
    lifts: list[tuple[float, float]] = []
    for step in range(1, params.rounds + 1):
        fresh_houses = _near_houses(engine, met, cards, n_cards, params)
        houses |= set(fresh_houses)
        fresh = {c: x for c, x in _near_cards(engine, met, houses, n_houses, params).items() if c not in cards}
        lifts.append((_mean(fresh_houses.values()), _mean(fresh.values())))
        for kind, found in (("institution", fresh_houses), ("patient", fresh)):
            for entity, lift in found.items():
                near.setdefault((kind, entity), (step, lift))
        if not fresh or lifts[-1][1] < params.stop_lift:
            break
        cards |= set(fresh)
    return Expansion(frozenset(known), {e: v for e, v in near.items() if e not in known}, tuple(lifts))


def _known(
    engine: Engine, canonical: Mapping[str, ir.Table], params: ProximityParams
) -> set[tuple[str, str]]:
    signals = canonical.get("signals")
    if signals is None or not {"entity_type", "entity_id", "kind"} <= set(signals.columns):
        return set()
    told = signals.filter(signals.kind.isin(list(params.kinds)) & signals.entity_type.isin(list(_CASES)))
    rows = engine.fetch(told.select("entity_type", "entity_id").distinct()).to_pylist()
    return {(r["entity_type"], r["entity_id"]) for r in rows}


def _sizes(engine: Engine, met: ir.Table) -> tuple[int, int]:
    (row,) = engine.fetch(met.aggregate(c=met.patient_id.nunique(), h=met.institution_id.nunique())).to_pylist()
    return int(row["c"]), int(row["h"])


def _near_houses(
    engine: Engine, met: ir.Table, cards: set[str], n_cards: int, params: ProximityParams
) -> dict[str, float]:
    """Return the institutions among whose visitors known cards are too frequent, with the lift."""
    size = met.group_by(entity="institution_id").aggregate(n_all=met.count())
    hit = _among(engine, met, "patient_id", cards).group_by(entity="institution_id").aggregate(n_known=_count())
    return _lifted(engine, size, hit, n_cards, len(cards), params)


def _near_cards(
    engine: Engine, met: ir.Table, houses: set[str], n_houses: int, params: ProximityParams
) -> dict[str, float]:
    """Return the cards among whose institutions known ones are too frequent, with the lift."""
    size = met.group_by(entity="patient_id").aggregate(n_all=met.count())
    hit = _among(engine, met, "institution_id", houses).group_by(entity="patient_id").aggregate(n_known=_count())
    return _lifted(engine, size, hit, n_houses, len(houses), params)


def _count() -> Any:  # noqa: ANN401 - a deferred expression
    from ibis import _

    return _.count()


def _among(engine: Engine, met: ir.Table, column: str, wanted: set[str]) -> ir.Table:
    import pyarrow as pa

    listed = engine.put("near_known", pa.table({column: pa.array(sorted(wanted), pa.string())}))
    return engine.keep("met_known", met.semi_join(listed, column))


def _lifted(
    engine: Engine, size: ir.Table, hit: ir.Table, population: int, marked: int, params: ProximityParams
) -> dict[str, float]:
    """Return the entities with enough known ones among theirs, by lift and by the exact hypergeometric tail."""
    import numpy as np

    both = hit.filter(hit.n_known >= params.least_known).inner_join(size, "entity")
    found: pd.DataFrame = engine.fetch(both).to_pandas().sort_values("entity")
    if found.empty:
        return {}
    known, drawn = found["n_known"].to_numpy(float), found["n_all"].to_numpy(float)
    lift = (known / drawn) / (marked / max(1, population))
    tail = log10_hypergeometric_tail(known, population, marked, drawn) + np.log10(len(found))
    near = (lift >= params.least_lift) & (tail <= params.tail_log10_p)
    return {e: round(float(x), 1) for e, x, ok in zip(found["entity"], lift, near, strict=True) if ok}


def _mean(values: Any) -> float:  # noqa: ANN401 - any collection of numbers
    own = list(values)
    return round(sum(own) / len(own), 1) if own else 0.0


def near_known(scored: Sequence[ScoredRing], expansion: Expansion | None) -> list[ScoredRing]:
    """Return the rings, each with how near its core and houses are to known cases."""
    if expansion is None:
        return list(scored)
    return [replace(one, proximity=_proximity(one, expansion)) for one in scored]


def _proximity(one: ScoredRing, expansion: Expansion) -> Proximity:
    rows = [e for f in one.ring.findings for e in f.evidence]
    core = {(one.ring.subject_type, i) for i in one.ring.core}
    houses = {("institution", e.institution_id) for e in rows if e.institution_id} - core
    near = {e: expansion.near[e] for e in core | houses if e in expansion.near}
    return Proximity(
        n_known=len(core & expansion.known), n_near=len(core & set(near)), n_core=len(core),
        n_known_houses=len(houses & expansion.known), n_near_houses=len(houses & set(near)),
        least_round=min((step for step, _ in near.values()), default=0),
        most_lift=max((lift for _, lift in near.values()), default=0.0),
    )
