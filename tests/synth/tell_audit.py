"""The tell audit: can a classifier that sees one column at a time tell planted rows from honest ones?

Planted rows are compared with honest rows at the same houses and of the same kind of visit. A
gradient-boosted classifier is trained on some seeds and judged on others, once for each typology
and column. What it learns from a single column must be worthless (AUC ≤ 0.6)
unless the column is conduct itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from gangfinder.synth import Town, TownSettings, build_town

LIMIT = 0.6

CONDUCT: dict[tuple[str, str], str] = {
    ("T06", "cash_amount"): "the house waives what the recruits would have to pay",
    ("T06", "account_amount"): "the house waives what the recruits would have to pay",
    ("T06", "department"): "a recruited group lies in one ward, and never in obstetrics or paediatrics",
    ("T10", "patient.age"): "the cards of the dead are used, and the dead were old",
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
    """Settlements with what the registers and the items say about them, one row each."""
    rows = _frame(town.tables["settlements"])
    rows["position"] = np.arange(len(rows)) / len(rows)
    rows["is_duplicate"] = rows["settlement_id"].duplicated(keep=False).astype(int)
    rows["is_refund"] = rows["reversed_settlement_id"].notna().astype(int)
    rows["upload_delay"] = (rows["settled_at"] - rows["occurred_at"]).dt.total_seconds()
    sites = {house for ring in town.truth.rings for house in ring.institutions}
    rows = rows[rows["institution_id"].isin(sites)]
    people = _frame(town.tables["patients"]).set_index("patient_id").add_prefix("patient.")
    people["patient.age"] = 2025 - people["patient.birth_date"].dt.year
    people = people.drop(columns=["patient.birth_date", "patient.death_date"])
    items = _frame(town.tables["items"])
    items = items[items["settlement_id"].isin(set(rows["settlement_id"]))]
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
    every = {key for ring in town.truth.rings for key in (*ring.settlements, *ring.reimbursements)}
    for typology in sorted({ring.kind for ring in town.truth.rings}):
        rings = [ring for ring in town.truth.rings if ring.kind == typology]
        own = {key for ring in rings for key in (*ring.settlements, *ring.reimbursements)}
        for table, frame, key, same in tables:
            chosen = frame[frame[key].isin(own) | ~frame[key].isin(every)]
            planted = chosen[key].isin(own)
            n_planted = planted.groupby([chosen[c] for c in same]).transform("sum")
            n_honest = (~planted).groupby([chosen[c] for c in same]).transform("sum")
            usable = (n_planted > 0) & (n_honest > 0)
            if usable.any():
                weight = np.where(planted, 1.0, n_planted / n_honest.clip(lower=1))
                yield Sample(table, typology, chosen[usable], planted[usable].to_numpy(), weight[usable])


def audit(train: tuple[int, ...], test: tuple[int, ...], **settings: int) -> pd.DataFrame:
    """Return the AUC on unseen seeds for every typology and column."""
    parts: dict[tuple[str, str], dict[str, list[Sample]]] = {}
    for role, seeds in (("train", train), ("test", test)):
        for seed in seeds:
            for sample in samples(build_town(TownSettings(seed=seed, **settings))):
                parts.setdefault((sample.table, sample.typology), {}).setdefault(role, []).append(sample)
    found = [
        (table, typology, name, column_auc(roles["train"], roles["test"], name))
        for (table, typology), roles in parts.items()
        for name in roles["train"][0].rows.columns
    ]
    return pd.DataFrame(found, columns=["table", "typology", "column", "auc"])


def column_auc(train: list[Sample], test: list[Sample], name: str) -> float:
    """Train on what one column shows in some towns and judge in others."""
    fit, judge = (pd.concat([features(s.rows[name]) for s in part]).fillna(-1) for part in (train, test))
    columns = [column for column in fit.columns if column in judge.columns]
    model = HistGradientBoostingClassifier(max_iter=20, max_depth=3, min_samples_leaf=60, random_state=1)
    model.fit(
        fit[columns], np.concatenate([s.planted for s in train]), np.concatenate([s.weight for s in train])
    )
    score = model.predict_proba(judge[columns])[:, 1]
    truth = np.concatenate([s.planted for s in test])
    return float(roc_auc_score(truth, score, sample_weight=np.concatenate([s.weight for s in test])))


def house_audit(seeds: tuple[int, ...], **settings: int) -> pd.DataFrame:
    """Return how well each column of the institutions separates ring sites from others of their kind.

    One row is a house. The statistic is the rank AUC of the value, or of the null flag, whichever is further
    from one half.
    """
    frames = []
    for seed in seeds:
        town = build_town(TownSettings(seed=seed, **settings))
        houses = _frame(town.tables["institutions"])
        rows = _frame(town.tables["settlements"])
        for column in ("operator_id", "terminal_id", "credential_type", "occurred_at"):
            houses[f"{column} left out"] = houses["institution_id"].map(
                rows[column].isna().groupby(rows["institution_id"]).mean()
            )
        houses["terminals"] = houses["institution_id"].map(
            rows.groupby("institution_id")["terminal_id"].nunique()
        )
        sites = {house for ring in town.truth.rings for house in ring.institutions}
        houses["planted"] = houses["institution_id"].isin(sites)
        frames.append(houses[houses["level"].isin(["05", "11", "01"])])
    every = pd.concat(frames, ignore_index=True)
    found = []
    for name in every.columns.drop(["planted", "kind", "level"]):
        shown = features(every[name]).fillna(-1)
        group = [every["kind"], every["level"]]
        ranks = shown.groupby(group).rank(pct=True)
        ranks -= ranks.groupby(group).transform("mean")  # a tie must not tell the size of its group
        aucs = [roc_auc_score(every["planted"], ranks[c]) for c in ranks if shown[c].nunique() > 1]
        found.append((name, max((max(a, 1 - a) for a in aucs), default=0.5)))
    return pd.DataFrame(found, columns=["column", "auc"])
