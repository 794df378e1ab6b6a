"""What can happen in a town and what it costs: kinds of event, hours, departments, drugs and baskets."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from gangfinder.synth.streams import Floats, Ints, zipf_weights


class Kind(IntEnum):
    """Kinds of event."""

    OUTPATIENT = 0
    EMERGENCY = 1
    CHRONIC = 2
    PHARMACY = 3
    STAY = 4
    DIALYSIS = 5
    CHECKUP = 6
    REHAB = 7
    SPECIAL = 8  # dual-channel drugs at a pharmacy


class PlaceKind(IntEnum):
    """Kinds of place."""

    LARGE = 0
    SMALL = 1
    TOWNSHIP = 2
    PSYCHIATRIC = 3
    CLINIC = 4
    PHARMACY = 5
    REMOTE = 6


VISIT_TYPES = ("11", "13", "14", "41", "21", "14", "9107", "11", "15")
"""``visit_type`` code of each kind of event (DOMAIN §1.5)."""

DEPARTMENTS = (
    "内科",
    "外科",
    "骨科",
    "妇产科",
    "儿科",
    "眼科",
    "康复科",
    "中医科",
    "肿瘤科",
    "精神科",
    "血液透析室",
    "体检中心",
    "感染科",
    "急诊科",
)
DEPARTMENT = {name: index for index, name in enumerate(DEPARTMENTS)}
WARD_WEIGHTS = np.array([0.34, 0.15, 0.12, 0.08, 0.07, 0.03, 0.05, 0.08, 0.03, 0.01, 0, 0, 0.04, 0])


def _ward_shares(**only: float) -> Floats:
    """Return what share of some people's stays each ward has: that of everybody, but for the wards named."""
    shares = WARD_WEIGHTS.copy()
    shares[[DEPARTMENT["妇产科"], DEPARTMENT["儿科"]]] = 0
    for name, share in only.items():
        shares[DEPARTMENT[name]] = share * shares.sum() / (1 - share)
    return np.asarray(shares / shares.sum(), dtype=np.float64)


WARD_SHARES = np.vstack([_ward_shares(), _ward_shares(儿科=0.75), _ward_shares(妇产科=0.4)])
"""Share of each ward in the stays of most people, of children, and of women of an age to give birth."""

DIAGNOSES = (
    "I10.x00",
    "E11.900",
    "J06.900",
    "J18.900",
    "K29.500",
    "M54.500",
    "I63.900",
    "I25.103",
    "J44.100",
    "M51.202",
    "H25.900",
    "H26.900",
    "C34.900",
    "C50.900",
    "F20.900",
    "F32.900",
    "N18.001",
    "S52.500",
    "S82.800",
    "T14.900",
    "A09.900",
    "J10.101",
    "A08.400",
    "O80.000",
    "K35.900",
    "K80.200",
    "N20.000",
    "G45.900",
    "M17.900",
    "R51.x00",
    "Z00.000",
    "L50.900",
    "N39.000",
    "K21.000",
    "E78.500",
    "M13.900",
)
DIAGNOSIS = {code: index for index, code in enumerate(DIAGNOSES)}
_WARD_DIAGNOSES = {
    "内科": "I10.x00 E11.900 J18.900 K29.500 I63.900 I25.103 J44.100 G45.900 K21.000 N39.000",
    "外科": "K35.900 K80.200 N20.000 S52.500 T14.900",
    "骨科": "M51.202 M54.500 M17.900 S82.800 S52.500",
    "妇产科": "O80.000 N39.000",
    "儿科": "J18.900 J06.900 A09.900",
    "眼科": "H25.900 H26.900",
    "康复科": "I63.900 M51.202 M54.500 G45.900",
    "中医科": "M54.500 M13.900 I10.x00 K29.500 G45.900 M51.202",
    "肿瘤科": "C34.900 C50.900",
    "精神科": "F20.900 F32.900",
    "血液透析室": "N18.001",
    "体检中心": "Z00.000",
    "感染科": "A09.900 J10.101 A08.400",
    "急诊科": "T14.900 R51.x00 S52.500",
}
DEPARTMENT_DIAGNOSES = tuple(tuple(DIAGNOSIS[code] for code in _WARD_DIAGNOSES[name].split()) for name in DEPARTMENTS)

STAY_DAILY = np.array([1650.0, 860.0, 460.0, 320.0, 400.0, 0.0, 2000.0])
"""Mean cost of a hospital day by kind of place, in yuan."""

FUND_SHARE_STAY = np.array([0.70, 0.78, 0.84, 0.86, 0.84, 0.0, 0.60])
"""Share of an inpatient bill that the fund pays, by kind of place, before the insured group is looked at."""

_HOURS = {
    # weights of the hours 0 … 23
    "clinic": "0 0 0 0 0 0 0 2 9 12 10 7 3 3 7 10 8 5 2 1 0 0 0 0",
    "pharmacy": "0 0 0 0 0 0 0 4 10 8 6 6 8 5 5 5 5 7 9 10 6 2 0 0",
    "hospital": "1 1 1 1 1 1 1 3 12 14 12 7 3 3 8 10 8 4 2 2 2 2 1 1",
    "discharge": "0 0 0 0 0 0 0 0 5 12 14 10 3 3 8 10 8 3 0 0 0 0 0 0",
}


def _hours(name: str) -> Floats:
    weights = np.array([float(word) for word in _HOURS[name].split()])
    return np.cumsum(weights / weights.sum())


