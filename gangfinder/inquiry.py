"""From canonical tables to ranked rings: the stages between reading and writing, in their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from gangfinder.batch.checkpoints import Memory, NoMemory
from gangfinder.linking.behaviour import behaviour, has_clock
from gangfinder.linking.blinding import blinded
from gangfinder.linking.co_presence import Params as PresenceParams
from gangfinder.linking.execution import Linked, run_linkers
from gangfinder.linking.forgetting import without_pairs
from gangfinder.linking.projection import Skipped, count, filled_columns
from gangfinder.model.lead import ScoredRing
from gangfinder.model.remembered import NOTHING, Remembered
from gangfinder.plugins import Plugins
from gangfinder.rings.merge import merge
from gangfinder.run import SkippedPart, Stages, light_objects
from gangfinder.scoring.defence import Applied, apply, defended, residual
from gangfinder.scoring.grouping import Grouped, RingSettings, group_up
from gangfinder.scoring.judging import Judged, judge_groups
from gangfinder.scoring.proximity import ProximityParams, expand, near_known
from gangfinder.scoring.ranking import ScoringParams, score
from gangfinder.scoring.stamp import StampParams, stamped
from gangfinder.typologies.detection import Detected, detect, let_go, runnable

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from gangfinder.engine import Engine
    from gangfinder.settings import Settings
    from gangfinder.typologies.contract import Typology

GROUPS, FINDINGS, RINGS = "groups", "findings", "rings"
"""Names of the checkpoints from the groups on."""


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What an inquiry found, before it is written."""

    scored: tuple[ScoredRing, ...]
    skipped: tuple[SkippedPart, ...]
    n_tests: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Prepared:
    """The population as the detectors see it, and the candidate rows of those that ran.

    Parameters
    ----------
    available
        Table → columns with at least one value.
    derived
        Visits, stays, their residuals, and links.
    clock
        Whether instants carry a time of day.
    applied
        What the innocent explanations say of the population.
    linked
        All links.
    detected, skipped
        Typologies that ran, and those that could not.
    windows
        Windows of co-presence, which the groups' tests share.
    n_never_linked
        Links that were taken out because somebody decided that they are none.
    """

    available: Mapping[str, frozenset[str]]
    derived: Mapping[str, ir.Table]
    clock: bool
    applied: Applied
    linked: Linked
    detected: Sequence[Detected]
    skipped: Sequence[Skipped]
    windows: PresenceParams
    n_never_linked: int = 0

    @property
    def gone(self) -> tuple[SkippedPart, ...]:
        """Every plug-in that did not run, and why."""
        return (
            *skipped_parts("typology", self.skipped), *skipped_parts("linker", self.linked.skipped),
            *skipped_parts("benign", self.applied.skipped),
        )


def prepare(
    engine: Engine,
    canonical: Mapping[str, ir.Table],
    stages: Stages,
    plugins: Plugins,
    known: Remembered = NOTHING,
    memory: Memory | None = None,
) -> Prepared:
    """Read behaviour, explain it, link people, and ask the typologies for candidate rows; nothing is judged yet.

    This is the open pass: whatever the tables hold, it is shown nothing about fund staff, and asks no plug-in that is.

    Parameters
    ----------
    engine
        Where the tables are.
    canonical
        Canonical tables by name; ``settlements`` at least.
    stages
        Recorder of the stages.
    plugins
        Linkers, explanations and typologies.
    known
        What earlier decisions say of pairs.
    memory
        What a run that was killed has found so far.
    """
    canonical, plugins, memory = blinded(canonical), plugins.open, memory or NoMemory()
    with stages("reading behaviour") as stage:
        available = filled_columns(engine, canonical)
        derived = behaviour(engine, canonical)
        clock = has_clock(engine, derived["visits"])
        stage.rows = count(engine, derived["visits"])
    applied = memory.recall(
        "explanations", stages, partial(_explained, engine, stages, plugins, canonical, derived, available)
    )
    derived = residual(engine, derived, applied)
    able = [t for t in plugins.typologies.values() if runnable(t, available, clock=clock) is None]
    linked, n_never = memory.recall(
        "links", stages, partial(_linked, engine, stages, plugins, able, canonical, derived, available, known)
    )
    derived = {**derived, "links": linked.links}
    with stages("reading candidates"):
        # nobody asks for the rows again where the groups are known: their steps need not be computed
        where = None if memory.has(GROUPS, FINDINGS, RINGS) else engine
        detected, skipped = detect(plugins.typologies, canonical, derived, available, clock=clock, engine=where)
    windows = plugins.linkers["co_presence"].params
    assert isinstance(windows, PresenceParams)  # noqa: S101 - narrows the type of a registry entry
    return Prepared(available, derived, clock, applied, linked, detected, skipped, windows, n_never)


def _explained(
    engine: Engine, stages: Stages, plugins: Plugins, canonical: Mapping[str, ir.Table],
    derived: Mapping[str, ir.Table], available: Mapping[str, frozenset[str]],
) -> Applied:
    with stages("applying innocent explanations"):
        return apply(engine, plugins.explanations, canonical, derived, available)


