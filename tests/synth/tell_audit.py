"""The tell audit: can a classifier that sees one column at a time tell planted rows from honest ones?

Planted rows are compared with honest rows at the same houses and of the same kind of visit. A
gradient-boosted classifier is trained on some towns and judged on others, once for each typology
and column. What it learns from a single column must be worthless (AUC ≤ 0.6)
unless the column is conduct itself.

The rows of one ring resemble each other, so what counts as a sample is rings, not rows: many towns with many
rings each, few rows of each ring. Each half of the towns is judged by what was learned from the other half, and the
standard error is taken over towns, whose rings have nothing in common.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from gangfinder.synth import Town, TownSettings, build_town

LIMIT = 0.6

ROWS_PER_RING = 30
"""Rows drawn of one ring: more of them say little that is new, and would let large rings outvote small ones."""

HONEST_SHARE = 2
"""Most honest rows kept for each planted one in a house and kind of visit."""

CONDUCT: dict[tuple[str, str], str] = {
    ("T06", "cash_amount"): "the house waives what the recruits would have to pay",
    ("T06", "account_amount"): "the house waives what the recruits would have to pay",
    ("T07", "cash_amount"): "the houses ask no cash of people whom they hand on",
    ("T07", "account_amount"): "the houses ask nothing of the account of people whom they hand on",
    ("T07", "patient.age"): "recruits are adults who hardly see a doctor",
    ("T07", "patient.insured_type"): "those who hardly see a doctor are rarely insured as employees",
    ("T12", "patient.age"): "recruits are adults who hardly see a doctor",
    ("T12", "patient.insured_type"): "those who hardly see a doctor are rarely insured as employees",
    ("T21", "doctor_id"): "one doctor's name stands under all of them",
    ("T07", "department"): "recruits lie in the large wards of adults",
    ("T12", "cash_amount"): "the houses ask no cash of people whom they hand on",
    ("T12", "account_amount"): "the houses ask nothing of the account of people whom they hand on",
    ("T12", "department"): "recruits lie in the large wards of adults",
    ("T11", "total_amount"): "the entitlement is for the sake of costly drugs",
    ("T11", "fund_amount"): "the entitlement is for the sake of costly drugs",
    ("T11", "pooled_amount"): "the entitlement is for the sake of costly drugs",
    ("T11", "cash_amount"): "the entitlement is for the sake of costly drugs",
    ("T11", "items.price"): "the entitlement is for the sake of costly drugs",
    ("T11", "items.count"): "the entitlement is for the sake of costly drugs",
    ("T11", "items.boxes"): "the entitlement is for the sake of costly drugs",
    ("T11", "items.traced"): "the entitlement is for the sake of costly drugs",
    ("T11", "items.days_supplied"): "the entitlement is for the sake of costly drugs",
    ("T11", "patient.age"): "people are recruited who have hardly been treated, and for nothing",
    ("T11", "patient.insured_type"): "people are recruited who have hardly been treated, and for nothing",
    ("T11", "account_amount"): "people are recruited who have hardly been treated, and for nothing",
    ("T11", "account_balance"): "people are recruited who have hardly been treated, and for nothing",
    ("T11", "cap_amount"): "people are recruited who have hardly been treated, and for nothing",
    ("T14", "prescription_id"): "a prescription is written for every sale",
    ("T15", "prescription_id"): "half of the forged sales have no prescription",
    ("T10", "patient.age"): "the cards of the dead are used, and the dead were old",
    ("T16", "benefit_kind"): "the forged result is there for the sake of the special drug",
    ("T16", "total_amount"): "a course of a special drug costs more than a birth at the same house",
    ("T16", "fund_amount"): "a course of a special drug costs more than a birth at the same house",
    ("T18", "agent_name"): "the second copies of the bills go through one agent",
    ("T18", "agent_phone"): "the second copies of the bills go through one agent",
    ("T18", "agent_id_number"): "the second copies of the bills go through one agent",
    ("T18", "benefit_kind"): "a stay that was settled on the spot is claimed once more as a stay",
    ("T18", "department"): "injuries that another payer owes lie in orthopaedics",
    ("T18", "diagnosis_code"): "injuries that another payer owes are injuries",
    ("T19", "benefit_kind"): "the people were enrolled for this one benefit",
    ("T19", "total_amount"): "allowances follow the base, and the bases are raised",
    ("T19", "fund_amount"): "allowances follow the base, and the bases are raised",
    ("T19", "agent_name"): "one agent hands in for those he enrolled",
    ("T19", "agent_phone"): "one agent hands in for those he enrolled",
    ("T19", "agent_id_number"): "one agent hands in for those he enrolled",
    ("T02", "account_amount"): "accounts are emptied: much is paid from them",
    ("T02", "account_balance"): "accounts are emptied: little is left on them",
    ("T02", "total_amount"): "many boxes of a dear product are bought at once",
    ("T02", "fund_amount"): "large purchases come to the cap of the fund",
    ("T02", "pooled_amount"): "large purchases come to the cap of the fund",
    ("T02", "credential_type"): "an electronic credential is scanned from afar",
    ("T02", "area_code"): "the holders are insured elsewhere",
    ("T02", "patient.area_code"): "the holders are insured elsewhere",
    ("T02", "patient.address"): "the holders live elsewhere",
    ("T02", "patient.employer"): "the holders work elsewhere, and no employer here insures them",
    ("T02", "patient.insured_type"): "only the employed have accounts that can be emptied",
    ("T02", "items.price"): "one dear product",
    ("T02", "items.boxes"): "many boxes of it",
    ("T02", "items.count"): "one product is one line",
    ("T02", "items.days_supplied"): "many boxes of one product",
    ("T02", "cap_amount"): "only the employed have accounts that can be emptied, and their daily cap is another",
    ("T02", "items.traced"): "one product is one line, and one code",
    ("T23", "settled_at"): "sessions out of turn lie on other days and hours",
    ("T23", "occurred_at"): "sessions out of turn lie on other days and hours",
    ("T24", "patient.insured_type"): "a list of villagers holds fewer of the employed than those who see a doctor",
    ("T24", "cap_amount"): "a list of villagers holds fewer of the employed, whose cap is another",
    ("T24", "account_balance"): "a list of villagers holds fewer of the employed, who have accounts",
    ("T24", "patient.address"): "the list is that of the villages around, where others come from farther",
    ("T24", "items.traced"): "one cheap basket stands on nearly all bills",
    ("T24", "diagnosis_code"): "one diagnosis stands on nearly all bills",
    ("T24", "total_amount"): "the bills are small and alike",
    ("T24", "fund_amount"): "the bills are small and alike",
    ("T24", "pooled_amount"): "the bills are small and alike",
    ("T24", "cash_amount"): "the bills are small and alike",
    ("T24", "account_amount"): "the bills are small and alike",
    ("T24", "items.price"): "one cheap basket stands on nearly all bills",
    ("T24", "items.boxes"): "one cheap basket stands on nearly all bills",
    ("T24", "items.count"): "one cheap basket stands on nearly all bills",
    ("T24", "items.days_supplied"): "one cheap basket stands on nearly all bills",
    ("T24", "patient.age"): "a list of villagers is younger than those who fall ill",
    ("T17", "agent_name"): "agents hand in nearly all of the claims",
    ("T17", "agent_phone"): "agents hand in nearly all of the claims",
    ("T17", "agent_id_number"): "agents hand in nearly all of the claims",
}
"""(typology, column) → why the column is the ring's conduct and not a tell."""


