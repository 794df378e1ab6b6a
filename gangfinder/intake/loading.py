"""An input in an engine: canonical tables for as long as a run lasts."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from gangfinder.engine import open_engine
from gangfinder.engine.duckdb import DuckDBEngine
from gangfinder.errors import IntakeError
from gangfinder.intake.reader import read_input
from gangfinder.intake.report import Intake
from gangfinder.intake.scope import Scope
from gangfinder.intake.window import cut, first_day
from gangfinder.model.tables import MANDATORY
from gangfinder.run import InputDigest, Stage, Stages

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from gangfinder.engine import Engine
    from gangfinder.settings import Settings

DEFAULT_MEMORY_GB = 4
"""Memory of the engine where the settings say nothing: what does not fit is spilled to the temporary folder."""


@contextmanager
def canonical_tables(
    source: Path | str,
    settings: Settings,
    engine: str,
    profile: Path | None,
    rejects: Path | None,
    stages: Stages,
    scope: Scope = Scope.OPEN,
) -> Iterator[tuple[Engine, dict[str, ir.Table], Intake]]:
    """Open the engine and read the input into it; everything is gone afterwards.

    Yields where the tables are, the canonical tables by name, and the report of what was read. Unusable rows go to the
    folder ``rejects``, or nowhere where that is ``None``.

    Parameters
    ----------
    source, settings, engine, profile, stages
        As :func:`gangfinder.pipeline.run` has them.
    rejects
        Folder for unusable rows.
    scope
        Which part of the input is read.
    """
    memory = f"{settings.memory_gb or DEFAULT_MEMORY_GB}GB"
    with tempfile.TemporaryDirectory(prefix="gangfinder-") as scratch:
        reader = DuckDBEngine(Path(scratch), threads=settings.threads, memory_limit=memory)
        work: Engine = reader
        try:
            with stages("reading input") as stage:
                intake = read_input(
                    source, reader.connection, profile=profile, reject_share=settings.reject_share,
                    rejects_folder=rejects, progress=lambda text: _stepped(stage, text), scope=scope,
                )
                if settings.since is not None:
                    intake = _windowed(reader, intake, settings.since)
                stage.rows = sum(t.rows_kept for t in intake.tables.values())
            tables = {name: reader.table(name) for name in sorted(intake.tables)}
            if engine != "duckdb":
                work = open_engine(engine, Path(scratch), threads=settings.threads, memory_limit=memory)
                with stages(f"handing tables to {engine}"):
                    tables = handed_over(work, tables, Path(scratch))
            yield work, tables, intake
        finally:
            if work is not reader:
                work.close()
            reader.close()


def _windowed(reader: DuckDBEngine, intake: Intake, since: str) -> Intake:
    """Take out what is older than the window, and note it."""
    columns = {name: tuple(reader.table(name).columns) for name in intake.tables}
    first = first_day(reader.connection, since, columns)
    if first is None:
        return intake
    told = cut(reader.connection, columns, first)
    if MANDATORY in columns and not reader.connection.execute(f"SELECT 1 FROM main.{MANDATORY} LIMIT 1").fetchone():
        msg = f"there are no settlements since {first}"
        raise IntakeError(msg, hint="give an earlier day with --since, or so many days back as 365d")
    return replace(intake, warnings=(*intake.warnings, *told), first_day=first)


@contextmanager
def _stepped(stage: Stage, text: str) -> Iterator[None]:
    stage.step(text)
    yield


def handed_over(
    work: Engine, tables: Mapping[str, ir.Table], scratch: Path, prefix: str = ""
) -> dict[str, ir.Table]:
    """Carry tables of one engine to another, by files in a folder.

    Parameters
    ----------
    work
        The engine that is to have them.
    tables
        Tables of another.
    scratch
        An existing folder.
    prefix
        Put before their names in the new engine.
    """
    handed = {}
    for name, table in tables.items():
        file = scratch / f"{prefix}{name}.parquet"
        table.to_parquet(file)
        handed[name] = work.load(f"{prefix}{name}", file)
    return handed


def input_digests(intake: Intake) -> tuple[InputDigest, ...]:
    """Return what a run records of each table that it read, in name order."""
    return tuple(_digest(intake, name) for name in sorted(intake.tables))


def _digest(intake: Intake, name: str) -> InputDigest:
    report = intake.tables[name]
    text = "\n".join(f"{f} {intake.digests[f]}" for f in sorted(report.files) if f in intake.digests)
    sha256 = report.content or hashlib.sha256(text.encode()).hexdigest()
    return InputDigest(name, report.rows_kept, report.rows_rejected, sha256)
