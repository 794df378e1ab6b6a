"""What detectors say: links, evidence rows, anomalies, findings, and judgements of innocent explanations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType


class Grade(StrEnum):
    """Evidence grade (DESIGN §2)."""

    E1 = "E1"  # contradiction: a record that cannot be true
    E2 = "E2"  # statistical anomaly against an explicit null
    E3 = "E3"  # structure only; never enough by itself


class Family(StrEnum):
    """Families of evidence; two anomalies count twice only when they are of different families.

    A tie of the person himself (his phone, account or household among the members', a relative, a share in a house,
    acting as agent, money into his own account) is a family of its own, because without it nobody on the fund's staff
    is named (:func:`gangfinder.scoring.ranking.admission`).

    The links know three families (behaviour, attribute, control). What people *do together* is tested in three ways
    that are independent of each other under the null, so behaviour has three: on which dates they come (calendar), in
    which minutes and order of a day on which they came (tempo, conditional on the date), what they pay (amount).
    """

    CALENDAR = "calendar"
    TEMPO = "tempo"
    AMOUNT = "amount"
    ATTRIBUTE = "attribute"
    CONTROL = "control"
    CONTRADICTION = "contradiction"
    PERSONAL = "personal"  # of a member of staff: a tie of the person himself to those whom he serves


EVIDENCE_SCHEMA: Mapping[str, str] = MappingProxyType(
    {
        "group_id": "string",      # hub typologies: what binds the subjects; others: null
        "subject_type": "string",  # patient, institution, doctor, agent, bank_account, …
        "subject_id": "string",
        "institution_id": "string",
        "source_table": "string",
        "source_key": "string",
        "event_at": "timestamp",
        "amount": "decimal(18,2)",  # yuan of the fund at stake in this row; refunds negative
        "grade": "string",
        "shows": "string",         # key of a sentence in the catalogue: what this row shows
    }
)
"""Columns of what ``detect`` returns, in order. A typology may append measures (numbers, strings) named ``m_*``."""

LINK_SCHEMA: Mapping[str, str] = MappingProxyType(
    {
        "kind": "string",
        "family": "string",
        "source_type": "string",
        "source_id": "string",   # undirected kinds: source_id < target_id
        "target_type": "string",
        "target_id": "string",
        "n_events": "int64",     # independent occasions that make the tie
        "n_places": "int64",     # distinct institutions among them
        "expected": "float64",   # occasions expected by chance; 0 where no null applies
        "log10_p": "float64",    # upper tail; 0 where no null applies
        "weight": "float64",     # strength for graph algorithms, > 0
        "first_at": "timestamp",
        "last_at": "timestamp",
    }
)
"""Columns of a link relation (DESIGN §2)."""


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One surprising fact about a group, with its basis.

    Parameters
    ----------
    family
        Which family of evidence it belongs to.
    name
        Key of its sentence in the catalogue.
    log10_p
        Base-10 logarithm of the exact upper tail under the stated null, before correction; 0 where no chance
        is computed, because the record cannot be true.
    n_tests
        How many tests of this kind the run made; the corrected tail is ``min(1, n_tests · p)``.
    detail
        Numbers that the sentence quotes and from which the tail can be recomputed.
    """

    family: Family
    name: str
    log10_p: float
    n_tests: int = 1
    detail: Mapping[str, str | int | float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """One input row that supports a finding (columns of :data:`EVIDENCE_SCHEMA`)."""

    subject_type: str
    subject_id: str
    institution_id: str
    source_table: str
    source_key: str
    event_at: datetime | None
    amount: Decimal
    grade: Grade
    shows: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A typology met by subjects.

    Parameters
    ----------
    typology
        Code of the typology, ``T01``.
    core
        Ids of the patients who are core members (for typologies whose subjects are not patients: those subjects).
    subject_type
        Entity type of ``core``.
    grade
        The best grade reached.
    anomalies
        What is surprising about the group, at least one.
    evidence
        Rows; counts, window and amounts are derived from them.
    hubs
        Further entities that bind the group: (entity type, id, role).
    minimum_met_by
        Number of unrelated households in the core.
    """

    typology: str
    core: tuple[str, ...]
    subject_type: str
    grade: Grade
    anomalies: tuple[Anomaly, ...]
    evidence: tuple[EvidenceRow, ...]
    hubs: tuple[tuple[str, str, str], ...] = ()
    minimum_met_by: int = 0


class Result(StrEnum):
    """Outcome of testing an innocent explanation on a group."""

    HOLDS = "holds"             # it explains the group; no lead is made
    PARTLY = "partly"           # it explains some members or rows; the rest was judged again
    FAILS = "fails"             # tested, explains nothing
    UNTESTABLE = "untestable"   # the data lack what the test needs


@dataclass(frozen=True, slots=True)
class Judgement:
    """Result of one innocent explanation on one group.

    Parameters
    ----------
    explanation
        Slug of the explanation.
    result
        Whether it holds.
    covered
        Ids of the core members it explains.
    reason
        Key of the sentence that says why, in the catalogue.
    detail
        Numbers that the sentence quotes.
    """

    explanation: str
    result: Result
    covered: tuple[str, ...] = ()
    reason: str = ""
    detail: Mapping[str, str | int | float] = field(default_factory=dict)
