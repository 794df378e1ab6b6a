"""How long ``gangfinder --help`` takes: ``python -m tests.bench.startup`` writes ``results/startup.json``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from statistics import median

from tests.bench.measure import GANGFINDER, machine, measured, provenance, write

RUNS = 9


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.startup", description=__doc__)
    parser.add_argument("--no-write", action="store_true", help="print only")
    given = parser.parse_args(arguments)
    seconds = [measured(*GANGFINDER, "--help").seconds for _ in range(RUNS)]
    print(f"gangfinder --help: median {median(seconds)} s of {RUNS} runs, {min(seconds)} to {max(seconds)}")
    if not given.no_write:
        figures = {"seconds_median": median(seconds), "seconds_worst": max(seconds), "runs": RUNS}
        print(write("startup", {**provenance(), "machine": machine(), **figures}))


if __name__ == "__main__":
    main()
