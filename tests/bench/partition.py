"""Which partition algorithm is the default: all of them on the residual networks of the same towns.

``python -m tests.bench.partition`` writes ``results/partition.json``. What counts is what is found in the end: each
algorithm is put into the settings, every component is handed to it, and everything else stays the same.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gangfinder.evaluate import evaluate
from gangfinder.rings.partition import algorithms
from gangfinder.synth import TownSettings, build_town, write_town
from tests.bench.measure import GANGFINDER, measured, provenance, write
from tests.bench.towns import mean, rounded

TOWNS = tuple(
    TownSettings(
        patients=patients, difficulty=difficulty, rings_per_typology=rings, lookalike_density=density, seed=seed
    )
    for patients, difficulty, rings, density in (
        (20_000, 1, 3, 1.0), (20_000, 2, 3, 1.0), (20_000, 1, 20, 3.0), (20_000, 2, 20, 3.0)
    )
    for seed in (21,)
)
"""Ordinary and hidden towns; and crowded ones, where rings touch and a component holds several of them."""


SPLIT_ALL = '[rings]\npartition = "{}"\nsplit_above_members = 2\nsplit_below_density = 1.1\n'
"""Every component is handed to the algorithm. As the settings stand only sparse ones are, and after the explanations so
few are left that all algorithms find the same."""


def compare(settings: TownSettings, scratch: Path) -> list[dict[str, Any]]:
    """Return one row of figures per algorithm for one town."""
    town = scratch / "town"
    write_town(build_town(settings), town)
    rows = []
    for slug in algorithms():
        file, out = scratch / f"{slug}.toml", scratch / slug
        file.write_text(SPLIT_ALL.format(slug), encoding="utf-8")
        measured(*GANGFINDER, "run", str(town), "--out", str(out), "--settings", str(file), "--quiet")
        verdict = evaluate(town, out)
        rows.append({
            "algorithm": slug,
            "patients": settings.patients,
            "difficulty": settings.difficulty,
            "rings_per_typology": settings.rings_per_typology,
            "lookalike_density": settings.lookalike_density,
            "seed": settings.seed,
            "leads": verdict.leads,
            "recall_at_k": rounded(verdict.recall_at_k),
            "precision_at_k": rounded(verdict.precision_at_k),
            "member_precision": rounded(verdict.member_precision),
            "member_recall": rounded(verdict.member_recall),
        })
        print(rows[-1], flush=True)
    return rows


FIGURES = ("recall_at_k", "precision_at_k", "member_precision", "member_recall")


def summary(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the mean figures of each algorithm, the best first."""
    found = []
    for slug in sorted({r["algorithm"] for r in rows}):
        own = [r for r in rows if r["algorithm"] == slug]
        found.append({"algorithm": slug, **{name: rounded(mean(own, name)) for name in FIGURES}})
    return sorted(found, key=lambda r: [-r[name] for name in FIGURES])


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.partition", description=__doc__)
    parser.add_argument("--towns", type=int, default=len(TOWNS), help=f"how many of them [{len(TOWNS)}]")
    parser.add_argument("--no-write", action="store_true", help="print only")
    given = parser.parse_args(arguments)
    rows: list[dict[str, Any]] = []
    for settings in TOWNS[: given.towns]:
        with tempfile.TemporaryDirectory(prefix="gangfinder-partition-") as scratch:
            rows += compare(settings, Path(scratch))
    for row in summary(rows):
        print(row)
    if not given.no_write:
        print(write("partition", {**provenance(), "rows": rows, "summary": summary(rows)}))


if __name__ == "__main__":
    main()