HOUR_PROFILE = np.vstack(
    [
        _hours("hospital"),
        _hours("hospital"),
        _hours("clinic"),
        _hours("hospital"),
        _hours("clinic"),
        _hours("pharmacy"),
        _hours("hospital"),
    ]
)
"""Cumulative hour profile of each kind of place."""

DISCHARGE_PROFILE = _hours("discharge")[None, :]

SUNDAY_FACTOR = 0.75

DIALYSIS_PRICE = 400.0

N_DRUGS = 160
N_BASKETS = 700
BASKET_LINES = 4
N_SPECIAL = 12
SPECIAL_BASKET = N_BASKETS
"""The first of the baskets that hold one box, then two boxes, of each dual-channel drug."""
BULK_DRUGS, BULK_BOXES = 6, 60
BULK_BASKET = N_BASKETS + 2 * N_SPECIAL
"""The first of the baskets that hold 1, 2, ... boxes of the dearest ordinary drug; those of the next dearest follow."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Drugs and the baskets people buy, the same for the whole town.

    Parameters
    ----------
    prices
        Yuan per box of each drug.
    days
        Days of supply in a box.
    lines
        Drug of each line of each basket, -1 where the basket has fewer lines.
    boxes
        Boxes of each line.
    totals
        Yuan of each basket before a shop's price factor.
    acute_weights, chronic_weights
        How often each basket is bought by the two sorts of customers.
    """

    prices: Floats
    days: Ints
    lines: Ints
    boxes: Ints
    totals: Floats
    acute_weights: Floats
    chronic_weights: Floats

    def near(self, rng: np.random.Generator, low: float, high: float, size: int, chronic: bool = False) -> Ints:
        """Draw baskets by how often people buy them, among those that cost low to high yuan."""
        weights = self.chronic_weights if chronic else self.acute_weights
        weights = np.where((self.totals >= low) & (self.totals <= high), weights, 0.0)
        return rng.choice(len(weights), size=size, p=weights / weights.sum())


def make_catalogue(rng: np.random.Generator) -> Catalogue:
    """Draw the drugs and baskets of a town."""
    prices = np.round(np.exp(rng.normal(3.3, 0.7, N_DRUGS)), 2).astype(np.float64)
    days = rng.choice(np.array([3, 5, 7, 7, 10, 14, 28, 30, 30]), N_DRUGS)
    n_lines = rng.choice(np.array([1, 2, 3, 4]), N_BASKETS, p=[0.34, 0.36, 0.2, 0.1])
    lines = rng.choice(N_DRUGS, size=(N_BASKETS, BASKET_LINES), p=zipf_weights(N_DRUGS, 0.6))
    lines[np.arange(BASKET_LINES)[None, :] >= n_lines[:, None]] = -1
    boxes = rng.choice(np.array([1, 2, 3]), size=(N_BASKETS, BASKET_LINES), p=[0.62, 0.28, 0.1])
    totals = np.where(lines >= 0, prices[lines] * boxes, 0).sum(axis=1)
    popularity = rng.permutation(zipf_weights(N_BASKETS, 0.75))
    supply = np.where(lines >= 0, days[lines], 0).max(axis=1)
    chronic = np.where(supply >= 14, popularity, 0.0)
    plain = Catalogue(prices, days, lines, boxes, totals, popularity, chronic / chronic.sum())
    return _with_bulk(_with_special(rng, plain))


def _with_bulk(plain: Catalogue) -> Catalogue:
    """Add baskets of one to many boxes of each of the dearest ordinary drugs, which nobody buys by chance."""
    dearest = np.argsort(-plain.prices[:N_DRUGS], kind="stable")[:BULK_DRUGS]
    lines = np.full((BULK_DRUGS * BULK_BOXES, BASKET_LINES), -1)
    lines[:, 0] = np.repeat(dearest, BULK_BOXES)
    boxes = np.ones_like(lines)
    boxes[:, 0] = np.tile(np.arange(1, BULK_BOXES + 1), BULK_DRUGS)
    never = np.zeros(len(lines))
    return Catalogue(
        plain.prices,
        plain.days,
        np.vstack([plain.lines, lines]),
        np.vstack([plain.boxes, boxes]),
        np.concatenate([plain.totals, plain.prices[lines[:, 0]] * boxes[:, 0]]),
        np.concatenate([plain.acute_weights, never]),
        np.concatenate([plain.chronic_weights, never]),
    )


def _with_special(rng: np.random.Generator, plain: Catalogue) -> Catalogue:
    """Add the dual-channel drugs, which nobody buys by chance: baskets of one box, then of two."""
    prices = np.round(np.exp(rng.normal(8.1, 0.45, N_SPECIAL)), 2)
    days = rng.choice(np.array([28, 30]), N_SPECIAL)
    drug = N_DRUGS + np.tile(np.arange(N_SPECIAL), 2)
    lines = np.full((2 * N_SPECIAL, BASKET_LINES), -1)
    lines[:, 0] = drug
    boxes = np.ones((2 * N_SPECIAL, BASKET_LINES), dtype=plain.boxes.dtype)
    boxes[N_SPECIAL:, 0] = 2
    never = np.zeros(2 * N_SPECIAL)
    return Catalogue(
        np.concatenate([plain.prices, prices]),
        np.concatenate([plain.days, days]),
        np.vstack([plain.lines, lines]),
        np.vstack([plain.boxes, boxes]),
        np.concatenate([plain.totals, prices[drug - N_DRUGS] * boxes[:, 0]]),
        np.concatenate([plain.acute_weights, never]),
        np.concatenate([plain.chronic_weights, never]),
    )
