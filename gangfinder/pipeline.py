"""The order of the stages of an inquiry; this file alone states it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from gangfinder.benign import explanations as all_explanations
from gangfinder.benign.application import skipped as skipped_explanations
from gangfinder.benign.contract import Explanation
from gangfinder.engine import open_engine
from gangfinder.engine.duckdb import DuckDBEngine
from gangfinder.intake import Intake, QualityFinding, read_input
from gangfinder.linking import Linker
from gangfinder.linking import linkers as all_linkers
from gangfinder.linking.behaviour import behaviour, has_clock
from gangfinder.linking.co_presence import Params as PresenceParams
from gangfinder.linking.execution import Linked, run_linkers
from gangfinder.linking.projection import Skipped, count, filled_columns
from gangfinder.model.lead import Lead, ScoredRing
from gangfinder.rings.merge import merge
from gangfinder.run import InputDigest, RunRecord, SkippedPart, Stage, Stages, light_objects, new_run_id
from gangfinder.scoring.defence import Applied, apply, defended, residual
from gangfinder.scoring.grouping import RingSettings, group_up
from gangfinder.scoring.judging import check_benign, judge_groups
from gangfinder.scoring.proximity import ProximityParams, expand, near_known
from gangfinder.scoring.ranking import ScoringParams, score
from gangfinder.scoring.stamp import StampParams, stamped
from gangfinder.typologies import typologies as all_typologies
from gangfinder.typologies.contract import Typology
from gangfinder.typologies.detection import Detected, detect, runnable

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from gangfinder.engine import Engine
    from gangfinder.settings import Settings

T = TypeVar("T", Typology, Explanation, Linker)

DEFAULT_MEMORY_GB = 4
"""Memory of the engine where the settings say nothing: what does not fit is spilled to the temporary folder."""


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What an inquiry found, before it is written."""

    scored: tuple[ScoredRing, ...]
    skipped: tuple[SkippedPart, ...]
    n_tests: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class RunResult:
    """A finished run: its leads, its record, and the folder ``OUT/runs/<run_id>`` it stands in."""

    leads: tuple[Lead, ...]
    record: RunRecord
    folder: Path


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What is in the data, what is wrong with it, and which detectors can run on it."""

    intake: Intake
    findings: tuple[QualityFinding, ...]
    runnable: tuple[Typology, ...]
    skipped: tuple[SkippedPart, ...]


@dataclass(frozen=True, slots=True)
class Plugins:
    """All linkers, explanations and typologies, with the settings' parameters put in."""

    linkers: Mapping[str, Linker]
    explanations: Mapping[str, Explanation]
    typologies: Mapping[str, Typology]

    @classmethod
    def tuned(cls, settings: Settings) -> Plugins:
        """Return every plug-in with its overrides.

        Raises
        ------
        SettingsError
            If the settings name a plug-in or parameter that does not exist.
        ContractError
            If a typology names an explanation that does not exist.
        """
        found = cls(
            _tuned(all_linkers(), "linking", settings),
            _tuned(all_explanations(), "benign", settings),
            _tuned(all_typologies(), "typologies", settings),
        )
        for typology in found.typologies.values():
            check_benign(typology, found.explanations)
        return found


def _tuned(found: Mapping[str, T], section: str, settings: Settings) -> dict[str, T]:
    settings.check_slugs(section, found)
    return {slug: replace(p, params=settings.tuned(section, p.params, slug)) for slug, p in found.items()}


