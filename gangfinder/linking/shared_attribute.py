"""Shared attributes: people of different households with one phone, address, payee account or agent.

A value ties people only when it is rare: its weight is 1/log2(1 + people), and it is nothing for a value that more
people share than its kind allows, for a placeholder, and for the number of an institution or a doctor.
Values are counted first and only those within their cap are paired, so no hub is ever expanded.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from gangfinder.linking.contract import Linker, Tables
from gangfinder.model.evidence import Family

if TYPE_CHECKING:
    import ibis.expr.types as ir

PLACEHOLDER_PHONES = ("13800000000", "13800138000", "13888888888", "13900000000", "12345678901", "12345678910")
"""Numbers that clerks type when there is none; numbers of one repeated digit need no list."""

PLACEHOLDER_TEXTS = (
    "无", "不详", "未知", "未填", "暂无", "空", "/", "-", "NULL", "null", "None", "none", "NA", "N/A", "0",
)

AGENT_COLUMNS = ("agent_id_number", "agent_phone")
_HANDED_IN = {  # tables that name an agent, and when the thing was handed in
    "settlements": "settled_at", "reimbursements": "submitted_at", "filings": "filed_at", "enrolments": None,
}


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of shared attributes.

    Parameters
    ----------
    phone_cap_people, address_cap_people, account_cap_people, agent_cap_people
        Most people who may share a value before it ties nobody in pairs (hub detectors still see it).
    phone_digits
        Fewest digits of a phone number.
    address_characters
        Fewest characters of an address; shorter ones name a village, not a door.
    """

    phone_cap_people: int = 8
    address_cap_people: int = 30
    account_cap_people: int = 3
    agent_cap_people: int = 10
    phone_digits: int = 7
    address_characters: int = 6


def link(tables: Tables, params: Params) -> ir.Table:
    """Return the links of all four kinds, in the columns of ``LINK_SCHEMA``."""
    return _union(_pairs(tables[kind], kind) for kind in LINKER.kinds)


def rarity(people: ir.IntegerValue) -> ir.FloatingValue:
    """Return 1/log2(1 + people): how much a value ties that so many share; 1 for a value of one person."""
    import ibis

    # natural logarithms, on whose arguments engines agree; one person at least, because an engine may compute the
    # weight of a row before it drops the row
    return math.log(2.0) / (ibis.greatest(people.cast("float64"), 1.0) + 1.0).ln()


def _phones(tables: Tables, params: Params) -> ir.Table:
    """Return shared phones, own or as contact of a stay."""
    import ibis

    patients, settlements = tables["patients"], tables["settlements"]
    nowhere, never = ibis.null().cast("string"), ibis.null().cast("timestamp")
    settlements = settlements.filter(settlements.contact_phone.notnull())
    own = patients.select("patient_id", value=phone_digits(patients.phone), house=nowhere, at=never)
    contact = settlements.select(
        "patient_id", value=phone_digits(settlements.contact_phone), house=settlements.institution_id,
        at=settlements.settled_at.cast("timestamp"),
    )
    used = _shared(tables, own.union(contact, distinct=False), params.phone_cap_people)
    return _real_phones(used, params).anti_join(switchboards(tables), "value")


def phone_digits(phone: ir.StringValue) -> ir.StringValue:
    """Return a number without spaces, hyphens and the country code."""
    return phone.replace(" ", "").replace("-", "").replace("+86", "")


def _real_phones(used: ir.Table, params: Params) -> ir.Table:
    known = used.filter(used.value.notnull() & (used.value.length() >= params.phone_digits))
    # a number is a placeholder when nothing is left of it once its first or its last digit is taken away
    one_digit = (known.value.replace("0", "").length() == 0) | (known.value.replace("1", "").length() == 0)
    for digit in "23456789":
        one_digit = one_digit | (known.value.replace(digit, "").length() == 0)
    round_number = known.value.endswith("00000000") | known.value.endswith("88888888")
    return known.filter(~(one_digit | round_number | known.value.isin(PLACEHOLDER_PHONES)))


def switchboards(tables: Tables) -> ir.Table:
    """Return the numbers of institutions and doctors: column value.

    Those of fund staff are not asked: an open link that is missing because a number is theirs would tell of them.
    """
    registers = [tables[name] for name in ("institutions", "doctors")]
    parts = [register.select(value=phone_digits(register.phone)) for register in registers]
    every = parts[0].union(*parts[1:], distinct=True)
    return every.filter(every.value.notnull())


def _addresses(tables: Tables, params: Params) -> ir.Table:
    """Return shared addresses."""
    import ibis

    patients, institutions = tables["patients"], tables["institutions"]
    nowhere, never = ibis.null().cast("string"), ibis.null().cast("timestamp")
    known = patients.select("patient_id", value=patients.address.replace(" ", ""), house=nowhere, at=never)
    known = _real(_shared(tables, known, params.address_cap_people))
    known = known.filter(known.value.length() >= params.address_characters)
    houses = institutions.select(value=institutions.address.replace(" ", ""))
    return known.anti_join(houses.filter(houses.value.notnull()).distinct(), "value")


def _accounts(tables: Tables, params: Params) -> ir.Table:
    """Return shared accounts that claims were paid to."""
    claims, institutions = tables["reimbursements"], tables["institutions"]
    paid = claims.select(
        "patient_id", value=claims.payee_account.replace(" ", ""), house=claims.institution_id,
        at=claims.submitted_at.cast("timestamp"),
    )
    own = institutions.select(value=institutions.bank_account.replace(" ", ""))
    used = _real(_shared(tables, paid, params.account_cap_people))
    return used.anti_join(own.filter(own.value.notnull()).distinct(), "value")


