"""The record of a run, and the recorder of its stages."""

from __future__ import annotations

import gc
import hashlib
import json
import logging
import re
import resource
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from gangfinder import __version__
from gangfinder.settings import Settings

if TYPE_CHECKING:
    from rich.progress import Progress

logger = logging.getLogger("gangfinder")

_LONG_NUMBER = re.compile(r"(?<![\w.])\d{9,}[\dXx]?(?!\w)")


_ALLOCATIONS = 50_000
"""New objects after which Python looks for garbage among them."""


class Redaction(logging.Filter):
    """Take what looks like a phone, an identity or an account number out of a log message.

    Our code never logs row values; this filter is the second fence, for messages of libraries that quote what
    they read.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record in place; it is always kept."""
        record.msg = redacted(record.getMessage())
        record.args = None
        return True


class JsonLines(logging.Formatter):
    """A log line as one JSON object: at, level, message, and of a stage its name, rows, seconds, memory and origin."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        at = datetime.fromtimestamp(record.created).astimezone()
        line: dict[str, Any] = {
            "at": at.isoformat(timespec="milliseconds"), "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        stage = getattr(record, "stage", None)
        if isinstance(stage, StageRecord):
            line["stage"] = stage.name
            line |= {name: value for name, value in _plain(stage).items() if name != "name"}
        return json.dumps(line, ensure_ascii=False)


def redacted(text: str) -> str:
    """Return the text with every number of nine digits or more replaced by ``[number]``."""
    return _LONG_NUMBER.sub("[number]", text)


logger.addFilter(Redaction())


@dataclass(frozen=True, slots=True)
class StageRecord:
    """One finished stage.

    Parameters
    ----------
    name
        Title of the stage.
    rows
        Rows, links, groups … it produced, by its own count; ``None`` where nothing is counted.
    seconds
        Wall time.
    peak_mb
        Largest memory of the process so far, in megabytes.
    resumed
        Whether it ran in an earlier run, which was killed; seconds and memory are those of then.
    """

    name: str
    rows: int | None
    seconds: float
    peak_mb: int
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class InputDigest:
    """One canonical table as it was read: rows kept and quarantined, SHA-256 over its files or its rows."""

    table: str
    rows: int
    rejected: int
    sha256: str


@dataclass(frozen=True, slots=True)
class SkippedPart:
    """A detector, linker or explanation that did not run, and why."""

    kind: str  # typology | linker | benign
    slug: str
    reason: str


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What ``run.json`` holds: written first, sealed last. The run id and clock times stand here alone.

    Parameters
    ----------
    run_id
        Start of the run to the second, and eight characters of a digest of inputs, settings, version, start.
    source
        Name of the input (last part of the path, never its whole path).
    n_tests
        Typology code → how many groups or pairs were tested.
    n_leads
        Leads written.
    register
        Where there is one: the end of its history after this run (``seq``, ``hash``), how many leads stayed out of the
        list because they were dismissed, and what was never linked.
    """

    run_id: str
    source: str
    engine: str
    settings: Settings
    started_at: datetime
    finished_at: datetime | None = None
    inputs: tuple[InputDigest, ...] = ()
    stages: tuple[StageRecord, ...] = ()
    skipped: tuple[SkippedPart, ...] = ()
    n_tests: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    n_leads: int = 0
    notes: tuple[str, ...] = ()
    register: Mapping[str, Any] | None = None

    def to_json(self) -> str:
        """Return ``run.json``: UTF-8 text, indented, keys in a fixed order."""
        document: dict[str, Any] = {
            "run_id": self.run_id,
            "version": __version__,
            "started_at": self.started_at.isoformat(timespec="seconds"),
            "finished_at": self.finished_at and self.finished_at.isoformat(timespec="seconds"),
            "source": self.source,
            "engine": self.engine,
            "seed": self.settings.seed,
            "settings": self.settings.to_json(),
            "settings_digest": self.settings.digest,
            "inputs": [_plain(i) for i in self.inputs],
            "stages": [_plain(s) for s in self.stages],
            "skipped": [_plain(s) for s in self.skipped],
            "n_tests": dict(sorted(self.n_tests.items())),
            "n_leads": self.n_leads,
            "notes": list(self.notes),
            "register": None if self.register is None else dict(self.register),
        }
        return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _plain(record: StageRecord | InputDigest | SkippedPart) -> dict[str, Any]:
    return {name: getattr(record, name) for name in type(record).__slots__}


