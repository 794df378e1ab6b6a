"""The sealed pass: what the input says of fund staff, judged when the open leads are complete (DESIGN §6, §10).

It sees everything, and what the open pass found; nothing outside ``sealed/`` sees it. Whatever goes wrong in it is
recorded there and changes nothing else: a run that stopped, warned or logged because of a table on staff would tell of
that table.
"""

from __future__ import annotations

import logging
import tempfile
import traceback
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from gangfinder.batch.surroundings import overtime
from gangfinder.errors import GangfinderError, OutputError
from gangfinder.inquiry import Inquiry, Prepared, conclude, open_scoring, skipped_parts
from gangfinder.intake.loading import canonical_tables, handed_over, input_digests
from gangfinder.intake.scope import Scope
from gangfinder.linking.behaviour import days_of
from gangfinder.linking.execution import Linked, run_linkers
from gangfinder.linking.projection import filled_columns
from gangfinder.model.lead import Departure, Lead, ScoredRing
from gangfinder.model.sealing import SEALED_PARTS
from gangfinder.run import RunRecord, SkippedPart, Stages
from gangfinder.scoring.defence import apply
from gangfinder.typologies.detection import detect
from gangfinder.typologies.rings import ring_rows, rings

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from gangfinder.engine import Engine
    from gangfinder.intake import Intake
    from gangfinder.leads.register.book import Book
    from gangfinder.leads.tokens import Key
    from gangfinder.plugins import Plugins
    from gangfinder.settings import Settings

Tables = Mapping[str, "ir.Table"]

FALSE_SHARE = 0.01
"""Expected share of false leads in the sealed list (``[sealed] false_discovery_share``): it holds a few leads, not
hundreds, and each of them has a tie of the person besides; one in a thousand would keep every short ring's helper off.
"""

UNKNOWN_WITHOUT: Mapping[str, str] = MappingProxyType(
    {
        "staff": "people of the fund are not known, so nobody is named; the process of offices is judged all the same",
        "roster": "shares of a desk are compared without the days on which somebody was there",
        "ties": "declared relatives, shareholders and former employers are not known",
        "actions": "switched contracts, raised quotas and changed accounts are not known",
        "reimbursements": "desks of manual reimbursement are not looked at",
        "filings": "desks of filings are not looked at",
        "enrolments": "desks of enrolment are not looked at",
        "reimbursements.reviewer_id": "who reviewed claims is not known, so only handlers are looked at",
        "filings.reviewer_id": "who reviewed filings is not known, so only handlers are looked at",
        "patients.household_id": "households of staff are not known",
    }
)
"""What the sealed pass cannot see without a table or a column; the rest runs."""


@dataclass(frozen=True, slots=True)
class Sealing:
    """What a run was asked, and the record of its open part.

    Parameters
    ----------
    source, profile, settings, plugins
        As :func:`gangfinder.pipeline.run` has them.
    key
        For tokens and lead ids.
    record
        ``run.json`` of the open part; the sealed one bears the same run id.
    register
        The open register, beside which the sealed one stands; ``None`` for none.
    """

    source: Path | str
    profile: Path | None
    settings: Settings
    key: Key
    plugins: Plugins
    record: RunRecord
    register: Path | None = None


def second_pass(
    asked: Sealing,
    work: Engine,
    tables: Tables,
    ready: Prepared,
    found: Sequence[ScoredRing],
    target: Path,
) -> None:
    """Find, judge and write leads on fund staff; ``target`` is made, and holds the same files in every run.

    Parameters
    ----------
    asked
        What the run was asked.
    work
        Where the tables are.
    tables
        Those of the open reading, with all their columns.
    ready
        What the open pass prepared.
    found
        The rings of the open leads.
    target
        The folder ``sealed`` of the run.

    Raises
    ------
    OutputError, OSError
        If the folder cannot be written. Nothing else is raised: see the module.
    TimeIsUp
        If the time that the run was given is over.
    """
    with tempfile.TemporaryDirectory(prefix="gangfinder-") as scratch, _unheard():
        stages, draft = Stages(quiet=True), Path(scratch) / "sealed"
        draft.mkdir(mode=0o700)
        try:
            leads, record = _pass(asked, work, tables, ready, found, stages, draft)
        except (OutputError, OSError):
            raise
        except Exception as error:  # any other that got out would tell of the tables on staff
            if late := overtime(error):
                raise late from None
            leads, record = None, _failed(asked, stages, error)
        _written(asked, leads, record, _Files(work, tables, draft, target))


