"""From canonical tables to ranked rings: the stages between reading and writing, in their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

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
from gangfinder.scoring.grouping import RingSettings, group_up
from gangfinder.scoring.judging import judge_groups
from gangfinder.scoring.proximity import ProximityParams, expand, near_known
from gangfinder.scoring.ranking import ScoringParams, score
from gangfinder.scoring.stamp import StampParams, stamped
from gangfinder.typologies.detection import Detected, detect, let_go, runnable

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from gangfinder.engine import Engine
    from gangfinder.settings import Settings


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
    engine: Engine, canonical: Mapping[str, ir.Table], stages: Stages, plugins: Plugins, known: Remembered = NOTHING
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
    """
    canonical, plugins = blinded(canonical), plugins.open
    with stages("reading behaviour") as stage:
        available = filled_columns(engine, canonical)
        derived = behaviour(engine, canonical)
        clock = has_clock(engine, derived["visits"])
        stage.rows = count(engine, derived["visits"])
    with stages("applying innocent explanations"):
        applied = apply(engine, plugins.explanations, canonical, derived, available)
        derived = residual(engine, derived, applied)
    with stages("linking") as stage:
        able = [t for t in plugins.typologies.values() if runnable(t, available, clock=clock) is None]
        wanted = frozenset(kind for t in able for kind in (*t.links, *t.supports))
        linked = run_linkers(engine, plugins.linkers, canonical, derived, available, wanted)
        links, n_never = without_pairs(engine, linked.links, known.pairs)
        linked = replace(linked, links=links)
        derived = {**derived, "links": links}
        stage.rows = sum(linked.rows.values())
    with stages("reading candidates"):
        detected, skipped = detect(plugins.typologies, canonical, derived, available, clock=clock, engine=engine)
    windows = plugins.linkers["co_presence"].params
    assert isinstance(windows, PresenceParams)  # noqa: S101 - narrows the type of a registry entry
    return Prepared(available, derived, clock, applied, linked, detected, skipped, windows, n_never)


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
    """
    scoring = scoring or open_scoring(settings)
    derived, clock, applied, detected = ready.derived, ready.clock, ready.applied, ready.detected
    with stages("detecting") as stage:
        rings = settings.tuned("rings", RingSettings())
        grouped = group_up(
            engine, detected, ready.linked, derived["visits"], applied, rings, ready.windows,
            seed=settings.seed, clock=clock,
        )
        groups = grouped.groups
        stage.rows = sum(len(g) for g in groups.values())
        let_go(engine, detected)
    with stages("judging") as stage:
        judged = [
            j for d in detected
            for j in judge_groups(d.typology, groups[d.typology.slug], plugins.explanations, ready.available)
        ]
        stage.rows = len(judged)
    with stages("scoring") as stage:
        made = merge([(j.finding, j.judgements) for j in judged])
        made = defended(engine, made, plugins.typologies, plugins.explanations, applied, derived)
        n_groups = sum(len(g) for g in groups.values())
        scored = score(made, n_groups, replace(scoring, top=scoring.top + known.spare), clock=clock)
        stage.rows = len(scored)
    with stages("testing robustness") as stage:
        stamp = settings.tuned("stamp", StampParams())
        scored = stamped(scored, judged, grouped, scoring, stamp, clock=clock, seed=settings.seed)
        near = expand(engine, canonical, derived["visits"], settings.tuned("proximity", ProximityParams()), known.cases)
        scored = near_known(scored, near)
        stage.rows = len(scored)
    return Inquiry(tuple(scored), ready.gone, {slug: len(g) for slug, g in sorted(groups.items())})


def open_scoring(settings: Settings) -> ScoringParams:
    """Return how the open list is admitted and ordered."""
    base = ScoringParams(minimum_amount=settings.minimum_amount, top=settings.top)
    return settings.tuned("scoring", base)


def skipped_parts(kind: str, skipped: Sequence[Skipped]) -> tuple[SkippedPart, ...]:
    """Return plug-ins of one kind that did not run, as a record of a run names them."""
    return tuple(SkippedPart(kind, s.slug, s.reason) for s in skipped)


__all__ = ["Inquiry", "Prepared", "conclude", "inquire", "open_scoring", "prepare", "skipped_parts"]
