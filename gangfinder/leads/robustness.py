"""The robustness stamp in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gangfinder.leads.catalogue import Phrase
from gangfinder.leads.members import CORE_ROLES
from gangfinder.leads.phrases import phrase, role_title

if TYPE_CHECKING:
    from gangfinder.model.lead import Bridge, Stamp


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
