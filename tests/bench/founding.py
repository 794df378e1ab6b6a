"""gangfinder with the detectors of the founding typologies only, and the explanations that these name.

``python -m tests.bench.founding TOWN OUT``
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from gangfinder.pipeline import Plugins, run
from gangfinder.settings import Settings
from gangfinder.synth import CORE_TYPOLOGIES


def founding(settings: Settings) -> Plugins:
    """Return the founding typologies, what may explain their groups, and all linkers."""
    every = Plugins.tuned(settings)
    own = {slug: one for slug, one in every.typologies.items() if one.code in CORE_TYPOLOGIES}
    named = {slug for one in own.values() for slug in one.benign}
    benign = {slug: one for slug, one in every.explanations.items() if slug in named}
    return replace(every, typologies=own, explanations=benign)


if __name__ == "__main__":
    run(Path(sys.argv[1]), Path(sys.argv[2]), Settings(), plugins=founding(Settings()))
