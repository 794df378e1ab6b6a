"""Where a sealed lead may go: to discipline inspection alone, and never to the office of its subjects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from gangfinder.leads.catalogue import Phrase
from gangfinder.leads.phrases import phrase
from gangfinder.model.lead import Lead, Ring, Routing
from gangfinder.model.sealing import SEALED_ENTITIES

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from gangfinder.engine import Engine

_REGISTERS = ("staff", "roster")


def routed(leads: Sequence[Lead], canonical: Mapping[str, ir.Table], engine: Engine) -> list[Lead]:
    """Return the leads, each with the offices from which it is kept.

    Parameters
    ----------
    leads
        Sealed leads.
    canonical
        Canonical tables; ``staff`` and ``roster`` say who is at which office.
    engine
        Where they live.
    """
    offices = _offices({one for lead in leads for one in _staff(lead.scored.ring)}, canonical, engine)
    return [replace(lead, routing=_routing(lead.scored.ring, offices)) for lead in leads]


def _routing(ring: Ring, offices: Mapping[str, set[str]]) -> Routing:
    found = set(ring.core) if ring.subject_type == "office" else set()
    for one in _staff(ring):
        found |= offices.get(one, set())
    return Routing(tuple(sorted(found)))


def _staff(ring: Ring) -> set[str]:
    """Return the ids of all members of staff that a ring names, as subjects or as hubs."""
    named = {(kind, one) for f in ring.findings for kind, one, _ in f.hubs}
    named |= {(ring.subject_type, one) for one in ring.core}
    return {one for kind, one in named if kind in SEALED_ENTITIES - {"office"}}


def _offices(staff: Iterable[str], canonical: Mapping[str, ir.Table], engine: Engine) -> dict[str, set[str]]:
    import pyarrow as pa

    found: dict[str, set[str]] = {}
    wanted = engine.put("routed_staff", pa.table({"staff_id": pa.array(sorted(staff), pa.string())}))
    for name in _REGISTERS:
        if name not in canonical or "office" not in canonical[name].columns:
            continue
        known = canonical[name].semi_join(wanted, "staff_id").select("staff_id", "office").distinct()
        for row in engine.fetch(known).to_pylist():
            if row["office"]:
                found.setdefault(row["staff_id"], set()).add(row["office"])
    engine.drop("routed_staff")
    return found


def routing_lines(routing: Routing | None) -> Iterator[Phrase]:
    """Say where a lead may go; nothing of an open one."""
    if routing is None:
        return
    yield phrase("route.to")
    if routing.hidden_from:
        yield phrase("route.hidden", offices=tuple(Phrase("{o}", {"o": o}) for o in routing.hidden_from))
    else:
        yield phrase("route.hidden.unknown")
    yield phrase("route.recorded")
