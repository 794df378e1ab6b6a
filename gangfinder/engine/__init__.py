"""The relational engine behind one small interface: DuckDB in process, Spark for a province (DESIGN §7)."""

from __future__ import annotations

from pathlib import Path

from gangfinder.engine.base import Engine
from gangfinder.engine.duckdb import DuckDBEngine
from gangfinder.errors import SettingsError, nearest

ENGINES = ("duckdb", "spark")
"""Names that :func:`open_engine` takes; the first is the default."""

__all__ = ["ENGINES", "DuckDBEngine", "Engine", "open_engine"]


def open_engine(
    name: str = "duckdb",
    scratch: Path | None = None,
    *,
    threads: int | None = None,
    memory_limit: str | None = None,
) -> Engine:
    """Open an engine by name.

    Parameters
    ----------
    name
        One of :data:`ENGINES`.
    scratch
        Folder for whatever it keeps or spills; ``None`` lets the engine choose.
    threads
        Worker threads; ``None`` takes all cores. Results do not depend on it.
    memory_limit
        For example ``"4GB"``; ``None`` takes the engine's default.

    Raises
    ------
    SettingsError
        If there is no engine of that name.
    EngineUnavailable
        If its extra or runtime is not installed.
    """
    if name == "duckdb":
        return DuckDBEngine(scratch, threads=threads, memory_limit=memory_limit)
    if name == "spark":
        from gangfinder.engine.spark import SparkEngine

        return SparkEngine(scratch, threads=threads, memory_limit=memory_limit)
    msg = f"there is no engine '{name}'"
    raise SettingsError(msg, hint=f"use one of {', '.join(nearest(name, ENGINES) or ENGINES)}")
