"""The relational engine behind one small interface: DuckDB in process by default, Spark for a province (DESIGN §7)."""

from gangfinder.engine.base import Engine
from gangfinder.engine.duckdb import DuckDBEngine

__all__ = ["DuckDBEngine", "Engine"]
