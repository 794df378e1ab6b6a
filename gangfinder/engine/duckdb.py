"""DuckDB in process: the default engine."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from concurrent.futures import Future

    import ibis.expr.types as ir
    import pyarrow as pa


def _run(connection: Any, sql: str) -> pa.Table:  # noqa: ANN401 - duckdb.DuckDBPyConnection
    return connection.sql(sql).to_arrow_table()


def _typed(expression: ir.Table, rows: Future[pa.Table]) -> pa.Table:
    """Return rows with the types that the expression says, as a single fetch does."""
    return rows.result().cast(expression.schema().to_pyarrow())


_OPEN: weakref.WeakSet[DuckDBEngine] = weakref.WeakSet()


def interrupt_all() -> None:
    """Stop every statement that an engine of this process is running; it raises ``duckdb.InterruptException``.

    DuckDB looks for signals while it works itself; while it waits for its other threads it does not.
    """
    for engine in list(_OPEN):
        engine.interrupt()


class DuckDBEngine:
    """DuckDB in this process, spilling to a scratch folder.

    Parameters
    ----------
    scratch
        Folder for what does not fit into memory; ``None`` spills nothing. Tables live in memory, not in a file: writing
        them compressed took more than half of the intake's time (1 M settlements: 18.7 against 7.6 s of CPU).
    threads
        Worker threads; ``None`` takes all cores. Results do not depend on it.
    memory_limit
        For example ``"4GB"``; ``None`` takes DuckDB's default.
    """

    name = "duckdb"

    def __init__(
        self, scratch: Path | None = None, *, threads: int | None = None, memory_limit: str | None = None
    ) -> None:
        import ibis

        options: dict[str, Any] = {"autoinstall_known_extensions": "false", "preserve_insertion_order": "false"}
        if threads is not None:
            options["threads"] = str(threads)
        if memory_limit is not None:
            options["memory_limit"] = memory_limit
        if scratch is not None:
            options["temp_directory"] = str(scratch / "spill")
        self._backend = ibis.duckdb.connect(":memory:", **options)
        # DuckDB draws its own bar on standard output, where results go
        self._backend.raw_sql("SET enable_progress_bar = false")
        self._besides: set[Any] = set()
        _OPEN.add(self)

    @property
    def connection(self) -> Any:  # noqa: ANN401 - duckdb.DuckDBPyConnection; importing it here would cost every caller
        """The raw DuckDB connection, for intake, which reads files into this engine."""
        return self._backend.con

    def tables(self) -> list[str]:
        """Names of all tables, sorted."""
        return sorted(self._backend.list_tables())

    def table(self, name: str) -> ir.Table:
        """Return the existing table of that name."""
        return self._backend.table(name)

    def load(self, name: str, path: Path) -> ir.Table:
        """See :meth:`Engine.load`."""
        glob = f"{path}/**/*.parquet" if path.is_dir() else str(path)
        self._backend.create_table(name, self._backend.read_parquet(glob), overwrite=True)
        return self._backend.table(name)

    def put(self, name: str, rows: pa.Table) -> ir.Table:
        """See :meth:`Engine.put`."""
        return self._backend.create_table(name, rows, overwrite=True)

    def keep(self, name: str, expression: ir.Table) -> ir.Table:
        """See :meth:`Engine.keep`."""
        return self._backend.create_table(name, expression, overwrite=True)

    def drop(self, name: str) -> None:
        """See :meth:`Engine.drop`."""
        self._backend.drop_table(name, force=True)

    def fetch(self, expression: ir.Table) -> pa.Table:
        """See :meth:`Engine.fetch`."""
        return expression.to_pyarrow()

    def fetch_each(self, expressions: Iterable[ir.Table]) -> Iterator[pa.Table]:
        """See :meth:`Engine.fetch_each`.

        Writing the SQL of a detector takes Python as long as running it takes DuckDB, which needs no Python: while one
        statement runs in a thread of its own, the next is written and the rows before are read.
        """
        from concurrent.futures import ThreadPoolExecutor

        running: deque[tuple[ir.Table, Future[pa.Table]]] = deque()
        beside = self._beside()
        with ThreadPoolExecutor(1) as worker:
            for expression in expressions:
                sql = self._backend.compile(expression)
                running.append((expression, worker.submit(_run, beside, sql)))
                if len(running) > 1:
                    yield _typed(*running.popleft())
            while running:
                yield _typed(*running.popleft())
        self._besides.discard(beside)
        beside.close()

    def _beside(self) -> Any:  # noqa: ANN401 - duckdb.DuckDBPyConnection
        """Return a second connection to the same tables, with the settings of the first that are its own."""
        beside = self.connection.cursor()
        self._besides.add(beside)
        for name in ("TimeZone", "python_enable_replacements", "enable_progress_bar"):
            (value,) = self.connection.execute("SELECT current_setting(?)", [name]).fetchone()
            beside.execute(f"SET {name} = '{value}'")
        return beside

    def interrupt(self) -> None:
        """Stop the statements that run here; may be called from any thread."""
        for connection in (self.connection, *list(self._besides)):
            connection.interrupt()

    def close(self) -> None:
        """See :meth:`Engine.close`."""
        _OPEN.discard(self)
        self._backend.disconnect()
