"""Batch life, measured: weekly snapshots of a town through one register, against what is to be said of every ring.

``python -m tests.bench.weeks [--patients N] [--weeks N] [--seed N …] [--write]`` prints figures of each town:

- how many surviving rings kept their id through all weeks, and whether any id was ever two rings';
- for each label, how often the run said of a ring what its truth says;
- of rings that were dismissed: how many came back though nothing was added, and how many of those that grew came back;
- whether a week without news changed anything.

It reads what an office reads: ``leads.csv``, ``members.csv`` and ``changes.json``.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gangfinder import pipeline
from gangfinder.evaluate.reading import SHARE
from gangfinder.leads.register.deciding import Decision, decide
from gangfinder.leads.register.opening import open_register
from gangfinder.leads.register.veil import Open
from gangfinder.run import Stages
from gangfinder.settings import read_settings
from gangfinder.synth import TownSettings, write_weeks

DISMISSED_AFTER = 2
"""Week whose leads are reviewed: every third ring is dismissed."""

RESULTS = Path(__file__).parent / "results"

_GONE = ("merged", "vanished")


@dataclass(slots=True)
class Score:
    """What came of all weeks."""

    ids: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # identity → ids, week by week
    right: Counter[str] = field(default_factory=Counter)
    wrong: list[tuple[int, str, str, str, str]] = field(default_factory=list)  # week, identity, story, truth, said
    due: Counter[str] = field(default_factory=Counter)
    parts: dict[str, str] = field(default_factory=dict)  # part of a ring that split → that ring
    unseen: Counter[str] = field(default_factory=Counter)  # label → times its ring was no lead
    missed: int = 0  # times a ring that is there was no lead; counted as wrong, too
    strangers: Counter[int] = field(default_factory=Counter)  # week → leads that are no ring
    dismissed: int = 0
    came_back_unchanged: list[tuple[int, str]] = field(default_factory=list)
    grown: int = 0
    came_back_grown: int = 0
    still_is_still: bool = True
    seconds: list[float] = field(default_factory=list)

    def kept(self, survivors: list[str]) -> tuple[int, int]:
        """Return how many survivors had one id all the time, and how many were ever seen twice."""
        seen = [self.ids[one] for one in survivors if len(self.ids[one]) > 1]
        return sum(len(set(ids)) == 1 for ids in seen), len(seen)

    def reused(self) -> list[str]:
        """Return the ids that were those of two rings; the parts of one that split count as it."""
        owners = defaultdict(set)
        for identity, ids in self.ids.items():
            for one in ids:
                owners[one].add(self.parts.get(identity, identity))
        return sorted(one for one, rings in owners.items() if len(rings) > 1)

    def rates(self) -> dict[str, float]:
        """Return, for each label, the share said right."""
        return {label: self.right[label] / n for label, n in sorted(self.due.items())}


def measure(settings: TownSettings, folder: Path, dismiss: bool = True) -> tuple[Score, dict[str, Any]]:
    """Make the weeks, run them one after another, and score what was said."""
    truth = write_weeks(settings, folder / "weeks")
    out, register, score = folder / "out", folder / "leads.db", Score()
    dismissed: set[str] = set()
    for week in truth["weeks"]:
        before = _listed_bytes(out)
        begun = time.perf_counter()
        source = folder / "weeks" / week["folder"]
        result = pipeline.run(source, out, read_settings(None), stages=Stages(quiet=True), register=register)
        score.seconds.append(time.perf_counter() - begun)
        if week["still"]:
            score.still_is_still = bool(result.unchanged) and _listed_bytes(out) == before
            continue
        _score(score, week, out, dismissed)
        if dismiss and week["week"] == DISMISSED_AFTER:
            dismissed |= _dismiss(register, score, week)
            score.dismissed = len(dismissed)
    return score, truth


def _listed_bytes(out: Path) -> dict[str, bytes]:
    names = ("leads.csv", "members.csv", "evidence.csv", "changes.json")
    return {name: (out / name).read_bytes() for name in names if (out / name).exists()}


def _dismiss(register: Path, score: Score, week: Mapping[str, Any]) -> set[str]:
    chosen = [one["identity"] for one in week["rings"] if one["label"] not in _GONE][::3]
    book = open_register(register)
    for identity in [one for one in chosen if score.ids[one]]:
        decide(book, score.ids[identity][-1], Decision("dismiss", reason="known to the office"), "bench", Open())
    return {one for one in chosen if score.ids[one]}


def _score(score: Score, week: Mapping[str, Any], out: Path, dismissed: set[str]) -> None:
    said = {row["lead_id"]: row["status"] for row in _csv(out / "leads.csv")}
    told = json.loads((out / "changes.json").read_text(encoding="utf-8"))["changes"]
    gone = {one["lead_id"]: one for one in told if one["status"] in _GONE}
    found = _recognised(week, out)
    score.strangers[week["week"]] = len(set(said) - set(found.values()))
    known = {one: list(ids) for one, ids in score.ids.items()}
    for ring in week["rings"]:
        identity, label = ring["identity"], ring["label"]
        if label == "split":
            score.parts[identity] = ring["split_from"]
        if identity in found:
            score.ids[identity].append(found[identity])
        expected = _expected(ring, dismissed)
        if label in _GONE:
            last = known.get(identity, [""])[-1]
            answer = gone.get(last, {"status": ""})["status"]
        else:
            answer = said.get(found.get(identity, ""), "")
        if expected == "silent":
            if answer:
                score.came_back_unchanged.append((week["week"], identity))
                dismissed.discard(identity)  # counted once; from now on it is a ring like any other
            continue
        if expected != label:
            score.grown += 1
            score.came_back_grown += answer == "reopened" and _has_reason(told, found[identity])
        score.due[expected] += 1
        score.right[expected] += answer == expected
        if not answer and label not in _GONE:
            score.missed += 1
            score.unseen[expected] += 1
        if answer != expected:
            score.wrong.append((week["week"], identity, ring["story"], expected, answer))


def _expected(ring: Mapping[str, Any], dismissed: set[str]) -> str:
    """Return what is to be said of a ring when some were dismissed; ``silent`` for nothing."""
    identity, label = ring["identity"], ring["label"]
    if identity not in dismissed:
        if label == "split" and ring["split_from"] in dismissed:
            dismissed.add(identity)  # parts of a dismissed ring are dismissed with it
            return "silent"
        return str(label)
    if label in {"grown", "reopened"} and ring["new_rows"]:
        dismissed.discard(identity)
        return "reopened"
    return "silent"


def _has_reason(told: list[Mapping[str, Any]], lead_id: str) -> bool:
    return any(one["lead_id"] == lead_id and one["reopened_because"] for one in told)


def _recognised(week: Mapping[str, Any], out: Path) -> dict[str, str]:
    """Return which lead each ring is: at least 0.6 of either are in the other, as in ``gangfinder evaluate``."""
    cores: dict[str, set[str]] = defaultdict(set)
    for row in _csv(out / "members.csv"):
        if row["membership"] == "core" and row["entity_type"] == "patient":
            cores[row["lead_id"]].add(row["entity_id"])
    found = {}
    for ring in week["rings"]:
        if ring["label"] in _GONE:
            continue
        members = set(ring["members"])
        fits = [
            (len(core & members), lead) for lead, core in cores.items()
            if len(core & members) >= SHARE * max(len(core), len(members))
        ]
        if fits:
            found[ring["identity"]] = max(fits)[1]
    return found


def _csv(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        yield from csv.DictReader(handle)


def report(score: Score, truth: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures as plain values."""
    kept, survivors = score.kept(truth["survivors"])
    return {
        "survivors": survivors, "kept_id": kept, "kept_share": round(kept / max(survivors, 1), 4),
        "ids_reused": score.reused(),
        "labels": {label: [score.right[label], score.due[label]] for label in sorted(score.due)},
        "labels_of_leads": {
            label: [score.right[label], score.due[label] - score.unseen[label]] for label in sorted(score.due)
        },
        "no_lead": [score.missed, sum(score.due.values())],
        "dismissed": score.dismissed, "came_back_unchanged": len(score.came_back_unchanged),
        "dismissed_and_grown": score.grown, "came_back_with_reason": score.came_back_grown,
        "still_week_changed_nothing": score.still_is_still, "leads_that_are_no_ring": dict(score.strangers),
        "seconds_per_run": [round(s, 1) for s in score.seconds],
    }


