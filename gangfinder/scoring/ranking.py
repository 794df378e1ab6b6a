"""Which rings become leads, and in which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import log10

from gangfinder.model.evidence import Anomaly, Family, Grade
from gangfinder.model.lead import Ring, Score, ScoredRing, ScorePart
from gangfinder.model.tails import benjamini_hochberg, log10_corrected

PERSONS = frozenset({"staff", "official"})
"""Subject types that are named by a rule of their own."""


@dataclass(frozen=True, slots=True)
class ScoringParams:
    """Parameters of admission and ranking.

    Parameters
    ----------
    minimum_amount
        Fund money in yuan below which a ring is not worth an inspector's day; leads on staff have no such limit.
    false_discovery_share
        Expected share of false leads among those listed: few inspectors read the list, and one false lead in a
        thousand is already more than they forgive.
    surprise_cap
        Most that one family of evidence contributes to the score, in powers of ten.
    contradiction_weight, surprise_weight, amount_weight
        Weights of the parts of the score.
    repeat_discount
        A lead at a house that better leads have already named is put this factor further down.
    top
        Most leads listed.
    """

    minimum_amount: Decimal = Decimal(1000)
    false_discovery_share: float = 0.001
    surprise_cap: float = 12.0
    contradiction_weight: float = 6.0
    surprise_weight: float = 1.0
    amount_weight: float = 2.0
    repeat_discount: float = 0.9
    top: int = 200


def score(rings: Sequence[Ring], n_groups: int, params: ScoringParams, *, clock: bool) -> list[ScoredRing]:
    """Admit, score and order rings.

    Parameters
    ----------
    rings
        Merged rings.
    n_groups
        Groups judged in the whole run: the number of hypotheses for the false-discovery control.
    params
        Parameters.
    clock
        Whether the instants carry a time of day.

    Returns
    -------
    list of ScoredRing
        Best first, at most ``params.top``.
    """
    admitted = [(r, why) for r in rings if (why := admission(r, clock=clock)) and amount(r) >= floor(r, params)]
    tails = [combined_tail(r) for r, _ in admitted]
    q_values = benjamini_hochberg(tails, max(n_groups, len(rings)))
    scored = [
        ScoredRing(ring, _score(ring, params), float(10.0 ** max(q, -300.0)), why)
        for (ring, why), q in zip(admitted, q_values, strict=True)
        if q <= log10(params.false_discovery_share) or _beyond_chance(ring)
    ]
    return diversified(scored, params)[: params.top]


def floor(ring: Ring, params: ScoringParams) -> Decimal:
    """Return the least fund money of a lead in yuan: what a member of staff lets pass is no matter of money."""
    return Decimal(0) if ring.subject_type in PERSONS else params.minimum_amount


def admission(ring: Ring, *, clock: bool) -> str | None:
    """Return which rule admits a ring (DESIGN §6), or ``None``.

    ``contradiction``: an E1 finding. ``two_families``: anomalies of two families. ``single_channel``: of what people do
    together only the dates are known, because the data have no time of day or the ring's houses keep none, and the
    anomaly of the dates repeats on ≥ 3 dates. ``one_hub``: all that binds the people is one hub, which stands out among
    hubs of its kind and size (``hub_alone`` in the detail): such a hub is a whole ring and leaves no second trace.

    A member of staff is named by two rules alone. ``personal_contradiction``: a tie of the person himself that no
    chance explains, on an E1 record. ``personal_tie``: anomalies of two families, one of them such a tie. What the
    office lets happen (a share no roster explains, one pair of hands where there must be two) names nobody.
    """
    if ring.subject_type in PERSONS:
        return _names_a_person(ring)
    if any(f.grade is Grade.E1 for f in ring.findings):
        return "contradiction"
    anomalies = [a for f in ring.findings for a in f.anomalies]
    if len({a.family for a in anomalies}) >= 2:
        return "two_families"
    if any(_dates_alone(a, clock=clock) for a in anomalies):
        return "single_channel"
    return "one_hub" if any(int(a.detail.get("hub_alone", 0)) for a in anomalies) else None


def _names_a_person(ring: Ring) -> str | None:
    if _own_hand(ring):
        return "personal_contradiction"
    families = {a.family for f in ring.findings for a in f.anomalies}
    return "personal_tie" if Family.PERSONAL in families and len(families) >= 2 else None


def _own_hand(ring: Ring) -> bool:
    """Say whether an E1 record is about the person: a personal anomaly of which no chance was computed."""
    return any(
        f.grade is Grade.E1 and any(a.family is Family.PERSONAL and a.log10_p == 0.0 for a in f.anomalies)
        for f in ring.findings
    )


def _beyond_chance(ring: Ring) -> bool:
    """Say whether a ring rests on contradictions, of which no chance was computed: alone, or about a person."""
    if ring.subject_type in PERSONS:
        return _own_hand(ring)
    tails = [a.log10_p for f in ring.findings for a in f.anomalies]
    return any(f.grade is Grade.E1 for f in ring.findings) and all(p == 0.0 for p in tails)


def _dates_alone(anomaly: Anomaly, *, clock: bool) -> bool:
    """Say whether dates are all that could be tested of a group in step, and they repeat."""
    timed = clock and int(anomaly.detail.get("n_timed_sessions", 1)) > 0
    return anomaly.family is Family.CALENDAR and not timed and int(anomaly.detail.get("n_dates", 0)) >= 3


def amount(ring: Ring) -> Decimal:
    """Return the fund money of a ring's evidence rows in yuan, each input row once."""
    rows = {(e.source_table, e.source_key): e.amount for f in ring.findings for e in f.evidence}
    return sum(rows.values(), Decimal(0))


