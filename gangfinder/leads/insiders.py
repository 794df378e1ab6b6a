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
    checked_log10_p
        A pharmacist checked more of a ring's prescriptions than his share of the pharmacy's explains when the tail,
        corrected for the pharmacists of the ring, is at most this.
    """

    core_share: float = 0.5
    lent_rows: int = 5
    behind: int = 3
    checked_log10_p: float = -3.0


@dataclass(frozen=True, slots=True)
class Registers:
    """What registers say of those who stand in the evidence.

    Parameters
    ----------
    operators
        Operator → where and when he is registered.
    owners
        Institution → identity number of its legal representative.
    checked
        Pharmacy → pharmacist → prescriptions that he checked there, of everybody.
    """

    operators: Mapping[str, tuple[Spell, ...]] = field(default_factory=lambda: MappingProxyType({}))
    owners: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    checked: Mapping[str, Mapping[str, int]] = field(default_factory=lambda: MappingProxyType({}))


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
    pharmacies = {i for named in facts.values() for kind, i, role in named
                  if role == "pharmacy" and any(k == "pharmacist" for k, _, _ in named)}
    checked = _checked(engine, canonical.get("prescriptions"), pharmacies)
    return Registers({who: tuple(sorted(own, key=str)) for who, own in spells.items()}, owners, checked)


def _checked(engine: Engine, table: ir.Table | None, pharmacies: set[str]) -> dict[str, dict[str, int]]:
    """Return how many prescriptions each pharmacist checked at some pharmacies."""
    if table is None or not pharmacies or not {"pharmacy_id", "pharmacist_id"} <= set(table.columns):
        return {}
    import pyarrow as pa

    asked = engine.put("register_keys", pa.table({"pharmacy_id": pa.array(sorted(pharmacies), pa.string())}))
    known = table.filter(table.pharmacist_id.notnull()).semi_join(asked, "pharmacy_id")
    each = known.group_by("pharmacy_id", "pharmacist_id").aggregate(n=known.count())
    rows = engine.fetch(each).to_pylist()
    engine.drop("register_keys")
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for row in rows:
        found[row["pharmacy_id"]][row["pharmacist_id"]] = int(row["n"])
    return dict(found)


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
    return frozenset({
        *_binding(ring, facts, params), *_lent(ring, facts, params), *_owning(ring, facts),
        *_checking(ring, facts, params),
    })


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


def _checking(ring: Ring, facts: EntityFacts, params: InsiderParams) -> Iterator[tuple[str, str]]:
    """Yield the pharmacists who checked the ring's prescriptions, for most of its core, more than shifts explain.

    Notes
    -----
    The ring's prescriptions at a pharmacy are drawn from all that were checked there; pharmacies are independent.
    """
    own: dict[str, Counter[str]] = defaultdict(Counter)
    beside: dict[str, set[str]] = defaultdict(set)
    rows = {(e.source_table, e.source_key): e.subject_id for f in ring.findings for e in f.evidence}
    for key, subject in rows.items():
        named = facts.at(*key)
        shops = [i for _, i, role in named if role == "pharmacy"]
        for kind, i, _ in named:
            if kind == "pharmacist" and shops:
                own[i][shops[0]] += 1
                beside[i].add(subject)
    if not own:
        return
    from gangfinder.model.tails import log10_corrected

    core, drawn = set(ring.core), sum(own.values(), Counter[str]())
    for who, counts in sorted(own.items()):
        enough = len(beside[who] & core) >= params.core_share * len(core)
        if enough and log10_corrected(_shift_tail(who, counts, drawn, facts), len(own)) <= params.checked_log10_p:
            yield "pharmacist", who


def _shift_tail(who: str, counts: Counter[str], drawn: Counter[str], facts: EntityFacts) -> float:
    """Return log10 P(X ≥ k): of the ring's prescriptions at all its pharmacies so many were checked by him."""
    import numpy as np

    from gangfinder.linking.convolution import log10_hypergeometric_sum_tail

    shops = [shop for shop in sorted(drawn) if facts.registers.checked.get(shop, {}).get(who)]
    every = [facts.registers.checked[shop] for shop in shops]
    if not shops:
        return 0.0
    slots, marked = (np.array(v, dtype=float) for v in ([sum(e.values()) for e in every], [e[who] for e in every]))
    ring = np.array([drawn[shop] for shop in shops], dtype=float)
    k = np.array([sum(counts[shop] for shop in shops)])
    return float(log10_hypergeometric_sum_tail(np.zeros(len(shops), dtype=np.int64), slots, marked, ring, k)[0])
