"""Files and databases → canonical tables, with all that was wrong with them counted, explained and kept."""

from gangfinder.intake.profile import Profile, builtin_profiles, load_profile
from gangfinder.intake.quality import quality_report
from gangfinder.intake.reader import read_input
from gangfinder.intake.report import Intake, QualityFinding, Severity, TableReport, to_rows

__all__ = [
    "Intake",
    "Profile",
    "QualityFinding",
    "Severity",
    "TableReport",
    "builtin_profiles",
    "load_profile",
    "quality_report",
    "read_input",
    "to_rows",
]
