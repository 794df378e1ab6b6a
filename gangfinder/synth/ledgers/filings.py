"""Who filed for a chronic-disease entitlement, certified by whom, handed in by whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from gangfinder.synth.casting import Scene
from gangfinder.synth.columns import as_table, dates, instants, pick_from
from gangfinder.synth.entitlements import DISEASES, LONG_KNOWN, experts, found_ill, office_hours
from gangfinder.synth.events import DAY, FREE, NONE, Conduct
from gangfinder.synth.idents import opaque
from gangfinder.synth.ledgers.contract import Ledger
from gangfinder.synth.names import Names
from gangfinder.synth.ordinary import pick
from gangfinder.synth.world import World

_BY_KIN = 0.2
_VALID_DAYS = 730


class Filings(Conduct):
    """Filings; ``filed`` is in seconds since 1970, ``disease`` a position in ``entitlements.DISEASES``."""

    __slots__ = ()
    schema: ClassVar[Mapping[str, tuple[str, Any]]] = {
        "patient": ("int32", NONE),
        "filed": ("int64", NONE),
        "disease": ("int8", 0),
        "doctor": ("int32", NONE),
        "place": ("int32", NONE),
        "agent": ("int32", NONE),
        "handler": ("int32", NONE),
        "reviewer": ("int32", NONE),
        "origin": ("int32", FREE),
    }


def ordinary(scene: Scene) -> Filings:
    """Return the filings of those found ill in the year, and of most who have long been ill."""
    world, people = scene.world, scene.world.people
    rng = world.streams.rng("filings")
    ill = found_ill(world, scene.habits)
    fresh = Filings.of(
        patient=ill.who, filed=office_hours(rng, ill.filed), disease=ill.disease, doctor=ill.doctor, place=ill.place
    )
    known = people.chronic & (rng.random(people.count) < 0.72)
    known[ill.who] = False
    who = np.flatnonzero(known)
    place = pick(rng, scene.habits.hospital, who)
    days = world.first_day - rng.integers(1, 1_500, len(who))
    old = Filings.of(
        patient=who, filed=office_hours(rng, days), disease=rng.integers(0, LONG_KNOWN, len(who)),
        doctor=experts(rng, world, place), place=place,
    )
    filed = Filings.joined([fresh, old])
    kin = people.phone_of[filed["patient"]]
    return filed.having(agent=np.where(rng.random(len(filed)) < _BY_KIN, kin, NONE))


def write(world: World, names: Names, filed: Filings) -> pa.Table:
    """Write one row for each filing."""
    rng, count = world.streams.rng("filings written"), len(filed)
    handled = filed["filed"] + rng.integers(600, 9 * 3600, count)
    reviewed = handled + rng.integers(3_600, 4 * DAY, count)
    day = filed["filed"] // DAY
    # the bodies of staff are numbered handler, handler, reviewer, and again
    clerks = np.flatnonzero(np.arange(len(names.staff)) % 3 != 2)
    judges = np.flatnonzero(np.arange(len(names.staff)) % 3 == 2)
    handler, reviewer = rng.choice(clerks, count), rng.choice(judges, count)
    agent = filed["agent"].astype(np.int64)
    return as_table("filings", {
        "filing_id": opaque(count, int(rng.integers(1, 2**62)), "F"),
        "patient_id": names.patients.take(pa.array(filed["patient"].astype(np.int64))),
        "kind": pick_from(("chronic",), np.zeros(count, np.int64)),
        "filed_at": instants(filed["filed"]),
        "disease_code": pick_from(DISEASES, filed["disease"]),
        "valid_from": dates(day + 1),
        "valid_to": dates(day + _VALID_DAYS),
        "doctor_id": pick_from(names.doctors, filed["doctor"]),
        "institution_id": pick_from(names.places, filed["place"]),
        "agent_id_number": pick_from(names.id_numbers, agent),
        "agent_phone": pick_from(names.phones, agent),
        "handler_id": pick_from(names.staff, np.where(filed["handler"] != NONE, filed["handler"], handler)),
        "handled_at": instants(handled),
        "reviewer_id": pick_from(names.staff, np.where(filed["reviewer"] != NONE, filed["reviewer"], reviewer)),
        "reviewed_at": instants(reviewed),
        "decision": pick_from(("approved", "rejected"), (rng.random(count) < 0.02).astype(np.int64)),
    })


FILINGS = Ledger("filings", "filing_id", Filings, ordinary, write)
