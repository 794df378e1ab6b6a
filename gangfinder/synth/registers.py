"""The registers of the fund: people, cards, institutions, desks, doctors, staff and ties."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gangfinder.synth.catalogue import DEPARTMENTS, PlaceKind
from gangfinder.synth.columns import as_table, blank, dates, joined, pick_from, words
from gangfinder.synth.idents import accounts, usccs
from gangfinder.synth.ledgers.enrolments import company_number
from gangfinder.synth.names import Names, addresses, person_names
from gangfinder.synth.people import AREAS, EMPLOYEE, NO_DEATH
from gangfinder.synth.standing import BY_CODE, BY_PARENT
from gangfinder.synth.streams import Ints
from gangfinder.synth.world import World

_KIND_NAMES = ("hospital", "hospital", "hospital", "hospital", "clinic", "pharmacy", "hospital")
_TITLES = (
    "测试人民医院",
    "测试医院",
    "测试镇卫生院",
    "测试精神卫生中心",
    "测试诊所",
    "测试药店",
    "测试外地医院",
)
_LEVELS = ("02", "05", "08", "06", "11", "11", "01")


def shuffled(rng: np.random.Generator, table: pa.Table) -> pa.Table:
    """Return the table with its rows in random order."""
    return table.take(pa.array(rng.permutation(table.num_rows)))


def registers(world: World, names: Names, beds: Ints) -> dict[str, pa.Table]:
    """Write all registers.

    Parameters
    ----------
    world, names
        The town.
    beds
        Approved beds of each institution.
    """
    tables = {
        "patients": _patients(world, names),
        "cards": _cards(world, names),
        "institutions": _institutions(world, names, beds),
        "terminals": _terminals(world, names),
        "doctors": _doctors(world, names),
        "operators": _operators(world, names),
        "ties": _ties(world, names),
        "staff": _staff(world, names),
        "roster": _roster(world, names),
    }
    rng = world.streams.rng("order")
    return {name: shuffled(rng, table) for name, table in tables.items()}


def _employers(world: World, names: Names) -> pa.Array:
    """Return each person's employer as text; some villages write the village there."""
    people = world.people
    rng = world.streams.rng("employers")
    company = joined("测试公司", words(company_number(world, np.maximum(people.employer, 0))))
    by_village = (rng.random(people.villages) < 0.2)[people.village] & (people.insured != EMPLOYEE)
    village = joined("测试村委会", words(people.village + 1))
    pool = pa.concat_arrays([company, village])
    index = np.where(people.employer >= 0, np.arange(people.count), -1)
    return pick_from(pool, np.where(by_village, people.count + np.arange(people.count), index))


def _patients(world: World, names: Names) -> pa.Table:
    people = world.people
    rng = world.streams.rng("patients")
    return as_table(
        "patients",
        {
            "patient_id": names.patients,
            "name": person_names(rng, people.count),
            "id_number": blank(names.id_numbers.slice(0, people.count), rng.random(people.count) < 0.01),
            "gender": pick_from(("2", "1"), people.male.astype(np.int64)),
            "birth_date": dates(people.birth_day),
            "death_date": dates(np.minimum(people.death_day, 40_000), people.death_day >= NO_DEATH),
            "phone": names.phone_column(names.register_phone),
            "address": blank(addresses(world), rng.random(people.count) < 0.02),
            "household_id": blank(names.households.take(pa.array(people.household)), rng.random(people.count) < 0.03),
            "employer": _employers(world, names),
            "area_code": pick_from(AREAS, people.area),
            "insured_type": pick_from(("310", "390"), people.insured),
            "enrolled_on": dates(world.first_day - rng.integers(400, 6000, people.count)),
        },
    )


def _cards(world: World, names: Names) -> pa.Table:
    rng = world.streams.rng("cards")
    count = world.people.count
    return as_table(
        "cards",
        {
            "card_id": names.cards,
            "patient_id": names.patients,
            "card_type": pick_from(("03",), np.zeros(count, np.int64)),
            "issued_on": dates(world.first_day - rng.integers(30, 3000, count)),
            "status": pick_from(("active", "replaced"), (rng.random(count) < 0.01).astype(np.int64)),
        },
    )