def features(column: pd.Series) -> pd.DataFrame:
    """What a single column shows: null or not, the value, its clock time, its cents, its digits."""
    null = column.isna()
    out = pd.DataFrame({"null": null.astype(int)})
    if pd.api.types.is_datetime64_any_dtype(column):
        out["hour"] = column.dt.hour + column.dt.minute / 60
        out["minute"], out["second"] = column.dt.minute, column.dt.second
        out["weekday"] = column.dt.day_of_week
    elif pd.api.types.is_bool_dtype(column):
        out["value"] = column.astype(int)
    elif pd.api.types.is_numeric_dtype(column):
        out["value"] = column.astype(float)
        out["cents"] = (column.astype(float) * 100).round() % 100
    else:
        text = column.astype("string").fillna("")
        out["length"] = text.str.len()
        digits = text.str.replace(r"\D", "", regex=True)
        out["head"] = pd.to_numeric(digits.str[:6], errors="coerce")
        out["tail"] = pd.to_numeric(digits.str[-3:], errors="coerce")
        if text.nunique() <= 60:
            # codes are compared by the name they have in every town
            out["code"] = text.map(hash_code)
    return out.astype(float)


def hash_code(text: str) -> int:
    """The same small number for the same text on every machine."""
    return sum((i + 1) * ord(letter) for i, letter in enumerate(text)) % 9973


def _frame(table) -> pd.DataFrame:
    frame = table.to_pandas()
    for name in frame.columns:
        if name.endswith("_amount") or name in {"amount", "account_balance"}:
            frame[name] = frame[name].astype(float)
        elif name.endswith(("_on", "_date")) or name in {"valid_from", "valid_to"}:
            frame[name] = pd.to_datetime(frame[name])
    return frame