def run(
    source: Path | str,
    out: Path,
    settings: Settings,
    *,
    engine: str = "duckdb",
    profile: Path | None = None,
    stages: Stages | None = None,
    plugins: Plugins | None = None,
) -> RunResult:
    """Read an input, find its rings, and write the leads to ``OUT/runs/<run_id>/``, shown through ``OUT/latest``.

    Parameters
    ----------
    source
        Folder of tables, or a ``.duckdb`` file.
    out
        Result folder.
    settings
        Settings of the run.
    engine
        ``duckdb`` or ``spark``.
    profile
        Mapping profile for other column names.
    stages
        Recorder of the stages; default: a silent one.
    plugins
        Linkers, explanations and typologies; default: all there are, with the settings' parameters.

    Raises
    ------
    GangfinderError
        If the input cannot be used, the settings are wrong, or the result cannot be written.
    """
    from gangfinder.export.contract import RunView
    from gangfinder.export.publish import export_run, publication
    from gangfinder.leads import build_leads, collect_facts, load_key
    from gangfinder.leads.texts import installed_texts

    stages = stages or Stages(quiet=True)
    started = datetime.now()  # noqa: DTZ005 - wall clock of the installation, in run.json alone
    key = load_key(settings)
    plugins = plugins or Plugins.tuned(settings)
    with publication(out) as published, canonical_tables(
        source, settings, engine, profile, published.folder / "rejects", stages
    ) as (work, tables, intake):
        found = inquire(work, tables, settings, stages, plugins)
        with stages("writing leads") as stage:
            leads = build_leads(found.scored, collect_facts(found.scored, tables, work), settings, key)
            export_run(leads, published.folder, RunView(settings.lang, installed_texts()))
            stage.rows = len(leads)
        record = _record(source, engine, settings, started, intake, found, stages, len(leads))
        published.complete(record.run_id, record.to_json())
        folder = published.final
    return RunResult(tuple(leads), record, folder)


def _record(
    source: Path | str, engine: str, settings: Settings, started: datetime, intake: Intake, found: Inquiry,
    stages: Stages, n_leads: int,
) -> RunRecord:
    inputs = tuple(_digest(intake, name) for name in sorted(intake.tables))
    return RunRecord(
        run_id=new_run_id(started, settings, tuple(i.sha256 for i in inputs)), source=Path(source).name, engine=engine,
        settings=settings, started_at=started, finished_at=datetime.now(),  # noqa: DTZ005 - see run()
        inputs=inputs, stages=stages.records, skipped=found.skipped, n_tests=found.n_tests, n_leads=n_leads,
        notes=tuple(w.sentence for w in intake.warnings),
    )


def _digest(intake: Intake, name: str) -> InputDigest:
    import hashlib

    report = intake.tables[name]
    text = "\n".join(f"{f} {intake.digests[f]}" for f in sorted(report.files) if f in intake.digests)
    return InputDigest(name, report.rows_kept, report.rows_rejected, hashlib.sha256(text.encode()).hexdigest())


def check(
    source: Path | str, settings: Settings, *, profile: Path | None = None, stages: Stages | None = None
) -> CheckReport:
    """Read an input and say what is in it, what is wrong with it, and which detectors can run.

    Raises
    ------
    GangfinderError
        If the input cannot be used at all.
    """
    from gangfinder.intake import quality_report

    stages = stages or Stages(quiet=True)
    plugins = Plugins.tuned(settings)
    with canonical_tables(source, settings, "duckdb", profile, None, stages) as (work, tables, intake):
        assert isinstance(work, DuckDBEngine)  # noqa: S101 - asked for by name above
        with stages("checking"):
            findings = quality_report(intake, work.connection)
            available = filled_columns(work, tables)
            clock = has_clock(work, behaviour(work, tables)["visits"])
    reasons = {slug: runnable(t, available, clock=clock) for slug, t in plugins.typologies.items()}
    gone = [SkippedPart("typology", slug, why) for slug, why in reasons.items() if why]
    gone += _parts("benign", skipped_explanations(plugins.explanations.values(), available))
    able = tuple(t for slug, t in plugins.typologies.items() if not reasons[slug])
    return CheckReport(intake, tuple(findings), able, tuple(gone))


