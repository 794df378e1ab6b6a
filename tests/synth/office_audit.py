"""The tell audit of offices: what an insider does, beside what others at the same office and desk do.

Rows that went over an insider's desk for his ring are compared with honest rows of the same office and kind of
business; his roster, his entry in the register, his actions and his ties with those of the others at his office. What
the ring itself shows (agents, amounts) is audited where rings are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from tell_audit import Sample

from gangfinder.synth import Town, TownSettings, build_town

SETTINGS = {
    "patients": 15_000, "rings_per_typology": 8, "offices": True, "typologies": ("T11", "T13", "T17", "T19", "T20"),
}
"""Many rings to be helped, in towns where little else is planted."""

CONDUCT = {
    ("reimbursements", "time to be reviewed"): "a reviewer who looks away passes a file within a minute or so",
    ("filings", "time to be reviewed"): "a reviewer who looks away passes a file within a minute or so",
}
"""(table, column) → why the column is the insider's conduct and not a tell."""

_KEYS = {"reimbursements": "reimbursement_id", "filings": "filing_id"}
_ARRIVED = {"reimbursements": "submitted_at", "filings": "filed_at"}
_WRITTEN = ["handler_id", "handled_at", "reviewer_id", "reviewed_at", "decision"]


def observe(seeds: Sequence[int]) -> list[list[Sample]]:
    """Build towns, each with its clean twin, and keep what the audit looks at."""
    found = []
    for seed in seeds:
        town = build_town(TownSettings(seed=seed, **SETTINGS))
        twin = build_town(TownSettings(seed=seed, clean=True, **SETTINGS))
        found.append([*_files(town), *_added(town, twin), *_of_staff(town)])
    return found


def _offices(town: Town) -> pd.Series:
    return town.tables["staff"].to_pandas().set_index("staff_id")["office"]


def _files(town: Town) -> Iterator[Sample]:
    """Return files over the desks of insiders beside honest files of their offices."""
    rings = town.truth.rings
    for table, key in _KEYS.items():
        rows = town.tables[table].to_pandas()
        rows["position"] = np.arange(len(rows)) / len(rows)
        wait = rows["handled_at"] - rows[_ARRIVED[table]]
        rows["days to be handled"] = wait.dt.total_seconds() // 86_400
        rows["time to be reviewed"] = (rows["reviewed_at"] - rows["handled_at"]).dt.total_seconds()
        rows["office"] = rows["handler_id"].map(_offices(town))
        rows["kind"] = rows["benefit_kind"] if table == "reimbursements" else rows["kind"]
        own: dict[bool, set[str]] = {True: set(), False: set()}
        for ring in rings:
            own[ring.kind == "T20"] |= set(ring.reimbursements) | set(ring.entries.get("filings", ()))
        planted = rows[key].isin(own[True])
        known = rows[planted | ~rows[key].isin(own[False])]
        shown = [*_WRITTEN, "position", "days to be handled", "time to be reviewed"]
        shown += ["paid_at"] if table == "reimbursements" else []
        yield from _sample(table, known, planted[known.index], ["office", "kind"], shown)


def _added(town: Town, twin: Town) -> Iterator[Sample]:
    """Return the rows that insiders add to actions and ties beside those that are there without them."""
    for table, same in (("actions", ["action"]), ("ties", ["source_type", "target_type", "kind"])):
        rows = town.tables[table].to_pandas()
        rows["position"] = np.arange(len(rows)) / len(rows)
        there = Counter(map(repr, twin.tables[table].to_pylist()))
        text = list(map(repr, town.tables[table].to_pylist()))
        planted = pd.Series([not there[one] for one in text], index=rows.index)
        yield from _sample(table, rows, planted, same, [c for c in rows if c not in same])


def _of_staff(town: Town) -> Iterator[Sample]:
    """Return insiders beside the others of their office and role: in the register, and on the roster."""
    insiders = {one for ring in town.truth.rings if ring.kind == "T20" for one in ring.staff}
    staff = town.tables["staff"].to_pandas()
    roster = town.tables["roster"].to_pandas()
    roster["since"], end = pd.to_datetime(roster["valid_from"]), pd.to_datetime(roster["valid_to"])
    roster["length"] = (end - roster["since"]).dt.days
    roster["stretches"] = roster.groupby("staff_id")["since"].transform("nunique")
    alike = {"staff": ["office", "role"], "roster": ["office", "role", "business_kind"]}
    for table, rows, same in (("staff", staff, alike["staff"]), ("roster", roster, alike["roster"])):
        rows["position"] = np.arange(len(rows)) / len(rows)
        hidden = {*same, "valid_from", "valid_to"}
        yield from _sample(
            table, rows, rows["staff_id"].isin(insiders), same, [c for c in rows if c not in hidden]
        )


def _sample(
    table: str, rows: pd.DataFrame, planted: pd.Series, same: list[str], shown: list[str]
) -> Iterator[Sample]:
    """Return planted rows and the honest ones that are alike in some columns, these weighed so as to match those."""
    by = [rows[column] for column in same]
    n_planted = planted.astype(int).groupby(by).transform("sum")
    n_honest = (~planted).astype(int).groupby(by).transform("sum")
    kept = (n_planted > 0) & (n_honest > 0)
    if kept.any():
        weight = np.where(planted, 1.0, n_planted / n_honest.clip(lower=1))
        yield Sample(table, "T20", rows.loc[kept, shown], planted[kept].to_numpy(), weight[kept.to_numpy()])
