"""Scored rings → leads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from gangfinder.leads.amounts import stake
from gangfinder.leads.catalogue import translator
from gangfinder.leads.identity import finding_id, lead_ids
from gangfinder.leads.members import AssociationParams, members_of
from gangfinder.leads.narrative import headline
from gangfinder.leads.texts import Texts, installed_texts
from gangfinder.leads.tokens import shown_id
from gangfinder.model.lead import Lead, LeadEvidence, Ring, ScoredRing, Stamp

if TYPE_CHECKING:
    from gangfinder.leads.facts import EntityFacts
    from gangfinder.leads.tokens import Key
    from gangfinder.settings import Settings

NEW = "new"


def build_leads(
    scored: Sequence[ScoredRing],
    entities: EntityFacts,
    settings: Settings,
    key: Key,
    texts: Texts | None = None,
) -> list[Lead]:
    """Make a case lead of every scored ring.

    Parameters
    ----------
    scored
        Rings that passed the admission rule, best first; their order is the rank.
    entities
        Which entities the evidence rows name (:func:`gangfinder.leads.facts.collect_facts`).
    settings
        Language of headlines, and ``[leads]`` parameters of :class:`AssociationParams`.
    key
        For the tokens of phones, addresses, accounts and agents.
    texts
        What plug-ins say of themselves; default: of those installed.

    Returns
    -------
    list of Lead
        In the order given, with ranks from 1.

    Raises
    ------
    SettingsError
        If ``[leads]`` holds an unknown parameter.
    """
    params = settings.tuned("leads", AssociationParams())
    spoken = texts or installed_texts()
    ids = lead_ids([one.ring for one in scored], key)
    leads = [
        _lead(i, n, one, entities, key, params) for n, (i, one) in enumerate(zip(ids, scored, strict=True), 1)
    ]
    say = translator(settings.lang)
    return [replace(lead, headline=say.line(headline(lead, spoken))) for lead in leads]


def _lead(
    lead_id: str, rank: int, one: ScoredRing, entities: EntityFacts, key: Key, params: AssociationParams
) -> Lead:
    evidence = _evidence(one.ring, key)
    one = replace(one, stamp=_shown(one.stamp, key, one.ring.subject_type))
    money = stake(e.row for e in evidence)
    return Lead(
        lead_id=lead_id,
        rank=rank,
        status=NEW,
        scored=one,
        members=members_of(one.ring, entities, key, params),
        evidence=evidence,
        amount_low=money.low,
        amount_high=money.high,
        first_seen=money.first,
        last_seen=money.last,
        headline="",
    )


def _shown(stamp: Stamp | None, key: Key, about: str) -> Stamp | None:
    """Return the stamp with the id of its bridge as it may be shown."""
    if stamp is None or stamp.bridge is None:
        return stamp
    own = stamp.bridge
    return replace(stamp, bridge=replace(own, entity_id=shown_id(key, own.entity_type, own.entity_id, about)))


def _evidence(ring: Ring, key: Key) -> tuple[LeadEvidence, ...]:
    found = {
        LeadEvidence(finding_id(finding, key), finding.typology, row)
        for finding in ring.findings
        for row in finding.evidence
    }
    return tuple(sorted(found, key=_order))


def _order(one: LeadEvidence) -> tuple[str, ...]:
    at = "" if one.row.event_at is None else one.row.event_at.isoformat()
    row = one.row
    return (
        at,
        row.source_table,
        row.source_key,
        one.finding_id,
        row.grade,
        row.shows,
        row.subject_id,
        str(row.amount),
    )
