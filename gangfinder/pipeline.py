"""The order of the stages of a run; with :mod:`gangfinder.inquiry`, this file alone states it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gangfinder.attempt import Attempt
from gangfinder.batch.options import UNATTENDED, Batch
from gangfinder.batch.surroundings import surroundings, told_in_time
from gangfinder.benign.application import skipped as skipped_explanations
from gangfinder.engine.duckdb import DuckDBEngine
from gangfinder.inquiry import Inquiry, Prepared, conclude, inquire, open_scoring, prepare, skipped_parts
from gangfinder.intake import Intake, QualityFinding
from gangfinder.intake.loading import canonical_tables, input_digests
from gangfinder.intake.scope import Scope
from gangfinder.linking.behaviour import behaviour, days_of, has_clock
from gangfinder.linking.blinding import blinded
from gangfinder.linking.forgetting import without_values
from gangfinder.linking.projection import filled_columns
from gangfinder.model.lead import Departure, Lead
from gangfinder.model.remembered import NOTHING
from gangfinder.plugins import Plugins
from gangfinder.run import RunRecord, SkippedPart, Stages, new_run_id, seldom_collected
from gangfinder.sealed import Sealing, nothing_new, second_pass
from gangfinder.settings import Settings
from gangfinder.typologies.contract import Typology
from gangfinder.typologies.detection import runnable

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from gangfinder.engine import Engine
    from gangfinder.leads.register.book import Book
    from gangfinder.leads.register.history import Head
    from gangfinder.leads.tokens import Key


@dataclass(frozen=True, slots=True)
class RunResult:
    """A finished run.

    Parameters
    ----------
    leads
        Its leads, by rank.
    record
        What ``run.json`` says.
    folder
        ``OUT/runs/<run_id>``.
    departures
        Registered leads that are gone.
    unchanged
        Whether input, settings and register are those of the run that ``folder`` holds: then nothing was done.
    """

    leads: tuple[Lead, ...]
    record: RunRecord
    folder: Path
    departures: tuple[Departure, ...] = ()
    unchanged: bool = False


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What is in the data, what is wrong with it, and which detectors can run on it."""

    intake: Intake
    findings: tuple[QualityFinding, ...]
    runnable: tuple[Typology, ...]
    skipped: tuple[SkippedPart, ...]


@told_in_time
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
    register: Path | None = None,
    batch: Batch = UNATTENDED,
) -> RunResult:
    """Read an input, find its rings, and write the leads to ``OUT/runs/<run_id>/``, shown through ``OUT/latest``.

    With a register leads keep their ids, dismissed ones stay out of the list, and the run is written into it when its
    files are whole and before they are shown (:mod:`gangfinder.leads.register.book` says why in this order).

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
    register
        Register of earlier runs; made where there is none.
    batch
        How the run behaves among other runs.

    Raises
    ------
    GangfinderError
        If the input cannot be used, the settings are wrong, or the result cannot be written.
    """
    from gangfinder.export.changes import write_changes
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
    with surroundings(batch), _opened(register, key, batch.wait) as book, publication(
        out, wait=batch.wait, keep=batch.keep
    ) as published, ExitStack() as more:
        attempt = Attempt(source, profile, settings, engine, plugins, key, batch)
        if book is None and (done := attempt.finished(out)):
            published.nothing_new()
            record = RunRecord(done.name, Path(source).name, engine, settings, started)
            return RunResult((), record, done, unchanged=True)
        work, tables, intake = more.enter_context(
            canonical_tables(source, settings, engine, profile, published.folder / "rejects", stages)
        )
        if book is not None and book.face(input_digests(intake), settings, plugins.names) and (
            done := _shown(out, book.head)
        ):
            record = _record(source, engine, settings, started, intake, Inquiry((), (), {}), stages, 0)
            asked = Sealing(source, profile, _dated(settings, intake), key, plugins, record, register)
            if not batch.again and nothing_new(asked, work, tables):
                published.nothing_new()
                return RunResult((), replace(record, run_id=done.name), done, unchanged=True)
        known = NOTHING if book is None else book.remembered
        seen, n_forgotten = without_values(work, tables, known.values, partial(_named, key))
        memory = attempt.memory(published.work, work, known)
        ready = prepare(work, seen, stages, plugins, known, memory)
        found = conclude(work, blinded(seen), settings, stages, plugins, ready, known, memory=memory)
        with stages("writing leads") as stage:
            facts = collect_facts(found.scored, blinded(tables), work)
            leads = build_leads(found.scored, facts, settings, key)
            leads, departures = _compared(book, leads, work, tables, settings)
            export_run(leads, published.folder, RunView(settings.lang, installed_texts()))
            write_changes(leads, departures, published.folder, installed_texts())
            stage.rows = len(leads)
        record = _record(source, engine, settings, started, intake, found, stages, len(leads))
        asked = Sealing(source, profile, _dated(settings, intake), key, plugins, record, register)
        second_pass(asked, work, tables, ready, found.scored, published.folder / "sealed")
        if book is not None:
            head = book.record(record.run_id, record.started_at.isoformat(timespec="seconds"))
            never = {"rows": n_forgotten, "links": ready.n_never_linked}
            told = {"seq": head.seq, "hash": head.hash, "n_dismissed": book.n_dismissed, "never_linked": never}
            record = replace(record, register=told)
        # a register tells by itself whether a run is a replay
        published.complete(record.run_id, record.to_json(), attempt.mark() if book is None else None)
        folder = published.final
    return RunResult(tuple(leads), record, folder, tuple(departures))


@contextmanager
def _opened(register: Path | None, key: Key, wait: float) -> Iterator[Book | None]:
    if register is None:
        yield None
        return
    from gangfinder.leads.register.book import opened
    from gangfinder.leads.register.veil import Open

    with opened(register, key, Open(), wait=wait) as book:
        yield book


def _dated(settings: Settings, intake: Intake) -> Settings:
    """Return the settings with the day on which the window begins: it cannot be counted back in tables on staff."""
    return settings if intake.first_day is None else replace(settings, since=intake.first_day.isoformat())


def _shown(out: Path, head: Head) -> Path | None:
    """Return the run that is shown if it is the one after which the register ends."""
    try:
        known = json.loads((out / "latest" / "run.json").read_text(encoding="utf-8"))["register"]
        return (out / "latest").resolve() if (known["seq"], known["hash"]) == (head.seq, head.hash) else None
    except (OSError, ValueError, KeyError, TypeError):  # none, or one without a register
        return None


def _named(key: Key, kind: str, value: str) -> str:
    from gangfinder.leads.tokens import shown_id

    return shown_id(key, kind, value)


def _compared(
    book: Book | None, leads: list[Lead], work: Engine, tables: Mapping[str, ir.Table], settings: Settings
) -> tuple[list[Lead], tuple[Departure, ...]]:
    """Return the leads of the list with their registered ids, and those that are gone."""
    if book is None:
        return leads, ()
    from gangfinder.leads.register.comparing import RegisterParams, Window

    params = settings.tuned("register", RegisterParams())
    window = Window(*days_of(work, tables["settlements"]))
    compared = book.compare(leads, window, params, open_scoring(settings).top)
    return compared.leads, tuple(d for d in compared.departures if d.lead_id not in compared.silent)


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