def _institutions(world: World, names: Names, beds: Ints) -> pa.Table:
    places, rng = world.places, world.streams.rng("institutions")
    count = places.count
    public = np.isin(places.kind, [PlaceKind.LARGE, PlaceKind.TOWNSHIP]) | (rng.random(count) < 0.15)
    legal = world.people.count + rng.integers(0, 3_000, count)
    codes = usccs(count, int(rng.integers(1, 2**40)))
    if world.bureau is not None:
        legal = np.where(world.bureau.relations.owner >= 0, world.bureau.relations.owner, legal)
    parent, legal, code = _owners(world, legal)
    return as_table(
        "institutions",
        {
            "institution_id": names.places,
            "name": joined(pick_from(_TITLES, places.kind), words(rng.permutation(count) + 1)),
            "kind": pick_from(_KIND_NAMES, places.kind),
            "level": pick_from(_LEVELS, places.kind),
            "uscc": codes.take(pa.array(code)),
            "legal_rep_name": person_names(rng, count),
            "legal_rep_id_number": names.id_numbers.take(pa.array(legal)),
            "phone": names.phones.slice(len(names.phones) - count),
            "address": joined("测试县测试路", words(rng.permutation(count * 3)[:count] + 1), "号"),
            "bank_account": accounts(np.arange(count), int(rng.integers(1, 2**40))),
            "parent_id": pick_from(names.places, np.where(parent >= 0, parent, world.marks.chain)),
            "beds": pa.array(beds, mask=beds == 0),
            "dialysis_stations": pa.array(places.stations, mask=places.stations == 0),
            "catchment": pa.array(places.catchment, mask=places.catchment == 0),
            "area_code": pick_from(AREAS, (places.kind == PlaceKind.REMOTE).astype(np.int64)),
            "longitude": np.round(100 + places.x / 96, 5),
            "latitude": np.round(30 + places.y / 111, 5),
            "public": public,
        },
    )


def _owners(world: World, legal: Ints) -> tuple[Ints, Ints, Ints]:
    """Return parent (-1: none), legal representative and owner of the credit code, as positions, of every house."""
    standing, count = world.standing, world.places.count
    parent, code, legal = np.full(count, -1), np.arange(count), legal.copy()
    for owner in range(int(standing.owner.max(initial=-1)) + 1):
        houses = np.flatnonzero(standing.owner == owner)
        if len(houses) < 2:
            continue
        head, by = houses[np.argmin(world.places.kind[houses])], int(standing.owner_by[houses[0]])
        legal[houses] = legal[head]
        if by == BY_PARENT:
            parent[houses[houses != head]] = head
        if by == BY_CODE:
            code[houses] = head
    return parent, legal, code