def best_by_family(ring: Ring) -> Mapping[Family, Anomaly]:
    """Return the most surprising anomaly of each family."""
    best: dict[Family, Anomaly] = {}
    for finding in ring.findings:
        for anomaly in finding.anomalies:
            old = best.get(anomaly.family)
            if old is None or _corrected(anomaly) < _corrected(old):
                best[anomaly.family] = anomaly
    return dict(sorted(best.items()))


def combined_tail(ring: Ring) -> float:
    """Return the log10 tail of a ring: its most surprising anomaly, corrected for the tests of its kind.

    Families are tested apart; the smallest corrected tail times the number of families bounds all of them. Where a
    typology names a person by what his desk and his tie show together, it says so (``together_log10_p`` in the detail
    of the tie, corrected for the desks).
    """
    anomalies = [a for f in ring.findings for a in f.anomalies]
    joint = [float(a.detail["together_log10_p"]) for a in anomalies if "together_log10_p" in a.detail]
    if joint:
        return min(0.0, *joint)
    best = [_corrected(a) for a in best_by_family(ring).values()]
    return min(0.0, min(best, default=0.0) + log10(max(1, len(best))))


def _corrected(anomaly: Anomaly) -> float:
    return log10_corrected(anomaly.log10_p, anomaly.n_tests)


def _score(ring: Ring, params: ScoringParams) -> Score:
    parts = []
    for family, anomaly in best_by_family(ring).items():
        value = round(min(params.surprise_cap, -_corrected(anomaly)), 4)
        weight = params.contradiction_weight / 6 if family is Family.CONTRADICTION else params.surprise_weight
        basis = {"log10_p": round(anomaly.log10_p, 4), "n_tests": anomaly.n_tests}
        parts.append(ScorePart(f"surprise_{family.value}", value, weight, basis))
    if any(f.grade is Grade.E1 for f in ring.findings):
        parts.append(ScorePart("contradiction", 1.0, params.contradiction_weight, {}))
    money = amount(ring)
    size = round(log10(max(1.0, float(money))), 4)
    parts.append(ScorePart("amount", size, params.amount_weight, {"yuan": str(money)}))
    return Score(tuple(parts))


def diversified(scored: Sequence[ScoredRing], params: ScoringParams) -> list[ScoredRing]:
    """Order by score, discounted for houses that better leads have named, so that the top of the list is varied."""
    left = sorted(scored, key=lambda s: (-s.score.total, s.ring.ring_id))
    named: dict[str, int] = {}
    ordered: list[ScoredRing] = []
    while left:
        best = min(
            range(len(left)),
            key=lambda k: (-left[k].score.total * params.repeat_discount ** named.get(main_house(left[k].ring), 0), k),
        )
        chosen = left.pop(best)
        house = main_house(chosen.ring)
        named[house] = named.get(house, 0) + 1
        ordered.append(chosen)
    return ordered


def main_house(ring: Ring) -> str:
    """Return the house with most of the ring's evidence rows (ties: smallest id)."""
    counts: dict[str, int] = {}
    for finding in ring.findings:
        for row in finding.evidence:
            counts[row.institution_id] = counts.get(row.institution_id, 0) + 1
    return min(counts, key=lambda h: (-counts[h], h), default="")
