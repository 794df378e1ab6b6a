"""The names of everything: identifiers, phones and accounts of people, places, desks and devices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from gangfinder.synth.catalogue import PlaceKind
from gangfinder.synth.columns import joined, pick_from, words
from gangfinder.synth.events import COMMON
from gangfinder.synth.idents import accounts, digits, id_numbers, literal, opaque, phones, strings
from gangfinder.synth.people import HUB_PHONE, JUNK_PHONE, NO_PHONE
from gangfinder.synth.standing import OUTSIDERS as _OUTSIDERS
from gangfinder.synth.streams import Ints
from gangfinder.synth.world import World

_JUNK = ("13800000000", "11111111111", "00000000000", "13800138000")
_SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂英玉兰建国文华春梅海燕志红"
STAFF_PER = 20_000


@dataclass(frozen=True, slots=True)
class Names:
    """Identifier columns, each parallel to what it names.

    Parameters
    ----------
    patients, cards, households
        By person, by person, by household.
    id_numbers
        By person, then outsiders, among them staff of offices who are not insured here.
    phones
        By person, then outsiders as above, care homes and places.
    register_phone
        Position in ``phones`` of the number on record for each person; -1 none; -2 and below a placeholder.
    places, operators, doctors, staff
        By number.
    terminals
        By number, then, by number again, the devices that took over from them.
    doctor_person, operator_person, staff_person
        Position in ``id_numbers`` of each.
    """

    patients: pa.Array
    cards: pa.Array
    households: pa.Array
    id_numbers: pa.Array
    phones: pa.Array
    register_phone: Ints
    places: pa.Array
    terminals: pa.Array
    operators: pa.Array
    doctors: pa.Array
    staff: pa.Array
    doctor_person: Ints
    operator_person: Ints
    staff_person: Ints
    account_key: int

    def phone_column(self, index: Ints) -> pa.Array:
        """Return phone numbers by position; -1 gives null and lower values a placeholder."""
        pool = pa.concat_arrays([self.phones, pa.array(_JUNK)])
        junk = len(self.phones) + (-index - 2) % len(_JUNK)
        return pick_from(pool, np.where(index < -1, junk, index))

    def account_column(self, account: Ints) -> pa.Array:
        """Return account numbers: a resident's own by his index, common ones by theirs."""
        distinct, index = np.unique(account, return_inverse=True)
        compact = np.where(distinct >= COMMON, distinct - COMMON + 50_000_000, distinct)
        return accounts(compact, self.account_key).take(pa.array(index))


