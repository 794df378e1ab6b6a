"""The ranked table of leads, as ``run`` and ``demo`` print it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from gangfinder.cli._output import show_table
from gangfinder.export.projection import FIELDS, project
from gangfinder.export.publish import names_staff
from gangfinder.leads.catalogue import translator
from gangfinder.leads.texts import Texts, installed_texts
from gangfinder.model.lead import Departure, Lead
from gangfinder.run import SkippedPart

_COLUMNS = {
    "rank": "#rank",
    "lead_id": "lead",
    "typologies": "type",
    "n_patients": "#people",
    "amount": "#yuan",
    "months": "months",
    "suspicion": "to be verified",
}
_SHOWN = 20


def lead_records(leads: Sequence[Lead]) -> list[dict[str, Any]]:
    """Return the leads that may be shown as records; no lead that names fund staff is, and none is counted."""
    return [lead_record(lead) for lead in leads if not names_staff(lead)]


def lead_record(lead: Lead) -> dict[str, Any]:
    """Return a lead as one record with the fields of ``leads.csv``."""
    row = next(iter(project("leads", lead, Texts(), translator("zh"))))
    return {name: row[name] for name in FIELDS["leads"]}


def show_leads(leads: Sequence[Lead], skipped: Sequence[SkippedPart], out: Path, lang: str) -> None:
    """Print the best leads, what was skipped, and where the files are."""
    leads = [lead for lead in leads if not names_staff(lead)]
    if leads:
        show_table([_row(lead, lang) for lead in leads[:_SHOWN]], _COLUMNS)
    else:
        click.echo("No leads: nothing in these data passed the admission rule.")
    if len(leads) > _SHOWN:
        click.echo(f"… and {len(leads) - _SHOWN:,} more in {out / 'leads.csv'}")
    click.echo("")
    _show_skipped(skipped)
    click.echo(f"Files: {out / 'leads.csv'}, members.csv, evidence.csv, benign.csv, run.json")
    if leads:
        click.echo(f"Next:  gangfinder explain {out} {leads[0].lead_id}")


def show_changes(leads: Sequence[Lead], departures: Sequence[Departure]) -> None:
    """Print how many leads there are of every status, and how many are gone."""
    counts = Counter([*(lead.status for lead in leads), *(gone.status for gone in departures)])
    told = ", ".join(f"{n:,} {status}" for status, n in sorted(counts.items()))
    click.echo(f"Since the last run: {told or 'nothing'}; changes.json has them")


def _row(lead: Lead, lang: str) -> dict[str, Any]:
    say, texts = translator(lang), installed_texts()
    return {
        **lead_record(lead),
        "amount": _amount(lead),
        "months": _months(lead),
        "suspicion": "; ".join(say.line(texts.title(code)) for code in lead.typologies),
    }


def _show_skipped(skipped: Sequence[SkippedPart]) -> None:
    for part in skipped:
        if part.kind == "typology":
            click.echo(f"Skipped: {part.slug} – {part.reason}")
    others = sum(part.kind != "typology" for part in skipped)
    if others:
        click.echo(f"Skipped: {others} links and explanations for want of columns; run.json names them")


def _months(lead: Lead) -> str:
    if lead.first_seen is None or lead.last_seen is None:
        return ""
    return f"{lead.first_seen:%Y-%m}–{lead.last_seen:%Y-%m}"


def _amount(lead: Lead) -> str:
    low, high = f"{lead.amount_low:,.0f}", f"{lead.amount_high:,.0f}"
    return low if low == high else f"{low}–{high}"
