"""Rings and case leads, as they leave the pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from gangfinder.model.evidence import EvidenceRow, Finding, Grade, Judgement


@dataclass(frozen=True, slots=True)
class Ring:
    """A suspected ring: findings on (nearly) the same people, judged together.

    Parameters
    ----------
    ring_id
        Derived from typologies and core members; the same for the same content.
    subject_type
        Entity type of the core, ``patient`` unless the ring has no patients.
    core
        Ids of the core members, sorted.
    findings
        What was found on them.
    judgements
        Every innocent explanation that applies to the typologies, with its result.
    """

    ring_id: str
    subject_type: str
    core: tuple[str, ...]
    findings: tuple[Finding, ...]
    judgements: tuple[Judgement, ...]


@dataclass(frozen=True, slots=True)
class ScorePart:
    """One explained part of a score; ``contribution = value * weight``."""

    name: str
    value: float
    weight: float
    detail: Mapping[str, str | int | float]


@dataclass(frozen=True, slots=True)
class Score:
    """A score and the parts it is the sum of."""

    parts: tuple[ScorePart, ...]

    @property
    def total(self) -> float:
        """Sum of value times weight over the parts, rounded to 4 decimals."""
        return round(sum(p.value * p.weight for p in self.parts), 4)


@dataclass(frozen=True, slots=True)
class Bridge:
    """The house or hub that a ring can spare least.

    Parameters
    ----------
    entity_type, entity_id
        What it is; in a lead the id as shown.
    n_rows
        Input rows that hang on it.
    stands
        Whether the ring would still be found without them.
    """

    entity_type: str
    entity_id: str
    n_rows: int
    stands: bool


@dataclass(frozen=True, slots=True)
class Stamp:
    """How much a ring can lose before it falls.

    Parameters
    ----------
    deletion_survived
        Largest share of its evidence rows, 0 to 1, whose random loss it survives in every one of ``draws`` draws.
    draws
        Random deletions at each share.
    neighbours_survived, neighbours
        Sets of neighbouring parameters with which it still stands, and all that were tried.
    seeds_survived, seeds
        Other random seeds that give the same group, and all that were tried; 0 where no step is random.
    bridge
        The house or hub it can spare least, ``None`` where it has neither.
    """

    deletion_survived: float
    draws: int
    neighbours_survived: int
    neighbours: int
    seeds_survived: int
    seeds: int
    bridge: Bridge | None


@dataclass(frozen=True, slots=True)
class Proximity:
    """How near a ring is to known cases; shown, never counted as evidence.

    Parameters
    ----------
    n_known, n_near, n_core
        Core members who are known cases themselves, who are near one, and all.
    n_known_houses, n_near_houses
        The same of the institutions in its evidence.
    least_round
        Fewest rounds of the expansion that reach it; 0 when none does.
    most_lift
        Highest lift among what is near: how many times as frequent known ones are there as anywhere.
    """

    n_known: int
    n_near: int
    n_core: int
    n_known_houses: int
    n_near_houses: int
    least_round: int
    most_lift: float


@dataclass(frozen=True, slots=True)
class ScoredRing:
    """A ring that passed the admission rule, with its rank-deciding numbers.

    Parameters
    ----------
    ring
        The ring.
    score
        Score with parts.
    q_value
        Share of false leads expected among the leads at least as surprising as this one (Benjamini–Hochberg).
    admitted_by
        ``contradiction``, ``two_families``, ``single_channel`` (DESIGN §6, last rules) or ``one_hub``.
    stamp
        How robust it is; ``None`` until that was tried.
    proximity
        How near it is to known cases; ``None`` where the data name none.
    """

    ring: Ring
    score: Score
    q_value: float
    admitted_by: str
    stamp: Stamp | None = None
    proximity: Proximity | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """An entity of a lead."""

    entity_type: str
    entity_id: str
    role: str
    membership: str  # core | associated
    grade: Grade
    label: str = ""  # masked label, where the id is a keyed token


@dataclass(frozen=True, slots=True)
class LeadEvidence:
    """One evidence row of a lead, with the finding it belongs to."""

    finding_id: str
    typology: str
    row: EvidenceRow


@dataclass(frozen=True, slots=True)
class Routing:
    """Where a sealed lead may go: discipline inspection alone.

    Parameters
    ----------
    hidden_from
        Offices of its subjects, from which it is kept; empty where they are not known.
    """

    hidden_from: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """What is different about a lead since the register saw it last.

    Parameters
    ----------
    previous_rank
        Its rank in the run before, ``None`` where it was not listed.
    joined, left
        Core members who came, and who went, as ids or tokens.
    aged
        Those of ``left`` all of whose evidence is older than the data of this run: that is no shrinking.
    n_new_evidence, n_gone_evidence
        Evidence rows that came; and those that went although they are in the window of the data.
    new_typologies
        Codes that came.
    previous_amount
        ``amount_high`` before, in yuan; ``None`` where it is not known.
    merged_from
        Registered leads that went into this one, sorted.
    split_from
        Registered leads of which it was a part, oldest first.
    reopened_because
        Of a reopened lead: ``vanished`` (it was gone), ``expired`` (its dismissal was), ``members``, ``typology``,
        ``evidence`` or ``merged`` (what a dismissed one gained); else empty.
    """

    previous_rank: int | None = None
    joined: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    aged: tuple[str, ...] = ()
    n_new_evidence: int = 0
    n_gone_evidence: int = 0
    new_typologies: tuple[str, ...] = ()
    previous_amount: Decimal | None = None
    merged_from: tuple[str, ...] = ()
    split_from: tuple[str, ...] = ()
    reopened_because: str = ""


@dataclass(frozen=True, slots=True)
class Departure:
    """A registered lead that is not in the data any more.

    Parameters
    ----------
    lead_id
        Its id.
    status
        ``merged`` or ``vanished``.
    previous_rank
        Its rank in the run before.
    merged_into
        The lead that took it in; empty where it vanished.
    """

    lead_id: str
    status: str
    previous_rank: int | None
    merged_into: str = ""


@dataclass(frozen=True, slots=True)
class Lead:
    """A case lead: a suspicion with its own defence. Immutable; a correction is a new version.

    Amounts are yuan of the fund: ``amount_low`` sums the evidence rows of the best grade, ``amount_high`` all evidence
    rows, each input row once, refunds subtracted.
    """

    lead_id: str
    rank: int
    status: str
    scored: ScoredRing
    members: tuple[Member, ...]
    evidence: tuple[LeadEvidence, ...]
    amount_low: Decimal
    amount_high: Decimal
    first_seen: datetime | None
    last_seen: datetime | None
    headline: str
    routing: Routing | None = None  # of sealed leads alone
    change: Change | None = None  # with a register alone

    @property
    def typologies(self) -> tuple[str, ...]:
        """Codes of the typologies met, sorted."""
        return tuple(sorted({f.typology for f in self.scored.ring.findings}))

    def count(self, entity_type: str) -> int:
        """Return the number of members of that type."""
        return sum(1 for m in self.members if m.entity_type == entity_type)