def nothing_new(asked: Sealing, work: Engine, tables: Tables) -> bool:
    """Return whether the sealed register has seen these tables on staff, and nothing was decided in it since.

    Whether somebody is found in them has no part in that. Tables that cannot be used are nothing new.

    Parameters
    ----------
    asked
        What the run was asked; with a register.
    work, tables
        As :func:`second_pass` has them.
    """
    assert asked.register is not None  # noqa: S101 - only asked where there is one
    with tempfile.TemporaryDirectory(prefix="gangfinder-") as scratch, _unheard():
        try:
            with _also_staff(asked, work, tables, Stages(quiet=True), Path(scratch)) as (_, intake):
                digests = (*asked.record.inputs, *input_digests(intake))
            with _sealed_book(asked, asked.register) as book:
                return book.face(digests, asked.settings, asked.plugins.names)
        except Exception as error:  # as in second_pass(); the same would happen again
            if late := overtime(error):
                raise late from None
            return True


@contextmanager
def _sealed_book(asked: Sealing, register: Path) -> Iterator[Book]:
    from gangfinder.leads.register.book import opened
    from gangfinder.leads.register.opening import sealed_path
    from gangfinder.leads.register.veil import Tokens

    with opened(sealed_path(register), asked.key, Tokens(asked.settings.sealed_recipient, asked.key)) as book:
        yield book


@dataclass(frozen=True, slots=True)
class _Files:
    """Where the tables are, and where the files go: first to a draft, then to the run."""

    work: Engine
    tables: Tables
    draft: Path
    target: Path

    def write(self, leads: Sequence[Lead], gone: Sequence[Departure], asked: Sealing, record: RunRecord) -> None:
        """Write the files of the sealed part."""
        from gangfinder.export.changes import write_changes
        from gangfinder.export.publish import write_sealed
        from gangfinder.leads.texts import installed_texts

        write_changes(leads, gone, self.draft, installed_texts())
        write_sealed(leads, self.draft, self.target, asked.settings, record.to_json())


def _written(asked: Sealing, leads: Sequence[Lead] | None, record: RunRecord, files: _Files) -> None:
    """Write the leads, with a register under the ids that they have there; ``None`` where the pass failed."""
    if asked.register is None:
        files.write(leads or (), (), asked, record)
        return
    try:
        with _sealed_book(asked, asked.register) as book:
            if leads is not None:
                _kept(asked, book, leads, record, files)
                return
    except (OutputError, OSError):
        raise
    except Exception as error:  # noqa: BLE001 - as in second_pass()
        record = replace(record, notes=(*record.notes, *_failed(asked, Stages(quiet=True), error).notes))
    files.write(leads or (), (), asked, record)


def _kept(asked: Sealing, book: Book, leads: Sequence[Lead], record: RunRecord, files: _Files) -> None:
    """Give sealed leads their registered ids, write their files, and record them: in this order, as pipeline.run."""
    from gangfinder.leads.register.comparing import RegisterParams, Window

    book.face((*asked.record.inputs, *record.inputs), asked.settings, asked.plugins.names)
    window = Window(*days_of(files.work, files.tables["settlements"]))
    params = asked.settings.tuned("register", RegisterParams())
    compared = book.compare(leads, window, params, open_scoring(asked.settings).top)
    told = [d for d in compared.departures if d.lead_id not in compared.silent]
    head = book.record(record.run_id, record.started_at.isoformat(timespec="seconds"))
    ended = {"seq": head.seq, "hash": head.hash, "n_dismissed": book.n_dismissed}
    files.write(compared.leads, told, asked, replace(record, n_leads=len(compared.leads), register=ended))


