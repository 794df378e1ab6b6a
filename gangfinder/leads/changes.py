"""What is different about a lead since the register saw it last, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gangfinder.leads.catalogue import Phrase
from gangfinder.leads.phrases import phrase

if TYPE_CHECKING:
    from gangfinder.leads.texts import Texts
    from gangfinder.model.lead import Change, Departure, Lead


def change_lines(lead: Lead, texts: Texts) -> Iterator[Phrase]:
    """Say what is different about a lead; nothing where there is no register.

    Parameters
    ----------
    lead
        With its status.
    texts
        Titles of typologies.
    """
    change = lead.change
    if change is None:
        return
    if change.reopened_because:
        yield phrase(f"change.reopened.{change.reopened_because}")
    if change.split_from:
        yield phrase("change.split", ids=_ids(change.split_from))
    if change.merged_from:
        yield phrase("change.absorbed", ids=_ids(change.merged_from))
    if lead.status == "new":
        yield phrase("change.new")
    elif lead.status == "unchanged":
        yield phrase("change.same")
    elif lead.status != "split":
        yield phrase("change.counts", joined=len(change.joined), left=len(change.left), rows=change.n_new_evidence)
    yield from _details(lead, change, texts)


def _details(lead: Lead, change: Change, texts: Texts) -> Iterator[Phrase]:
    if change.aged:
        yield phrase("change.aged", n=len(change.aged))
    if change.n_gone_evidence:
        yield phrase("change.gone", n=change.n_gone_evidence)
    if change.new_typologies:
        codes = [code for code in lead.typologies if code in change.new_typologies]
        yield phrase("change.typology", titles=tuple(texts.title(code) for code in codes))
    if change.previous_amount is not None and change.previous_amount != lead.amount_high:
        yield phrase("change.amount", before=f"{change.previous_amount:,.2f}", after=f"{lead.amount_high:,.2f}")
    if change.previous_rank is not None:
        yield phrase("change.rank", rank=change.previous_rank)


def departure_lines(gone: Departure) -> Iterator[Phrase]:
    """Say what became of a lead that is not in the data any more."""
    if gone.merged_into:
        yield phrase("change.merged", id=gone.merged_into)
    else:
        yield phrase("change.vanished")
    if gone.previous_rank is not None:
        yield phrase("change.rank", rank=gone.previous_rank)


def _ids(ids: tuple[str, ...]) -> tuple[Phrase, ...]:
    return tuple(Phrase("{id}", {"id": one}) for one in ids)


__all__ = ["change_lines", "departure_lines"]
