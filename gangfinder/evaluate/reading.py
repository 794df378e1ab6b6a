"""Leads of a run and rings of a town, read from their files and made comparable."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gangfinder.errors import MissingTable, UnreadableFile

SHARE = 0.6
"""Least share of the ring in the lead, and of the lead in the ring."""

Subjects = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Lead:
    """One listed lead: its place, its core members and the rows it cites, as typed keys."""

    lead_id: str
    rank: int
    typologies: str
    core: Subjects
    evidence: Subjects

    @property
    def patients(self) -> Subjects:
        """Core members who are patients."""
        return frozenset(s for s in self.core if s[0] == "patient")


@dataclass(frozen=True, slots=True)
class Ring:
    """One planted ring: its patients (else its houses and doctors) and its rows, as typed keys."""

    ring_id: str
    typology: str
    subjects: Subjects
    evidence: Subjects


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
    """Return all leads of a run, sealed ones included, numbered by their place in the joint order."""
    if not (out / "leads.csv").is_file():
        message = "The output folder has no leads.csv"
        raise MissingTable(message, hint="give the output folder of `gangfinder run`")
    leads: list[Lead] = []
    for folder in (out, out / "sealed"):
        if (folder / "leads.csv").is_file():
            leads += _leads_of(folder)
    leads.sort(key=lambda lead: (lead.rank, lead.lead_id))
    return [Lead(x.lead_id, place + 1, x.typologies, x.core, x.evidence) for place, x in enumerate(leads)]


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
    return Ring(entry["ring_id"], entry["typology"], subjects or houses, evidence)


def comparable(ring: Ring, lead: Lead) -> Subjects:
    """Return the lead's core members of the sort that the ring is made of."""
    kinds = {kind for kind, _ in ring.subjects}
    return frozenset(subject for subject in lead.core if subject[0] in kinds)


def shares(ring: Ring, lead: Lead) -> tuple[float, float]:
    """Return the share of the ring in the lead, and of the lead in the ring."""
    core = comparable(ring, lead)
    both = len(core & ring.subjects)
    return both / max(len(ring.subjects), 1), both / max(len(core), 1)
