"""What is found in synthetic towns: planted rings, and nothing in towns without any.

``python -m tests.bench.towns`` writes ``results/towns-standard.json`` and ``results/towns-thin.json``: one cell per
seed, with and without rings, all of the same version and settings. A cell depends on nothing but these, so anyone can
compute it again (``tests/towns/test_recompute.py`` does so with one of them).
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gangfinder.evaluate import evaluate
from gangfinder.synth import TownSettings, build_town, write_town
from tests.bench.measure import GANGFINDER, measured, provenance, write

FOUNDING = ("T01", "T05", "T06", "T08", "T10", "T17")
"""The typologies that these two tables speak of."""

SETTINGS: dict[str, TownSettings] = {
    "standard": TownSettings(patients=20_000, difficulty=1, typologies=FOUNDING),
    "thin": TownSettings(patients=20_000, difficulty=1, only_required=True, dates_only=True),
}
"""``thin``: the five mandatory columns of settlements, all instants at midnight, no other table."""

SEEDS = tuple(range(101, 111))
"""Not used while detectors were tuned (those were 1–40)."""


def town_settings(setting: str, seed: int, *, clean: bool) -> TownSettings:
    """Return the settings of one cell."""
    from dataclasses import replace

    return replace(SETTINGS[setting], seed=seed, clean=clean)


def cell(setting: str, seed: int, *, clean: bool) -> dict[str, Any]:
    """Build one town, run gangfinder on it, and return what it found."""
    with tempfile.TemporaryDirectory(prefix="gangfinder-town-") as scratch:
        town, out = Path(scratch, "town"), Path(scratch, "out")
        built = build_town(town_settings(setting, seed, clean=clean))
        write_town(built, town)
        measured(*GANGFINDER, "run", str(town), "--out", str(out), "--quiet")
        verdict = evaluate(town, out)
    return {
        "seed": seed,
        "clean": clean,
        "k": verdict.k,
        "leads": verdict.leads,
        "found": verdict.found,
        "recall_at_k": rounded(verdict.recall_at_k),
        "precision_at_k": rounded(verdict.precision_at_k),
        "typology_recall": {code: rounded(share) for code, share in sorted(verdict.typology_recall.items())},
        "member_precision": rounded(verdict.member_precision),
        "member_recall": rounded(verdict.member_recall),
        "missed": sorted(ring.ring_id for ring in verdict.rings if ring.lead_id is None),
        "false_leads": [f"{lead.typologies}: {lead.cause}" for lead in verdict.false_leads],
        "lookalikes": dict(sorted(Counter(group.kind for group in built.truth.lookalikes).items())),
    }


def rounded(share: float | None) -> float | None:
    """Return a share with four decimals."""
    return None if share is None else round(share, 4)


def mean(cells: Sequence[dict[str, Any]], name: str) -> float:
    """Return the mean of a figure over cells; a town with rings but without any lead has precision 0."""
    values = [c[name] or 0.0 for c in cells]
    return sum(values) / len(values) if values else 0.0


def by_typology(cells: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Return the mean recall of each typology over the cells that planted it."""
    codes = sorted({code for c in cells for code in c["typology_recall"]})
    return {code: mean([c["typology_recall"] for c in cells if code in c["typology_recall"]], code) for code in codes}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.towns", description=__doc__)
    parser.add_argument("--setting", choices=SETTINGS, action="append", help="one of them only; may be repeated")
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help=f"how many [{len(SEEDS)}]")
    parser.add_argument("--no-write", action="store_true", help="print only")
    given = parser.parse_args(arguments)
    for setting in given.setting or SETTINGS:
        cells = []
        for clean in (False, True):
            for seed in SEEDS[: given.seeds]:
                cells.append(cell(setting, seed, clean=clean))
                one = cells[-1]
                print(f"{setting:<9} seed {seed:<3} {'clean' if clean else 'rings'}  k {one['k']:>3}  leads "
                      f"{one['leads']:>3}  recall@k {one['recall_at_k']}  precision@k {one['precision_at_k']}  "
                      f"missed {one['missed']}  false {one['false_leads']}", flush=True)
        planted = [c for c in cells if not c["clean"]]
        print(f"{setting}: mean recall@k {mean(planted, 'recall_at_k'):.3f}, precision@k "
              f"{mean(planted, 'precision_at_k'):.3f}, {by_typology(planted)}, leads in clean towns "
              f"{sum(c['leads'] for c in cells if c['clean'])}")
        if not given.no_write:
            settings = SETTINGS[setting].to_json()
            del settings["seed"], settings["clean"]
            print(write(f"towns-{setting}", {**provenance(settings=settings), "cells": cells}))


if __name__ == "__main__":
    main()
