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
from gangfinder.synth.casting import Part, Scene
from gangfinder.synth.claims import stays_far_away
from gangfinder.synth.events import NONE
from gangfinder.synth.limits import flat_rates
from gangfinder.synth.paper import paper_bills
from gangfinder.synth.people import OWN_PHONE
from gangfinder.synth.streams import Ints

OFFICE_LOOKALIKES = (
    "sole_handler", "small_office", "regional_office", "queue_by_district", "queue_by_surname", "month_end_batch",
    "teaching_shift", "staff_as_patients", "relative_owner", "large_family", "number_of_kin", "helped_neighbour",
    "flat_rates",
)
"""Kinds of look-alikes among staff, and of bills that look like an insider's."""

_CLAIM = 0.6
"""Share of the families of staff at large offices of whom one hands in a bill in the year, paid to his own account:
they know how it is done, and more of them do it than others.
"""

_HELPING = 0.1
"""Share of staff who hand in one paper for an old neighbour in the year."""

_NUMBERS = 0.06
"""Share of staff whose telephone number stands in the file of an old relative under another roof."""


def innocents(scene: Scene) -> list[Part]:
    """Return the look-alikes among staff; none in a town that does not show its offices.

    Parameters
    ----------
    scene
        The town. The telephone numbers of some relatives are changed in it.
    """
    world, bureau = scene.world, scene.world.bureau
    if bureau is None:
        return []
    nobody = np.empty(0, dtype=np.int64)
    parts = [Part(kind, nobody, staff=staff) for kind, staff in _desks(bureau)]
    homes = [(staff, bureau.household(world.people, staff)) for staff in range(bureau.count)]
    for staff, home in [(staff, home) for staff, home in homes if len(home)][: max(3, world.settings.lookalikes)]:
        parts.append(Part("staff_as_patients", home, staff=np.array([staff])))
    for staff, house in zip(*bureau.relations.owners, strict=True):
        parts.append(Part("relative_owner", nobody, staff=np.array([staff]), places=np.array([house])))
    for staff in bureau.relations.large.tolist():
        parts.append(Part("large_family", bureau.relations.kin_of(staff), staff=np.array([staff])))
    rates = (flat_rates(scene, world.streams.rng("flat rates", n), n) for n in range(max(3, world.settings.lookalikes)))
    return [*parts, *_claiming(scene, bureau), *_numbers(scene, bureau), *_helping(scene, bureau), *rates]


def _claiming(scene: Scene, bureau: Bureau) -> Iterator[Part]:
    """Return relatives of staff who hand in a bill of their own: by it their account is known for theirs."""
    rng, world = scene.world.streams.rng("families claim"), scene.world
    able = np.flatnonzero(bureau.spare != NONE)
    able = able[rng.random(len(able)) < _CLAIM]
    for staff in able.tolist():
        who = bureau.spare[staff : staff + 1]
        day = world.first_day + rng.integers(1, world.days - 30, 1)
        bill = paper_bills(scene, rng, who, scene.habits.clinic[who, 0], day)
        yield Part("staff_as_patients", who, claims=bill.having(account=who, agent=NONE), staff=np.array([staff]))


def _numbers(scene: Scene, bureau: Bureau) -> Iterator[Part]:
    """Return old relatives who gave the number of one of the staff as theirs."""
    rng, people = scene.world.streams.rng("numbers of kin"), scene.world.people
    staff, kin = bureau.relations.kin
    fit = np.flatnonzero((bureau.person[staff] < people.count) & (people.age[kin] >= 60) & scene.alive[kin])
    fit = rng.permutation(fit)
    fit = fit[np.sort(np.unique(staff[fit], return_index=True)[1])]
    for row in fit[: max(3, scene.world.settings.lookalikes, round(_NUMBERS * bureau.count))].tolist():
        people.phone_of[kin[row]], people.phone_source[kin[row]] = bureau.person[staff[row]], OWN_PHONE
        yield Part("number_of_kin", kin[row : row + 1], staff=staff[row : row + 1])


def _helping(scene: Scene, bureau: Bureau) -> Iterator[Part]:
    """Return old neighbours for whom one of the staff handed in one paper."""
    rng, people = scene.world.streams.rng("neighbours of staff"), scene.world.people
    here = rng.permutation(np.flatnonzero(bureau.person < people.count))
    for staff in here[: max(3, scene.world.settings.lookalikes, round(_HELPING * bureau.count))].tolist():
        himself = int(bureau.person[staff])
        near = (people.village == people.village[himself]) & (people.household != people.household[himself])
        near &= scene.alive & (people.area == 0) & ~people.guest
        old = np.flatnonzero(near & (people.age >= 60))
        who = rng.choice(old if len(old) else np.flatnonzero(near), 1)
        paper = stays_far_away(scene, rng, who, account=who, agent=himself)
        yield Part("helped_neighbour", who, claims=paper, agents=np.array([himself]), staff=np.array([staff]))


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
