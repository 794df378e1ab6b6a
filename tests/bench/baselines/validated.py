"""The statistically validated projection: pairs whose common institution-days are too many by chance.

The number of common institution-days of two patients is compared with the hypergeometric distribution given how many
each has; pairs that pass Bonferroni's bound, or a false-discovery rate of 1 % (second argument ``fdr``), are tied, and
the components of the ties are the rings, the densest first.

References
----------
M. Tumminello et al., Statistically validated networks in bipartite complex systems, PLoS ONE 6 (2011) e17994.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control, hypergeom

from tests.bench.baselines.institution_days import common_days, components, degrees
from tests.bench.baselines.leads import write_leads

LEVEL = 0.01


def validated(town: Path, rule: str) -> pd.DataFrame:
    """Return the pairs that pass ``bonferroni`` or ``fdr``."""
    pairs = common_days(town)
    own, events = degrees(town)
    a, b = own.reindex(pairs["low"]).to_numpy(), own.reindex(pairs["high"]).to_numpy()
    p = hypergeom.sf(pairs["days"].to_numpy() - 1, events, a, b)
    tests = len(own) * (len(own) - 1) // 2
    if rule == "bonferroni":
        return pairs[p <= LEVEL / tests]
    # the pairs that never met twice are tests, too, and their p-values are near one
    q = false_discovery_control(np.minimum(p, 1.0)) * (tests / max(1, len(p)))
    return pairs[q <= LEVEL]


def main(town: Path, out: Path, rule: str) -> None:
    """Find and write."""
    print(write_leads(out, components(validated(town, rule))))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
