"""What the intake found: counts per table, digests per file, and findings about the quality of the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import Path


class Severity(StrEnum):
    """How much a quality finding matters to somebody who is about to trust a lead."""

    INFO = "info"  # good to know
    WARNING = "warning"  # some detectors lose strength or need care
    ERROR = "error"  # leads that rest on this column would be wrong


@dataclass(frozen=True, slots=True)
class QualityFinding:
    """One thing about the data that a person should know before trusting a lead.

    Parameters
    ----------
    code
        Stable name of the check, for tests and filters.
    severity
        How much it matters.
    table, column
        Where; ``column`` is empty when the whole table is meant.
    count
        Rows, values or entities concerned.
    share
        ``count`` as a share of what was looked at, 0 to 1; None when no base applies.
    sentence
        What was found, without any value of a row.
    action
        What the reader can do about it.
    """

    code: str
    severity: Severity
    table: str
    column: str
    count: int
    share: float | None
    sentence: str
    action: str

    def to_row(self) -> dict[str, str | int | float | None]:
        """Return the finding as a flat record for a table or JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class TableReport:
    """What became of one canonical table.

    ``rows_read`` is always ``rows_kept + rows_identical + rows_rejected + rows_void``.

    Parameters
    ----------
    name
        Canonical name.
    rows_read
        Data rows seen in all files of the table.
    rows_kept
        Rows in the table now.
    rows_identical
        Copies of a kept row that were dropped.
    rows_rejected
        Rows quarantined.
    rows_void
        Rows the source itself marks as invalid (``vali_flag`` 0), left out.
    rejected
        Reason → rows. A row with two faults counts under both, so the sum may exceed ``rows_rejected``.
    columns
        Canonical columns the input has, in canonical order.
    unknown
        Source columns that mean nothing to gangfinder.
    files
        Names of the files (or database tables), relative to the input.
    encodings
        Encoding per file, for text files only.
    profile
        Names of the column mappings used, joined by ``+``.
    has_clock
        Instant column → False when every value stands at midnight (only the date is known).
    rejects_file
        Where the quarantined rows were written, if any were and a folder was given.
    content
        SHA-256 of the rows kept, where the digests of the files would tell of other rows or tables; else empty.
    """

    name: str
    rows_read: int
    rows_kept: int
    rows_identical: int
    rows_rejected: int
    rows_void: int
    rejected: Mapping[str, int]
    columns: tuple[str, ...]
    unknown: tuple[str, ...]
    files: tuple[str, ...]
    encodings: Mapping[str, str]
    profile: str
    has_clock: Mapping[str, bool]
    rejects_file: Path | None = None
    content: str = ""

    @property
    def reject_share(self) -> float:
        """Quarantined rows as a share of the rows read, 0 for an empty table."""
        return self.rows_rejected / self.rows_read if self.rows_read else 0.0


@dataclass(frozen=True, slots=True)
class Intake:
    """Everything known about an input after it was read.

    Parameters
    ----------
    source
        Name of the folder or file that was read.
    tables
        Report per canonical table found.
    digests
        File name, relative to the input → SHA-256 of its bytes.
    warnings
        What was noticed while reading (unreadable optional values, ignored files, …).
    ignored
        Files and database tables that belong to no canonical table.
    first_day
        First day of the window, where one was asked for.
    """

    source: str
    tables: Mapping[str, TableReport]
    digests: Mapping[str, str]
    warnings: tuple[QualityFinding, ...] = ()
    ignored: tuple[str, ...] = field(default=())
    first_day: date | None = None

    def has(self, table: str, *columns: str) -> bool:
        """Tell whether the input has the table and all these columns of it."""
        report = self.tables.get(table)
        return report is not None and set(columns) <= set(report.columns)

    def to_rows(self) -> list[dict[str, str | int | float | None]]:
        """Return one flat record per table, in name order, for rendering."""
        return [
            {
                "table": report.name,
                "rows_read": report.rows_read,
                "rows_kept": report.rows_kept,
                "rows_identical": report.rows_identical,
                "rows_rejected": report.rows_rejected,
                "rows_void": report.rows_void,
                "columns": len(report.columns),
                "profile": report.profile,
                "files": len(report.files),
            }
            for _, report in sorted(self.tables.items())
        ]


def to_rows(
    findings: list[QualityFinding] | tuple[QualityFinding, ...],
) -> list[dict[str, str | int | float | None]]:
    """Return findings as flat records, the gravest first, then by table, column and code."""
    order = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}
    ranked = sorted(findings, key=lambda f: (order[f.severity], f.table, f.column, f.code))
    return [finding.to_row() for finding in ranked]
