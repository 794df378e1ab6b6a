"""Run the typologies over the whole population."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gangfinder.errors import ContractError
from gangfinder.linking.projection import Skipped, missing, project, staged
from gangfinder.model.evidence import EVIDENCE_SCHEMA
from gangfinder.typologies.contract import Typology

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from gangfinder.engine import Engine


@dataclass(frozen=True, slots=True)
class Detected:
    """Candidate evidence rows of one typology, still in the engine."""

    typology: Typology
    rows: ir.Table


def detect(
    typologies: Mapping[str, Typology],
    canonical: Mapping[str, ir.Table],
    derived: Mapping[str, ir.Table],
    available: Mapping[str, frozenset[str]],
    *,
    clock: bool,
    engine: Engine | None = None,
) -> tuple[list[Detected], list[Skipped]]:
    """Ask every typology that can run for its candidate rows; its steps are kept where there is an engine.

    Returns
    -------
    (detected, skipped)
        Typologies that ran, with their row expressions; and those that could not, with the reason.

    Raises
    ------
    ContractError
        If a typology returns other columns than ``EVIDENCE_SCHEMA`` and measures ``m_*``.
    """
    detected, skipped = [], []
    kept: dict[object, tuple[str, ir.Table]] = {}
    for slug, typology in typologies.items():
        reason = runnable(typology, available, clock=clock)
        if reason:
            skipped.append(Skipped(slug, reason))
            continue
        rows = typology.detect(
            staged(engine, typology, project(typology, canonical, derived), kept), typology.params
        )
        detected.append(Detected(typology, _checked(typology, rows)))
    return detected, skipped


def let_go(engine: Engine, detected: Sequence[Detected]) -> None:
    """Drop the kept steps of typologies whose rows have been fetched: nothing reads them any more."""
    for one in detected:
        for name, _ in one.typology.steps:
            engine.drop(f"{one.typology.slug}_{name}")


def runnable(typology: Typology, available: Mapping[str, frozenset[str]], *, clock: bool) -> str | None:
    """Say why a typology cannot run on this data, or return ``None``."""
    reason = missing(typology, available) or _none_of(typology, available)
    if reason is not None:
        return f"{reason}: {typology.without}" if typology.without else reason
    if clock or not typology.needs_clock:
        return None
    others = {f"{t}.{c}": c in available.get(t, ()) for t, own in typology.instead_of_clock.items() for c in own}
    if any(others.values()):
        return None
    which = f" or one of {', '.join(sorted(others))}" if others else ""
    return f"needs a time of day{which}; the instants of the settlements are dates only"


def _none_of(typology: Typology, available: Mapping[str, frozenset[str]]) -> str | None:
    """Say that every table is absent of which one is needed, or return ``None``."""
    known = {f"{t}.{c}": c in available.get(t, ()) for t, own in typology.one_of.items() for c in own}
    if not known or any(known.values()):
        return None
    return f"needs one of {', '.join(sorted(known))}, all absent or empty"


def _checked(typology: Typology, rows: ir.Table) -> ir.Table:
    extra = [c for c in rows.columns if c not in EVIDENCE_SCHEMA and not c.startswith("m_")]
    lacking = [c for c in EVIDENCE_SCHEMA if c not in rows.columns]
    if extra or lacking:
        msg = f"typology '{typology.slug}' returns unknown columns {extra} and lacks {lacking}"
        raise ContractError(
            msg,
            hint="return EVIDENCE_SCHEMA, and measures named m_*",
        )
    measures = sorted(c for c in rows.columns if c.startswith("m_"))
    return rows.select(
        **{name: rows[name].cast(kind) for name, kind in EVIDENCE_SCHEMA.items()}, **{m: rows[m] for m in measures}
    )