def settlement_columns(town: Town) -> pd.DataFrame:
    """Settlements at ring sites with what one column of them can show, one row each."""
    table = town.tables["settlements"]
    sites = {house for ring in town.truth.rings for house in ring.institutions}
    here = pc.is_in(table["institution_id"], pa.array(sorted(sites)))
    position = pa.array(np.arange(len(table)) / len(table))
    rows = _frame(table.append_column("position", position).filter(here))
    rows["is_duplicate"] = rows["settlement_id"].duplicated(keep=False).astype(int)
    rows["is_refund"] = rows["reversed_settlement_id"].notna().astype(int)
    rows["upload_delay"] = (rows["settled_at"] - rows["occurred_at"]).dt.total_seconds()
    return rows


def with_registers(town: Town, rows: pd.DataFrame) -> pd.DataFrame:
    """Return settlements with what the register of patients and the items say about them."""
    people = town.tables["patients"]
    people = _frame(people.filter(pc.is_in(people["patient_id"], pa.array(rows["patient_id"].unique()))))
    people = people.set_index("patient_id").add_prefix("patient.")
    people["patient.age"] = 2025 - people["patient.birth_date"].dt.year
    people = people.drop(columns=["patient.birth_date", "patient.death_date"])
    items = town.tables["items"]
    items = _frame(items.filter(pc.is_in(items["settlement_id"], pa.array(rows["settlement_id"].unique()))))
    items["price"] = items["amount"] / items["quantity"]
    per = items.groupby("settlement_id").agg(
        **{
            "items.count": ("line_no", "size"),
            "items.price": ("price", "mean"),
            "items.boxes": ("quantity", "sum"),
            "items.days_supplied": ("days_supplied", "max"),
            "items.traced": ("trace_code", "count"),
        }
    )
    return rows.join(people, on="patient_id").join(per, on="settlement_id")


@dataclass(frozen=True)
class Sample:
    """Planted and honest rows of one town at the same houses, for one typology."""

    table: str
    typology: str
    rows: pd.DataFrame
    planted: np.ndarray
    weight: np.ndarray


def samples(town: Town) -> Iterator[Sample]:
    """Return planted rows with the honest rows of the same houses and kinds of visit.

    Within a house and kind of visit the honest rows together weigh as much as the planted ones, so that what
    a house does to all its rows (prices, columns its software leaves out) tells nothing.
    """
    claims = _frame(town.tables["reimbursements"])
    claims["position"] = np.arange(len(claims)) / len(claims)
    tables = (
        ("settlements", settlement_columns(town), "settlement_id", ["institution_id", "visit_type"]),
        ("reimbursements", claims, "reimbursement_id", ["institution_id"]),
    )
    ring_of = {key: ring.group_id for ring in town.truth.rings for key in (*ring.settlements, *ring.reimbursements)}
    kind_of = {ring.group_id: ring.kind for ring in town.truth.rings}
    rng = np.random.default_rng(1)
    for typology in sorted(set(kind_of.values())):
        for table, frame, key, same in tables:
            ring = frame[key].map(ring_of)
            own = (ring.map(kind_of) == typology).to_numpy()
            kept = _thinned(rng, frame, same, ring, own, ring.isna().to_numpy())
            if len(kept):
                chosen, planted = frame.iloc[kept], own[kept]
                n_planted, n_honest = _sizes(chosen, same, planted)
                weight = np.where(planted, 1.0, n_planted / n_honest)
                rows = with_registers(town, chosen) if table == "settlements" else chosen
                yield Sample(table, typology, rows, planted, weight)


