"""Offices and staff whose conduct looks like an insider's, and is not: in every town with offices, clean or not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gangfinder.synth.bureau import (
    BRANCH,
    DRUG,
    ENROLMENT,
    FILING,
    HANDLER,
    MATERNITY,
    REIMBURSEMENT,
    REVIEWER,
    SMALL,
    Bureau,
)
from gangfinder.synth.casting import Part
from gangfinder.synth.events import NONE
from gangfinder.synth.streams import Ints
from gangfinder.synth.world import World

OFFICE_LOOKALIKES = (
    "sole_handler", "small_office", "regional_office", "queue_by_district", "queue_by_surname", "month_end_batch",
    "teaching_shift", "staff_as_patients", "relative_owner",
)
"""Kinds of look-alikes among staff."""


def innocents(world: World) -> list[Part]:
    """Return the look-alikes among staff; none in a town that does not show its offices.

    Parameters
    ----------
    world
        The town.
    """
    bureau = world.bureau
    if bureau is None:
        return []
    nobody = np.empty(0, dtype=np.int64)
    parts = [Part(kind, nobody, staff=staff) for kind, staff in _desks(bureau)]
    homes = [(staff, bureau.household(world.people, staff)) for staff in range(bureau.count)]
    for staff, home in [(staff, home) for staff, home in homes if len(home)][: max(3, world.settings.lookalikes)]:
        parts.append(Part("staff_as_patients", home, staff=np.array([staff])))
    for staff, house in zip(*bureau.relations.owners, strict=True):
        parts.append(Part("relative_owner", nobody, staff=np.array([staff]), places=np.array([house])))
    return parts


def _desks(bureau: Bureau) -> Iterator[tuple[str, Ints]]:
    for office, sort in enumerate(bureau.sort.tolist()):
        if sort == SMALL:
            yield "small_office", np.flatnonzero(bureau.office == office)
            continue
        for kind in (MATERNITY, DRUG):
            yield "sole_handler", bureau.at(office, kind, HANDLER)
        if sort == BRANCH:
            yield "regional_office", np.flatnonzero(bureau.office == office)
            yield "queue_by_district", bureau.at(office, REIMBURSEMENT, HANDLER)
            yield "queue_by_surname", bureau.at(office, ENROLMENT, HANDLER)
            yield "month_end_batch", bureau.at(office, FILING, REVIEWER)
    for trainee in np.flatnonzero(bureau.teacher != NONE).tolist():
        yield "teaching_shift", np.array([trainee, bureau.teacher[trainee]])
