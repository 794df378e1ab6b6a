"""What is found in synthetic towns: planted rings, and nothing in towns without any.

``python -m tests.bench.towns`` writes ``results/towns-NAME.json`` for each table: one cell per seed, with and without
rings, all of the same version and settings. A cell depends on nothing but these, so anyone can compute it again
(``tests/towns/test_claims.py`` does so with one of them).
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from gangfinder.evaluate import Evaluation, evaluate
from gangfinder.synth import CORE_TYPOLOGIES, TownSettings, build_town, write_town
from tests.bench.measure import GANGFINDER, measured, provenance, write

HIDDEN = ("hidden_dialysis", "hidden_home", "hidden_village")
STARS = ("star_account", "star_address", "star_agent", "star_clinic", "star_seller")


@dataclass(frozen=True, slots=True)
class Table:
    """Towns of one kind: their settings, and the seeds with rings and without.

    No seed of a table was looked at while anything was tuned: for that 1–40, 1301–1504, 2001–2003, 2101–2713,
    2901–2955, 3001–3499, 3601, 3602, 4001–4199, 4201–4212, 6101–6180, 9001–9030, 201, 11557 and 12096 were used, and
    101–120, 5001–5010, 5051–5070, 5301–5315, 5401–5490 and 5501–5520 (with rings) in tables of earlier versions.
    """

    town: TownSettings
    planted: range
    clean: range = range(0)


_EVERY = TownSettings(patients=20_000)
_THIN = TownSettings(patients=20_000, only_required=True, dates_only=True)
_OFFICES = replace(_EVERY, offices=True)
_IN_STEP = replace(_THIN, typologies=("lockstep_wide",), rings_per_typology=8)

SETTINGS: dict[str, Table] = {
    "standard": Table(replace(_EVERY, typologies=CORE_TYPOLOGIES), range(211, 221), range(211, 221)),
    "thin": Table(_THIN, range(201, 211), range(201, 211)),
    "all-1": Table(_EVERY, range(5101, 5111)),
    "all-2": Table(replace(_EVERY, difficulty=2), range(5011, 5021)),
    "all-3": Table(replace(_EVERY, difficulty=3), range(5021, 5031)),
    "large-1": Table(replace(_EVERY, patients=60_000), range(5031, 5041)),
    "large-2": Table(replace(_EVERY, patients=60_000, difficulty=2), range(5041, 5051)),
    "double": Table(replace(_EVERY, lookalike_density=2.0), range(0), range(5151, 5171)),
    "hidden": Table(replace(_EVERY, typologies=HIDDEN), range(5071, 5081)),
    "stars": Table(replace(_EVERY, typologies=STARS, rings_per_typology=6), range(5201, 5211)),
    "dates-full": Table(replace(_IN_STEP, difficulty=0), range(5081, 5091), range(5081, 5091)),
    "dates-part": Table(replace(_IN_STEP, difficulty=2), range(5081, 5091)),
    "insiders-1": Table(_OFFICES, range(5531, 5541), range(5501, 5511)),
    "insiders-2": Table(replace(_OFFICES, difficulty=2), range(5541, 5551)),
    "insiders-double": Table(replace(_OFFICES, lookalike_density=2.0), range(0), range(5521, 5531)),
}
"""``standard``: the founding typologies; ``all``, ``large``: every typology, with the difficulty; ``thin``, ``dates``:
the five mandatory columns of settlements, all instants at midnight, no other table; ``double``: look-alikes at twice
their density; ``hidden``: rings inside a look-alike; ``stars``: rings around one hub, with no other trace;
``insiders``: every typology in towns with offices of the fund, whose staff help some of the rings."""


def town_settings(setting: str, seed: int, *, clean: bool) -> TownSettings:
    """Return the settings of one cell."""
    return replace(SETTINGS[setting].town, seed=seed, clean=clean)


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
        "lookalikes": dict(sorted(Counter(group.kind for group in built.truth.lookalikes).items())),
        **figures(verdict),
        **({"staff": asdict(verdict.staff)} if town_settings(setting, seed, clean=clean).offices else {}),
    }


def figures(verdict: Evaluation) -> dict[str, Any]:
    """Return what a table keeps of one verdict; recall within the first 2 k also counts right leads ranked lower."""
    low = sum(lead.cause.startswith("rank of") and lead.rank <= 2 * verdict.k for lead in verdict.false_leads)
    return {
        "k": verdict.k,
        "leads": verdict.leads,
        "found": verdict.found,
        "recall_at_k": rounded(verdict.recall_at_k),
        "recall_at_2k": rounded((verdict.found + low) / verdict.k) if verdict.k else None,
        "precision_at_k": rounded(verdict.precision_at_k),
        "typology_recall": {code: rounded(share) for code, share in sorted(verdict.typology_recall.items())},
        "member_precision": rounded(verdict.member_precision),
        "member_recall": rounded(verdict.member_recall),
        "missed": sorted(ring.ring_id for ring in verdict.rings if ring.lead_id is None),
        "false_leads": [f"{lead.typologies}: {lead.cause}" for lead in verdict.false_leads],
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


def measure(setting: str, seeds: int, jobs: int) -> list[dict[str, Any]]:
    """Return the cells of a table: towns with rings first, then clean ones, each in the order of its seeds."""
    asked = [(seed, clean) for clean, own in ((False, SETTINGS[setting].planted), (True, SETTINGS[setting].clean))
             for seed in own[:seeds]]

    def one(asked: tuple[int, bool]) -> dict[str, Any]:
        found = cell(setting, asked[0], clean=asked[1])
        print(f"{setting:<10} seed {asked[0]:<5}{'clean' if asked[1] else 'rings'}  k {found['k']:>3}  leads "
              f"{found['leads']:>3}  recall@k {found['recall_at_k']}  precision@k {found['precision_at_k']}  missed "
              f"{found['missed']}  false {found['false_leads']}", flush=True)
        return found

    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(one, asked))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.towns", description=__doc__)
    parser.add_argument("--setting", choices=SETTINGS, action="append", help="one of them only; may be repeated")
    parser.add_argument("--seeds", type=int, default=1000, help="how many of each table at most [all]")
    parser.add_argument("--jobs", type=int, default=1, help="towns at one time [1]")
    parser.add_argument("--no-write", action="store_true", help="print only")
    given = parser.parse_args(arguments)
    for setting in given.setting or SETTINGS:
        cells = measure(setting, given.seeds, given.jobs)
        planted = [c for c in cells if not c["clean"]]
        print(f"{setting}: mean recall@k {mean(planted, 'recall_at_k'):.3f}, precision@k "
              f"{mean(planted, 'precision_at_k'):.3f}, {by_typology(planted)}, leads in clean towns "
              f"{sum(c['leads'] for c in cells if c['clean'])}")
        if not given.no_write:
            settings = SETTINGS[setting].town.to_json()
            del settings["seed"], settings["clean"]
            print(write(f"towns-{setting}", {**provenance(settings=settings), "cells": cells}))


if __name__ == "__main__":
    main()
