"""The circles into which the people of one doctor fall: those of an agent, and those who fetch at the same houses."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import combinations
from typing import TYPE_CHECKING

from gangfinder.model.group import Group
from gangfinder.model.tails import log10_binomial_tail

if TYPE_CHECKING:
    import pandas as pd

    from gangfinder.typologies.entitlement_collusion import Params

Houses = dict[str, tuple[dict[str, float], float]]
"""House → its numbers and its tail."""

COMMON_LOG10_P = -2.0
"""A house is named as common from here on; the test itself is corrected."""


def houses_of(rows: pd.DataFrame, params: Params) -> Houses:
    """Return, per house, the tail of how many of the doctor's filers fetch there.

    Notes
    -----
    The chance is the largest of: the least rate; the share of all other filers who fetch there; the share of those
    whom other doctors of the same hospital certified, who are of the same neighbourhood.
    """
    n = int(rows["unit"].nunique())
    found: Houses = {}
    for house, own in rows[rows["source_table"] == "settlements"].groupby("institution_id", sort=True):
        k = int(own["unit"].nunique())
        if k < params.house_people:
            continue
        one = own.iloc[0]
        rates = [params.house_rate, (one["m_house_filers"] + 0.5) / (one["m_filers"] + 1)]
        if one["m_place_filers"] >= params.neighbours:
            rates.append((one["m_place_house_filers"] + 0.5) / (one["m_place_filers"] + 1))
        rate = round(min(1.0, max(rates)), 6)
        found[str(house)] = {"n_people": k, "n_filings": n, "rate": rate}, float(log10_binomial_tail(k, n, rate))
    return found


def agent_houses(
    papers: pd.DataFrame, fetched: pd.DataFrame, houses: Houses, params: Params
) -> dict[tuple[str, str], tuple[dict[str, float], float]]:
    """Return, per agent of strangers and house, the tail of how many of the agent's people fetch there."""
    found = {}
    for agent, own in papers[papers["m_stranger"].eq(1)].groupby("m_agent", sort=True):
        people = set(own["unit"])
        if len(people) < params.people:
            continue
        at = fetched[fetched["unit"].isin(people)].groupby("institution_id", sort=True)["unit"].nunique()
        for house, k in at[at >= params.house_people].items():
            detail = {"n_people": int(k), "n_filings": len(people), "rate": houses[str(house)][0]["rate"]}
            found[str(agent), str(house)] = detail, float(log10_binomial_tail(int(k), len(people), detail["rate"]))
    return found


def circles(group: Group, params: Params) -> list[frozenset[str]]:
    """Return the circles of a doctor's filers, largest first; fewer than two mean that they are one.

    Notes
    -----
    Agents and common houses are what ties filers. A house is of one circle with an agent or another house when more
    of the other's people fetch there than filers elsewhere would (binomial), and everybody is of the circle that most
    of his rows are of. Whether people were treated before is not looked at: it is tested afterwards, on each circle.
    """
    rows = group.rows.assign(unit=[group.units.get(s, s) for s in group.rows["subject_id"]])
    rates = {h: n["rate"] for h, (n, tail) in houses_of(rows, params).items() if tail <= COMMON_LOG10_P}
    label = _joined(_used(rows, rates, params), rates, params)
    if len(set(label.values())) < 2:
        return []
    rows_in = _rows_in(rows, label)
    # a tie in rows goes to the first label, so that the order of the rows does not matter
    best = rows_in.sort_values(["n", "label"], ascending=[False, True], kind="stable").drop_duplicates("subject_id")
    found = [frozenset(map(str, people)) for _, people in best.groupby("label", sort=True)["subject_id"]]
    large = [people for people in found if group.n_units(people) >= params.people]
    return sorted(large, key=lambda people: (-len(people), min(people)))


Desk = tuple[str, str]
"""An agent (``m_agent``) or a house (``institution_id``), with its id."""


def _used(rows: pd.DataFrame, houses: Collection[str], params: Params) -> dict[Desk, frozenset[str]]:
    """Return the agents of strangers and the common houses, with their people."""
    papers = rows[(rows["source_table"] == "filings") & rows["m_stranger"].eq(1)]
    fetched = rows[rows["source_table"] == "settlements"]
    fetched = fetched[fetched["institution_id"].isin(houses)]
    return {
        (name, str(desk)): frozenset(own["unit"])
        for name, table in (("m_agent", papers), ("institution_id", fetched))
        for desk, own in table.groupby(name, sort=True)
        if own["unit"].nunique() >= params.agent_people
    }


def _joined(
    used: Mapping[Desk, frozenset[str]], rates: Mapping[str, float], params: Params
) -> dict[Desk, int]:
    """Return the number of the circle of each agent and house."""
    label = {desk: number for number, desk in enumerate(sorted(used))}
    for one, other in combinations(sorted(used), 2):
        if _tie(used, rates, one, other) <= params.same_circle_log10_p:
            low, high = sorted((label[one], label[other]))
            label = {desk: low if at == high else at for desk, at in label.items()}
    return label


def _tie(used: Mapping[Desk, frozenset[str]], rates: Mapping[str, float], one: Desk, other: Desk) -> float:
    """Return the smallest tail of how many of one's people are at the other, where that is a house."""
    both = len(used[one] & used[other])
    tails = [
        float(log10_binomial_tail(both, len(used[a]), rates[b[1]]))
        for a, b in ((one, other), (other, one)) if b[0] == "institution_id"
    ]
    return min(tails, default=0.0)


def _rows_in(rows: pd.DataFrame, label: Mapping[Desk, int]) -> pd.DataFrame:
    """Return how many rows each person has in each circle."""
    import pandas as pd

    parts = []
    for name, table in (("m_agent", "filings"), ("institution_id", "settlements")):
        own = rows[rows["source_table"] == table]
        at = own[name].map({desk: circle for (kind, desk), circle in label.items() if kind == name})
        parts.append(own.assign(label=at).dropna(subset=["label"])[["subject_id", "label"]])
    return pd.concat(parts).groupby(["subject_id", "label"], sort=True).size().rename("n").reset_index()
