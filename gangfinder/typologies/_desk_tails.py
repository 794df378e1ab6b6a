"""T20: the exact tails of one desk in one ring, and of the ties of whoever sits there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from gangfinder.linking.convolution import log10_hypergeometric_sum_tail
from gangfinder.model.evidence import Anomaly, Family
from gangfinder.model.tails import fisher, log10_corrected, log10_hypergeometric_tail
from gangfinder.typologies._circle import HOLDER, HOUSE, HUB, MEMBER
from gangfinder.typologies._office_desks import FLAGS, Params

if TYPE_CHECKING:
    import pandas as pd

_FAMILIES = {
    "quick": Family.TEMPO, "off": Family.CALENDAR, "limit": Family.AMOUNT, "changed": Family.CONTROL,
    "passed": Family.CONTROL,
}
_SHOWN_DATES = 5


def desk_anomalies(staff: str, rows: pd.DataFrame, params: Params) -> tuple[Anomaly, ...]:
    """Return what stands out at one desk in one ring: shares, and how the ring's papers were dealt with there.

    Notes
    -----
    Under the null the ring's papers of a stratum (office, kind of business, month, days on which the person was there)
    are drawn without replacement from all papers of the stratum, of which he did ``m_marked``; the strata are
    independent, so the count over all of them is a sum of hypergeometric counts, whose tail is convolved exactly. How
    the ring's papers were dealt with is tested among his own: of all his papers of the strata so many were quick, out
    of hours …, so that a habit of his says nothing, nor does his share.
    """
    found = []
    for role, seen in rows.groupby("m_role", sort=True):
        seen = seen.drop_duplicates(["m_stratum", "source_table", "source_key"])
        own, desks = seen[seen["m_own"] == 1], max(1, int(seen["m_tests"].iloc[0]))
        asked = [_share(staff, str(role), seen, own), *(_oddity(staff, flag, own) for flag in FLAGS)]
        asked += [_pair(staff, own)] if role == "reviewer" else []
        counted = [_counted(a, desks, str(role)) for a in asked if a]
        found += [a for a in counted if _in_its_way(a) <= params.desk_log10_p]
    return tuple(found)


def _counted(anomaly: Anomaly, desks: int, role: str) -> Anomaly:
    """Return the anomaly with its tests: each desk of the ring, and each way in which a desk of the role is asked."""
    ways = len(FLAGS) if anomaly.name in FLAGS else 2 if role == "reviewer" else 1
    return replace(anomaly, n_tests=desks * ways, detail={**anomaly.detail, "n_desks": desks})


def _corrected(anomaly: Anomaly) -> float:
    return log10_corrected(anomaly.log10_p, anomaly.n_tests)


def _pair(staff: str, own: pd.DataFrame) -> Anomaly | None:
    """Test how many of the ring's papers of the same handlers went to this reviewer, against the handlers' others.

    Notes
    -----
    For each handler and kind of business, the ring's papers are drawn from all papers of the handler that came up for
    review while the reviewer was there: whatever brought the ring to the handler, it says nothing here.
    """
    known = own[own["m_pair_ring"].notna() & (own["m_pair_slots"].fillna(0) > 0)]
    if known.empty:
        return None
    strata, k = [], len(known)
    for _, part in known.groupby(["m_queue", "m_handler"], sort=True):
        rest, mine, drawn = (int(part[f"m_pair_{c}"].iloc[0]) for c in ("slots", "marked", "ring"))
        strata.append((rest + drawn, mine + len(part), drawn))
    detail: dict[str, str | int | float] = {
        "staff": staff, "n_own": k, "n_ring": sum(d for _, _, d in strata),
        "expected": round(sum(m * d / n for n, m, d in strata), 4),
        "n_all": sum(n for n, _, _ in strata), "n_all_own": sum(m for _, m, _ in strata), "strata": written(strata),
    }
    return Anomaly(Family.CONTROL, "pair_share", strata_tail(strata, k), 1, detail)


def _share(staff: str, role: str, seen: pd.DataFrame, own: pd.DataFrame) -> Anomaly:
    """Test how many of the ring's papers went over this desk, against all papers of the same strata."""
    tail, expected, strata = stratified(seen, "m_marked", len(own))
    rostered = bool(seen["m_rostered"].max())
    days = sorted({f"{at:%Y-%m-%d}" for at in own["event_at"]})
    shown = "、".join(days[:_SHOWN_DATES]) + ("…" if len(days) > _SHOWN_DATES else "")
    name = f"{role}_share" if rostered else f"{role}_share_unrostered"
    detail: dict[str, str | int | float] = {
        "staff": staff, "n_ring": len(seen), "n_own": len(own), "expected": round(expected, 4),
        "n_all": sum(n for n, _, _ in strata), "n_all_own": sum(m for _, m, _ in strata), "dates": shown,
        "strata": written(strata),
    }
    return Anomaly(Family.CONTROL, name, tail, 1, detail)


