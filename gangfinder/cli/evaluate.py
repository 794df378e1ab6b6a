"""``gangfinder evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gangfinder.cli._command import Command
from gangfinder.cli._output import json_option, quiet_option, show_json, show_table

if TYPE_CHECKING:
    from gangfinder.evaluate import Evaluation


@click.command(cls=Command, short_help="Compare leads with the truth of a town.")
@click.argument("town", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@json_option
@quiet_option
def command(town: Path, out: Path, as_json: bool, quiet: bool) -> None:  # noqa: FBT001 - by name
    """Compare leads with the truth of a synthetic town: recall, precision, causes of false leads.

    TOWN is the folder of gangfinder synth, OUT that of gangfinder run. k is the number of planted rings.

    Example:
      gangfinder evaluate town out
    """
    del quiet  # nothing here takes long enough to show progress
    from gangfinder.evaluate import evaluate

    verdict = evaluate(town, out)
    if as_json:
        show_json(verdict.to_json())
    else:
        _show(verdict)


def _show(verdict: Evaluation) -> None:
    rows: list[dict[str, str | int]] = [
        {"measure": "planted rings (k)", "value": verdict.k},
        {"measure": "leads listed", "value": verdict.leads},
        {"measure": "recall@k", "value": _share(verdict.recall_at_k)},
        {"measure": "precision@k", "value": _share(verdict.precision_at_k)},
        {"measure": "member precision", "value": _share(verdict.member_precision)},
        {"measure": "member recall", "value": _share(verdict.member_recall)},
    ]
    if verdict.staff.planted or verdict.staff.wrong:
        staff = verdict.staff
        rows.append({"measure": "insiders named", "value": f"{staff.right} of {staff.planted}"})
        rows.append({"measure": "other staff named", "value": staff.wrong})
    show_table(rows, {"measure": "measure", "value": "#value"})
    if verdict.typology_recall:
        recalls = [{"typology": t, "recall": _share(r)} for t, r in sorted(verdict.typology_recall.items())]
        click.echo("")
        show_table(recalls, {"typology": "typology", "recall": "#recall@k"})
    if verdict.false_leads:
        click.echo("")
        rows = [
            {"lead": f.lead_id, "rank": f.rank, "typologies": f.typologies, "cause": f.cause}
            for f in verdict.false_leads
        ]
        columns = {"rank": "#rank", "lead": "lead", "typologies": "typologies", "cause": "cause"}
        show_table(rows, columns, "Leads that found no ring")


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
