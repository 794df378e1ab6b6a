"""The robustness stamp and the proximity to known cases in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gangfinder.leads.catalogue import Phrase
from gangfinder.leads.members import CORE_ROLES
from gangfinder.leads.phrases import phrase, role_title

if TYPE_CHECKING:
    from gangfinder.model.lead import Bridge, Proximity, Stamp


def robustness(stamp: Stamp | None) -> Iterator[Phrase]:
    """Say how much a lead can lose before it falls; nothing where that was not tried.

    Parameters
    ----------
    stamp
        Its bridge carries the id that may be shown.
    """
    if stamp is None:
        return
    if stamp.deletion_survived > 0:
        yield phrase("robust.rows", percent=round(100 * stamp.deletion_survived), draws=stamp.draws)
    else:
        yield phrase("robust.rows.none")
    yield phrase("robust.neighbours", n=stamp.neighbours, k=stamp.neighbours_survived)
    if stamp.seeds:
        yield phrase("robust.seeds", n=stamp.seeds, k=stamp.seeds_survived)
    else:
        yield phrase("robust.seeds.none")
    if stamp.bridge is not None:
        yield _bridge(stamp.bridge)


def _bridge(bridge: Bridge) -> Phrase:
    what = "stands" if bridge.stands else "falls"
    role = role_title(bridge.entity_type, CORE_ROLES.get(bridge.entity_type, bridge.entity_type))
    return phrase(f"robust.bridge.{what}", role=role, id=bridge.entity_id, n_rows=bridge.n_rows)


def nearness(proximity: Proximity | None) -> Iterator[Phrase]:
    """Say how near a lead is to known cases; nothing where the data name none."""
    if proximity is None:
        return
    p = proximity
    if p.n_known:
        yield phrase("near.known", n=p.n_known, n_core=p.n_core)
    if p.n_near:
        yield phrase("near.near", n=p.n_near, n_core=p.n_core, step=p.least_round, lift=p.most_lift)
    if p.n_known_houses:
        yield phrase("near.houses", known=p.n_known_houses)
    if p.n_near_houses:
        yield phrase("near.visitors", near=p.n_near_houses)
    if not (p.n_known or p.n_near or p.n_known_houses or p.n_near_houses):
        yield phrase("near.none")
    else:
        yield phrase("near.note")
