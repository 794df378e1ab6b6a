"""Who belongs to a lead: its core with roles, and those who stand in the evidence often enough to matter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gangfinder.leads.insiders import INSIDER, InsiderParams, insiders_of
from gangfinder.leads.tokens import Key, masked, shown_id
from gangfinder.model.evidence import Grade
from gangfinder.model.lead import Member, Ring

if TYPE_CHECKING:
    from gangfinder.leads.facts import EntityFacts

CORE, ASSOCIATED = "core", "associated"

CORE_ROLES: Mapping[str, str] = {
    "patient": "cardholder",
    "institution": "institution",
    "doctor": "doctor",
    "agent": "agent",
    "bank_account": "payee_account",
    "operator": "operator",
    "pharmacist": "pharmacist",
    "terminal": "terminal",
    "staff": "staff",
    "official": "official",
    "office": "office",
    "phone": "contact_phone",
    "address": "address",
    "card": "card",
}
"""Role of a core member that no typology gave a role."""

RELATED_PERSON = "related_person"

OF_THE_FUND = frozenset({"staff", "official", "office"})
"""Subjects whose leads are sealed."""


@dataclass(frozen=True, slots=True)
class AssociationParams:
    """When somebody beside the core is named.

    Parameters
    ----------
    least_rows
        Evidence rows in which the entity must stand.
    least_core
        Core members in whose rows it must stand (never more than the core has).
    core_share
        Share of the core members in whose rows it must stand, 0 to 1 …
    row_share
        … or share of all evidence rows, 0 to 1.
    at_most
        Most entities named of one type, those in most rows first.
    """

    least_rows: int = 2
    least_core: int = 2
    core_share: float = 0.2
    row_share: float = 0.1
    at_most: int = 20


@dataclass(slots=True)
class _Sighting:
    """In which rows an entity was seen."""

    rows: set[tuple[str, str]] = field(default_factory=set)
    core: set[str] = field(default_factory=set)
    grade: Grade = Grade.E3


def members_of(ring: Ring, facts: EntityFacts, key: Key, params: AssociationParams) -> tuple[Member, ...]:
    """Return the members of a ring, core first, then by entity type and id.

    Parameters
    ----------
    ring
        The ring.
    facts
        Entities named in its evidence rows.
    key
        For the tokens of phones, addresses, accounts and agents.
    params
        Who is named beside the core.

    Notes
    -----
    The core is the ring's own core and the hubs that bind its findings.  Cards used by core members are
    always named.
    """
    core, inside = _core(ring), _insiders(ring, facts)
    seen = _sightings(ring, facts, core)
    beside = {(t, i): (role, seen[t, i, role].grade) for t, i, role in _chosen(ring, seen, core, params)}
    grades = {(t, i): s.grade for (t, i, _), s in seen.items()}
    beside |= {e: (INSIDER, grades.get(e, min(f.grade for f in ring.findings))) for e in inside - core.keys()}
    about = ring.subject_type
    told = [(e, role, grade, CORE) for e, (role, grade) in core.items()]
    told += [(e, role, grade, ASSOCIATED) for e, (role, grade) in beside.items()]
    named = [_member(key, *e, INSIDER if e in inside else r, kind, grade, about) for e, r, grade, kind in told]
    # an account written once with blanks and once without is one entity, and has one token
    found = {(m.entity_type, m.entity_id): m for m in reversed(named)}.values()
    return tuple(sorted(found, key=lambda m: (m.membership != CORE, m.entity_type, m.entity_id)))


def _insiders(ring: Ring, facts: EntityFacts) -> frozenset[tuple[str, str]]:
    """Return who of the institutions is an insider; leads on the fund's own staff tell of nobody else."""
    nobody: frozenset[tuple[str, str]] = frozenset()
    return nobody if ring.subject_type in OF_THE_FUND else insiders_of(ring, facts, InsiderParams())


