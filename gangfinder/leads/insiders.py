"""Who inside an institution a ring needs: doctors and desks that bind it, lent logins, the owner of several houses.

Told of open leads, from registers of institutions and operators alone; nobody here is of the fund's staff.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from gangfinder.engine import Engine
    from gangfinder.leads.facts import EntityFacts
    from gangfinder.model.lead import Ring

INSIDER = "insider"

Spell = tuple[str, date | None, date | None]
"""House at which an operator is registered, first and last day; none for open."""


@dataclass(frozen=True, slots=True)
class InsiderParams:
    """When somebody of an institution is told as an insider.

    Parameters
    ----------
    core_share
        Share of the core in whose rows a doctor or operator that binds the ring stands.
    lent_rows
        Fewest rows of a login at a house where its owner is not registered, or after he left: fewer are slips.
    behind
        Where so many logins, and most of all that are used at a house, are registered elsewhere, the register is
        behind: a whole counter has moved, and nobody lent anything.
    """

    core_share: float = 0.5
    lent_rows: int = 5
    behind: int = 3


@dataclass(frozen=True, slots=True)
class Registers:
    """What registers say of those who stand in the evidence.

    Parameters
    ----------
    operators
        Operator → where and when he is registered.
    owners
        Institution → identity number of its legal representative.
    """

    operators: Mapping[str, tuple[Spell, ...]] = field(default_factory=lambda: MappingProxyType({}))
    owners: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def registers_of(
    facts: Mapping[tuple[str, str], tuple[tuple[str, str, str], ...]], houses: set[str],
    canonical: Mapping[str, ir.Table], engine: Engine,
) -> Registers:
    """Fetch the registers of the operators in the evidence, and who owns the houses of the rings.

    Parameters
    ----------
    facts
        Entities named in each evidence row.
    houses
        Institutions that are subjects of rings.
    canonical, engine
        Canonical tables, and where they live.
    """
    logins = {i for named in facts.values() for kind, i, _ in named if kind == "operator"}
    spells: dict[str, list[Spell]] = defaultdict(list)
    wanted = ("operator_id", "institution_id", "active_from", "active_to")
    for who, house, since, until in _rows(engine, canonical.get("operators"), "operator_id", logins, wanted):
        spells[str(who)].append((str(house), _day(since), _day(until)))
    owned = _rows(
        engine, canonical.get("institutions"), "institution_id", houses, ("institution_id", "legal_rep_id_number")
    )
    owners = {str(house): owner for house, owner in owned if isinstance(owner, str) and owner}
    return Registers({who: tuple(sorted(own, key=str)) for who, own in spells.items()}, owners)


def _rows(
    engine: Engine, table: ir.Table | None, key: str, ids: set[str], columns: tuple[str, ...]
) -> list[tuple[object, ...]]:
    if table is None or not ids or not {key, columns[1]} <= set(table.columns):
        return []
    import pyarrow as pa

    asked = engine.put("register_keys", pa.table({key: pa.array(sorted(ids), pa.string())}))
    known = [c for c in columns if c in table.columns]
    found = engine.fetch(table.semi_join(asked, key).select(*known)).to_pylist()
    engine.drop("register_keys")
    return [tuple(row.get(c) for c in columns) for row in found]


def _day(value: object) -> date | None:
    return value if isinstance(value, date) else None


def insiders_of(ring: Ring, facts: EntityFacts, params: InsiderParams) -> frozenset[tuple[str, str]]:
    """Return who of the institutions is an insider of an open ring: entity type and id.

    Parameters
    ----------
    ring
        A ring of an open lead.
    facts
        Entities in its evidence rows, and the registers.
    params
        When somebody is told.
    """
    return frozenset({*_binding(ring, facts, params), *_lent(ring, facts, params), *_owning(ring, facts)})


def _binding(ring: Ring, facts: EntityFacts, params: InsiderParams) -> Iterator[tuple[str, str]]:
    """Yield the doctors and operators that a typology found to bind the ring, and who stand with most of its core."""
    core = set(ring.core)
    for finding in ring.findings:
        beside: dict[tuple[str, str], set[str]] = defaultdict(set)
        for row in finding.evidence:
            for kind, i, _ in facts.at(row.source_table, row.source_key):
                beside[kind, i].add(row.subject_id)
        for kind, i, _ in finding.hubs:
            if kind in {"doctor", "operator"} and len(beside[kind, i] & core) >= params.core_share * len(core):
                yield kind, i


def _lent(ring: Ring, facts: EntityFacts, params: InsiderParams) -> Iterator[tuple[str, str]]:
    """Yield the operators whose login is used where they are not registered, or after they left."""
    used: dict[str, Counter[str]] = defaultdict(Counter)
    away: dict[str, Counter[str]] = defaultdict(Counter)
    rows = {(e.source_table, e.source_key): e.event_at for f in ring.findings for e in f.evidence}
    for key, at in rows.items():
        named = facts.at(*key)
        # the house of the input row: a row may be evidence of another house's case
        houses = [i for kind, i, role in named if kind == "institution" and role == "institution"]
        for kind, i, _ in named:
            spells = facts.registers.operators.get(i, ())
            if kind == "operator" and at is not None and houses and spells:
                used[houses[0]][i] += 1
                away[houses[0]][i] += not any(_there(one, houses[0], at.date()) for one in spells)
    told: Counter[str] = Counter()
    for house, logins in away.items():
        elsewhere = +logins
        if not (params.behind <= len(elsewhere) and 2 * len(elsewhere) > len(used[house])):
            told.update(elsewhere)
    yield from (("operator", i) for i, n in told.items() if n >= params.lent_rows)


def _there(spell: Spell, house: str, day: date) -> bool:
    at, since, until = spell
    return at == house and (since is None or since <= day) and (until is None or day <= until)


def _owning(ring: Ring, facts: EntityFacts) -> Iterator[tuple[str, str]]:
    """Yield who owns several houses of a ring of houses; the register names him by his identity number."""
    if ring.subject_type != "institution":
        return
    houses = {*ring.core, *(i for f in ring.findings for kind, i, _ in f.hubs if kind == "institution")}
    owners = Counter(facts.registers.owners[h] for h in houses if h in facts.registers.owners)
    yield from (("agent", owner) for owner, n in owners.items() if n > 1)
