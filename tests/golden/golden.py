"""Compare a text with the one that is committed; ``GANGFINDER_UPDATE_GOLDEN=1`` rewrites it for review."""

from __future__ import annotations

import os
from pathlib import Path

HERE = Path(__file__).parent


def same_as_golden(name: str, text: str) -> None:
    path = HERE / name
    if os.environ.get("GANGFINDER_UPDATE_GOLDEN") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    assert path.is_file(), f"{name} is not committed; run with GANGFINDER_UPDATE_GOLDEN=1 and review it"
    assert text == path.read_text(encoding="utf-8"), (
        f"{name} changed; review, then GANGFINDER_UPDATE_GOLDEN=1"
    )
