"""From conduct to settlement rows: one rule for all rows, blind to who planned them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gangfinder.synth.catalogue import (
    DEPARTMENT,
    DEPARTMENT_DIAGNOSES,
    DEPARTMENTS,
    DIALYSIS_PRICE,
    FUND_SHARE_STAY,
    STAY_DAILY,
    Kind,
    PlaceKind,
)
from gangfinder.synth.events import DAY, NONE, Events
from gangfinder.synth.people import EMPLOYEE
from gangfinder.synth.streams import Flags, Floats, Ints
from gangfinder.synth.world import World

_FEE_CHOICES = np.array([0.0, 8.0, 15.0, 28.0, 68.0, 120.0, 210.0, 380.0])
_FEE_WEIGHTS = np.array([0.2, 0.1, 0.22, 0.12, 0.12, 0.1, 0.09, 0.05])
_CHECKUP_PRICES = np.array([120.0, 168.0, 198.0, 260.0])
_DAILY_CAP = np.array([200.0, 150.0])  # fund cap of an outpatient day by insured group


@dataclass(frozen=True, slots=True)
class Bills:
    """What one rule adds to conduct, as arrays parallel to the events.

    Parameters
    ----------
    total, fund, pooled, catastrophic, assistance, account, cash, mutual, balance, cap
        Cents.
    basket
        Basket bought, -1 for none.
    ward, diagnosis, doctor, terminal, operator
        As conduct says, or as the house usually has it.
    credential
        0 electronic, 1 identity card, 2 social-security card.
    settled
        Seconds since 1970 at which the row reached the fund.
    """

    total: Ints
    fund: Ints
    pooled: Ints
    catastrophic: Ints
    assistance: Ints
    account: Ints
    cash: Ints
    mutual: Ints
    balance: Ints
    cap: Ints
    basket: Ints
    ward: Ints
    diagnosis: Ints
    doctor: Ints
    terminal: Ints
    operator: Ints
    credential: Ints
    settled: Ints


def make_bills(world: World, events: Events) -> Bills:
    """Price and complete every event by the same rule."""
    rng = world.streams.rng("bills")
    events = events.having(payer=_payers(rng, world, events))
    basket = _baskets(rng, world, events)
    total = _totals(rng, world, events, basket)
    money = _split(rng, world, events, total)
    ward = _wards(rng, world, events)
    terminal, operator = _desk(rng, world, events)
    columns = dict(
        money,
        basket=basket,
        ward=ward,
        diagnosis=_diagnoses(rng, events, ward),
        doctor=_doctors(rng, world, events, ward),
        terminal=terminal,
        operator=operator,
        credential=_credentials(rng, world, events),
    )
    # cents and positions fit 32 bits, and a province of rows fits memory
    narrow: dict[str, Any] = {name: column.astype(np.int32) for name, column in columns.items()}
    return Bills(**narrow, settled=_uploads(rng, world, events))


def _payers(rng: np.random.Generator, world: World, events: Events) -> Ints:
    """Return whose account pays: now and then that of the household's earner, for those who have none."""
    people = world.people
    earns = np.flatnonzero((people.insured == EMPLOYEE) & world.living())
    earner = np.full(int(people.household[-1]) + 1, NONE, dtype=np.int64)
    earner[people.household[earns[::-1]]] = earns[::-1]
    who = events["patient"]
    relative = np.where(people.insured[who] == EMPLOYEE, NONE, earner[people.household[who]])
    lent = (events["kind"] != Kind.STAY) & (rng.random(len(events)) < 0.22)
    return np.where(events["payer"] != NONE, events["payer"], np.where(lent, relative, NONE))


def usual_baskets(rng: np.random.Generator, world: World, patients: Ints) -> Ints:
    """Return what each of these people buys on an ordinary visit."""
    catalogue, size = world.catalogue, len(patients)
    drawn = rng.choice(len(catalogue.totals), size, p=catalogue.acute_weights)
    chronic = world.people.chronic[patients] & (rng.random(size) < 0.35)
    drawn = np.where(chronic, world.people.chronic_basket[patients], drawn)
    # some buy up to what the fund pays in a day: baskets that come to the cap
    full = rng.random(size) < 0.06
    return np.where(full, catalogue.near(rng, 170, 290, size), drawn)


