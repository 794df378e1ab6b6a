"""``explain.jsonl``: the narrative of every lead, one JSON object a line, for ``gangfinder explain``.

It holds message ids and values instead of finished text, so that a run in Chinese can be explained in
English.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gangfinder.export.contract import Disclosure, Exporter, RunView
from gangfinder.export.folder import DraftFile
from gangfinder.export.projection import Row

FILE = "explain.jsonl"


class LinesSink:
    """One line per lead, in the order of rank."""

    def __init__(self, target: Path, run: RunView, discloses: Disclosure) -> None:
        del run, discloses
        self._file = DraftFile(target / FILE)

    def put(self, sheet: str, row: Row) -> None:
        """Write one line."""
        del sheet
        self._file.write(f"{row['line']}\n")

    def close(self) -> Mapping[str, str]:
        """Give the file its name."""
        return {FILE: self._file.commit()}

    def abort(self) -> None:
        """Remove the draft."""
        self._file.discard()


EXPORTER = Exporter(
    slug="explain_lines",
    title="Narratives for gangfinder explain",
    discloses={"narrative": ("line",)},
    open=LinesSink,
    in_run=True,
)
