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

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from gangfinder.synth import Town, TownSettings, build_town
from gangfinder.synth.truth import Group

LIMIT = 0.6

ROWS_PER_RING = 20
"""Rows drawn of one ring: more of them say little that is new, and would let large rings outvote small ones."""

POOLED = frozenset({"signals"})
"""Tables of which each ring has a row or two: all rings are one kind there."""

STAY = "inpatient"

HONEST_SHARE = 2
"""Most honest rows kept for each planted one in a house and kind of visit."""

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
        names = text.unique()
        if len(names) <= 60:
            # codes are compared by the name they have in every town
            out["code"] = text.map({name: hash_code(name) for name in names})
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


TABLES: dict[str, tuple[str, list[str]]] = {
    # table: (key of a row, what is alike in the honest rows it is compared with: house and kind of care)
    "settlements": ("settlement_id", ["institution_id", "visit_type"]),
    "reimbursements": ("reimbursement_id", ["claim"]),
    "prescriptions": ("prescription_id", ["pharmacy_id", "long_term"]),
    "filings": ("filing_id", ["institution_id", "kind"]),
    "lab_reports": ("report_id", ["institution_id"]),
    "enrolments": ("patient_id", []),
    "signals": ("entity_id", ["entity_type", "kind"]),
}


def shown_rows(town: Town, table: str, positions: np.ndarray) -> pd.DataFrame:
    """Return some rows of a table with what each of their columns can show."""
    whole = town.tables[table]
    rows = _frame(whole.take(pa.array(positions)))
    rows["position"] = positions / len(whole)
    if table == "settlements":
        every = pd.Series(whole["settlement_id"].to_numpy(zero_copy_only=False))
        rows["is_duplicate"] = every.duplicated(keep=False).to_numpy()[positions].astype(int)
        rows["is_refund"] = rows["reversed_settlement_id"].notna().astype(int)
        rows["upload_delay"] = (rows["settled_at"] - rows["occurred_at"]).dt.total_seconds()
        rows = with_registers(town, rows)
    return rows


def _register(town: Town, table: str, key: str, wanted: pd.Series, prefix: str) -> pd.DataFrame:
    """Return what a register says about those wanted, one row each."""
    rows = town.tables[table]
    rows = _frame(rows.filter(pc.is_in(rows[key], pa.array(wanted.dropna().unique()))))
    return rows.drop_duplicates(key).set_index(key).add_prefix(prefix)


def with_registers(town: Town, rows: pd.DataFrame) -> pd.DataFrame:
    """Return settlements with what the registers of patients and doctors and the items say about them."""
    people = _register(town, "patients", "patient_id", rows["patient_id"], "patient.")
    people["patient.age"] = 2025 - people["patient.birth_date"].dt.year
    people = people.drop(columns=["patient.birth_date", "patient.death_date"])
    doctors = _register(town, "doctors", "doctor_id", rows["doctor_id"], "doctor.")
    items = town.tables["items"]
    items = _frame(items.filter(pc.is_in(items["settlement_id"], pa.array(rows["settlement_id"].unique()))))
    items["price"] = items["amount"] / items["quantity"]
    items["split_pack"] = items["split_pack"].fillna(False).astype(bool)
    items["returned"] = items["returned"].fillna(False).astype(bool)
    per = items.groupby("settlement_id").agg(
        **{
            "items.count": ("line_no", "size"),
            "items.price": ("price", "mean"),
            "items.boxes": ("quantity", "sum"),
            "items.days_supplied": ("days_supplied", "max"),
            "items.traced": ("trace_code", "count"),
            "items.split": ("split_pack", "max"),
            "items.returned": ("returned", "max"),
        }
    )
    return rows.join(people, on="patient_id").join(doctors, on="doctor_id").join(per, on="settlement_id")


@dataclass(frozen=True)
class Sample:
    """Planted and honest rows of one town at the same houses, for one typology."""

    table: str
    typology: str
    rows: pd.DataFrame
    planted: np.ndarray
    weight: np.ndarray


