"""Spark: the engine for a province; in local mode the same code runs in tests."""

from __future__ import annotations

import logging
import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gangfinder.errors import EngineError, EngineUnavailable, SettingsError

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

_INSTALL_HINT = "install the extra with: pip install 'gangfinder[spark]'"
_JAVA_HINT = "install a Java runtime, version 17 (Debian: openjdk-17-jre-headless), or set JAVA_HOME to one"

_SESSION: dict[str, str] = {
    # naive instants stay what they are: no session zone shifts them, and CAST(... AS TIMESTAMP) is naive, too
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.parquet.inferTimestampNTZ.enabled": "true",
    # a wrong cast or an overflow is an error, as on DuckDB, not a silent null
    "spark.sql.ansi.enabled": "true",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.sql.parquet.compression.codec": "snappy",
}
"""Settings of every session, ours or found."""

_LOG_SETTINGS = """\
status = error
rootLogger.level = error
logger.gateway.name = org.apache.spark.api.python.PythonGatewayServer
logger.gateway.level = error
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %p %c{1}%n
"""
# without a level of its own the gateway sets the root to WARN, and says so;
# the pattern has no message (%m): Spark puts the value that failed into it, and no row value may reach a log


class SparkEngine:
    """Spark behind the engine interface.

    A Spark session that already runs in this process (``spark-submit``, a notebook) is used and left running;
    otherwise one is started in local mode and stopped by :meth:`close`. Tables are Parquet folders in the
    scratch folder, never cached plans, so a loop cannot grow a plan without end.

    Parameters
    ----------
    scratch
        Folder for tables and shuffles; ``None`` makes a temporary one and removes it on :meth:`close`.
    threads
        Local worker threads; ``None`` takes all cores. Results do not depend on it.
    memory_limit
        Heap of the driver, for example ``"4GB"``; ``None`` takes Spark's default. Only the first session of a
        process can set it, because a running JVM cannot be resized.

    Raises
    ------
    EngineUnavailable
        If pyspark or a Java runtime is missing.
    SettingsError
        If the memory limit cannot be read.
    """

    name = "spark"

    def __init__(
        self, scratch: Path | None = None, *, threads: int | None = None, memory_limit: str | None = None
    ) -> None:
        require_spark()
        self._own_scratch = scratch is None
        self._scratch = Path(tempfile.mkdtemp(prefix="gangfinder-")) if scratch is None else scratch
        self._names: set[str] = set()
        self._folders: dict[str, Path] = {}
        self._generation = 0
        self._session, self._own_context = _open_session(self._scratch, threads, memory_limit)
        import ibis

        self._backend = ibis.pyspark.connect(self._session)

    def tables(self) -> list[str]:
        """Names of all tables, sorted."""
        return sorted(self._names)

    def table(self, name: str) -> ir.Table:
        """Return the existing table of that name."""
        return self._backend.table(name)

    def load(self, name: str, path: Path) -> ir.Table:
        """See :meth:`Engine.load`; the rows stay where they are."""
        with _guard(name):
            rows = self._session.read.option("recursiveFileLookup", "true").parquet(str(path.absolute()))
            rows.createOrReplaceTempView(name)
        self._names.add(name)
        return self._backend.table(name)

    def put(self, name: str, rows: pa.Table) -> ir.Table:
        """See :meth:`Engine.put`; the rows travel as Parquet, so that a null never becomes NaN on the way."""
        import pyarrow.parquet as pq

        folder = self._folder(name)
        folder.mkdir(parents=True)
        # Spark reads microseconds only; nothing of ours is finer
        pq.write_table(rows, folder / "part-0.parquet", coerce_timestamps="us")
        return self._replace(name, folder)

    def keep(self, name: str, expression: ir.Table) -> ir.Table:
        """See :meth:`Engine.keep`."""
        folder = self._folder(name)
        with _guard(name):
            self._frame(expression).write.parquet(str(folder.absolute()))
        return self._replace(name, folder)

    def drop(self, name: str) -> None:
        """See :meth:`Engine.drop`."""
        self._session.catalog.dropTempView(name)
        self._names.discard(name)
        self._forget(self._folders.pop(name, None))

    def fetch(self, expression: ir.Table) -> pa.Table:
        """See :meth:`Engine.fetch`."""
        wanted = expression.schema().to_pyarrow()
        with _guard("a result"), warnings.catch_warnings():
            # pyspark leaves the socket of each result to the garbage collector
            warnings.simplefilter("ignore", ResourceWarning)
            rows = self._frame(expression).toArrow()
        return rows.rename_columns(wanted.names).cast(wanted)

    def fetch_each(self, expressions: Iterable[ir.Table]) -> Iterator[pa.Table]:
        """See :meth:`Engine.fetch_each`."""
        yield from map(self.fetch, expressions)

    def close(self) -> None:
        """See :meth:`Engine.close`."""
        for name in list(self._folders):
            self.drop(name)
        if self._own_context:
            self._session.stop()
        if self._own_scratch:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _frame(self, expression: ir.Table) -> Any:  # noqa: ANN401 - pyspark.sql.DataFrame; imported lazily
        import ibis.expr.operations as ops

        for literal in expression.op().find(ops.InMemoryTable):
            # Ibis would send these through pandas, where a null text becomes the text "NaN"
            self.put(literal.name, literal.data.to_pyarrow(literal.schema))
        return self._session.sql(self._backend.compile(expression))

    def _folder(self, name: str) -> Path:
        # a new folder each time: an expression may read the very table it replaces
        self._generation += 1
        return self._scratch / "tables" / f"{name}.{self._generation}"

    def _replace(self, name: str, folder: Path) -> ir.Table:
        table = self.load(name, folder)
        self._forget(self._folders.get(name))
        self._folders[name] = folder
        return table

    @staticmethod
    def _forget(folder: Path | None) -> None:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def require_spark() -> None:
    """Check that pyspark and a Java runtime are here.

    Raises
    ------
    EngineUnavailable
        If one of them is missing; the hint says how to install it.
    """
    try:
        import pyspark  # noqa: F401 - only whether it is there
    except ImportError as error:
        msg = "the spark engine needs pyspark, which is not installed"
        raise EngineUnavailable(msg, hint=_INSTALL_HINT) from error
    home = os.environ.get("JAVA_HOME")
    if not (home and (Path(home) / "bin" / "java").exists()) and shutil.which("java") is None:
        msg = "the spark engine needs a Java runtime, and none was found"
        raise EngineUnavailable(msg, hint=_JAVA_HINT)