@contextmanager
def _unheard() -> Iterator[None]:
    """Keep log lines and warnings of what runs inside to itself."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _pass(
    asked: Sealing, work: Engine, tables: Tables, ready: Prepared, found: Sequence[ScoredRing], stages: Stages,
    draft: Path,
) -> tuple[list[Lead], RunRecord]:
    from gangfinder.leads import build_leads, collect_facts
    from gangfinder.leads.routing import routed

    with _also_staff(asked, work, tables, stages, draft) as (canonical, intake):
        inquiry = _inquire(asked, work, canonical, ready, found, stages)
        with stages("writing leads") as stage:
            facts = collect_facts(inquiry.scored, canonical, work)
            leads = routed(build_leads(inquiry.scored, facts, asked.settings, asked.key), canonical, work)
            stage.rows = len(leads)
    return leads, _record(asked, stages, intake, inquiry, len(leads))


@contextmanager
def _also_staff(
    asked: Sealing, work: Engine, tables: Tables, stages: Stages, draft: Path
) -> Iterator[tuple[dict[str, ir.Table], Intake]]:
    """Read what the open reading left out, by an engine of its own, and hand it to the one that has the rest."""
    with canonical_tables(
        asked.source, asked.settings, "duckdb", asked.profile, draft / "rejects", stages, Scope.SEALED
    ) as (_, theirs, intake), tempfile.TemporaryDirectory(prefix="gangfinder-") as scratch:
        yield {**tables, **handed_over(work, theirs, Path(scratch), prefix="sealed_")}, intake


def _inquire(
    asked: Sealing, work: Engine, canonical: Tables, ready: Prepared, found: Sequence[ScoredRing], stages: Stages
) -> Inquiry:
    plugins = asked.plugins.sealed
    with stages("reading candidates"):
        theirs = {name: table for name, table in canonical.items() if name in SEALED_PARTS}
        available = {**ready.available, **filled_columns(work, theirs)}
        known = {"rings": rings(found), "ring_rows": ring_rows(found)}
        derived = {**ready.derived, **{name: work.put(name, rows) for name, rows in known.items()}}
        linked = _linked(work, plugins, canonical, derived, available, ready.linked)
        derived["links"] = linked.links
        detected, skipped = detect(plugins.typologies, canonical, derived, available, clock=ready.clock, engine=work)
    unseen = not_seen(available)
    if not detected:
        return Inquiry((), (*skipped_parts("typology", skipped), *unseen), {})
    with stages("applying innocent explanations"):
        applied = apply(work, plugins.explanations, canonical, derived, available)
    prepared = Prepared(available, derived, ready.clock, applied, linked, detected, skipped, ready.windows)
    # how near somebody on the staff is to known cases is not asked: signals about him are evidence or nothing
    scoring = asked.settings.tuned("sealed", replace(open_scoring(asked.settings), false_discovery_share=FALSE_SHARE))
    judged = conclude(work, {}, asked.settings, stages, plugins, prepared, scoring=scoring)
    return replace(judged, skipped=(*judged.skipped, *unseen))


def not_seen(available: Mapping[str, frozenset[str]]) -> tuple[SkippedPart, ...]:
    """Return what a sealed pass does without, and what that costs.

    Parameters
    ----------
    available
        Table → columns with at least one value. Of a table that is absent no column is told besides.
    """
    said = []
    for name, cost in UNKNOWN_WITHOUT.items():
        table, _, column = name.partition(".")
        lacking = column not in available.get(table, ()) if column else table not in available
        if lacking and (not column or table in available):
            said.append(SkippedPart("column" if column else "table", name, f"absent or empty: {cost}"))
    return tuple(said)


def _linked(
    work: Engine, plugins: Plugins, canonical: Tables, derived: Tables, available: Mapping[str, frozenset[str]],
    before: Linked,
) -> Linked:
    """Return the links of the open pass, or all that the sealed typologies read where they read any by kind."""
    wanted = frozenset(kind for t in plugins.typologies.values() for kind in (*t.links, *t.supports))
    if not wanted:
        return replace(before, skipped=())
    return run_linkers(work, plugins.linkers, canonical, derived, available, wanted)


def _record(asked: Sealing, stages: Stages, intake: Intake, inquiry: Inquiry, n_leads: int) -> RunRecord:
    return replace(
        asked.record, inputs=input_digests(intake), stages=stages.records, skipped=inquiry.skipped,
        n_tests=inquiry.n_tests, n_leads=n_leads, notes=tuple(w.sentence for w in intake.warnings),
        finished_at=datetime.now(),  # noqa: DTZ005 - wall clock of the installation, in run.json alone
    )


def _failed(asked: Sealing, stages: Stages, error: Exception) -> RunRecord:
    """Return the record of a pass that stopped: our own sentence, of other errors the class and the place alone."""
    if isinstance(error, GangfinderError):
        reason, notes = error.message, (*error.details, *([error.hint] if error.hint else []))
    else:
        reason, notes = f"internal error of gangfinder ({type(error).__name__})", _places(error)
    part = SkippedPart("pass", "sealed", reason)
    return replace(
        asked.record, inputs=(), stages=stages.records, skipped=(part,), n_tests={}, n_leads=0, notes=notes,
        finished_at=datetime.now(),  # noqa: DTZ005 - see _record()
    )


def _places(error: Exception) -> tuple[str, ...]:
    frames = traceback.extract_tb(error.__traceback__)
    return tuple(f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in frames)


__all__ = ["UNKNOWN_WITHOUT", "Sealing", "not_seen", "nothing_new", "second_pass"]
