"""What the pipeline asks of an engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa


class Engine(Protocol):
    """A place where relational expressions run.

    Every method takes and returns Ibis expressions bound to this engine; an engine never interprets their meaning.
    """

    name: str

    def load(self, name: str, path: Path) -> ir.Table:
        """Make the Parquet file or folder at ``path`` the table ``name`` and return it."""
        ...

    def put(self, name: str, rows: pa.Table) -> ir.Table:
        """Make in-memory rows the table ``name`` and return it."""
        ...

    def keep(self, name: str, expression: ir.Table) -> ir.Table:
        """Compute the expression once, keep it as table ``name`` (replacing it), and return that table."""
        ...

    def drop(self, name: str) -> None:
        """Forget the kept table ``name``, if there is one."""
        ...

    def fetch(self, expression: ir.Table) -> pa.Table:
        """Compute the expression and return its rows; the caller sorts where order matters."""
        ...

    def fetch_each(self, expressions: Iterable[ir.Table]) -> Iterator[pa.Table]:
        """Compute several expressions and return the rows of each in turn; an engine may prepare one as another runs.

        What an expression reads must stay as it is until its rows are returned.
        """
        ...

    def close(self) -> None:
        """Release everything; the engine is unusable afterwards."""
        ...