def _register_phones(world: World, rng: np.random.Generator) -> Ints:
    """Return whose number the register holds for each person."""
    people, count = world.people, world.people.count
    first = np.searchsorted(people.village, np.arange(people.villages))
    hub = first[people.village // 12 * 12]
    junk = -2 - rng.integers(0, len(_JUNK), count)
    source = people.phone_source
    index = np.select([source == JUNK_PHONE, source == HUB_PHONE, source == NO_PHONE], [junk, hub, -1], people.phone_of)
    home = world.marks.home
    return np.where(home >= 0, count + _outsiders(world) + home, index).astype(np.int64)


def _outsiders(world: World) -> int:
    """Return how many people from elsewhere there are: staff of offices are nobody else."""
    return _OUTSIDERS + (world.bureau.count if world.bureau is not None else 0)


def _place_ids(world: World, rng: np.random.Generator) -> pa.Array:
    kind = world.places.kind
    serial = rng.choice(90_000, world.places.count, replace=False) + 10_000
    region = np.where(kind == PlaceKind.REMOTE, 995_100 + np.arange(world.places.count) % 40, 990_101)
    letters = np.where(kind == PlaceKind.PHARMACY, ord("P"), ord("H")).astype(np.uint8)
    return strings(np.hstack([letters[:, None], digits(region, 6), digits(serial, 5)]))


def _numbers(rng: np.random.Generator, size: int, prefix: str) -> pa.Array:
    """Return short distinct numbers in no order."""
    return strings(np.hstack([literal(prefix, size), digits(rng.permutation(size * 3)[:size] + 100_000, 7)]))


def _staff_members(world: World) -> int:
    return max(8, world.people.count // STAFF_PER * 3 + 5)


def _workers(world: World, rng: np.random.Generator, size: int) -> Ints:
    """Return who stands behind each badge: mostly residents of working age, who are insured like others."""
    people = world.people
    grown = (people.age >= 24) & (people.age < 58) & world.living()
    if world.bureau is not None:  # who works for the fund works nowhere else
        grown[world.bureau.person[world.bureau.person < people.count]] = False
    fit = np.flatnonzero(grown)
    resident = rng.choice(fit, size, replace=size > len(fit))
    outsider = people.count + rng.integers(0, _OUTSIDERS, size)
    return np.where(rng.random(size) < 0.75, resident, outsider)


def make_names(world: World) -> Names:
    """Draw all identifiers of a town."""
    rng = world.streams.rng("names")
    people, places = world.people, world.places
    keys = [int(k) for k in rng.integers(1, 2**62, 12)]
    outsider_birth = world.first_day - rng.integers(25 * 365, 60 * 365, _OUTSIDERS)
    birth = np.concatenate([people.birth_day, outsider_birth])
    male = np.concatenate([people.male, rng.random(_OUTSIDERS) < 0.5])
    if world.bureau is not None:
        own, size = world.streams.rng("staff from elsewhere"), world.bureau.count
        birth = np.concatenate([birth, world.first_day - own.integers(25 * 365, 60 * 365, size)])
        male = np.concatenate([male, own.random(size) < 0.5])
    homes = int(world.marks.home.max(initial=-1)) + 1
    n_doctors, n_operators, n_staff = (
        len(places.doctor_place),
        len(places.operator_place),
        world.bureau.count if world.bureau is not None else _staff_members(world),
    )
    doctor_serial = strings(np.hstack([literal("D990101", n_doctors), digits(rng.permutation(n_doctors) + 100_000, 6)]))
    return Names(
        patients=opaque(people.count, keys[0]),
        cards=opaque(people.count, keys[1], "C"),
        households=opaque(int(people.household[-1]) + 1, keys[2], "HH"),
        id_numbers=id_numbers(birth, male),
        phones=phones(people.count + _outsiders(world) + homes + places.count, keys[3]),
        register_phone=_register_phones(world, rng),
        places=_place_ids(world, rng),
        terminals=_numbers(rng, 2 * len(places.terminal_place), "T"),
        operators=_numbers(rng, n_operators, "O"),
        doctors=doctor_serial,
        staff=opaque(n_staff, keys[6], "S"),
        doctor_person=world.standing.doctor_person,
        operator_person=_workers(world, rng, n_operators),
        staff_person=_workers(world, rng, n_staff) if world.bureau is None else world.bureau.person,
        account_key=keys[7],
    )


def person_names(rng: np.random.Generator, size: int) -> pa.Array:
    """Return names that say they are made up."""
    first = pick_from(list(_SURNAMES), rng.integers(0, len(_SURNAMES), size))
    last = pick_from(list(_GIVEN), rng.integers(0, len(_GIVEN), size))
    return joined("测试", first, last)


def addresses(world: World) -> pa.Array:
    """Return the address on record of each person: his door or his host's, the village alone, or a care home."""
    rng = world.streams.rng("doors")
    people = world.people
    number = rng.permutation(people.villages) + 1
    door = rng.integers(1, 400, int(people.household[-1]) + 1)
    village = number[people.village]
    # the number stands before the word: what is cut behind "village" is one village, not the whole township
    rural = joined("测试县测试镇", words(village // 12 + 1), "测试", words(village), "村")
    urban = joined("测试县测试街道", words(village // 9 + 1), "测试", words(village), "小区")
    area = _either(people.rural, rural, urban)
    own_door = door[people.household]
    part = _either(people.rural, pa.array(["组"] * people.count), pa.array(["栋"] * people.count))
    full = joined(area, words(own_door // 40 + 1), part, words(own_door), "号")
    plain = world.marks.plain_address
    home = world.marks.home
    own = _either(plain, area, full)
    far_door = door[people.household] + 400 * (people.household % 97)
    away = joined("测试外地", words(people.area), "市测试路", words(far_door), "号")
    own = _either(people.guest, away, own)
    lodges = world.marks.lodges
    own = own.take(pa.array(np.where(lodges >= 0, lodges, np.arange(people.count))))
    return _either(home >= 0, joined("测试县测试养老院路", words(np.maximum(home, 0) + 1), "号"), own)


def _either(mask: np.ndarray[tuple[int], np.dtype[np.bool_]], yes: pa.Array, no: pa.Array) -> pa.Array:
    import pyarrow.compute as pc

    return pc.if_else(pa.array(mask), yes, no)