def new_run_id(started_at: datetime, settings: Settings, input_digests: tuple[str, ...] = ()) -> str:
    """Return the id of a run that starts now: sortable by time, and distinct for distinct content.

    Parameters
    ----------
    started_at
        Start of the run.
    settings
        Settings of the run.
    input_digests
        SHA-256 of the input tables, where known.
    """
    parts = (started_at.isoformat(), settings.digest, __version__, *sorted(input_digests))
    content = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return f"{started_at:%Y%m%dT%H%M%S}-{content[:8]}"


@dataclass(slots=True)
class Stage:
    """A stage under way: set :attr:`rows`, and say what is going on by :meth:`step`."""

    name: str
    rows: int | None = None
    _show: Any = None

    def step(self, text: str) -> None:
        """Show which part of the stage is under way (a table, a typology); no row values."""
        if self._show is not None:
            self._show(f"{self.name}: {text}")


class Stages:
    """Recorder of stages: a spinner with elapsed time on a terminal, one log line elsewhere.

    Parameters
    ----------
    quiet
        Show nothing; stages are recorded all the same.
    terminal
        Whether standard error is a terminal; ``None`` asks it.

    Examples
    --------
    >>> stages = Stages(quiet=True)
    >>> with stages("linking") as stage:
    ...     stage.rows = 12
    >>> stages.records[0].rows
    12
    """

    def __init__(self, *, quiet: bool = False, terminal: bool | None = None) -> None:
        self._quiet = quiet
        self._terminal = sys.stderr.isatty() if terminal is None else terminal
        self._records: list[StageRecord] = []

    @property
    def records(self) -> tuple[StageRecord, ...]:
        """The finished stages, in order."""
        return tuple(self._records)

    @contextmanager
    def __call__(self, name: str) -> Iterator[Stage]:
        """Time one stage, show it, and record it when it ends without an error."""
        stage = Stage(name)
        started = time.monotonic()
        with self._shown(stage):
            yield stage
        record = StageRecord(name, stage.rows, round(time.monotonic() - started, 3), _peak_mb())
        self._records.append(record)
        self._report(record)

    def replay(self, records: Iterable[StageRecord]) -> None:
        """Record and show stages that ran before this run was killed and started again."""
        for record in records:
            self._records.append(replace(record, resumed=True))
            self._report(self._records[-1])

    @contextmanager
    def _shown(self, stage: Stage) -> Iterator[None]:
        if self._quiet or not self._terminal:
            yield
            return
        progress = _spinner()
        task = progress.add_task(stage.name, total=None)
        stage._show = lambda text: progress.update(task, description=text)  # noqa: SLF001 - our own recorder
        with progress:
            yield

    def _report(self, record: StageRecord) -> None:
        counted = "" if record.rows is None else f", {record.rows:,} rows"
        before = " (done before the run was killed)" if record.resumed else ""
        if not self._quiet:
            logger.info("%s: %.1f s%s%s", record.name, record.seconds, counted, before, extra={"stage": record})


def _spinner() -> Progress:
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


def _peak_mb() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak // (1024 * 1024 if sys.platform == "darwin" else 1024))


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Let Python look for garbage seldom, and as before afterwards.

    Expressions are graphs of many small objects, and candidate rows live to the end of the run as hundred thousands of
    them: every look at them finds nothing.
    """
    before = gc.get_threshold()
    gc.set_threshold(max(_ALLOCATIONS, before[0]), *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextmanager
def light_objects() -> Iterator[None]:
    """Let Python look for garbage seldom and pandas hold texts as Python holds them; both as before afterwards.

    Groups are small, and each step on an Arrow text costs a fixed price.
    """
    import pandas as pd

    with seldom_collected(), pd.option_context("mode.string_storage", "python"):
        yield