def _oddity(staff: str, flag: str, own: pd.DataFrame) -> Anomaly | None:
    """Test how many of his papers of the ring were quick, out of hours …, against all his own of the same strata."""
    k = int(own[f"m_{flag}"].sum())
    if k < 2:
        return None
    tail, expected, strata = stratified(own, f"m_{flag}_marked", k, "m_marked")
    detail: dict[str, str | int | float] = {
        "staff": staff, "n_own": len(own), "n_odd": k, "expected": round(expected, 4),
        "n_all": sum(n for n, _, _ in strata), "n_all_odd": sum(m for _, m, _ in strata), "strata": written(strata),
    }
    return Anomaly(_FAMILIES[flag], flag, tail, 1, detail)


def stratified(
    rows: pd.DataFrame, marked: str, k: int, slots: str = "m_slots"
) -> tuple[float, float, list[tuple[int, int, int]]]:
    """Return log10 P(X ≥ k), the expectation, and (slots, marked, drawn) of each stratum in order."""
    strata = [
        (int(part[slots].iloc[0]), int(part[marked].iloc[0]), len(part))
        for _, part in rows.groupby("m_stratum", sort=True)
    ]
    tail = strata_tail(strata, k)
    return tail, sum(m * d / n for n, m, d in strata), strata


def strata_tail(strata: list[tuple[int, int, int]], k: int) -> float:
    """Return log10 P(Σ Xᵢ ≥ k) for independent hypergeometric Xᵢ of (slots, marked, drawn)."""
    slots, marked, drawn = (np.array(part, dtype=float) for part in zip(*strata, strict=True))
    group = np.zeros(len(strata), dtype=np.int64)
    return float(log10_hypergeometric_sum_tail(group, slots, marked, drawn, np.array([k]))[0])


def written(strata: list[tuple[int, int, int]]) -> str:
    """Return strata as ``slots/marked/drawn`` joined by blanks, from which the tail can be recomputed."""
    return " ".join(f"{n}/{m}/{d}" for n, m, d in strata)


def tie_anomalies(staff: str, rows: pd.DataFrame, params: Params) -> tuple[Anomaly, ...]:
    """Return the ties of one member of staff to one ring that are too rare to be chance.

    Notes
    -----
    A ring's members, or its agents and accounts, are as many people drawn from the insured; that at least one of them
    is of a circle of so many has the upper tail of the hypergeometric. For a house the tail is at least the share of
    staff who are tied to one of the ring's houses: houses are not equally likely to be somebody's former employer. An
    account's holder is known by name: the people who bear a name as rare as his, among the ring's holders, are drawn.
    What is reported is the chance of any tie to the ring that is as rare as this: the sum, over the parts of a ring,
    of the chances of ties at most as likely (Bonferroni over the attainable tails of discrete tests, after R. E.
    Tarone, *Biometrics* 46 (1990) 515–522).
    """
    found = []
    for part in (HUB, HOLDER, MEMBER, HOUSE):
        seen = rows[rows["m_part"] == part]
        if seen.empty:
            continue
        tail, detail = _rarity(staff, part, seen)
        if tail <= (params.weak_tie_log10_p if part == HOLDER else params.tie_log10_p):
            found.append(Anomaly(Family.PERSONAL, f"tie_{part}", tail, 1, detail))
    # beside a tie that counts by itself a namesake adds nothing
    return tuple([a for a in found if a.log10_p <= _least(a, params)] or found)


