"""The four tables of a run: ``leads.csv``, ``members.csv``, ``evidence.csv``, ``benign.csv``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gangfinder.export.cells import neutral, number
from gangfinder.export.contract import Disclosure, Exporter, RunView
from gangfinder.export.folder import DraftFile
from gangfinder.export.projection import FIELDS, Row

SHEETS = ("leads", "members", "evidence", "benign")


class CsvSink:
    """UTF-8, comma, line feed; every text cell is neutral, numbers stay numbers."""

    def __init__(self, target: Path, run: RunView, discloses: Disclosure) -> None:
        del run
        self._files: dict[str, DraftFile] = {}
        for sheet, names in discloses.items():
            self._files[sheet] = DraftFile(target / f"{sheet}.csv")
            self._files[sheet].write(",".join(names) + "\n")

    def put(self, sheet: str, row: Row) -> None:
        """Write one row."""
        cells = (_quoted(neutral(c)) if isinstance(c, str) else number(c) for c in row.values())
        self._files[sheet].write(",".join(cells) + "\n")

    def close(self) -> Mapping[str, str]:
        """Give the files their names."""
        return {f"{sheet}.csv": file.commit() for sheet, file in self._files.items()}

    def abort(self) -> None:
        """Remove the drafts."""
        for file in self._files.values():
            file.discard()


def _quoted(text: str) -> str:
    if any(c in text for c in ',"') or text != text.strip():
        return '"' + text.replace('"', '""') + '"'
    return text


EXPORTER = Exporter(
    slug="csv_tables",
    title="Leads, members, evidence and explanations as CSV",
    discloses={sheet: FIELDS[sheet] for sheet in SHEETS},
    open=CsvSink,
    in_run=True,
)