def samples(town: Town, groups: Sequence[Group], others: Sequence[Group]) -> Iterator[Sample]:
    """Return rows of groups, kind by kind, with rows of the same houses that belong to none of them and no other group.

    Rings are compared with everybody who is honest, look-alikes with those who are in no group at all.

    Within a house and kind of visit (claim, filing) the honest rows together weigh as much as the planted ones, so
    that what a house does to all its rows (prices, columns its software leaves out) tells nothing.
    """
    rng = np.random.default_rng(1)
    group_of = {table: _keys(groups, table) for table in TABLES}
    every = {table: {**group_of[table], **_keys(others, table)} for table in TABLES}
    kind_of = {group.group_id: group.kind for group in groups}
    for table, (key, same) in TABLES.items():
        light = _light(town, table)
        group = light[key].map(group_of[table])
        kinds = group.map(kind_of).where(group.isna() | (table not in POOLED), "every")
        honest = ~light[key].isin(every[table].keys()).to_numpy()
        chosen = {}
        for kind in sorted(set(kinds.dropna())):
            own = (kinds == kind).to_numpy()
            kept = _thinned(rng, light, same, group, own, honest)
            if len(kept):
                chosen[kind] = kept, own[kept]
        if chosen:
            yield from _shown(town, table, light, chosen)


def _light(town: Town, table: str) -> pd.DataFrame:
    """Return the columns of a table by which rows are chosen."""
    if table != "reimbursements":
        key, same = TABLES[table]
        return town.tables[table].select(list(dict.fromkeys([key, *same]))).to_pandas()
    rows = town.tables[table].select(["reimbursement_id", "benefit_kind", "institution_id"]).to_pandas()
    # a stay is claimed with the papers of one house; drugs and allowances are the fund's own matter
    at = rows["institution_id"].where(rows["benefit_kind"].eq(STAY), "")
    return pd.DataFrame({"reimbursement_id": rows["reimbursement_id"], "claim": rows["benefit_kind"] + " " + at})


def _shown(
    town: Town, table: str, light: pd.DataFrame, chosen: Mapping[str, tuple[np.ndarray, np.ndarray]]
) -> Iterator[Sample]:
    """Return the sample of each kind; the rows are read once for all of them."""
    wanted = np.unique(np.concatenate([kept for kept, _ in chosen.values()]))
    shown = shown_rows(town, table, wanted)
    for kind, (kept, planted) in chosen.items():
        n_planted, n_honest = _sizes(light.iloc[kept], TABLES[table][1], planted)
        weight = np.where(planted, 1.0, n_planted / n_honest)
        yield Sample(table, kind, shown.iloc[np.searchsorted(wanted, kept)], planted, weight)


def _keys(groups: Sequence[Group], table: str) -> dict[str, str]:
    """Return which group each row of a table belongs to."""
    own = {"settlements": "settlements", "reimbursements": "reimbursements"}.get(table)
    return {
        key: group.group_id
        for group in groups
        for key in (getattr(group, own) if own else group.entries.get(table, ()))
    }