def _least(tie: Anomaly, params: Params) -> float:
    """Return from which tail on a tie counts by itself."""
    return params.namesake_log10_p if tie.name == f"tie_{HOLDER}" else params.tie_log10_p


def _rarity(staff: str, part: str, seen: pd.DataFrame) -> tuple[float, dict[str, str | int | float]]:
    facts = seen.sort_values("m_contacts", kind="stable").iloc[0]  # of several holders' names the rarest
    n, tail = int(facts["m_contacts"]), _chance_of(part, facts, int(facts["m_contacts"]))
    chances = {one: 10.0 ** _chance_of(one, facts, int(facts[f"m_n_{one}"])) for one in _parts_of(facts)}
    detail: dict[str, str | int | float] = {
        "staff": staff, "how": " ".join(sorted({str(h) for h in seen["m_how"]})),
        "n_tied": int(seen["m_tied"].nunique()), "n_rows": len(seen.drop_duplicates(["source_table", "source_key"])),
        "n_contacts": n, "n_circle": int(facts["m_houses" if part == HOUSE else "m_people"]),
        "n_whole": int(facts["m_institutions" if part == HOUSE else "m_patients"]), "chance_alone": round(tail, 4),
        "chances": " ".join(f"{chances[one]:.6g}" for one in sorted(chances) if one != HOLDER),
        "chance_holder": float(f"{chances.get(HOLDER, 0.0):.6g}"),
    }
    if part == HOUSE:
        detail |= {"n_staff_tied": int(facts["m_staff_tied"]), "n_staff": max(1, int(facts["m_staff_all"]))}
    own = 10.0**tail
    others = [_as_rare(one, chance, own) for one, chance in sorted(chances.items()) if one != part]
    return float(np.log10(min(1.0, own + sum(others)))), detail


def _parts_of(facts: pd.Series) -> tuple[str, ...]:
    """Return the parts of a ring that a circle can meet at all."""
    return tuple(
        part for part in (HUB, HOLDER, MEMBER, HOUSE)
        if int(facts[f"m_n_{part}"]) and (part != HOUSE or int(facts["m_houses"]))
    )


def _chance_of(part: str, facts: pd.Series, n: int) -> float:
    """Return the log10 chance that a circle meets one part of a ring that has ``n`` people, accounts or houses."""
    house = part == HOUSE
    whole, d = int(facts["m_institutions" if house else "m_patients"]), int(facts["m_houses" if house else "m_people"])
    tail = float(log10_hypergeometric_tail(1, max(whole, n, d), d, n))
    if house and int(facts["m_house_tied"]):
        tail = max(tail, float(np.log10(min(1.0, int(facts["m_house_tied"]) / max(1, int(facts["m_staff_all"]))))))
    return tail


def _as_rare(part: str, chance: float, tail: float) -> float:
    """Return the chance of a tie to another part of the ring that is at most as likely as ``tail``.

    Members, agents and houses are met or not; of holders' names some are rarer than all of them together.
    """
    return min(chance, tail) if part == HOLDER else chance if chance <= tail else 0.0


