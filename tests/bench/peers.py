"""gangfinder beside its peers, on the same towns in one run: what each finds of every typology, and what it adds.

``python -m tests.bench.peers`` writes ``results/peers.json`` and the picture ``results/peers.svg``. Needs the extra
``bench`` (UGFraud for dense blocks).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gangfinder.evaluate import evaluate
from gangfinder.synth import TownSettings, build_town, write_town
from tests.bench.measure import GANGFINDER, measured, provenance, write

SEEDS = (131, 132, 133)
"""Not used while detectors were tuned."""

SETTINGS = TownSettings(patients=20_000, difficulty=1)

PEERS: Mapping[str, tuple[str, ...]] = {
    "python-louvain on the raw graph": ("louvain",),
    "Leiden on the raw graph": ("leiden",),
    "components over shared phone, address": ("components",),
    "pairs with 2 common institution-days": ("institution_days",),
    "validated projection, Bonferroni": ("validated", "bonferroni"),
    "validated projection, FDR": ("validated", "fdr"),
    "FRAUDAR dense blocks": ("fraudar",),
    "volume sort": ("volume",),
}


def compare(seed: int, scratch: Path) -> dict[str, Any]:
    """Build one town, let everybody find rings in it, and return recall and false leads among the first k."""
    from dataclasses import replace

    town = scratch / f"town-{seed}"
    write_town(build_town(replace(SETTINGS, seed=seed)), town)
    found = {}
    for name, (module, *more) in {"gangfinder": ("",), **PEERS}.items():
        out = scratch / f"{seed}-{module or 'gangfinder'}{''.join(more)}"
        command = (
            (sys.executable, "-m", f"tests.bench.baselines.{module}", str(town), str(out), *more) if module
            else (*GANGFINDER, "run", str(town), "--out", str(out), "--quiet")
        )
        cost = measured(*command)
        found[name] = _figures(town, out) | {"seconds": round(cost.seconds, 1)}
        print(f"seed {seed}  {name:<40} recall@k {found[name]['recall_at_k']}  false in top k "
              f"{found[name]['false_in_top']}  {found[name]['seconds']} s", flush=True)
    return {"seed": seed, "found": found}


def _figures(town: Path, out: Path) -> dict[str, Any]:
    verdict = evaluate(town, out)
    return {
        "k": verdict.k,
        "leads": verdict.leads,
        "recall_at_k": round(verdict.recall_at_k or 0.0, 4),
        "false_in_top": sum(lead.in_top for lead in verdict.false_leads),
        "typology_recall": {code: round(share, 4) for code, share in sorted(verdict.typology_recall.items())},
    }


def summary(cells: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the means over the towns, by method."""
    result = {}
    for name in cells[0]["found"]:
        own = [c["found"][name] for c in cells]
        shares: dict[str, list[float]] = defaultdict(list)
        for one in own:
            for code, share in one["typology_recall"].items():
                shares[code].append(share)
        result[name] = {
            "recall_at_k": round(sum(o["recall_at_k"] for o in own) / len(own), 3),
            "false_in_top": round(sum(o["false_in_top"] for o in own) / len(own), 1),
            "k": round(sum(o["k"] for o in own) / len(own), 1),
            "seconds": round(sum(o["seconds"] for o in own) / len(own), 1),
            "typology_recall": {code: round(sum(v) / len(v), 3) for code, v in sorted(shares.items())},
        }
    return result


def draw(means: Mapping[str, Mapping[str, Any]], file: Path) -> None:
    """Draw recall by method and typology, with the false leads beside."""
    import matplotlib as mpl

    mpl.use("svg")
    import matplotlib.pyplot as plt

    mpl.rcParams["svg.hashsalt"] = "gangfinder"
    names = sorted(means, key=lambda name: -means[name]["recall_at_k"])
    codes = list(means[names[0]]["typology_recall"])
    grid = [[means[n]["typology_recall"].get(c, 0.0) for c in codes] for n in names]
    figure, axes = plt.subplots(figsize=(0.5 * len(codes) + 4.5, 0.42 * len(names) + 1.4), layout="constrained")
    axes.imshow(grid, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(codes)), codes, fontsize=8)
    axes.set_yticks(range(len(names)), [f"{n}\n{means[n]['false_in_top']} false in the top {means[n]['k']:.0f}"
                                        for n in names], fontsize=7)
    for row, shares in enumerate(grid):
        for column, share in enumerate(shares):
            color = "white" if share > 0.6 else "black"
            axes.text(column, row, f"{share:.2f}".lstrip("0") or "0", ha="center", va="center", fontsize=7, color=color)
    axes.set_title("Share of planted rings found among the first k leads (k = planted rings)", fontsize=9)
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, write and draw."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.peers", description=__doc__)
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help=f"how many [{len(SEEDS)}]")
    parser.add_argument("--draw-only", metavar="FILE", type=Path, help="draw the picture of a results file again")
    given = parser.parse_args(arguments)
    if given.draw_only:
        draw(json.loads(given.draw_only.read_text(encoding="utf-8"))["means"], given.draw_only.with_suffix(".svg"))
        return
    with tempfile.TemporaryDirectory(prefix="gangfinder-peers-") as scratch:
        cells = [compare(seed, Path(scratch)) for seed in SEEDS[: given.seeds]]
    means = summary(cells)
    settings = SETTINGS.to_json()
    del settings["seed"]
    file = write("peers", {**provenance(settings=settings), "means": means, "cells": cells})
    draw(means, file.with_suffix(".svg"))
    print(file)


if __name__ == "__main__":
    main()
