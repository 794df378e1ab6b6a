"""The data-quality report: what is wrong with the data before anyone trusts a lead (DOMAIN §1.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gangfinder.intake.quality import amounts, clocks, identities, items, persons, references, stays
from gangfinder.intake.quality.probe import Probe
from gangfinder.intake.report import Intake, QualityFinding, Severity

if TYPE_CHECKING:
    import duckdb

CHECKS = (
    *clocks.CHECKS,
    *identities.CHECKS,
    *persons.CHECKS,
    *stays.CHECKS,
    *amounts.CHECKS,
    *items.CHECKS,
    *references.CHECKS,
)
"""Every check: a function of a `Probe` that returns findings, none when its columns are absent."""

_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


def quality_report(intake: Intake, connection: duckdb.DuckDBPyConnection) -> list[QualityFinding]:
    """Run every check on the tables that were read.

    Parameters
    ----------
    intake
        The result of `read_input`.
    connection
        The connection it was read into.

    Returns
    -------
    list of QualityFinding
        The warnings of the reading and the findings of the checks, the gravest first. No sentence holds a
        value of a row.
    """
    probe = Probe(connection, intake)
    found = [*intake.warnings, *(finding for check in CHECKS for finding in check(probe))]
    return sorted(found, key=lambda f: (_ORDER[f.severity], f.table, f.column, f.code))


__all__ = ["CHECKS", "Probe", "quality_report"]