def _baskets(rng: np.random.Generator, world: World, events: Events) -> Ints:
    """Return the basket of every visit that ends with drugs."""
    kind = events["kind"]
    drawn = usual_baskets(rng, world, events["patient"])
    with_drugs = np.isin(kind, [Kind.PHARMACY, Kind.CHRONIC, Kind.SPECIAL]) | (
        np.isin(kind, [Kind.OUTPATIENT, Kind.EMERGENCY]) & (rng.random(len(events)) < 0.7)
    )
    given = events["basket"].astype(np.int64)
    return np.where(with_drugs, np.where(given != NONE, given, drawn), NONE)


def _totals(rng: np.random.Generator, world: World, events: Events, basket: Ints) -> Floats:
    """Return the bill in yuan: drugs at the shop's prices, fees from the fee list, stays by day."""
    kind, place = events["kind"], world.places.kind[events["place"]]
    factor = world.places.price_factor[events["place"]]
    drugs = np.where(basket != NONE, np.round(world.catalogue.totals[basket] * factor, 2), 0.0)
    level = np.array([2.2, 1.3, 0.8, 1.0, 0.6, 0.0, 2.4])[place]
    fee = np.round(rng.choice(_FEE_CHOICES, len(events), p=_FEE_WEIGHTS) * level, 1)
    fee = np.where(np.isin(kind, [Kind.PHARMACY, Kind.SPECIAL]), 0, fee)
    fee = np.where(kind == Kind.EMERGENCY, fee + 80, np.where(kind == Kind.REHAB, fee + 45, fee))
    fee = np.where(np.isnan(events["fee"]), fee, events["fee"])
    fee = np.where((drugs == 0) & (fee == 0), 10.0, fee)
    nights = np.maximum((events["at"] - events["admitted"]) / DAY, 1.0)
    stay = STAY_DAILY[place] * nights**0.85 * np.exp(rng.normal(-0.12, 0.5, len(events)))
    stay = np.where(np.isnan(events["cost"]), stay, events["cost"])
    check = rng.choice(_CHECKUP_PRICES, len(events))
    return np.select(
        [kind == Kind.STAY, kind == Kind.DIALYSIS, kind == Kind.CHECKUP],
        [np.round(stay, 2), np.full(len(events), DIALYSIS_PRICE), check],
        drugs + fee,
    )


def _split(rng: np.random.Generator, world: World, events: Events, total: Floats) -> dict[str, Ints]:
    """Divide bills among the funds, the account and cash, in cents."""
    people, kind = world.people, events["kind"]
    who = events["patient"]
    employee, poor = people.insured[who] == EMPLOYEE, people.poor[who]
    group = np.where(employee, 0, 1)
    stay = kind == Kind.STAY
    share = np.select(
        [stay, np.isin(kind, [Kind.CHRONIC, Kind.SPECIAL]), kind == Kind.DIALYSIS, kind == Kind.CHECKUP],
        [
            FUND_SHARE_STAY[world.places.kind[events["place"]]] * np.where(employee, 1.06, 0.92),
            0.7,
            0.88,
            0.05,
        ],
        np.where(employee, 0.6, 0.5),
    )
    cap = np.where(np.isin(kind, [Kind.OUTPATIENT, Kind.PHARMACY]), _DAILY_CAP[group], np.inf)
    pooled = np.minimum(np.where(stay, np.maximum(total - 300, total * 0.3), total) * share, cap)
    catastrophic = np.where(stay & (total > 20_000), (total - 20_000) * 0.12, 0.0)
    rest = np.maximum(total - pooled - catastrophic, 0.0)
    assistance = np.where(poor, rest * np.where(stay, 0.8, 0.3), 0.0)
    rest = np.where(events["waived"] & stay, 0.0, rest - assistance)
    total = np.where(events["waived"] & stay, pooled + catastrophic + assistance, total)
    holder = np.where(events["payer"] == NONE, who, events["payer"])
    balance = np.round(account_balances(world)[holder] * rng.uniform(0.6, 1.0, len(events)), 2)
    spent = np.where(stay | (events["payer"] != NONE) | ~people.guest[who], 0.0, rest)
    balance = np.where(spent > 0, _running_down(account_balances(world)[who], who, events["at"], spent), balance)
    pays = people.insured[holder] == EMPLOYEE
    from_account = np.where(pays & ~stay, np.minimum(rest, balance), np.where(pays & stay, np.minimum(rest, 500), 0.0))
    parts = {
        "pooled": pooled,
        "catastrophic": catastrophic,
        "assistance": assistance,
        "account": from_account,
    }
    cents = {name: np.round(value * 100).astype(np.int64) for name, value in parts.items()}
    whole = np.round(total * 100).astype(np.int64)
    fund = cents["pooled"] + cents["catastrophic"] + cents["assistance"]
    cents["account"] = np.minimum(cents["account"], np.maximum(whole - fund, 0))
    mutual = np.where(events["payer"] != NONE, cents["account"], 0)
    return {
        **cents,
        "total": whole,
        "fund": np.minimum(fund, whole),
        "mutual": mutual,
        "cash": np.maximum(whole - fund - cents["account"], 0),
        "balance": np.where(pays, np.round(balance * 100).astype(np.int64) - cents["account"], NONE),
        "cap": np.where(np.isfinite(cap), cap * 100, NONE).astype(np.int64),
    }