def _open_session(scratch: Path, threads: int | None, memory_limit: str | None) -> tuple[Any, bool]:
    """Return a session of our own settings, and whether its context was started here."""
    from pyspark.sql import SparkSession

    # this logger prints failed statements with the values in them
    logging.getLogger("SQLQueryContextLogger").disabled = True
    running = SparkSession.getActiveSession()
    if running is None:
        session = _start(_static_settings(scratch, threads, memory_limit))
    else:
        session = running.newSession()
        for key, value in _SESSION.items():
            session.conf.set(key, value)
    # as many partitions as threads: two hundred, the default, cost a small table most of its time
    session.conf.set("spark.sql.shuffle.partitions", str(session.sparkContext.defaultParallelism))
    return session, running is None


def _static_settings(scratch: Path, threads: int | None, memory_limit: str | None) -> dict[str, str]:
    scratch.mkdir(parents=True, exist_ok=True)
    log = scratch / "log4j2.properties"
    log.write_text(_LOG_SETTINGS, encoding="utf-8")
    java_options = f"-Duser.timezone=UTC -Dlog4j2.configurationFile={log.absolute().as_uri()}"
    settings = {
        "spark.master": f"local[{threads or '*'}]",
        "spark.app.name": "gangfinder",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": java_options,
        "spark.local.dir": str((scratch / "spill").absolute()),
        "spark.sql.warehouse.dir": str((scratch / "warehouse").absolute()),
        "spark.sql.catalogImplementation": "in-memory",
        # nobody looks at past jobs, and a thousand remembered plans of ours fill a small heap until nothing moves
        **{f"spark.ui.retained{what}": "10" for what in ("Jobs", "Stages", "Tasks")},
        "spark.sql.ui.retainedExecutions": "10",
        # a page is taken for every small table that is sent to a join, and kept while the plan lives; Spark's own
        # guess, a sixteenth of the heap and more, was made for few large ones
        "spark.buffer.pageSize": "1m",
        **_SESSION,
    }
    if memory_limit is not None:
        settings["spark.driver.memory"] = _jvm_size(memory_limit)
    return settings


def _start(settings: dict[str, str]) -> Any:  # noqa: ANN401 - pyspark.sql.SparkSession; imported lazily
    from pyspark.errors import PySparkRuntimeError
    from pyspark.sql import SparkSession

    builder = SparkSession.builder
    for key, value in settings.items():
        builder = builder.config(key, value)
    try:
        return builder.getOrCreate()
    except PySparkRuntimeError as error:
        msg = "Java did not start Spark"
        raise EngineUnavailable(msg, hint=_JAVA_HINT) from error


def _jvm_size(memory_limit: str) -> str:
    """Return ``4GB``, ``1.5 GiB`` or ``512MB`` as the JVM writes it, in whole megabytes."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([mgt])i?b?\s*", memory_limit, re.IGNORECASE)
    if match is None:
        msg = "the memory limit of the spark engine cannot be read"
        raise SettingsError(msg, hint="give a number and a unit, for example 4GB")
    return f"{int(float(match[1]) * 1024 ** 'mgt'.index(match[2].lower()))}m"


@contextmanager
def _guard(name: str) -> Iterator[None]:
    """Turn Spark's errors into ours: the class of the error, never its text, which may hold a row's value."""
    from py4j.protocol import Py4JError  # type: ignore[import-untyped]  # publishes no types
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JError) as error:
        condition = getattr(error, "getCondition", lambda: None)() or type(error).__name__
        msg = f"Spark failed on table '{name}': {condition}"
        raise EngineError(msg, hint="try --engine duckdb; if it succeeds, please report this") from None
