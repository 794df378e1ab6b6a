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
from typing import TYPE_CHECKING

from gangfinder.batch.surroundings import overtime
from gangfinder.errors import GangfinderError, OutputError
from gangfinder.inquiry import Inquiry, Prepared, conclude, skipped_parts
from gangfinder.intake.loading import canonical_tables, handed_over, input_digests
from gangfinder.intake.scope import Scope
from gangfinder.linking.execution import Linked, run_linkers
from gangfinder.linking.projection import filled_columns
from gangfinder.model.lead import Lead, ScoredRing
from gangfinder.run import RunRecord, SkippedPart, Stages
from gangfinder.scoring.defence import apply
from gangfinder.typologies.detection import detect
from gangfinder.typologies.rings import ring_rows, rings

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from gangfinder.engine import Engine
    from gangfinder.intake import Intake
    from gangfinder.leads.tokens import Key
    from gangfinder.plugins import Plugins
    from gangfinder.settings import Settings

Tables = Mapping[str, "ir.Table"]


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
    """

    source: Path | str
    profile: Path | None
    settings: Settings
    key: Key
    plugins: Plugins
    record: RunRecord


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
    Overtime
        If the time that the run was given is over.
    """
    from gangfinder.export.publish import write_sealed

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
            leads, record = [], _failed(asked, stages, error)
        write_sealed(leads, draft, target, asked.settings, record.to_json())


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
        available = filled_columns(work, canonical)
        known = {"rings": rings(found), "ring_rows": ring_rows(found)}
        derived = {**ready.derived, **{name: work.put(name, rows) for name, rows in known.items()}}
        linked = _linked(work, plugins, canonical, derived, available, ready.linked)
        derived["links"] = linked.links
        detected, skipped = detect(plugins.typologies, canonical, derived, available, clock=ready.clock, engine=work)
    if not detected:
        return Inquiry((), skipped_parts("typology", skipped), {})
    with stages("applying innocent explanations"):
        applied = apply(work, plugins.explanations, canonical, derived, available)
    prepared = Prepared(available, derived, ready.clock, applied, linked, detected, skipped, ready.windows)
    # how near somebody on the staff is to known cases is not asked: signals about him are evidence or nothing
    return conclude(work, {}, asked.settings, stages, plugins, prepared)


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


__all__ = ["Sealing", "second_pass"]