@contextmanager
def canonical_tables(
    source: Path | str, settings: Settings, engine: str, profile: Path | None, rejects: Path | None, stages: Stages
) -> Iterator[tuple[Engine, dict[str, ir.Table], Intake]]:
    """Open the engine and read the input into it; everything is gone afterwards.

    Yields where the tables are, the canonical tables by name, and the report of what was read. Parameters are those of
    :func:`run`; unusable rows go to the folder ``rejects``, or nowhere where that is ``None``.
    """
    memory = f"{settings.memory_gb or DEFAULT_MEMORY_GB}GB"
    with tempfile.TemporaryDirectory(prefix="gangfinder-") as scratch:
        reader = DuckDBEngine(Path(scratch), threads=settings.threads, memory_limit=memory)
        work: Engine = reader
        try:
            with stages("reading input") as stage:
                intake = read_input(
                    source, reader.connection, profile=profile, reject_share=settings.reject_share,
                    rejects_folder=rejects, progress=lambda text: _stepped(stage, text),
                )
                stage.rows = sum(t.rows_kept for t in intake.tables.values())
            tables = {name: reader.table(name) for name in sorted(intake.tables)}
            if engine != "duckdb":
                work = open_engine(engine, Path(scratch), threads=settings.threads, memory_limit=memory)
                with stages(f"handing tables to {engine}"):
                    tables = _handed_over(reader, work, tables, Path(scratch))
            yield work, tables, intake
        finally:
            if work is not reader:
                work.close()
            reader.close()


@contextmanager
def _stepped(stage: Stage, text: str) -> Iterator[None]:
    stage.step(text)
    yield


def _handed_over(
    reader: DuckDBEngine, work: Engine, tables: Mapping[str, ir.Table], scratch: Path
) -> dict[str, ir.Table]:
    handed = {}
    for name, table in tables.items():
        file = scratch / f"{name}.parquet"
        table.to_parquet(file)
        handed[name] = work.load(name, file)
    return handed


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
    """

    available: Mapping[str, frozenset[str]]
    derived: Mapping[str, ir.Table]
    clock: bool
    applied: Applied
    linked: Linked
    detected: Sequence[Detected]
    skipped: Sequence[Skipped]
    windows: PresenceParams


def prepare(engine: Engine, canonical: Mapping[str, ir.Table], stages: Stages, plugins: Plugins) -> Prepared:
    """Read behaviour, explain it, link people, and ask the typologies for candidate rows; nothing is judged yet.

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
    """
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
        derived = {**derived, "links": linked.links}
        stage.rows = sum(linked.rows.values())
    with stages("reading candidates"):
        detected, skipped = detect(plugins.typologies, canonical, derived, available, clock=clock, engine=engine)
    windows = plugins.linkers["co_presence"].params
    assert isinstance(windows, PresenceParams)  # noqa: S101 - narrows the type of a registry entry
    return Prepared(available, derived, clock, applied, linked, detected, skipped, windows)


@light_objects()
def inquire(
    engine: Engine, canonical: Mapping[str, ir.Table], settings: Settings, stages: Stages, plugins: Plugins
) -> Inquiry:
    """Find, explain, judge and rank rings in canonical tables.

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
    derived, clock, applied, detected = ready.derived, ready.clock, ready.applied, ready.detected
    with stages("detecting") as stage:
        rings = settings.tuned("rings", RingSettings())
        grouped = group_up(
            engine, detected, ready.linked, derived["visits"], applied, rings, ready.windows,
            seed=settings.seed, clock=clock,
        )
        groups = grouped.groups
        stage.rows = sum(len(g) for g in groups.values())
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
        scored = score(made, n_groups, _scoring(settings), clock=clock)
        stage.rows = len(scored)
    with stages("testing robustness") as stage:
        stamp = settings.tuned("stamp", StampParams())
        scored = stamped(scored, judged, grouped, _scoring(settings), stamp, clock=clock, seed=settings.seed)
        near = expand(engine, canonical, derived["visits"], settings.tuned("proximity", ProximityParams()))
        scored = near_known(scored, near)
        stage.rows = len(scored)
    gone = (
        *_parts("typology", ready.skipped), *_parts("linker", ready.linked.skipped), *_parts("benign", applied.skipped)
    )
    return Inquiry(tuple(scored), gone, {slug: len(g) for slug, g in sorted(groups.items())})


def _scoring(settings: Settings) -> ScoringParams:
    base = ScoringParams(minimum_amount=settings.minimum_amount, top=settings.top)
    return settings.tuned("scoring", base)


def _parts(kind: str, skipped: Sequence[Skipped]) -> tuple[SkippedPart, ...]:
    return tuple(SkippedPart(kind, s.slug, s.reason) for s in skipped)


__all__ = [
    "CheckReport", "Inquiry", "Plugins", "Prepared", "RunResult", "canonical_tables", "check", "inquire", "prepare",
    "run",
]
