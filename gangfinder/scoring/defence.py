"""The innocent explanations applied to the population, and the defence that every ring carries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gangfinder.benign.application import (
    Coverage,
    explained_rows,
    hubs,
    judgements_for_core,
    rows_taken,
    skipped,
    units,
)
from gangfinder.benign.contract import Explanation
from gangfinder.linking.projection import Skipped
from gangfinder.model.lead import Ring
from gangfinder.typologies.contract import Typology

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from gangfinder.engine import Engine


@dataclass(frozen=True, slots=True)
class Applied:
    """What the explanations say of the whole population.

    Parameters
    ----------
    rows
        Explained input rows: source_table, source_key, explanation; in the engine.
    units
        Patient → unit id.
    named
        Patient → (unit id, explanation).
    hubs
        (hub type, hub id) → explanation.
    skipped
        Explanations that cannot be tested on this input.
    available
        Table → columns with at least one value.
    """

    rows: ir.Table
    units: Mapping[str, str]
    named: Mapping[str, tuple[str, str]]
    hubs: Mapping[tuple[str, str], str]
    skipped: tuple[Skipped, ...]
    available: Mapping[str, frozenset[str]]


def apply(
    engine: Engine,
    explanations: Mapping[str, Explanation],
    canonical: Mapping[str, ir.Table],
    derived: Mapping[str, ir.Table],
    available: Mapping[str, frozenset[str]],
) -> Applied:
    """Ask every explanation which rows, people and hubs of the population it covers."""
    every = list(explanations.values())
    rows = engine.keep("explained_rows", explained_rows(every, canonical, derived, available, engine))
    people = units(engine, every, canonical, derived, available).to_pydict()
    named = {
        p: (u, e) for p, u, e in zip(people["patient_id"], people["unit_id"], people["explanation"], strict=True)
    }
    found = engine.fetch(hubs(every, canonical, derived, available, engine)).to_pylist()
    for one in every:
        for name, _ in one.steps:
            engine.drop(f"{one.slug}_{name}")
    return Applied(
        rows, {p: u for p, (u, _) in named.items()}, named,
        {(h["hub_type"], h["hub_id"]): h["explanation"] for h in found}, skipped(every, available), available,
    )


def residual(engine: Engine, derived: Mapping[str, ir.Table], applied: Applied) -> dict[str, ir.Table]:
    """Add the visits and stays that no explanation covers by itself.

    Only the explained keys are kept: a second copy of all visits costs more than every anti-join on them.
    """
    own = applied.rows.filter(applied.rows.source_table == "settlements")
    explained = engine.keep("explained_settlements", own.select(settlement_id="source_key").distinct())
    return {
        **derived,
        "residual_visits": derived["visits"].anti_join(explained, "settlement_id"),
        "residual_stays": derived["stays"].anti_join(explained, "settlement_id"),
    }


def defended(
    engine: Engine,
    rings: Sequence[Ring],
    typologies: Mapping[str, Typology],
    explanations: Mapping[str, Explanation],
    applied: Applied,
    derived: Mapping[str, ir.Table],
) -> list[Ring]:
    """Return the rings, each with a judgement for every explanation that its typologies name."""
    by_code = {t.code: t for t in typologies.values()}
    taken = _taken(engine, rings, applied, derived)
    result = []
    for ring in rings:
        slugs = sorted({slug for f in ring.findings for slug in by_code[f.typology].benign})
        judged = {j.explanation: j for j in ring.judgements}
        coverage = _coverage(ring, applied, taken)
        made = judgements_for_core(explanations, slugs, ring.core, coverage, judged, applied.available)
        result.append(replace(ring, judgements=made))
    return result


def _coverage(ring: Ring, applied: Applied, taken: Mapping[str, Mapping[str, int]]) -> Coverage:
    core = frozenset(ring.core)
    bound = {(kind, hub) for f in ring.findings for kind, hub, _ in f.hubs}
    return Coverage(
        units={p: applied.named[p] for p in ring.core if p in applied.named},
        rows={e: {p: n for p, n in people.items() if p in core} for e, people in taken.items()},
        hubs={hub: applied.hubs[hub] for hub in sorted(bound & set(applied.hubs))},
        n_rows=sum(len(f.evidence) for f in ring.findings),
    )


def _taken(
    engine: Engine, rings: Sequence[Ring], applied: Applied, derived: Mapping[str, ir.Table]
) -> dict[str, dict[str, int]]:
    """Rows that each explanation took out of each core member."""
    import pyarrow as pa

    people = sorted({p for r in rings if r.subject_type == "patient" for p in r.core})
    wanted = engine.put("core_people", pa.table({"patient_id": pa.array(people, pa.string())}))
    counted = rows_taken(applied.rows, derived["visits"], derived["stays"])
    result: dict[str, dict[str, int]] = {}
    for row in engine.fetch(counted.semi_join(wanted, "patient_id")).to_pylist():
        result.setdefault(row["explanation"], {})[row["patient_id"]] = int(row["n_rows"])
    return result