def named(
    desk: Mapping[str, Sequence[Anomaly]], ties: Mapping[str, Sequence[Anomaly]], params: Params
) -> dict[str, float]:
    """Return whom desk and tie together name, with the log10 tail that names him.

    Parameters
    ----------
    desk, ties
        Anomalies of each member of staff.
    params
        How surprising they must be.

    Notes
    -----
    Over whose desk a ring's papers go and who is whose kin are independent where nobody lets the ring pass, so the two
    tails are combined after Fisher; the desks of the ring are the tests. Once one person is named, others of the ring
    are tested by themselves (M. Benjamini and M. Bogomolov, *J. R. Stat. Soc. B* 76 (2014) 297–318). A handler and a
    reviewer, each with a tie of his own, may be named by what both show: their tails are combined in the same way.
    """
    tails = {s: together(desk[s], ties.get(s, ()), params) for s in sorted(desk)}
    likely = {s: tail for s, tail in tails.items() if tail <= params.second_log10_p}
    if min(tails.values(), default=0.0) <= params.person_log10_p:
        return likely
    pairs = [
        (fisher(np.array([likely[h], likely[r]])), h, r)
        for h in likely if _does(desk[h], "handler")
        for r in likely if h != r and _does(desk[r], "reviewer")
    ]
    joint, *both = min(pairs, default=(0.0, "", ""))
    return dict.fromkeys(sorted(both), joint) if joint <= params.person_log10_p else {}


def _does(desk: Sequence[Anomaly], role: str) -> bool:
    """Say whether a person stands out in a role by the share of the ring's papers that he had."""
    return any(a.name.startswith(f"{role}_share") for a in desk)


def together(desk: Sequence[Anomaly], ties: Sequence[Anomaly], params: Params) -> float:
    """Return the log10 tail of a person's desk and tie, corrected for the ring's desks; 0 where either says nothing.

    Notes
    -----
    Share and tie are combined, and share, tie and the strangest way of dealing with the papers; the smaller counts
    twice. What is not an anomaly counts as certain.
    """
    strong = {a.name for a in desk if _corrected(a) <= params.surprise_log10_p}
    counted = [a for a in ties if len(strong) > 1 or a.log10_p <= _least(a, params)]
    rarest = min(counted, key=lambda a: a.log10_p, default=None)
    if not desk or rarest is None:
        return 0.0
    desks = max(int(a.detail["n_desks"]) for a in desk)
    odd = min((_in_its_way(a) for a in desk if a.name in FLAGS), default=0.0)
    share = min((_in_its_way(a) for a in desk if a.name not in FLAGS), default=0.0)
    tails = tied_tail(share, rarest), tied_tail(fisher(np.array([share, odd])), rarest)
    return log10_corrected(min(tails), 2 * desks)


def tied_tail(desk: float, tie: Anomaly) -> float:
    """Return the log10 tail of a desk and a tie: the chance that their product is so small and there is a tie.

    Notes
    -----
    With ``c`` the product of the two tails, a tie of a part that is met with chance ``w`` adds ``w·min(1, c/t)`` to the
    chance, where ``t ≥ w`` is the tail of that tie: at most ``min(w, c)``. Of holders' names any rarity up to ``w`` may
    occur: at most ``∫ min(1, c/u) du = c + c·ln(w/c)``. Where that is less than the combination after Fisher, which
    takes the tie for continuous, it is used: both bound the same chance.
    """
    c = 10.0 ** (desk + tie.log10_p)
    if c <= 0:
        return desk + tie.log10_p
    whole = float(tie.detail["chance_holder"])
    chance = sum(min(float(w), c) for w in str(tie.detail["chances"]).split())
    chance += whole if whole <= c else c * (1 + float(np.log(whole / c)))
    return min(float(np.log10(min(1.0, chance))), fisher(np.array([desk, tie.log10_p])))


def _in_its_way(anomaly: Anomaly) -> float:
    """Return the tail corrected for the ways in which one desk is asked, not for the desks."""
    return log10_corrected(anomaly.log10_p, anomaly.n_tests // int(anomaly.detail["n_desks"]))
