"""``changes.json``: what is different since the last run, for another system to pick up.

::

    {"format": 1,
     "counts": {"new": 1, "grown": 1, …},     every status that occurs, unchanged leads included
     "changes": [                             by rank, then those that are gone, by id; no unchanged leads
       {"lead_id": "L-…", "status": "grown",  new, grown, shrunk, split, reopened, merged, vanished
        "rank": 2, "previous_rank": 5,        null: not listed
        "typologies": ["T01"],
        "amount_low": "1.00", "amount_high": "2.00",     yuan; null for those that are gone
        "members_joined": ["P1"], "members_left": [],    ids of the core, or tokens
        "members_aged": [],                   those of members_left whose evidence is older than the data
        "n_new_evidence": 3, "n_gone_evidence": 0,
        "new_typologies": [],
        "merged_from": [], "split_from": [],  ids of leads
        "merged_into": null,
        "reopened_because": null,             vanished, expired, members, typology, evidence, merged
        "words": {"zh": "…", "en": "…"}}]}

Without a register every lead is new. Dismissed leads are not told of, nor is it told that they are gone.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gangfinder.export.folder import write_file
from gangfinder.leads.catalogue import Phrase, translator
from gangfinder.leads.changes import change_lines, departure_lines
from gangfinder.model.lead import Change
from gangfinder.settings import LANGUAGES

if TYPE_CHECKING:
    from gangfinder.leads.texts import Texts
    from gangfinder.model.evidence import EvidenceRow
    from gangfinder.model.lead import Departure, Lead

FILE = "changes.json"

FORMAT = 1

UNCHANGED = "unchanged"


def write_changes(leads: Sequence[Lead], departures: Sequence[Departure], folder: Path, texts: Texts) -> str:
    """Write ``changes.json`` and return its SHA-256.

    Parameters
    ----------
    leads
        Of the run, by rank.
    departures
        Registered leads that are gone, by id.
    folder
        An existing folder.
    texts
        Titles of typologies.
    """
    counts = Counter([*(lead.status for lead in leads), *(gone.status for gone in departures)])
    changed = [_lead(lead, texts) for lead in leads if lead.status != UNCHANGED]
    document = {
        "format": FORMAT, "counts": dict(sorted(counts.items())),
        "changes": [*changed, *(_departure(gone) for gone in departures)],
    }
    return write_file(folder / FILE, json.dumps(document, ensure_ascii=False, indent=2) + "\n")


def _row(row: EvidenceRow) -> tuple[str, str, str, str]:
    """Return what makes an evidence row another one, as the register counts them."""
    return row.subject_type, row.subject_id, row.source_table, row.source_key


def _lead(lead: Lead, texts: Texts) -> dict[str, Any]:
    change = lead.change or Change(n_new_evidence=len({_row(e.row) for e in lead.evidence}))
    return {
        "lead_id": lead.lead_id, "status": lead.status, "rank": lead.rank, "previous_rank": change.previous_rank,
        "typologies": list(lead.typologies), "amount_low": str(lead.amount_low), "amount_high": str(lead.amount_high),
        "members_joined": list(change.joined), "members_left": list(change.left), "members_aged": list(change.aged),
        "n_new_evidence": change.n_new_evidence, "n_gone_evidence": change.n_gone_evidence,
        "new_typologies": list(change.new_typologies), "merged_from": list(change.merged_from),
        "split_from": list(change.split_from), "merged_into": None,
        "reopened_because": change.reopened_because or None,
        "words": _words(change_lines(lead, texts) if lead.change else [Phrase("首次出现。")]),
    }


def _departure(gone: Departure) -> dict[str, Any]:
    nothing: list[str] = []
    return {
        "lead_id": gone.lead_id, "status": gone.status, "rank": None, "previous_rank": gone.previous_rank,
        "typologies": nothing, "amount_low": None, "amount_high": None,
        "members_joined": nothing, "members_left": nothing, "members_aged": nothing,
        "n_new_evidence": 0, "n_gone_evidence": 0, "new_typologies": nothing, "merged_from": nothing,
        "split_from": nothing, "merged_into": gone.merged_into or None, "reopened_because": None,
        "words": _words(departure_lines(gone)),
    }


def _words(lines: Iterable[Phrase]) -> dict[str, str]:
    told = list(lines)
    between = {"zh": "", "en": " "}
    return {lang: between[lang].join(translator(lang).line(p) for p in told) for lang in LANGUAGES}


__all__ = ["FILE", "write_changes"]
