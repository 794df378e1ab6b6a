"""The tables of the READMEs, from the committed results.

``python -m tests.bench.tables`` writes them between ``<!-- table: NAME -->`` and ``<!-- end of table -->``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
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
            return None
        planted = [c for c in result["cells"] if not c["clean"]]
        clean = [c for c in result["cells"] if c["clean"]]
        rows.append([
            f"`{setting}`", str(len(planted)), str(planted[0]["k"]), share(mean(planted, "recall_at_k")),
            share(min(c["recall_at_k"] for c in planted)), share(mean(planted, "precision_at_k")),
            share(min(c["precision_at_k"] or 0 for c in planted)), str(len(clean)),
            str(sum(sum(c["lookalikes"].values()) for c in clean)), str(sum(c["leads"] for c in clean)),
        ])
    header = ["setting", "towns", "k", "recall@k", "worst", "precision@k", "worst", "clean towns",
              "their look-alikes", "their leads"]
    return table(header, rows)


def typologies() -> str | None:
    """Return recall@k by typology, one line per setting."""
    results = {setting: read(f"towns-{setting}") for setting in SETTINGS}
    if None in results.values():
        return None
    recalls = {s: by_typology([c for c in r["cells"] if not c["clean"]]) for s, r in results.items()}
    codes = sorted({code for found in recalls.values() for code in found})
    rows = [[f"`{setting}`", *(share(found.get(c)) for c in codes)] for setting, found in recalls.items()]
    return table(["setting", *codes], rows)


def speed() -> str | None:
    """Return the figures of every size that was measured, and the growth between them."""
    results = [r for r in (read(f"speed-{n}") for n in SPEEDS) if r is not None]
    if not results:
        return None
    rows = []
    for result in results:
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


TABLES: dict[str, Callable[[], str | None]] = {
    "towns": towns, "typologies": typologies, "speed": speed, "partition": partition,
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
