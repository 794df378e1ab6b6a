"""The tables of the READMEs, from the committed results.

``python -m tests.bench.tables`` writes them between ``<!-- table: NAME -->`` and ``<!-- end of table -->``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from tests.bench.measure import read
from tests.bench.towns import SETTINGS, by_typology, mean

ROOT = Path(__file__).parents[2]
READMES = ("README.md", "README.zh-CN.md")
SPEEDS = (1_000_000, 5_000_000)
MARKED = re.compile(r"<!-- table: (\w+) -->\n.*?<!-- end of table -->", re.DOTALL)
NOT_YET = "*Not measured yet.*"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table whose columns after the first are aligned right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def share(value: float | None) -> str:
    """Return a share with two decimals."""
    return "–" if value is None else f"{value:.2f}"


def towns() -> str | None:
    """Return the figures of each setting: towns with rings, then clean ones."""
    rows = []
    for setting in SETTINGS:
        result = read(f"towns-{setting}")
        if result is None:
            continue
        planted, clean = ([c for c in result["cells"] if c["clean"] is wanted] for wanted in (False, True))
        rows.append([f"`{setting}`", *_found(planted), *_silent(clean)])
    header = ["setting", "towns", "k", "recall@k", "worst", "precision@k", "worst", "members: precision", "recall",
              "clean towns", "their look-alikes", "their leads"]
    return table(header, rows) if rows else None


def _found(planted: Sequence[dict[str, Any]]) -> list[str]:
    if not planted:
        return ["–"] * 8
    figures = [f(c[name] or 0.0 for c in planted) for name in ("recall_at_k", "precision_at_k") for f in (fmean, min)]
    members = [mean(planted, name) for name in ("member_precision", "member_recall")]
    return [str(len(planted)), str(planted[0]["k"]), *map(share, figures + members)]


def _silent(clean: Sequence[dict[str, Any]]) -> list[str]:
    if not clean:
        return ["–"] * 3
    groups = sum(sum(c["lookalikes"].values()) for c in clean)
    return [str(len(clean)), str(groups), str(sum(c["leads"] for c in clean))]


def typologies() -> str | None:
    """Return recall@k by typology or style, one line for each, one column per setting that planted rings."""
    results = {setting: read(f"towns-{setting}") for setting in SETTINGS}
    recalls = {s: by_typology([c for c in r["cells"] if not c["clean"]]) for s, r in results.items() if r}
    recalls = {setting: found for setting, found in recalls.items() if found}
    codes = sorted({code for found in recalls.values() for code in found})
    rows = [[code, *(share(found.get(code)) for found in recalls.values())] for code in codes]
    return table(["typology", *(f"`{setting}`" for setting in recalls)], rows) if rows else None


def insiders() -> str | None:
    """Return how many of the fund's staff are named, person by person, summed over the towns of each setting."""
    rows = []
    for setting in SETTINGS:
        result = read(f"towns-{setting}")
        for clean, what in ((False, "rings"), (True, "none")):
            named = [c["staff"] for c in (result["cells"] if result else ()) if c["clean"] is clean and "staff" in c]
            if named:
                rows.append([f"`{setting}`", what, str(len(named)), *_named(named)])
    header = ["setting", "planted", "towns", "insiders", "of these named", "recall", "others named", "precision"]
    return table(header, rows) if rows else None


def _named(towns: Sequence[dict[str, int]]) -> list[str]:
    planted, right, wrong = (sum(t[name] for t in towns) for name in ("planted", "right", "wrong"))
    recall = right / planted if planted else None
    precision = right / (right + wrong) if right + wrong else None
    return [str(planted), str(right), share(recall), str(wrong), share(precision)]


def speed() -> str | None:
    """Return the figures of every size that was measured, and the growth between them."""
    results = [r for r in (read(f"speed-{n}") for n in SPEEDS) if r is not None]
    if not results:
        return None
    rows = []
    founding = read(f"speed-founding-{SPEEDS[0]}")
    for result in [*results, *([founding] if founding else [])]:
        for row in result["rows"]:
            rows.append([
                row["what"], f"{result['settlements']:,}", f"{row['seconds']:.1f} s", f"{row['peak_mb']:,} MB",
                share(row["recall_at_k"]), share(row["precision_at_k"]),
            ])
    text = table(["what", "settlements", "time", "peak memory", "recall@k", "precision@k"], rows)
    return f"{text}\n\n{results[0]['machine']['cores']} cores.{growth(results)}"


def growth(results: Sequence[dict[str, Any]]) -> str:
    """Return in words how the time of the whole run grows, when two sizes were measured."""
    if len(results) < 2:
        return ""
    (n_low, t_low), (n_high, t_high) = ((r["settlements"], r["rows"][0]["seconds"]) for r in (results[0], results[-1]))
    power = exponent(n_low, t_low, n_high, t_high)
    return f" From the first size to the last the time of `gangfinder run` grows as n^{power:.2f}."


def exponent(n_low: float, t_low: float, n_high: float, t_high: float) -> float:
    """Return the power of n with which a time grows between two sizes."""
    return math.log(t_high / t_low) / math.log(n_high / n_low)


def partition() -> str | None:
    """Return the mean figures of each partition algorithm."""
    result = read("partition")
    if result is None:
        return None
    figures = ("recall_at_k", "precision_at_k", "member_precision", "member_recall")
    rows = [[f"`{r['algorithm']}`", *(share(r[f]) for f in figures)] for r in result["summary"]]
    return table(["algorithm", "recall@k", "precision@k", "member precision", "member recall"], rows)


def peers() -> str | None:
    """Return what every method finds on the same towns: means over towns."""
    result = read("peers")
    if result is None:
        return None
    rows = [
        [name, share(found["recall_at_k"]), f"{found['false_in_top']:.1f}", f"{found['seconds']:.1f} s"]
        for name, found in sorted(result["means"].items(), key=lambda one: -one[1]["recall_at_k"])
    ]
    return table(["method", "recall@k", "false among the first k", "time"], rows)


TABLES: dict[str, Callable[[], str | None]] = {
    "towns": towns, "typologies": typologies, "speed": speed, "partition": partition,
    "peers": peers, "insiders": insiders,
}


def rendered(text: str) -> str:
    """Return a README with its tables as the results have them."""
    def fill(match: re.Match[str]) -> str:
        return f"<!-- table: {match[1]} -->\n{TABLES[match[1]]() or NOT_YET}\n<!-- end of table -->"

    return MARKED.sub(fill, text)


def main() -> None:
    """Write the tables into the READMEs."""
    for name in READMES:
        path = ROOT / name
        path.write_text(rendered(path.read_text(encoding="utf-8")), encoding="utf-8")
        print(name)


if __name__ == "__main__":
    main()
