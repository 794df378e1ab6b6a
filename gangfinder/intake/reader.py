"""`read_input`: a folder, file or database of any known layout → clean canonical tables in DuckDB."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from gangfinder.errors import (
    EngineError,
    GangfinderError,
    IntakeError,
    MissingTable,
    OutputError,
    TooManyRejects,
    UnreadableFile,
    nearest,
)
from gangfinder.intake.discover import discover
from gangfinder.intake.headers import missing_columns
from gangfinder.intake.notes import ignored_warnings
from gangfinder.intake.opening import Opened, open_database, open_files
from gangfinder.intake.profile import builtin_profiles, known_names, load_profile, match_columns
from gangfinder.intake.report import Intake, QualityFinding, TableReport
from gangfinder.intake.scope import Scope
from gangfinder.intake.table import TableReader
from gangfinder.model.tables import MANDATORY, TABLES

if TYPE_CHECKING:
    import duckdb

    from gangfinder.intake.profile import Profile

Progress = Callable[[str], AbstractContextManager[object]]


@dataclass(slots=True)
class _Gathered:
    """What the steps of one reading collect."""

    problems: list[GangfinderError] = field(default_factory=list)
    digests: dict[str, str] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    warnings: list[QualityFinding] = field(default_factory=list)

    def raise_problems(self) -> None:
        """Raise all problems as one error, of their class if it is the same for all."""
        if not self.problems:
            return
        first = self.problems[0]
        if len(self.problems) == 1:
            raise first
        kind = type(first) if len({type(p) for p in self.problems}) == 1 else IntakeError
        others = len(self.problems) - 1
        message = f"{first.message} (and {others} more problem{'s' if others > 1 else ''})"
        hint = "; ".join(dict.fromkeys(p.hint for p in self.problems if p.hint))
        raise kind(
            message, hint=hint or None, details=[d for p in self.problems for d in (p.message, *p.details)]
        )


def _is_database(source: Path) -> bool:
    return source.suffix.lower() in (".duckdb", ".ddb")


def _check_source(source: str | Path) -> Path:
    if "://" in str(source):
        scheme = str(source).split("://", 1)[0]
        message = f"database addresses ({scheme}://…) are not read by this version"
        raise IntakeError(
            message, hint="export the tables to a folder of Parquet or CSV files, or to a .duckdb file"
        )
    path = Path(source)
    try:
        exists = path.exists()
    except OSError as error:
        message = f"the input {path.name!r} cannot be read: {error.strerror}"
        raise UnreadableFile(message, hint="check the rights of the user gangfinder runs as") from None
    if not exists:
        siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        close = ", ".join(repr(n) for n in nearest(path.name, siblings))
        message = f"the input {path.name!r} does not exist"
        raise UnreadableFile(message, hint=f"did you mean {close}?" if close else "check the path")
    return path


@contextmanager
def _scratch_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="gangfinder-"))  # mkdtemp makes it 0700
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _engine_settings(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Forbid extension downloads, and keep file order so that a rejected row can be located.

    The engine's own progress bar is switched off: it writes to standard output, which belongs to data.
    """
    wanted = {"preserve_insertion_order": True, "enable_progress_bar": False}
    before = {
        name: bool(connection.execute(f"SELECT current_setting('{name}')").fetchall()[0][0])
        for name in wanted
    }
    connection.execute("SET autoinstall_known_extensions = false")
    try:
        _set_all(connection, wanted)
        yield
    finally:
        _set_all(connection, before)


def _set_all(connection: duckdb.DuckDBPyConnection, values: Mapping[str, bool]) -> None:
    for name, value in values.items():
        connection.execute(f"SET {name} = {str(value).lower()}")


@contextmanager
def _plain_errors(source: Path) -> Iterator[None]:
    """Turn errors of the engine and the system into ours; their own texts may quote values of a row."""
    import duckdb

    try:
        yield
    except duckdb.OutOfMemoryException:
        message = f"not enough memory or temporary disk space while reading {source.name!r}"
        raise EngineError(
            message, hint="raise the memory limit or free space in the temporary folder"
        ) from None
    except duckdb.Error as error:
        message = f"the engine could not read {source.name!r} ({type(error).__name__})"
        raise IntakeError(message, hint="check that the files are whole and the disk is not full") from None
    except OSError as error:
        kind = OutputError if error.errno in (28, 122) else UnreadableFile  # no space, quota
        message = f"reading {source.name!r} failed: {error.strerror or type(error).__name__}"
        raise kind(message, hint="check rights and free space, also in the temporary folder") from None


