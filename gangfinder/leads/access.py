"""Open a sealed lead: for a reason, which is recorded with who asked and when before anything is shown."""

from __future__ import annotations

import fcntl
import getpass
import json
import os
from datetime import datetime
from pathlib import Path

from gangfinder.errors import LeadError, OutputError
from gangfinder.leads.encryption import SUFFIX, decrypted
from gangfinder.leads.narrative import Narrative
from gangfinder.leads.reading import EXPLAIN_FILE, chosen, narratives_of, run_folder

ACCESS_FILE = "access.jsonl"
"""In ``sealed/``: one JSON object for every time that somebody asked for a sealed lead; only added to."""


def open_sealed(out: Path, wanted: str, reason: str, identity: Path | None = None) -> Narrative:
    """Return the narrative of a sealed lead, and record that it was asked for.

    Parameters
    ----------
    out
        OUT or a run folder.
    wanted
        A lead id, a prefix of one that fits no other, or a rank among the sealed leads.
    reason
        Why it is opened.
    identity
        File with the secret key, where the run was encrypted to an age recipient.

    Raises
    ------
    LeadError
        If there is no reason, no such lead, or the files cannot be read.
    OutputError
        If the record cannot be written; nothing is shown then.
    """
    if not reason.strip():
        msg = "a sealed lead is opened for a reason alone"
        raise LeadError(msg, hint='give --reason "…"; it is recorded with your name and the time')
    folder = run_folder(out) / "sealed"
    narratives = narratives_of(_text(folder, identity), folder / EXPLAIN_FILE)
    try:
        found = chosen(narratives, wanted)
    except LeadError:
        record_access(folder, wanted, None, reason)
        raise
    record_access(folder, wanted, found.lead_id, reason)
    return found


def _text(folder: Path, identity: Path | None) -> str:
    plain = folder / EXPLAIN_FILE
    sealed = plain.with_name(plain.name + SUFFIX)
    try:
        if plain.is_file():
            return plain.read_text(encoding="utf-8")
        if not sealed.is_file():
            msg = f"{folder.parent} has no sealed part"
            raise LeadError(msg, hint="it was made by an older version: run gangfinder run again")
        data = sealed.read_bytes()
    except OSError as error:
        msg = "the sealed part of this run cannot be read"
        raise LeadError(msg, hint="ask its owner: it is for discipline inspection alone") from error
    if identity is None:
        msg = "the sealed leads of this run are encrypted"
        hint = f"give --identity FILE, or decrypt first: age -d -i FILE {sealed}"
        raise LeadError(msg, hint=hint)
    return decrypted(data, identity).decode("utf-8")


def record_access(folder: Path, wanted: str, lead_id: str | None, reason: str) -> None:
    """Record that somebody asked for sealed leads.

    Parameters
    ----------
    folder
        Where the record stands.
    wanted, lead_id
        What was asked for, and which lead that is.
    reason
        Why.

    Raises
    ------
    OutputError
        If it cannot be written; nothing may be shown then.
    """
    entry = {
        "at": datetime.now().astimezone().isoformat(timespec="seconds"),
        "user": user_name(), "uid": os.getuid(), "asked": wanted, "lead_id": lead_id, "reason": reason.strip(),
    }
    path = folder / ACCESS_FILE
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write((json.dumps(entry, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace"))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        msg = f"the record of who opened sealed leads cannot be written: {error.strerror}"
        raise OutputError(msg, hint="sealed leads are shown only where that can be recorded") from error


def user_name() -> str:
    """Return the name under which somebody reads or decides."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name
        return str(os.getuid())


__all__ = ["ACCESS_FILE", "open_sealed", "record_access", "user_name"]