def _terminals(world: World, names: Names) -> pa.Table:
    """Return the devices; some were replaced, and the one that took over has a number of its own."""
    places, rng = world.places, world.streams.rng("terminals")
    count = len(places.terminal_place)
    changed = np.flatnonzero(places.replaced_on < NO_DEATH)
    row, later = np.concatenate([np.arange(count), changed]), np.arange(count + len(changed)) >= count
    where, replaced = places.terminal_place[row], places.replaced_on[row]
    octets = [f"{i:02x}" for i in range(256)]
    mac = [part for _ in range(4) for part in (":", pick_from(octets, rng.integers(0, 256, len(row))))]
    began = (world.first_day - rng.integers(60, 900, count))[row]
    return as_table(
        "terminals",
        {
            "terminal_id": names.terminals.take(pa.array(row + np.where(later, count, 0))),
            "institution_id": names.places.take(pa.array(where)),
            "mac": joined("02:00", *mac),
            "ip": joined("10.", words(where // 250 % 250), ".", words(where % 250), ".", words(row % 250)),
            "valid_from": dates(np.where(later, replaced, began)),
            "valid_to": dates(np.minimum(replaced - 1, 40_000), later | (replaced >= NO_DEATH)),
        },
    )


def _doctors(world: World, names: Names) -> pa.Table:
    places, rng = world.places, world.streams.rng("doctors")
    count = len(places.doctor_place)
    second = np.flatnonzero(rng.random(count) < 0.04)
    row = np.concatenate([np.arange(count), second])
    home = places.doctor_place[row]
    clinics = places.of_kind(PlaceKind.CLINIC, PlaceKind.TOWNSHIP)
    home[count:] = rng.choice(clinics, len(second))
    # those who work at a second house have a row there; the others' second row is on paper only
    standing = world.standing
    at_two = np.flatnonzero(standing.second >= 0)
    first = (~np.isin(row, at_two) & (home != places.doctor_place[row])) | (np.arange(len(row)) < count)
    row, home = np.concatenate([row[first], at_two]), np.concatenate([home[first], standing.second[at_two]])
    multi = np.isin(row, second) | np.isin(row, at_two) | standing.reads[row]
    nobody = standing.account[row]
    return as_table(
        "doctors",
        {
            "doctor_id": names.doctors.take(pa.array(row)),
            "name": pc.if_else(
                pa.array(nobody), pa.scalar("测试科室公用账号"), person_names(rng, count).take(pa.array(row))
            ),
            "id_number": blank(names.id_numbers.take(pa.array(names.doctor_person[row])), nobody),
            "phone": names.phones.take(pa.array(names.doctor_person[row])),
            "institution_id": names.places.take(pa.array(home)),
            "department": pc.if_else(
                pa.array(standing.reads[row]), pa.scalar("医学影像科"), pick_from(DEPARTMENTS, places.doctor_ward[row])
            ),
            "multi_site": multi,
            "active_from": dates(world.first_day - rng.integers(100, 3000, count)[row]),
            "active_to": dates(np.minimum(standing.left_on[row] - 1, 40_000), standing.left_on[row] >= NO_DEATH),
        },
    )


def _operators(world: World, names: Names) -> pa.Table:
    places, rng = world.places, world.streams.rng("operators")
    count = len(places.operator_place)
    left = np.full(count, NO_DEATH) if world.bureau is None else world.bureau.operator_left
    gone = {} if world.bureau is None else {"active_to": dates(np.minimum(left - 1, 40_000), left >= NO_DEATH)}
    return as_table(
        "operators",
        {
            "operator_id": names.operators,
            "institution_id": names.places.take(pa.array(places.operator_place)),
            "name": person_names(rng, count),
            "id_number": names.id_numbers.take(pa.array(names.operator_person)),
            "active_from": dates(world.first_day - rng.integers(60, 1500, count)),
            **gone,
        },
    )


def _ties(world: World, names: Names) -> pa.Table:
    """Return the ties on record: most spouses and parents, and some relatives under another roof."""
    people, rng = world.people, world.streams.rng("ties")
    head = np.searchsorted(people.household, people.household, side="left")
    known = np.flatnonzero((people.generation != 0) & (rng.random(people.count) < 0.6))
    kind = np.where(people.generation[known] == 1, 0, 1)
    far = rng.integers(0, people.count - 400, people.count // 25)
    near = far + rng.integers(1, 400, len(far))
    source, target = np.concatenate([head[known], far]), np.concatenate([known, near])
    return as_table(
        "ties",
        {
            "source_type": pick_from(("patient",), np.zeros(len(source), np.int64)),
            "source_id": names.patients.take(pa.array(source)),
            "target_type": pick_from(("patient",), np.zeros(len(source), np.int64)),
            "target_id": names.patients.take(pa.array(target)),
            "kind": pick_from(("spouse", "relative"), np.concatenate([kind, np.ones(len(far), np.int64)])),
        },
    )


def _staff(world: World, names: Names) -> pa.Table:
    rng = world.streams.rng("staff")
    count = len(names.staff)
    return as_table(
        "staff",
        {
            "staff_id": names.staff,
            "name": person_names(rng, count),
            "id_number": names.id_numbers.take(pa.array(names.staff_person)),
            "phone": names.phones.take(pa.array(names.staff_person)),
            "bank_account": names.account_column(names.staff_person),
            "office": pick_from(("测试县医保中心", "测试镇医保窗口"), rng.integers(0, 2, count)),
            "role": pick_from(("handler", "reviewer"), (np.arange(count) % 3 == 2).astype(np.int64)),
        },
    )


def _roster(world: World, names: Names) -> pa.Table:
    count = len(names.staff)
    return as_table(
        "roster",
        {
            "staff_id": names.staff,
            "valid_from": dates(np.full(count, world.first_day - 200)),
            "office": pick_from(("测试县医保中心",), np.zeros(count, np.int64)),
            "role": pick_from(("handler", "reviewer"), (np.arange(count) % 3 == 2).astype(np.int64)),
            "business_kind": pick_from(("manual_reimbursement",), np.zeros(count, np.int64)),
        },
    )
