"""Write groups of patients as the lead files that ``gangfinder evaluate`` reads (DESIGN §5)."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

LEAST_PATIENTS = 5


def write_leads(out: Path, groups: Iterable[Sequence[str]]) -> int:
    """Write groups, the best first, as leads; return how many have enough patients to be one."""
    out.mkdir(parents=True, exist_ok=True)
    n = 0
    with (out / "leads.csv").open("w", newline="", encoding="utf-8") as leads_file, \
            (out / "members.csv").open("w", newline="", encoding="utf-8") as members_file:
        leads, members = csv.writer(leads_file), csv.writer(members_file)
        leads.writerow(["lead_id", "rank", "typologies"])
        members.writerow(["lead_id", "entity_type", "entity_id", "membership"])
        for group in groups:
            if len(group) < LEAST_PATIENTS:
                continue
            n += 1
            leads.writerow([f"B-{n:05d}", n, ""])
            members.writerows([f"B-{n:05d}", "patient", patient, "core"] for patient in sorted(group))
    return n
