"""What is worth knowing about the reading itself, short of rejecting a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gangfinder.intake.casts import FIRST_DAY, LAST_DAY, named
from gangfinder.intake.headers import shown
from gangfinder.intake.opening import Opened
from gangfinder.intake.report import QualityFinding, Severity
from gangfinder.intake.stage import Fault, faults
from gangfinder.model.tables import TableSpec

if TYPE_CHECKING:
    import duckdb

_SENTENCES = {
    "unreadable": (
        "cannot be read as {kind} and were set to null",
        "correct the export, or map another column",
    ),
    "date_out_of_range": (
        f"lie before {FIRST_DAY} or after {LAST_DAY} and were set to null",
        "check whether they stand for 'unknown'",
    ),
    "open_end": ("lie in or after 2099 and were read as 'no end'", "nothing to do if that is what they mean"),
    "amount_out_of_range": (
        "are beyond the amount limit and were set to null",
        "check the unit: yuan, not fen",
    ),
    "exponent_form": (
        "were written by a spreadsheet with an exponent, lost their last digits and were set to null",
        "export the column as text",
    ),
}


def _note(spec: TableSpec, fault: Fault, count: int, total: int) -> QualityFinding:
    what, action = _SENTENCES[fault.reason]
    kind = spec.column(fault.column).kind.value
    grave = Severity.INFO if fault.reason == "open_end" else Severity.WARNING
    sentence = f"{count} values of {spec.name}.{fault.column} {what.format(kind=kind)}"
    return QualityFinding(
        f"value_{fault.reason}",
        grave,
        spec.name,
        fault.column,
        count,
        count / total if total else None,
        sentence,
        action,
    )


def note_warnings(connection: duckdb.DuckDBPyConnection, spec: TableSpec) -> list[QualityFinding]:
    """Return a finding per kind of unusable optional value in the staged rows that are kept."""
    notes = faults(spec, required=False)
    if not notes:
        return []
    tests = ", ".join(f"count(*) FILTER (WHERE _note & {1 << bit} <> 0)" for bit in range(len(notes)))
    table = f"main.{named(spec.name)}"
    counts = connection.execute(
        f"SELECT {tests} FROM {table} WHERE _note <> 0 AND _bad = 0 AND NOT _void"
    ).fetchall()[0]
    if not any(counts):
        return []
    total = connection.execute(f"SELECT count(*) FROM {table} WHERE _bad = 0 AND NOT _void").fetchall()[0][0]
    return [_note(spec, fault, count, total) for fault, count in zip(notes, counts, strict=True) if count]


def part_warnings(spec: TableSpec, part: Opened, *, counted: bool = True) -> list[QualityFinding]:
    """Return what is odd about one file: rounded identifiers, unknown columns, overruled profile lines.

    Parameters
    ----------
    spec, part
        The table and its file.
    counted
        Whether what is counted over all rows of the file may be told.
    """
    findings = []
    for column, names in part.match.sources.items() if counted else ():
        rounded = sum(part.relation.lossy.get(name, 0) for name in names)
        if rounded and spec.column(column).kind.value in ("id", "code"):
            findings.append(
                QualityFinding(
                    "id_rounded_by_spreadsheet",
                    Severity.ERROR,
                    spec.name,
                    column,
                    rounded,
                    None,
                    f"{rounded} identifiers in {spec.name}.{column} (file {part.name!r}) are numbers of more "
                    "than 15 digits in the workbook; their last digits were lost before gangfinder saw them",
                    "format the column as text in the source and export again",
                )
            )
    if part.match.unknown:
        listed = ", ".join(shown(n) for n in part.match.unknown[:8])
        more = len(part.match.unknown) - 8
        findings.append(
            QualityFinding(
                "unknown_columns",
                Severity.INFO,
                spec.name,
                "",
                len(part.match.unknown),
                None,
                f"file {part.name!r} has columns that are not used: {listed}"
                + (f" and {more} more" if more > 0 else ""),
                "map them in a profile if they hold something listed among the canonical columns",
            )
        )
    if part.match.overruled:
        listed = ", ".join(part.match.overruled)
        findings.append(
            QualityFinding(
                "profile_line_overruled",
                Severity.WARNING,
                spec.name,
                "",
                len(part.match.overruled),
                None,
                f"file {part.name!r} has columns of the canonical names {listed}; "
                "the profile's lines for them were not used",
                "rename the column in the export if the profile is right",
            )
        )
    return findings


def ignored_warnings(ignored: Sequence[str]) -> list[QualityFinding]:
    """Return a finding for files that belong to no table."""
    if not ignored:
        return []
    listed = ", ".join(shown(n) for n in ignored[:8])
    more = len(ignored) - 8
    return [
        QualityFinding(
            "ignored_files",
            Severity.INFO,
            "",
            "",
            len(ignored),
            None,
            f"not read: {listed}{f' and {more} more' if more > 0 else ''}",
            "to have a file read, name it after its table, or add its name to `from` in a mapping profile",
        )
    ]
