"""Control: who owns, hands in and swipes — ties between houses, and from people to those who act for them.

Ties between houses (one owner, one device) are pairs within a cap; ties from people to agents are edges of a two-sided
graph and are never folded into pairs. Who decides on claims is a linker of its own, :mod:`gangfinder.linking.handling`.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from gangfinder.linking.contract import Linker, Tables
from gangfinder.linking.shared_attribute import rarity
from gangfinder.model.evidence import Family

if TYPE_CHECKING:
    import ibis.expr.types as ir

OWNERSHIP = ("legal_rep_id_number", "uscc", "bank_account", "parent_id")
"""Columns of ``institutions`` that two houses of one owner share."""

OWNER_KINDS = frozenset(
    {"shareholder", "legal_rep", "controller", "owner", "supervisor", "股东", "法定代表人", "实际控制人", "出资人"}
)

_HANDED_IN = {
    "settlements": "settled_at", "reimbursements": "submitted_at", "filings": "filed_at", "enrolments": "valid_from",
}


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of control ties.

    Parameters
    ----------
    owner_cap_houses
        Most houses of one owner that are tied in pairs; larger ones are chains and public systems.
    device_cap_houses
        Most houses on one device address that are tied in pairs; more is a front-end server or a provider.
    agent_least_people
        Fewest people of an agent whose ties are written.
    """

    owner_cap_houses: int = 30
    device_cap_houses: int = 5
    agent_least_people: int = 2


def link(tables: Tables, params: Params) -> ir.Table:
    """Return owner, terminal and agent ties, in the columns of ``LINK_SCHEMA``."""
    parts = [_owners(tables, params), _devices(tables, params), _agents(tables, params)]
    return parts[0].union(*parts[1:], distinct=False)


def _owners(tables: Tables, params: Params) -> ir.Table:
    """Return pairs of houses with one owner."""
    houses, ties = tables["institutions"], tables["ties"]
    parts = [
        houses.filter(houses[c].notnull() & (houses[c] != "")).select(value=houses[c], house=houses.institution_id)
        for c in OWNERSHIP
    ]
    # a parent is a house of its own group
    parents = houses.filter(houses.parent_id.notnull() & (houses.parent_id != ""))
    heads = parents.select(value=parents.parent_id, house=parents.parent_id).distinct()
    parts.append(heads.semi_join(houses, heads.house == houses.institution_id))
    owned = ties.filter(ties.kind.isin(sorted(OWNER_KINDS)))
    by_target = owned.filter(owned.target_type == "institution")
    parts.append(by_target.select(value=by_target.source_id, house=by_target.target_id))
    by_source = owned.filter((owned.source_type == "institution") & (owned.target_type != "institution"))
    parts.append(by_source.select(value=by_source.target_id, house=by_source.source_id))
    held = parts[0].union(*parts[1:], distinct=True)
    return _house_pairs(held, "same_owner", params.owner_cap_houses)


def _devices(tables: Tables, params: Params) -> ir.Table:
    """Return pairs of houses whose terminals have one device address."""
    terminals = tables["terminals"]
    known = terminals.filter(terminals.mac.notnull() & (terminals.mac.length() >= 11))
    known = known.filter(known.mac.replace("0", "").replace(":", "").replace("-", "").length() > 0)
    held = known.select(value=known.mac.upper(), house=known.institution_id).distinct()
    return _house_pairs(held, "same_terminal", params.device_cap_houses)


def _house_pairs(held: ir.Table, kind: str, cap: int) -> ir.Table:
    import ibis

    size = held.group_by("value").aggregate(houses=held.house.nunique())
    fit = held.inner_join(size.filter((size.houses > 1) & (size.houses <= cap)), "value")
    left = fit.select("value", "houses", a=fit.house)
    right = left.select(value_r="value", a_r="a")
    met = left.inner_join(right, [left.value == right.value_r, left.a < right.a_r])
    met = met.mutate(rarity=rarity(met.houses))
    pair = met.group_by("a", "a_r").aggregate(n=met.value.nunique(), weight=met.rarity.sum())
    never = ibis.null().cast("timestamp")
    return _as_links(pair.mutate(first_at=never, last_at=never), kind, ("institution", "a"), ("institution", "a_r"))


def _agents(tables: Tables, params: Params) -> ir.Table:
    """Return edges from agents (by identity number, else phone) to the people they act for."""
    import ibis

    parts = []
    for name, when in _HANDED_IN.items():
        table = tables[name]
        agent = ibis.coalesce(table.agent_id_number, table.agent_phone)
        known = table.filter(agent.notnull() & (agent != ""))
        hub = ibis.coalesce(known.agent_id_number, known.agent_phone)
        parts.append(known.select("patient_id", hub=hub, at=known[when].cast("timestamp")))
    acts = parts[0].union(*parts[1:], distinct=False)
    return edges(acts, "acts_for", "agent", params.agent_least_people)


def edges(used: ir.Table, kind: str, entity: str, least: int) -> ir.Table:
    """Return edges from those who act (column hub) to people: hub, patient_id, at → ``LINK_SCHEMA``.

    Parameters
    ----------
    used
        One row per act.
    kind, entity
        Kind of the link, and entity type of who acts.
    least
        Fewest people of one hub.
    """
    own = used.group_by("hub", "patient_id").aggregate(
        n=used.count(), first_at=used["at"].min(), last_at=used["at"].max()
    )
    size = own.group_by("hub").aggregate(people=own.count())
    joined = own.inner_join(size.filter(size.people >= least), "hub")
    joined = joined.mutate(weight=rarity(joined.people))
    return _as_links(joined, kind, (entity, "hub"), ("patient", "patient_id"))


def _as_links(table: ir.Table, kind: str, source: tuple[str, str], target: tuple[str, str]) -> ir.Table:
    import ibis

    return table.select(
        kind=ibis.literal(kind), family=ibis.literal(Family.CONTROL.value), source_type=ibis.literal(source[0]),
        source_id=table[source[1]], target_type=ibis.literal(target[0]), target_id=table[target[1]],
        n_events=table.n.cast("int64"), n_places=ibis.literal(0).cast("int64"), expected=ibis.literal(0.0),
        log10_p=ibis.literal(0.0), weight=table.weight.round(9), first_at=table.first_at, last_at=table.last_at,
    )


_AGENT = frozenset({"agent_id_number", "agent_phone"})

LINKER = Linker(
    slug="control",
    title="Owners, devices and agents",
    family=Family.CONTROL,
    kinds=("same_owner", "same_terminal", "acts_for"),
    params=Params(),
    link=link,
    optional=MappingProxyType(
        {
            "institutions": frozenset(OWNERSHIP),
            "ties": frozenset(),
            "terminals": frozenset({"mac"}),
            "settlements": _AGENT | {"settled_at"},
            "reimbursements": _AGENT | {"submitted_at"},
            "filings": _AGENT | {"filed_at"},
            "enrolments": _AGENT | {"valid_from"},
        }
    ),
)
