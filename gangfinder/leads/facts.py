"""Which further entities stand in the evidence rows: the columns that evidence itself does not carry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from gangfinder.leads.insiders import Registers, registers_of
from gangfinder.model.lead import ScoredRing
from gangfinder.model.tables import TABLES

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

    from gangfinder.engine import Engine

ENTITY_COLUMNS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        # column → (entity type, role)
        "institution_id": ("institution", "institution"),
        "pharmacy_id": ("institution", "pharmacy"),
        "laboratory_id": ("institution", "laboratory"),
        "doctor_id": ("doctor", "doctor"),
        "operator_id": ("operator", "operator"),
        "pharmacist_id": ("pharmacist", "pharmacist"),
        "terminal_id": ("terminal", "terminal"),
        "card_id": ("card", "card"),
        "contact_phone": ("phone", "contact_phone"),
        "agent_phone": ("phone", "agent_phone"),
        "agent_id_number": ("agent", "agent"),
        "payee_account": ("bank_account", "payee_account"),
    }
)
"""Columns of evidence rows that name an entity. Staff are left out: their leads are sealed (DESIGN §10)."""

Entity = tuple[str, str, str]
"""Entity type, raw id, role."""


@dataclass(frozen=True, slots=True)
class EntityFacts:
    """Entities named in input rows, by (source table, source key)."""

    entities: Mapping[tuple[str, str], tuple[Entity, ...]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    registers: Registers = field(default_factory=Registers)

    @classmethod
    def of(cls, frames: Mapping[str, pd.DataFrame]) -> EntityFacts:
        """Read facts from one frame per source table.

        Parameters
        ----------
        frames
            Source table → rows with a column ``source_key`` and any of :data:`ENTITY_COLUMNS`.
        """
        found: dict[tuple[str, str], tuple[Entity, ...]] = {}
        for table, frame in sorted(frames.items()):
            columns = [c for c in frame.columns if c in ENTITY_COLUMNS]
            for row in frame[["source_key", *columns]].itertuples(index=False, name=None):
                found[table, str(row[0])] = _named(columns, row[1:])
        return cls(MappingProxyType(found))

    def at(self, table: str, key: str) -> tuple[Entity, ...]:
        """Return the entities named in one input row; none if the row was not fetched."""
        return self.entities.get((table, key), ())


def _named(columns: Sequence[str], values: Iterable[object]) -> tuple[Entity, ...]:
    # a null arrives as None or as a float NaN; identifiers are always strings
    pairs = ((c, v.strip()) for c, v in zip(columns, values, strict=True) if isinstance(v, str))
    return tuple((ENTITY_COLUMNS[c][0], v, ENTITY_COLUMNS[c][1]) for c, v in pairs if v)


def evidence_keys(scored: Iterable[ScoredRing]) -> dict[str, list[str]]:
    """Return the input rows that support the rings: source table → sorted keys."""
    keys: dict[str, set[str]] = {}
    for one in scored:
        for finding in one.ring.findings:
            for row in finding.evidence:
                keys.setdefault(row.source_table, set()).add(row.source_key)
    return {table: sorted(found) for table, found in sorted(keys.items())}


def collect_facts(
    scored: Iterable[ScoredRing], canonical: Mapping[str, ir.Table], engine: Engine
) -> EntityFacts:
    """Fetch from the engine which entities the evidence rows name.

    Parameters
    ----------
    scored
        The rings whose evidence is asked about.
    canonical
        Canonical tables, whole.
    engine
        Where they live.

    Notes
    -----
    Tables without a key of one column (items, stock …) have no facts; their evidence rows name the
    institution already.
    """
    import pyarrow as pa

    frames: dict[str, pd.DataFrame] = {}
    for name, keys in evidence_keys(scored).items():
        if name not in canonical or len(TABLES[name].key) != 1:
            continue
        table, key = canonical[name], TABLES[name].key[0]
        columns = [c for c in ENTITY_COLUMNS if c in table.columns]
        wanted = engine.put("evidence_keys", pa.table({"source_key": pa.array(keys, pa.string())}))
        found = wanted.inner_join(table, wanted.source_key == table[key]).select("source_key", *columns)
        frames[name] = engine.fetch(found).to_pandas()
        engine.drop("evidence_keys")
    named = EntityFacts.of(frames).entities
    return EntityFacts(named, registers_of(named, _houses(scored), canonical, engine))


def _houses(scored: Iterable[ScoredRing]) -> set[str]:
    """Return the institutions of rings whose subjects are institutions."""
    rings = [one.ring for one in scored if one.ring.subject_type == "institution"]
    bound = {i for ring in rings for f in ring.findings for kind, i, _ in f.hubs if kind == "institution"}
    return {*bound, *(house for ring in rings for house in ring.core)}