def _running_down(balance: Floats, who: Ints, at: Ints, spent: Floats) -> Floats:
    """Return what is left on each account before each payment: those of passers-by run down as they pay.

    Notes
    -----
    With nothing paid in, an account pays what it holds up to each bill: what is left before a payment is the
    first balance less all earlier bills, and never below nothing.
    """
    order = np.lexsort((at, who))
    total = np.cumsum(spent[order]) - spent[order]
    first = np.searchsorted(who[order], who[order], side="left")
    before = np.empty(len(who), dtype=np.float64)
    before[order] = total - total[first]
    return np.asarray(np.round(np.maximum(balance - before, 0.0), 2), dtype=np.float64)


def account_balances(world: World) -> Floats:
    """Return each person's account balance in yuan."""
    rng = world.streams.shared("balances")
    return np.where(world.people.insured == EMPLOYEE, np.exp(rng.normal(7.2, 0.9, world.people.count)), 0.0)


def _wards(rng: np.random.Generator, world: World, events: Events) -> Ints:
    """Return the department: none in pharmacies, general medicine in clinics."""
    place = world.places.kind[events["place"]]
    busy = np.array(
        [DEPARTMENT[n] for n in ("内科", "内科", "外科", "骨科", "中医科", "儿科", "妇产科", "眼科", "康复科")]
    )
    drawn = np.where(place == PlaceKind.CLINIC, DEPARTMENT["内科"], rng.choice(busy, len(events)))
    drawn = np.select(
        [events["kind"] == Kind.DIALYSIS, events["kind"] == Kind.CHECKUP, events["kind"] == Kind.EMERGENCY],
        [DEPARTMENT["血液透析室"], DEPARTMENT["体检中心"], DEPARTMENT["急诊科"]],
        drawn,
    )
    drawn = np.where(place == PlaceKind.PSYCHIATRIC, DEPARTMENT["精神科"], drawn)
    given = events["ward"].astype(np.int64)
    return np.where(place == PlaceKind.PHARMACY, NONE, np.where(given != NONE, given, drawn))


def _diagnoses(rng: np.random.Generator, events: Events, ward: Ints) -> Ints:
    """Return a diagnosis of the department; pharmacies and a third of other visits write none."""
    width = max(len(codes) for codes in DEPARTMENT_DIAGNOSES)
    table = np.array([[codes[i % len(codes)] for i in range(width)] for codes in DEPARTMENT_DIAGNOSES])
    skew = np.floor(rng.random(len(events)) ** 1.4 * width).astype(np.int64)
    drawn = table[np.maximum(ward, 0), skew]
    blank = (ward == NONE) | ((events["kind"] != Kind.STAY) & (rng.random(len(events)) < 0.33))
    given = events["diagnosis"].astype(np.int64)
    return np.where(given != NONE, given, np.where(blank, NONE, drawn))


