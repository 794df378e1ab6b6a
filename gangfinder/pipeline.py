"""The order of the stages of a run; with :mod:`gangfinder.inquiry`, this file alone states it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gangfinder.benign.application import skipped as skipped_explanations
from gangfinder.engine.duckdb import DuckDBEngine
from gangfinder.inquiry import Inquiry, Prepared, conclude, inquire, prepare, skipped_parts
from gangfinder.intake import Intake, QualityFinding
from gangfinder.intake.loading import canonical_tables, input_digests
from gangfinder.intake.scope import Scope
from gangfinder.linking.behaviour import behaviour, has_clock
from gangfinder.linking.blinding import blinded
from gangfinder.linking.projection import filled_columns
from gangfinder.model.lead import Lead
from gangfinder.plugins import Plugins
from gangfinder.run import RunRecord, SkippedPart, Stages, new_run_id, seldom_collected
from gangfinder.sealed import Sealing, second_pass
from gangfinder.settings import Settings
from gangfinder.typologies.contract import Typology
from gangfinder.typologies.detection import runnable


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


@seldom_collected()
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

    What the input says of fund staff is read when everything else is done, and written to ``sealed/`` alone; neither
    the result, nor a log line, nor an error tells whether there was any.

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
    from gangfinder.leads.encryption import recipients
    from gangfinder.leads.texts import installed_texts

    stages = stages or Stages(quiet=True)
    started = datetime.now()  # noqa: DTZ005 - wall clock of the installation, in run.json alone
    key = load_key(settings)
    if settings.sealed_recipient is not None:
        recipients(settings.sealed_recipient)  # a wrong one is said before anything is read
    plugins = plugins or Plugins.tuned(settings)
    with publication(out) as published, canonical_tables(
        source, settings, engine, profile, published.folder / "rejects", stages
    ) as (work, tables, intake):
        ready = prepare(work, tables, stages, plugins)
        found = conclude(work, blinded(tables), settings, stages, plugins, ready)
        with stages("writing leads") as stage:
            facts = collect_facts(found.scored, blinded(tables), work)
            leads = build_leads(found.scored, facts, settings, key)
            export_run(leads, published.folder, RunView(settings.lang, installed_texts()))
            stage.rows = len(leads)
        record = _record(source, engine, settings, started, intake, found, stages, len(leads))
        published.complete(record.run_id, record.to_json())
        asked = Sealing(source, profile, settings, key, plugins, record)
        second_pass(asked, work, tables, ready, found.scored, published.folder / "sealed")
        folder = published.final
    return RunResult(tuple(leads), record, folder)


def _record(
    source: Path | str, engine: str, settings: Settings, started: datetime, intake: Intake, found: Inquiry,
    stages: Stages, n_leads: int,
) -> RunRecord:
    inputs = input_digests(intake)
    return RunRecord(
        run_id=new_run_id(started, settings, tuple(i.sha256 for i in inputs)), source=Path(source).name, engine=engine,
        settings=settings, started_at=started, finished_at=datetime.now(),  # noqa: DTZ005 - see run()
        inputs=inputs, stages=stages.records, skipped=found.skipped, n_tests=found.n_tests, n_leads=n_leads,
        notes=tuple(w.sentence for w in intake.warnings),
    )


def check(
    source: Path | str, settings: Settings, *, profile: Path | None = None, stages: Stages | None = None
) -> CheckReport:
    """Read an input and say what is in it, what is wrong with it, and which detectors can run.

    It tells of the tables on fund staff as of all others: whoever asks holds them.

    Raises
    ------
    GangfinderError
        If the input cannot be used at all.
    """
    from gangfinder.intake import quality_report

    stages = stages or Stages(quiet=True)
    plugins = Plugins.tuned(settings)
    with canonical_tables(source, settings, "duckdb", profile, None, stages, Scope.ALL) as (work, tables, intake):
        assert isinstance(work, DuckDBEngine)  # noqa: S101 - asked for by name above
        with stages("checking"):
            findings = quality_report(intake, work.connection)
            available = filled_columns(work, tables)
            clock = has_clock(work, behaviour(work, tables)["visits"])
    reasons = {slug: runnable(t, available, clock=clock) for slug, t in plugins.typologies.items()}
    gone = [SkippedPart("typology", slug, why) for slug, why in reasons.items() if why]
    gone += skipped_parts("benign", skipped_explanations(plugins.explanations.values(), available))
    able = tuple(t for slug, t in plugins.typologies.items() if not reasons[slug])
    return CheckReport(intake, tuple(findings), able, tuple(gone))


__all__ = [
    "CheckReport", "Inquiry", "Plugins", "Prepared", "RunResult", "canonical_tables", "check", "inquire", "prepare",
    "run",
]
