"""gangfinder beside two other pipelines and the bare self-join: one town, one run, one table.

``python -m tests.bench.speed --settlements 1000000`` writes ``results/speed-1000000.json``: a town with every typology
planted, judged by every detector. With ``--founding`` the town is planted with the founding typologies, gangfinder has
no other detectors, and the figures go to ``results/speed-founding-1000000.json``. At five million rows the Louvain
pipelines take the better part of an hour; ``--only "gangfinder run" --only "bare self-join (floor)"`` leaves them out.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from gangfinder.evaluate import evaluate
from gangfinder.synth import CORE_TYPOLOGIES, TownSettings
from tests.bench.measure import GANGFINDER, machine, measured, provenance, write

SETTLEMENTS_PER_PATIENT = 5.95
"""A year's settlements of one patient, from below: 6.0 in a town of a million settlements, 6.1 in one of five."""


def patients_for(settlements: int) -> int:
    """Return how many patients a town of at least so many settlements has."""
    return max(2_000, round(settlements / SETTLEMENTS_PER_PATIENT))


OWN = "gangfinder run"
FOUNDING = "gangfinder, founding typologies"

FOLDERS = {
    OWN: "gangfinder",
    FOUNDING: "gangfinder",
    "pandas + networkx + python-louvain": "louvain",
    "co-visit pairs (2 days, 5 minutes) + python-louvain": "covisit_louvain",
    "components over shared phone, address": "components",
}


def commands(town: Path, out: Path, *, founding: bool) -> dict[str, Sequence[str]]:
    """Return what is compared, by the name it has in the table."""
    own = out / FOLDERS[OWN]
    def baseline(name: str) -> Sequence[str]:
        return (sys.executable, "-m", f"tests.bench.baselines.{name}", str(town), str(out / name))

    return {
        **(
            {FOUNDING: (sys.executable, "-m", "tests.bench.founding", str(town), str(own))} if founding
            else {OWN: (*GANGFINDER, "run", str(town), "--out", str(own), "--quiet")}
        ),
        "pandas + networkx + python-louvain": baseline("louvain"),
        "co-visit pairs (2 days, 5 minutes) + python-louvain": baseline("covisit_louvain"),
        "components over shared phone, address": baseline("components"),
        "bare self-join (floor)": baseline("self_join"),
    }


def build(settings: TownSettings, town: Path) -> None:
    """Build the town in a process of its own, so that it takes no memory from what is measured."""
    code = "import sys; from gangfinder.synth import *; "\
           "write_town(build_town(TownSettings(patients=int(sys.argv[1]), seed=int(sys.argv[2]), "\
           "typologies=tuple(sys.argv[4:]))), sys.argv[3])"
    measured(sys.executable, "-c", code, str(settings.patients), str(settings.seed), str(town), *settings.planted)


def town_of(settlements: int, seed: int, *, founding: bool) -> TownSettings:
    """Return the settings of a town of at least so many settlements."""
    planted = CORE_TYPOLOGIES if founding else None
    return TownSettings(patients=patients_for(settlements), seed=seed, typologies=planted)


def compare(
    settings: TownSettings, scratch: Path, only: Sequence[str] = (), *, town: Path | None = None, founding: bool = False
) -> dict[str, Any]:
    """Build the town (or take the one made before), run everything on it (or what is named), and return the figures."""
    town, out = town or scratch / "town", scratch / "out"
    out.mkdir()
    if not town.exists():
        build(settings, town)
    rows = []
    for name, command in commands(town, out, founding=founding).items():
        if only and name not in only:
            continue
        cost = measured(*command)
        rows.append({"what": name, **asdict(cost), **_found(town, out, name)})
        print(line(rows[-1]), flush=True)
    n = pq.read_metadata(town / "settlements.parquet").num_rows
    return {**provenance(town=settings.to_json()), "machine": machine(), "settlements": n, "rows": rows}


def _found(town: Path, out: Path, name: str) -> dict[str, Any]:
    if name not in FOLDERS:
        return {"leads": None, "recall_at_k": None, "precision_at_k": None}
    verdict = evaluate(town, out / FOLDERS[name])
    return {"leads": verdict.leads, "recall_at_k": verdict.recall_at_k, "precision_at_k": verdict.precision_at_k}


def line(row: dict[str, Any]) -> str:
    """Return one row of figures as a line of text."""
    def share(value: float | None) -> str:
        return "   –" if value is None else f"{value:.2f}"

    return (f"{row['what']:<40} {row['seconds']:>8.1f} s {row['cpu_seconds']:>8.1f} s cpu {row['peak_mb']:>6} MB  "
            f"leads {row['leads'] if row['leads'] is not None else '–':>6}  recall@k {share(row['recall_at_k'])}  "
            f"precision@k {share(row['precision_at_k'])}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.speed", description=__doc__)
    parser.add_argument("--settlements", type=int, default=1_000_000, help="at least so many rows [1000000]")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--founding", action="store_true", help="the founding typologies only, planted and detected")
    parser.add_argument("--only", action="append", default=[], help="one of the rows only; may be repeated")
    parser.add_argument("--town", type=Path, help="where the town is, or where to make and leave it [made and removed]")
    parser.add_argument("--make-only", action="store_true", help="make the town of --town and measure nothing")
    parser.add_argument("--no-write", action="store_true", help="print only")
    given = parser.parse_args(arguments)
    settings = town_of(given.settlements, given.seed, founding=given.founding)
    if given.make_only:
        build(settings, given.town)
        return
    with tempfile.TemporaryDirectory(prefix="gangfinder-bench-") as scratch:
        result = compare(settings, Path(scratch), given.only, town=given.town, founding=given.founding)
    if not given.no_write:
        print(write(f"speed-{'founding-' if given.founding else ''}{given.settlements}", result))


if __name__ == "__main__":
    main()
