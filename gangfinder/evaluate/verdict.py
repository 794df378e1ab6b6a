"""What an evaluation says: rings found and missed, false leads and their causes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class FoundRing:
    """A ring and the lead that found it.

    Parameters
    ----------
    ring_id, typology
        The ring.
    lead_id, rank
        The lead; ``None`` when the ring was missed.
    member_precision
        Share of the lead's core members who are the ring's.
    member_recall
        Share of the ring's members who are core members of the lead.
    best_lead, best_share
        For a missed ring: the lead that holds most of its members, at any rank, and their share.
    """

    ring_id: str
    typology: str
    lead_id: str | None
    rank: int | None
    member_precision: float | None
    member_recall: float | None
    best_lead: str | None
    best_share: float


@dataclass(frozen=True, slots=True)
class FalseLead:
    """A lead that found no ring, and why it is there.

    Parameters
    ----------
    lead_id, rank, typologies
        As listed.
    in_top
        Whether it stands among the first k.
    cause
        ``look-alike <kind>``, ``duplicate of <ring>``, ``partial <ring>``, ``rank of <ring>`` (right, but
        below k) or ``background``.
    share
        Share of the lead's core members that the cause covers.
    """

    lead_id: str
    rank: int
    typologies: str
    in_top: bool
    cause: str
    share: float


@dataclass(frozen=True, slots=True)
class Named:
    """Members of the fund's staff whom the leads name.

    Parameters
    ----------
    planted
        Insiders of the town.
    right
        Of these, named by a lead.
    wrong
        Others whom a lead names.
    """

    planted: int
    right: int
    wrong: int

    @property
    def recall(self) -> float | None:
        """``right / planted``; ``None`` in a town without insiders."""
        return self.right / self.planted if self.planted else None

    @property
    def precision(self) -> float | None:
        """``right / (right + wrong)``; ``None`` where nobody is named."""
        named = self.right + self.wrong
        return self.right / named if named else None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The verdict on one list of leads.

    Parameters
    ----------
    k
        Planted rings.
    leads
        Leads listed.
    found
        Rings found by the first k leads.
    recall_at_k
        ``found / k``; ``None`` in a clean town.
    precision_at_k
        ``found / min(k, leads)``; ``None`` in a clean town or without leads.
    typology_recall
        Recall by typology.
    member_precision, member_recall
        Means over the found rings; ``None`` when none was found.
    rings
        One entry for each planted ring.
    false_leads
        Every lead that found no ring, in the order of the list.
    evidence_precision, evidence_recall
        Of the settlement and reimbursement keys that found rings' leads cite, the share that is the ring's;
        and of the ring's rows the share that is cited.
    staff
        Who of the fund's staff is named, person by person.
    """

    k: int
    leads: int
    found: int
    recall_at_k: float | None
    precision_at_k: float | None
    typology_recall: dict[str, float]
    member_precision: float | None
    member_recall: float | None
    rings: tuple[FoundRing, ...]
    false_leads: tuple[FalseLead, ...]
    evidence_precision: float | None
    evidence_recall: float | None
    staff: Named

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as plain values."""
        return asdict(self)