def _check_tables(opened: Mapping[str, list[Opened]], gathered: _Gathered, source: Path, scope: Scope) -> None:
    for table, parts in opened.items():
        for part in parts:
            problem = missing_columns(TABLES[table], part)
            if problem:
                gathered.problems.append(problem)
    if scope.reads(MANDATORY) and MANDATORY not in opened and not gathered.problems:
        close = nearest(MANDATORY, [n.split(".")[0] for n in gathered.ignored])
        found = f"; found {', '.join(repr(n) for n in gathered.ignored[:8])}" if gathered.ignored else ""
        message = f"the input {source.name!r} has no table {MANDATORY!r}{found}"
        hint = (
            f"name the file {MANDATORY}.csv or {MANDATORY}.parquet, or add `from = "
            f'["{close[0] if close else "your_name"}"]` under [{MANDATORY}] to a mapping profile'
        )
        gathered.problems.append(MissingTable(message, hint=hint))


def _matched(opened: Mapping[str, list[Opened]], profiles: tuple[Profile, ...]) -> dict[str, list[Opened]]:
    for table, parts in opened.items():
        for part in parts:
            part.match = match_columns(table, part.stem, list(part.relation.columns), profiles)
    return dict(opened)


def _check_results(reports: Mapping[str, TableReport], share: float, gathered: _Gathered) -> None:
    for report in reports.values():
        if report.rows_read and report.reject_share > share:
            reasons = ", ".join(f"{code} ({count})" for code, count in list(report.rejected.items())[:3])
            message = (
                f"table {report.name!r}: {report.rows_rejected} of {report.rows_read} rows "
                f"({report.reject_share:.1%}) cannot be used, more than the limit of {share:.1%}; {reasons}"
            )
            # the rows themselves go with the run that is stopped
            hint = f"raise reject_share in the settings to go on; the rows are then in 'rejects/{report.name}.csv'"
            gathered.problems.append(TooManyRejects(message, hint=hint))
    mandatory = reports.get(MANDATORY)
    if mandatory is not None and mandatory.rows_read == 0:
        message = f"table {MANDATORY!r} has a header but no rows"
        gathered.problems.append(
            IntakeError(message, hint="export the table again; an empty one yields no lead")
        )


def read_input(
    source: str | Path,
    connection: duckdb.DuckDBPyConnection,
    *,
    profile: Path | None = None,
    reject_share: float = 0.05,
    rejects_folder: Path | None = None,
    progress: Progress | None = None,
    amount_limit: Decimal | int = 1_000_000_000,
    scope: Scope = Scope.ALL,
) -> Intake:
    """Read an input into canonical tables.

    Creates in the connection one table ``main.<canonical name>`` per canonical table found, with exactly the
    columns the input has. Required columns hold no null, keys no duplicate. Bad rows are quarantined and
    never stop the reading.

    Parameters
    ----------
    source
        A folder of Parquet, CSV, CSV.gz and XLSX files, one such file, or a ``.duckdb`` file.
    connection
        An open DuckDB connection; tables of the same names are replaced.
    profile
        A mapping profile (TOML) for other column names, tried before the built-in ones.
    reject_share
        Share of a table's rows, 0 to 1, that may be quarantined before the run is stopped.
    rejects_folder
        Folder for the quarantined rows, made with mode 0700; None counts them only.
    progress
        Called with a sentence for each step, returns a context manager that spans it.
    amount_limit
        Largest believable amount of either sign, in yuan; beyond it a required amount quarantines the row
        and an optional one becomes null.
    scope
        Which part of the input is read.

    Returns
    -------
    Intake
        Counts, digests and warnings.

    Raises
    ------
    MissingTable, MissingColumn, UnreadableFile, IntakeError
        If the input cannot be used; all problems are collected first.
    TooManyRejects
        If more rows than ``reject_share`` of a table were quarantined; raised after all tables were read.
    SettingsError
        If the profile cannot be used.
    OutputError
        If the quarantined rows cannot be written.
    """
    path = _check_source(source)
    profiles = (*([load_profile(profile)] if profile else []), *builtin_profiles())
    span = progress or (lambda _: nullcontext())
    gathered = _Gathered()
    with _plain_errors(path), _scratch_folder() as scratch, _engine_settings(connection):
        names = known_names(profiles)
        with span(f"opening {path.name}"):
            if _is_database(path):
                opened = open_database(path, connection, names, gathered.ignored, gathered.digests, scope)
            else:
                found = discover(path, names, scope)
                gathered.ignored.extend(found.ignored)
                opened = open_files(found, connection, scratch, gathered.digests, gathered.problems)
        try:
            _check_tables(_matched(opened, profiles), gathered, path, scope)
            gathered.raise_problems()
            reader = TableReader(connection, Decimal(amount_limit), rejects_folder, gathered.warnings, scope)
            read = {}
            for table, parts in sorted(opened.items()):
                with span(f"reading {table}"):
                    read[table] = reader.read(TABLES[table], parts)
            reports = {table: report for table, report in read.items() if report is not None}
        finally:
            connection.execute("DETACH DATABASE IF EXISTS gangfinder_source")
    _check_results(reports, reject_share, gathered)
    gathered.raise_problems()
    warnings = (*gathered.warnings, *ignored_warnings(gathered.ignored))
    return Intake(path.name, reports, gathered.digests, warnings, tuple(gathered.ignored))
