"""Leads of a run and rings of a town, read from their files and made comparable."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gangfinder.errors import MissingTable, UnreadableFile

SHARE = 0.6
"""Least share of the ring in the lead, and of the lead in the ring."""

Subjects = frozenset[tuple[str, str]]

_INSIDE = frozenset({"staff", "office"})


@dataclass(frozen=True, slots=True)
class Lead:
    """One listed lead: its place, its core members and the rows it cites, as typed keys.

    Leads on the fund's staff, or on an office, are a list of their own, as they are in a run.
    """

    lead_id: str
    rank: int
    typologies: str
    core: Subjects
    evidence: Subjects

    @property
    def patients(self) -> Subjects:
        """Core members who are patients."""
        return frozenset(s for s in self.core if s[0] == "patient")

    @property
    def of_staff(self) -> bool:
        """Whether it is about the fund's own staff or offices."""
        return any(kind in _INSIDE for kind, _ in self.core)


@dataclass(frozen=True, slots=True)
class Ring:
    """One planted ring: its patients (else its houses and doctors) and its rows, as typed keys.

    The offices are those at which the insiders of a ring of staff work: a lead that names such an office, and nobody,
    says of the process what is true.
    """

    ring_id: str
    typology: str
    subjects: Subjects
    evidence: Subjects
    offices: Subjects = frozenset()

    @property
    def of_staff(self) -> bool:
        """Whether it is made of the fund's staff."""
        return any(kind == "staff" for kind, _ in self.subjects)


def read_truth(path: Path) -> Mapping[str, Any]:
    """Return the contents of ``truth.json``."""
    if not path.is_file():
        message = "The town folder has no truth.json"
        raise MissingTable(message, hint="make the town with `gangfinder synth`")
    try:
        loaded: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = "truth.json cannot be read"
        raise UnreadableFile(message, hint="make the town again") from error
    return loaded


def _read_csv(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as handle:
            return list(csv.DictReader(handle))
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path.name} cannot be read"
        raise UnreadableFile(message, hint="give the output folder of a run") from error


def read_leads(out: Path) -> list[Lead]:
    """Return all leads of a run, sealed ones included: by their places, those on staff numbered apart."""
    if not (out / "leads.csv").is_file():
        message = "The output folder has no leads.csv"
        raise MissingTable(message, hint="give the output folder of `gangfinder run`")
    leads: list[Lead] = []
    for folder in (out, out / "sealed"):
        if (folder / "leads.csv").is_file():
            leads += _leads_of(folder)
    leads.sort(key=lambda lead: (lead.of_staff, lead.rank, lead.lead_id))
    others = sum(not lead.of_staff for lead in leads)
    return [
        replace(lead, rank=place + 1 - (others if lead.of_staff else 0)) for place, lead in enumerate(leads)
    ]


def _leads_of(folder: Path) -> list[Lead]:
    core, evidence = defaultdict(set), defaultdict(set)
    for row in _read_csv(folder / "members.csv"):
        if row["membership"] == "core":
            core[row["lead_id"]].add((row["entity_type"], row["entity_id"]))
    for row in _read_csv(folder / "evidence.csv") if (folder / "evidence.csv").is_file() else []:
        evidence[row["lead_id"]].add((row["source_table"], row["source_key"]))
    return [
        Lead(
            row["lead_id"],
            int(row["rank"]),
            row["typologies"],
            frozenset(core[row["lead_id"]]),
            frozenset(evidence[row["lead_id"]]),
        )
        for row in _read_csv(folder / "leads.csv")
    ]


def typed(kind: str, values: Iterable[str]) -> Subjects:
    """Return identifiers with the kind of thing they name."""
    return frozenset((kind, value) for value in values)


def ring_of(entry: Mapping[str, Any]) -> Ring:
    """Return a ring from its entry in ``truth.json``."""
    made_of = entry.get("subject_type", "patient")
    subjects = typed(made_of, entry["staff" if made_of == "staff" else f"{made_of}s"])
    houses = typed("institution", entry["institutions"]) | typed("doctor", entry["doctors"])
    evidence = frozenset((table, key) for table, keys in entry["source_keys"].items() for key in keys)
    offices = typed("office", entry.get("offices", ()))
    return Ring(entry["ring_id"], entry["typology"], subjects or houses, evidence, offices)


def comparable(ring: Ring, lead: Lead) -> Subjects:
    """Return the lead's core members of the sort that the ring is made of."""
    kinds = {kind for kind, _ in ring.subjects}
    return frozenset(subject for subject in lead.core if subject[0] in kinds)


def shares(ring: Ring, lead: Lead) -> tuple[float, float]:
    """Return the share of the ring in the lead, and of the lead in the ring."""
    core = comparable(ring, lead)
    both = len(core & ring.subjects)
    return both / max(len(ring.subjects), 1), both / max(len(core), 1)