def _doctors(rng: np.random.Generator, world: World, events: Events, ward: Ints) -> Ints:
    """Return a doctor of the house and department; some of them are much busier than others."""
    places = world.places
    slots = len(DEPARTMENTS)
    key = places.doctor_place * slots + places.doctor_ward
    order = np.argsort(key, kind="stable")
    wanted = events["place"] * np.int64(slots) + np.maximum(ward, 0)
    low = np.searchsorted(key[order], wanted, side="left")
    high = np.searchsorted(key[order], wanted, side="right")
    house_low, house_count = places.doctor_first[events["place"]], places.doctor_count[events["place"]]
    skew = rng.random(len(events)) ** 1.8
    specialist = order[np.minimum(low + (skew * (high - low)).astype(np.int64), len(order) - 1)]
    anyone = house_low + (skew * house_count).astype(np.int64)
    drawn = np.where(high > low, specialist, np.minimum(anyone, len(order) - 1))
    given = events["doctor"].astype(np.int64)
    drawn = _at_work(world, events, np.where(given != NONE, given, drawn))
    none = (house_count == 0) | (world.places.kind[events["place"]] == PlaceKind.PHARMACY)
    return np.where(none, NONE, drawn)


def _at_work(world: World, events: Events, doctor: Ints) -> Ints:
    """Return a colleague of the house where the doctor is not there that day; nobody where all are away."""
    standing, places = world.standing, world.places
    where = events["place"].astype(np.int64)
    first, count = places.doctor_first[where], np.maximum(places.doctor_count[where], 1)
    for _ in range(4):
        home = places.doctor_place[np.maximum(doctor, 0)]
        away = standing.absent(doctor, where, events["at"], home, world.marks.sick)
        away &= ~events["fixed"]
        if not away.any():
            return doctor
        doctor = np.where(away, first + (doctor - first + 1) % count, doctor)
    return np.where(away, NONE, doctor)


def _desk(rng: np.random.Generator, world: World, events: Events) -> tuple[Ints, Ints]:
    """Return terminal and operator: the first ones serve most, a shared login serves all."""
    places, where = world.places, events["place"]
    shared = places.shared_login[where]
    skew = rng.random(len(events)) ** 1.3
    terminal = places.terminal_first[where] + np.where(
        shared, 0, (skew * places.terminal_count[where]).astype(np.int64)
    )
    # people work days, not rows: the operator is a matter of the house, the day and the half of it
    half = events["at"] // (DAY // 2)
    turn = ((half * 2654435761 + where * 40503) >> 7) % 1000 / 1000
    turn = np.where(rng.random(len(events)) < 0.15, rng.random(len(events)), turn)
    operator = places.operator_first[where] + np.where(
        shared, 0, (turn * places.operator_count[where]).astype(np.int64)
    )
    if world.bureau is not None:
        operator = world.bureau.present(operator, events["at"] // DAY)
    given_t, given_o = events["terminal"].astype(np.int64), events["operator"].astype(np.int64)
    # a house with one login has no other to offer, whoever asks
    return (
        np.where((given_t != NONE) & ~shared, given_t, terminal),
        np.where((given_o != NONE) & ~shared, given_o, operator),
    )


def _credentials(rng: np.random.Generator, world: World, events: Events) -> Ints:
    """Return how the person was identified: mostly as he is used to."""
    usual = world.streams.shared("credential").choice(3, world.people.count, p=[0.55, 0.10, 0.35])
    fresh = rng.choice(3, len(events), p=[0.55, 0.10, 0.35])
    drawn = np.where(rng.random(len(events)) < 0.85, usual[events["patient"]], fresh)
    return np.where(events["credential"] != NONE, events["credential"], drawn)


def _uploads(rng: np.random.Generator, world: World, events: Events) -> Ints:
    """Return when a row reaches the fund: seconds later, in the house's nightly upload, or days late."""
    nightly = world.places.uploads_at_night[events["place"]]
    night = events["at"] // DAY * DAY + 22 * 3600 + 1800 + rng.integers(0, 5000, len(events))
    soon = events["at"] + rng.integers(0, 40, len(events))
    late: Flags = rng.random(len(events)) < 0.004
    settled = np.where(nightly, np.maximum(night, soon), soon)
    settled = np.where(late, soon + rng.integers(1, 6, len(events)) * DAY, settled)
    # without a time of conduct the upload is all there is, so such houses upload at once
    return np.where(world.places.no_occurred[events["place"]], soon, settled)
