"""The mark of a finished run: by it the next one over the same bytes knows that it has nothing to do.

The mark signs, with the key of this installation, what the run depended on and every byte of its files; a new salt each
time makes it another text, so that it tells nobody whether two inputs were equal. The input counts with all its tables,
those on fund staff among them: that a run took place tells that some byte of the input had changed, not which.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from pathlib import Path

FILE = ".finished"
"""In ``OUT/runs``."""

_ADDED = "access.jsonl"
"""A file to which lines are added after the run (:mod:`gangfinder.leads.access`)."""

Sign = Callable[[str], str]


def finished_run(out: Path, fingerprint: str, sign: Sign) -> Path | None:
    """Return the folder of the run that is shown if it is of this fingerprint and as it was written.

    Parameters
    ----------
    out
        Result folder.
    fingerprint
        Of the run that is asked for.
    sign
        Signs with the key of this installation.
    """
    try:
        shown = (out / "latest").resolve(strict=True)
        known = json.loads((out / "runs" / FILE).read_text(encoding="utf-8"))
        mark, own = str(known["mark"]), _mark(shown, fingerprint, str(known["salt"]), sign)
    except (OSError, ValueError, KeyError, TypeError):  # no run yet, or no mark of ours
        return None
    return shown if hmac.compare_digest(mark.encode(), own.encode()) else None


def mark_of(folder: Path, fingerprint: str, sign: Sign) -> str:
    """Return the text of the mark for a whole run folder.

    Parameters
    ----------
    folder
        With all files of the run.
    fingerprint
        Of the run.
    sign
        Signs with the key of this installation.
    """
    salt = secrets.token_hex(16)
    return json.dumps({"salt": salt, "mark": _mark(folder, fingerprint, salt, sign)}) + "\n"


def _mark(folder: Path, fingerprint: str, salt: str, sign: Sign) -> str:
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != _ADDED)
    lines = [f"{p.relative_to(folder).as_posix()} {_sha256(p)}" for p in files]
    return sign("\n".join([salt, fingerprint, *lines]))


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


__all__ = ["FILE", "finished_run", "mark_of"]