def _agents(tables: Tables, params: Params) -> ir.Table:
    """Return shared agents; an agent known by number and by phone counts under each."""
    import ibis

    parts = []
    for name, when in _HANDED_IN.items():
        table = tables[name]
        house = table.institution_id if "institution_id" in table.columns else ibis.null().cast("string")
        at = table[when].cast("timestamp") if when else ibis.null().cast("timestamp")
        for column in AGENT_COLUMNS:
            value = phone_digits(table[column]) if column == "agent_phone" else table[column]
            used = table.filter(table[column].notnull()).select("patient_id", value=value, house=house, at=at)
            parts.append(_real_phones(used, params) if column == "agent_phone" else _real(used))
    return _shared(tables, _union(parts), params.agent_cap_people)


def _real(used: ir.Table) -> ir.Table:
    return used.filter(used.value.notnull() & (used.value != "") & ~used.value.isin(PLACEHOLDER_TEXTS))


def _union(parts: Iterable[ir.Table]) -> ir.Table:
    first, *rest = parts
    return first.union(*rest, distinct=False) if rest else first


def _shared(tables: Tables, used: ir.Table, cap: int) -> ir.Table:
    """Return who uses the values that several people use, within the cap.

    Parameters
    ----------
    tables
        The linker's tables.
    used
        Uses: patient_id, value, house, at. Whether a value means anything is asked of what is left: few of all.
    cap
        Most people of a value.

    Returns
    -------
    ir.Table
        value, patient_id, people (who use the value), n, house, first_at, last_at, home.
    """
    used = used.filter(used.patient_id.notnull() & used.value.notnull())
    own = used.group_by("value", "patient_id").aggregate(
        n=used.house.count(), house=used.house.min(), first_at=used["at"].min(), last_at=used["at"].max()
    )
    degree = own.group_by("value").aggregate(people=own.count())
    fit = degree.filter((degree.people > 1) & (degree.people <= cap))
    patients = tables["patients"]
    homes = patients.filter(patients.household_id.notnull()).select("patient_id", home=patients.household_id)
    rare = own.inner_join(fit, "value").left_join(homes, "patient_id")
    return rare.select("value", "patient_id", "people", "first_at", "last_at", "n", "house", "home")


def _pairs(shared: ir.Table, kind: str) -> ir.Table:
    """Return the links of one kind: pairs of people of different households who share values."""
    import ibis

    left = shared.rename(a="patient_id")
    right = left.rename({f"{c}_r": c for c in left.columns})
    met = left.inner_join(right, [left.value == right.value_r, left.a < right.a_r])
    same_home = ibis.coalesce(met.home == met.home_r, ibis.literal(value=False))
    met = met.filter(~same_home)
    met = met.select(
        "a", "a_r", n=ibis.greatest(1, ibis.least(met.n, met.n_r)), rarity=rarity(met.people),
        place=ibis.ifelse(met.house == met.house_r, met.house, ibis.null().cast("string")),
        first_at=_either(met.first_at, met.first_at_r, ibis.least),
        last_at=_either(met.last_at, met.last_at_r, ibis.greatest),
    )
    tied = met.group_by("a", "a_r").aggregate(
        n_events=met.n.sum(), n_places=met.place.nunique(), weight=met.rarity.sum(), first_at=met.first_at.min(),
        last_at=met.last_at.max(),
    )
    return tied.select(
        kind=ibis.literal(kind), family=ibis.literal(Family.ATTRIBUTE.value), source_type=ibis.literal("patient"),
        source_id=tied.a, target_type=ibis.literal("patient"), target_id=tied.a_r, n_events=tied.n_events.cast("int64"),
        n_places=tied.n_places.cast("int64"), expected=ibis.literal(0.0), log10_p=ibis.literal(0.0),
        weight=tied.weight.round(9), first_at=tied.first_at, last_at=tied.last_at,
    )


def _either(one: ir.TimestampValue, other: ir.TimestampValue, choose: object) -> ir.TimestampValue:
    """Return the chosen one of two instants, or the only one known: engines differ on LEAST of a null."""
    import ibis

    both = choose(one, other)  # type: ignore[operator]
    return ibis.ifelse(one.isnull(), other, ibis.ifelse(other.isnull(), one, both))


LINKER = Linker(
    slug="shared_attribute",
    title="Rare phone, address, payee account or agent shared across households",
    family=Family.ATTRIBUTE,
    kinds=("shared_phone", "shared_address", "shared_account", "shared_agent"),
    params=Params(),
    link=link,
    # kept, because pairs read them twice
    steps=(
        ("shared_phone", _phones), ("shared_address", _addresses), ("shared_account", _accounts),
        ("shared_agent", _agents),
    ),
    optional=MappingProxyType(
        {
            "patients": frozenset({"phone", "address", "household_id"}),
            "settlements": frozenset({"settled_at", "contact_phone", "agent_id_number", "agent_phone"}),
            "institutions": frozenset({"phone", "address", "bank_account"}),
            "doctors": frozenset({"phone"}),
            "reimbursements": frozenset(
                {"payee_account", "institution_id", "agent_id_number", "agent_phone", "submitted_at"}
            ),
            "filings": frozenset({"agent_id_number", "agent_phone", "filed_at", "institution_id"}),
            "enrolments": frozenset({"agent_id_number", "agent_phone"}),
        }
    ),
)