def _sizes(frame: pd.DataFrame, same: list[str], planted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each row, how many planted and how many honest rows its house has of its kind of visit."""
    by = [frame[c].to_numpy() for c in same]
    n_planted, n_honest = (
        pd.Series(flag.astype(int)).groupby(by).transform("sum").to_numpy() for flag in (planted, ~planted)
    )
    return n_planted, n_honest


def _thinned(
    rng: np.random.Generator,
    frame: pd.DataFrame,
    same: list[str],
    ring: pd.Series,
    own: np.ndarray,
    honest: np.ndarray,
) -> np.ndarray:
    """Positions of some rows of each ring, and of some honest rows of the same houses and kinds of visit."""
    near = own | (honest & frame["institution_id"].isin(frame["institution_id"][own].unique()).to_numpy())
    order = rng.permutation(np.flatnonzero(near))
    planted = order[own[order]]
    rank = ring.iloc[planted].groupby(ring.iloc[planted].to_numpy()).cumcount().to_numpy()
    both = np.concatenate([planted[rank < ROWS_PER_RING], order[honest[order]]])
    chosen = frame.iloc[both]
    n_planted, n_honest = _sizes(chosen, same, own[both])
    at = chosen.groupby([own[both], *(chosen[c].to_numpy() for c in same)]).cumcount().to_numpy()
    usable = (n_planted > 0) & (n_honest > 0)
    return both[usable & (own[both] | (at < HONEST_SHARE * n_planted))]


@dataclass(frozen=True)
class Observed:
    """What is kept of some towns: one list of samples and one frame of institutions for each."""

    samples: list[list[Sample]]
    houses: list[pd.DataFrame]


def observe(seeds: Sequence[int], **settings: int) -> Observed:
    """Build towns, one at a time, and keep what the audits look at."""
    found = Observed([], [])
    for seed in seeds:
        town = build_town(TownSettings(seed=seed, **settings))
        found.samples.append(list(samples(town)))
        found.houses.append(houses_of(town))
    return found


def audit(towns: Sequence[list[Sample]]) -> pd.DataFrame:
    """Return the AUC in unseen towns for every typology and column, with its standard error over towns."""
    found = []
    for table, typology in sorted({(s.table, s.typology) for town in towns for s in town}):
        part = [s for town in towns for s in town if (s.table, s.typology) == (table, typology)]
        for name in part[0].rows.columns:
            aucs = column_aucs(part, name)
            found.append((table, typology, name, np.mean(aucs), np.std(aucs, ddof=1) / len(aucs) ** 0.5))
    return pd.DataFrame(found, columns=["table", "typology", "column", "auc", "error"])


def column_aucs(samples: Sequence[Sample], name: str) -> list[float]:
    """Learn from what one column shows in one half of the towns, judge in the other; one AUC for each town."""
    shown = features(pd.concat([s.rows[name] for s in samples])).fillna(-1).to_numpy()
    shown = shown[:, (shown != shown[0]).any(axis=0)]
    if not shown.shape[1]:
        return [0.5 for _ in samples]
    town = np.repeat(np.arange(len(samples)), [len(s.rows) for s in samples])
    planted, weight = (np.concatenate([getattr(s, part) for s in samples]) for part in ("planted", "weight"))
    score = np.empty(len(shown))
    for half in (0, 1):
        seen = town % 2 == half
        model = HistGradientBoostingClassifier(max_iter=20, max_depth=3, min_samples_leaf=60, random_state=1)
        with threadpool_limits(1):
            model.fit(shown[seen], planted[seen], weight[seen])
            score[~seen] = model.predict_proba(shown[~seen])[:, 1]
    return [
        float(roc_auc_score(planted[town == t], score[town == t], sample_weight=weight[town == t]))
        for t in range(len(samples))
    ]


def houses_of(town: Town) -> pd.DataFrame:
    """Return the institutions of a town with what their settlements leave out, one row each."""
    houses = _frame(town.tables["institutions"])
    left_out = ["operator_id", "terminal_id", "credential_type", "occurred_at"]
    rows = town.tables["settlements"].select(["institution_id", *left_out]).to_pandas()
    for column in left_out:
        houses[f"{column} left out"] = houses["institution_id"].map(
            rows[column].isna().groupby(rows["institution_id"]).mean()
        )
    houses["terminals"] = houses["institution_id"].map(rows.groupby("institution_id")["terminal_id"].nunique())
    sites = {house for ring in town.truth.rings for house in ring.institutions}
    houses["planted"] = houses["institution_id"].isin(sites)
    return houses[houses["level"].isin(["05", "11", "01"])]


def house_audit(towns: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return how well each column of the institutions separates ring sites from others of their kind.

    One row is a house. The statistic is the AUC of the value, or of the null flag, whichever is further
    from one half. Houses are compared within their kind and level only, for kinds differ in how often they
    are ring sites.
    """
    every = pd.concat(towns, ignore_index=True)
    kinds = [part for _, part in every.groupby(["kind", "level"]) if part["planted"].nunique() == 2]
    found = []
    for name in every.columns.drop(["planted", "kind", "level"]):
        shown = features(every[name]).fillna(-1)
        aucs = [_within([(part["planted"], shown.loc[part.index, c]) for part in kinds]) for c in shown]
        found.append((name, max(max(a, 1 - a) for a in aucs)))
    return pd.DataFrame(found, columns=["column", "auc"])


def _within(kinds: list[tuple[pd.Series, pd.Series]]) -> float:
    """Return the mean of the AUCs of several kinds of house, each by how much it can say."""
    pairs = [planted.mean() * (1 - planted.mean()) * len(planted) for planted, _ in kinds]
    return float(np.average([roc_auc_score(planted, value) for planted, value in kinds], weights=pairs))