def total(figures: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the sums over several towns."""
    summed = {
        name: {label: [sum(f[name].get(label, (0, 0))[n] for f in figures) for n in (0, 1)] for label in labels}
        for name in ("labels", "labels_of_leads")
        for labels in [sorted({label for f in figures for label in f[name]})]
    }
    counts = (
        "survivors", "kept_id", "dismissed", "came_back_unchanged", "dismissed_and_grown", "came_back_with_reason",
    )
    return {**{name: sum(f[name] for f in figures) for name in counts}, **summed}


def main() -> None:
    """Measure some towns and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=20_000)
    parser.add_argument("--weeks", type=int, default=12)
    parser.add_argument("--seed", type=int, action="append", help="may be repeated [1]")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--write", action="store_true", help="keep the figures in tests/bench/results")
    given = parser.parse_args()
    figures = []
    for seed in given.seed or [1]:
        settings = TownSettings(patients=given.patients, seed=seed, weeks=given.weeks, months=9)
        with tempfile.TemporaryDirectory() as scratch:
            score, truth = measure(settings, (given.keep or Path(scratch)) / str(seed))
        figures.append({"seed": seed, **report(score, truth)})
        print(json.dumps(figures[-1], indent=1), flush=True)
        for row in score.wrong:
            print("wrong:", row)
        for came in score.came_back_unchanged:
            print("came back:", came, flush=True)
    summed = {"patients": given.patients, "weeks": given.weeks, "total": total(figures), "towns": figures}
    print(json.dumps(summed["total"], indent=1))
    if given.write:
        (RESULTS / "weeks.json").write_text(json.dumps(summed, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