def _member(
    key: Key, entity_type: str, raw: str, role: str, membership: str, grade: Grade, about: str
) -> Member:
    shown = shown_id(key, entity_type, raw, about)
    return Member(entity_type, shown, role, membership, grade, masked(entity_type, raw))


def _core(ring: Ring) -> dict[tuple[str, str], tuple[str, Grade]]:
    """Return the core members and hubs with role and best grade."""
    own_role = CORE_ROLES.get(ring.subject_type, ring.subject_type)
    found = {(ring.subject_type, one): (own_role, _grade_of(one, ring)) for one in ring.core}
    for finding in sorted(ring.findings, key=lambda f: (f.grade, f.typology, f.core)):
        for entity_type, raw, role in sorted(finding.hubs):
            found.setdefault(
                (entity_type, raw), (role or CORE_ROLES.get(entity_type, entity_type), finding.grade)
            )
    return found


def _grade_of(subject: str, ring: Ring) -> Grade:
    own = [row.grade for f in ring.findings for row in f.evidence if row.subject_id == subject]
    return min(own or [f.grade for f in ring.findings if subject in f.core] or [Grade.E3])


def _sightings(
    ring: Ring, facts: EntityFacts, core: Mapping[tuple[str, str], object]
) -> dict[tuple[str, str, str], _Sighting]:
    """Count where each entity outside the core stands in the evidence rows."""
    seen: dict[tuple[str, str, str], _Sighting] = {}
    core_ids = frozenset(ring.core)
    for finding in ring.findings:
        for row in finding.evidence:
            named = {(row.subject_type, row.subject_id, _role_beside(row.subject_type))}
            named |= set(facts.at(row.source_table, row.source_key))
            if row.institution_id:
                named.add(("institution", row.institution_id, "institution"))
            for entity in named:
                if (entity[0], entity[1]) in core or not entity[1]:
                    continue
                sighting = seen.setdefault(entity, _Sighting())
                sighting.rows.add((row.source_table, row.source_key))
                sighting.grade = min(sighting.grade, row.grade)
                if row.subject_id in core_ids:
                    sighting.core.add(row.subject_id)
    return seen


def _role_beside(subject_type: str) -> str:
    """Return the role of a subject of evidence outside the core."""
    return RELATED_PERSON if subject_type == "patient" else CORE_ROLES.get(subject_type, subject_type)


def _chosen(
    ring: Ring,
    seen: Mapping[tuple[str, str, str], _Sighting],
    core: Mapping[tuple[str, str], object],
    params: AssociationParams,
) -> Iterable[tuple[str, str, str]]:
    """Yield the entities to name, at most so many of a type; one in two roles is named in the commoner."""
    n_rows = len({(r.source_table, r.source_key) for f in ring.findings for r in f.evidence})
    per_type: dict[str, int] = {}
    named: set[tuple[str, str]] = set()
    for entity in sorted(seen, key=lambda e: (-len(seen[e].rows), e)):
        if (entity[0], entity[1]) in named or not _matters(
            entity, seen[entity], len(ring.core), n_rows, params
        ):
            continue
        per_type[entity[0]] = per_type.get(entity[0], 0) + 1
        if entity[0] == "card" or per_type[entity[0]] <= params.at_most:
            named.add((entity[0], entity[1]))
            yield entity


def _matters(
    entity: tuple[str, str, str], sighting: _Sighting, n_core: int, n_rows: int, params: AssociationParams
) -> bool:
    if entity[0] == "card":
        return bool(sighting.core)
    if entity[0] == "patient":  # people with weaker ties: in the evidence, outside the core
        return len(sighting.rows) >= params.least_rows
    if len(sighting.rows) < params.least_rows or len(sighting.core) < min(params.least_core, n_core):
        return False
    wide = len(sighting.core) >= params.core_share * n_core and n_core > 1
    return wide or len(sighting.rows) >= params.row_share * n_rows