def _linked(
    engine: Engine, stages: Stages, plugins: Plugins, able: Sequence[Typology], canonical: Mapping[str, ir.Table],
    derived: Mapping[str, ir.Table], available: Mapping[str, frozenset[str]], known: Remembered,
) -> tuple[Linked, int]:
    """Return the links, and how many were taken out because somebody decided that they are none."""
    with stages("linking") as stage:
        wanted = frozenset(kind for t in able for kind in (*t.links, *t.supports))
        linked = run_linkers(engine, plugins.linkers, canonical, derived, available, wanted)
        links, n_never = without_pairs(engine, linked.links, known.pairs)
        stage.rows = sum(linked.rows.values())
    return replace(linked, links=links), n_never


def inquire(
    engine: Engine, canonical: Mapping[str, ir.Table], settings: Settings, stages: Stages, plugins: Plugins
) -> Inquiry:
    """Find, explain, judge and rank rings in canonical tables; fund staff have no part in it.

    Parameters
    ----------
    engine
        Where the tables are.
    canonical
        Canonical tables by name; ``settlements`` at least.
    settings
        Settings of the run.
    stages
        Recorder of the stages.
    plugins
        Linkers, explanations and typologies.
    """
    ready = prepare(engine, canonical, stages, plugins)
    return conclude(engine, blinded(canonical), settings, stages, plugins, ready)


@light_objects()
def conclude(
    engine: Engine,
    canonical: Mapping[str, ir.Table],
    settings: Settings,
    stages: Stages,
    plugins: Plugins,
    ready: Prepared,
    known: Remembered = NOTHING,
    scoring: ScoringParams | None = None,
    memory: Memory | None = None,
) -> Inquiry:
    """Judge and rank what was prepared.

    Parameters
    ----------
    engine, settings, stages, plugins
        As :func:`inquire` has them.
    canonical
        Tables that name known cases; none asks for no proximity.
    ready
        Candidate rows, and what the explanations say of the population.
    known
        Known cases of earlier decisions, and for how many dismissed leads others may be ranked.
    scoring
        How leads are admitted and ordered; default: as in the open list.
    memory
        What a run that was killed has found so far.
    """
    work = _Work(engine, settings, stages, plugins, ready, scoring or open_scoring(settings), memory or NoMemory())
    return work.memory.recall(RINGS, stages, lambda: _ranked(work, canonical, known))


@dataclass(frozen=True, slots=True)
class _Work:
    """What the steps of a conclusion share."""

    engine: Engine
    settings: Settings
    stages: Stages
    plugins: Plugins
    ready: Prepared
    scoring: ScoringParams
    memory: Memory


def _ranked(work: _Work, canonical: Mapping[str, ir.Table], known: Remembered) -> Inquiry:
    engine, settings, ready, clock = work.engine, work.settings, work.ready, work.ready.clock
    grouped = work.memory.recall(GROUPS, work.stages, lambda: _grouped(work))
    judged = work.memory.recall(FINDINGS, work.stages, lambda: _judged(work, grouped))
    with work.stages("scoring") as stage:
        made = merge([(j.finding, j.judgements) for j in judged])
        made = defended(engine, made, work.plugins.typologies, work.plugins.explanations, ready.applied, ready.derived)
        n_groups = sum(len(g) for g in grouped.groups.values())
        listed = replace(work.scoring, top=work.scoring.top + known.spare)
        scored = score(made, n_groups, listed, clock=clock)
        stage.rows = len(scored)
    with work.stages("testing robustness") as stage:
        stamp, near = settings.tuned("stamp", StampParams()), settings.tuned("proximity", ProximityParams())
        scored = stamped(scored, judged, grouped, work.scoring, stamp, clock=clock, seed=settings.seed)
        scored = near_known(scored, expand(engine, canonical, ready.derived["visits"], near, known.cases))
        stage.rows = len(scored)
    n_tests = {slug: len(g) for slug, g in sorted(grouped.groups.items())}
    return Inquiry(tuple(scored), ready.gone, n_tests)


def _grouped(work: _Work) -> Grouped:
    ready, settings = work.ready, work.settings
    with work.stages("detecting") as stage:
        rings = settings.tuned("rings", RingSettings())
        grouped = group_up(
            work.engine, ready.detected, ready.linked, ready.derived["visits"], ready.applied, rings, ready.windows,
            seed=settings.seed, clock=ready.clock,
        )
        stage.rows = sum(len(g) for g in grouped.groups.values())
        let_go(work.engine, ready.detected)
    return grouped


def _judged(work: _Work, grouped: Grouped) -> list[Judged]:
    ready, explanations = work.ready, work.plugins.explanations
    with work.stages("judging") as stage:
        judged = [
            j for d in ready.detected
            for j in judge_groups(d.typology, grouped.groups[d.typology.slug], explanations, ready.available)
        ]
        stage.rows = len(judged)
    return judged


def open_scoring(settings: Settings) -> ScoringParams:
    """Return how the open list is admitted and ordered."""
    base = ScoringParams(minimum_amount=settings.minimum_amount, top=settings.top)
    return settings.tuned("scoring", base)


def skipped_parts(kind: str, skipped: Sequence[Skipped]) -> tuple[SkippedPart, ...]:
    """Return plug-ins of one kind that did not run, as a record of a run names them."""
    return tuple(SkippedPart(kind, s.slug, s.reason) for s in skipped)


__all__ = ["Inquiry", "Prepared", "conclude", "inquire", "open_scoring", "prepare", "skipped_parts"]