def _sizes(frame: pd.DataFrame, same: list[str], planted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each row, how many planted and how many honest rows its house has of its kind of visit."""
    by = [frame[c].to_numpy() for c in same] or [np.zeros(len(frame))]
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
    near = own | honest
    for column in same[:1]:
        near &= frame[column].isin(frame[column][own].unique()).to_numpy()
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
    """What is kept of each town: samples of its rings and of its look-alikes, and a frame of its institutions."""

    rings: list[list[Sample]]
    lookalikes: list[list[Sample]]
    houses: list[pd.DataFrame]


def observe(seeds: Sequence[int], **settings: object) -> Observed:
    """Build towns, one at a time, and keep what the audits look at."""
    found = Observed([], [], [])
    for seed in seeds:
        town = build_town(TownSettings(seed=seed, **settings))
        found.rings.append(list(samples(town, town.truth.rings, ())))
        found.lookalikes.append(list(samples(town, town.truth.lookalikes, town.truth.rings)))
        found.houses.append(houses_of(town))
    return found


Column = tuple[str, str, str]
"""Table, kind of group, column."""


def audit(
    towns: Sequence[list[Sample]], but: frozenset[str] = frozenset(), only: frozenset[Column] | None = None
) -> pd.DataFrame:
    """Return the AUC in unseen towns for every kind of group and column, with its standard error over towns.

    Columns named ``but`` are left out; where ``only`` is given, nothing else is looked at.
    """
    found = []
    with threadpool_limits(1):  # asked for once: it looks through the libraries of the process each time
        for table, typology in sorted({(s.table, s.typology) for town in towns for s in town}):
            part = [s for town in towns for s in town if (s.table, s.typology) == (table, typology)]
            for name in part[0].rows.columns.drop(list(but), errors="ignore"):
                if only is not None and (table, typology, name) not in only:
                    continue
                aucs = column_aucs(part, name)
                error = np.std(aucs, ddof=1) / len(aucs) ** 0.5 if len(aucs) > 1 else np.inf
                found.append((table, typology, name, np.mean(aucs), error))
    return pd.DataFrame(found, columns=["table", "typology", "column", "auc", "error"])


def tells(audited: pd.DataFrame, conduct: Container[tuple[str, str]], by: str = "typology") -> pd.DataFrame:
    """Return the columns that tell: above the limit, by three standard errors above chance, and not declared conduct.

    Conduct names a column by the table's or the kind of group's name, as ``by`` says, and its own.
    """
    declared = [pair in conduct for pair in zip(audited[by], audited["column"], strict=True)]
    limit = np.maximum(LIMIT, 0.5 + 3 * audited["error"])
    return audited[(audited["auc"] > limit) & ~np.array(declared)]


def told_twice(
    audited: pd.DataFrame, conduct: Container[tuple[str, str]], others: Callable[[], Sequence[list[Sample]]],
    by: str = "typology",
) -> pd.DataFrame:
    """Return what is a tell in these towns and in as many others, which are built when something is.

    Of some thousand columns a few are known by ten towns as badly as ids are that a whole ring shares (0.22 to 0.73 in
    single towns), and pass three errors by chance; a tell is one in other towns, too.
    """
    found = tells(audited, conduct, by)
    if found.empty:
        return found
    named = frozenset(found[["table", "typology", "column"]].itertuples(index=False, name=None))
    again = tells(audit(others(), only=named), conduct, by)
    return found.merge(again, on=["table", "typology", "column"], suffixes=("", " again"))


def column_aucs(samples: Sequence[Sample], name: str) -> list[float]:
    """Learn from what one column shows in one half of the towns, judge in the other; one AUC for each town."""
    shown = features(pd.concat([s.rows[name] for s in samples])).fillna(-1)
    shown = np.column_stack([_binned(shown[c].to_numpy()) for c in shown if shown[c].nunique() > 1] or [[]])
    if not shown.size:
        return [0.5 for _ in samples]
    town = np.repeat(np.arange(len(samples)), [len(s.rows) for s in samples])
    planted, weight = (np.concatenate([getattr(s, part) for s in samples]) for part in ("planted", "weight"))
    score = np.empty(len(shown))
    for half in (0, 1):
        seen = town % 2 == half
        model = HistGradientBoostingClassifier(max_iter=20, max_depth=3, min_samples_leaf=60, random_state=1)
        model.fit(shown[seen], planted[seen], weight[seen])
        score[~seen] = model.predict_proba(shown[~seen])[:, 1]
    return [_auc(planted[town == t], score[town == t], weight[town == t]) for t in range(len(samples))]


def _binned(value: np.ndarray) -> np.ndarray:
    """Return values in at most 200 classes of equal size: what the classifier would do itself, more slowly."""
    if len(np.unique(value)) <= 200:
        return value
    return np.searchsorted(np.unique(np.quantile(value, np.linspace(0, 1, 200))), value)


def _auc(planted: np.ndarray, score: np.ndarray, weight: np.ndarray) -> float:
    """Return the weighted area under the curve, ties counted by half."""
    _, rank = np.unique(score, return_inverse=True)
    one, other = (np.bincount(rank, weight * flag) for flag in (planted, ~planted))
    return float((one * (np.cumsum(other) - other / 2)).sum() / (one.sum() * other.sum()))


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
