"""Bills of local clinics and shops that were paid in cash and are handed in on paper."""

from __future__ import annotations

import numpy as np

from gangfinder.synth.casting import Scene
from gangfinder.synth.catalogue import Kind, PlaceKind
from gangfinder.synth.claims import invoice_position, own_ways
from gangfinder.synth.events import DAY, Claims
from gangfinder.synth.reimbursed import OUTPATIENT
from gangfinder.synth.streams import Floats, Ints

_ON_PAPER = 0.002
"""Share of visits to a clinic or shop whose like is paid in cash: the card left at home, the line down."""

_ON_THE_ROAD = 0.05
"""Share of them from a house where others go."""


def paper_bills(scene: Scene, rng: np.random.Generator, who: Ints, where: Ints, days: Ints) -> Claims:
    """Return one claim for each person and house: a bill of that day, handed in days or weeks later.

    Parameters
    ----------
    scene, rng
        The town and the random stream.
    who, where, days
        Claimants, the houses that wrote the bills, and the days on them.
    """
    size = len(who)
    account, agent = own_ways(scene.world, rng, who)
    last = scene.world.first_day + scene.world.days - 1
    return Claims.of(
        patient=who, place=where, admitted=days - 1, nights=1, total=_bill(rng, size), account=account, agent=agent,
        submitted=np.minimum(days + rng.integers(3, 50, size), last), benefit=OUTPATIENT,
        invoice=invoice_position(scene.world, where, days) + rng.integers(0, 400, size),
    )


def _bill(rng: np.random.Generator, size: int) -> Floats:
    """Draw the bill of a course of treatment, of a device or of a month of drugs, in yuan."""
    return np.round(np.exp(rng.normal(np.log(2_600), 0.5, size)).clip(900, 12_000), 2)


def ordinary_paper(scene: Scene) -> Claims:
    """Return the paper bills of residents, at the houses to which they go anyway."""
    world = scene.world
    rng, ordinary, people = world.streams.rng("paper bills"), scene.ordinary, world.people
    counter = np.isin(world.places.kind[ordinary["place"]], [PlaceKind.CLINIC, PlaceKind.PHARMACY])
    here = (people.area == 0)[ordinary["patient"]] & scene.alive[ordinary["patient"]]
    fit = np.flatnonzero(counter & here & ~np.isin(ordinary["kind"], [Kind.STAY, Kind.SPECIAL]))
    rows = ordinary.take(rng.choice(fit, rng.poisson(_ON_PAPER * len(fit)), replace=False))
    strayed = rng.random(len(rows)) < _ON_THE_ROAD
    where = rows["place"].astype(np.int64)
    where[strayed] = rng.permutation(where)[strayed]
    # another day than that of the visit, which was settled on the spot
    days = np.maximum(rows["at"] // DAY - rng.integers(3, 25, len(rows)), world.first_day)
    return paper_bills(scene, rng, rows["patient"].astype(np.int64), where, days)
