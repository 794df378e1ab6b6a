"""Find a finished run and the lead that somebody asks for; reads the run's files alone."""

from __future__ import annotations

from pathlib import Path

from gangfinder.errors import LeadError, nearest
from gangfinder.leads.narrative import Narrative

EXPLAIN_FILE = "explain.jsonl"


def run_folder(path: Path) -> Path:
    """Return the run folder meant by OUT or by a run folder.

    Raises
    ------
    LeadError
        If there is no finished run.
    """
    for folder in (path / "latest", path):
        if (folder / EXPLAIN_FILE).is_file():
            return folder.resolve()
    msg = f"{path} holds no finished run"
    raise LeadError(msg, hint="give the folder that was --out of gangfinder run")


def read_narratives(path: Path) -> list[Narrative]:
    """Return the narratives of a run, by rank.

    Raises
    ------
    LeadError
        If there is no finished run, or its narratives cannot be read.
    """
    file = run_folder(path) / EXPLAIN_FILE
    try:
        return narratives_of(file.read_text(encoding="utf-8"), file)
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(file) from error


def narratives_of(text: str, file: Path) -> list[Narrative]:
    """Return the narratives in the text of a file.

    Raises
    ------
    LeadError
        If it holds something else.
    """
    try:
        # by \n alone: a text may hold other characters that splitlines() would break at
        return [Narrative.from_line(line) for line in text.split("\n") if line]
    except (ValueError, KeyError) as error:
        raise _unreadable(file) from error


def _unreadable(file: Path) -> LeadError:
    return LeadError(f"{file} cannot be read", hint="check its permissions, or run gangfinder run again")


def find_narrative(path: Path, wanted: str) -> Narrative:
    """Return the narrative of one lead.

    Parameters
    ----------
    path
        OUT or a run folder.
    wanted
        A lead id, a prefix of one that fits no other, or a rank.

    Raises
    ------
    LeadError
        If no lead fits, or several do; the hint names the nearest.
    """
    return chosen(read_narratives(path), wanted)


def chosen(narratives: list[Narrative], wanted: str) -> Narrative:
    """Return the one of some narratives that is meant.

    Raises
    ------
    LeadError
        As :func:`find_narrative`.
    """
    if not narratives:
        msg = "this run has no leads"
        raise LeadError(
            msg, hint="nothing in the data passed the admission rule; see run.json for what was skipped"
        )
    if wanted.isdecimal():
        fits = [n for n in narratives if n.rank == int(wanted)]
    else:
        prefix = wanted.upper() if wanted.upper().startswith("L-") else f"L-{wanted.upper()}"
        fits = [n for n in narratives if n.lead_id.startswith(prefix)]
        fits = [n for n in fits if n.lead_id == prefix] or fits
    if len(fits) == 1:
        return fits[0]
    raise _not_one(wanted, fits, narratives)


def _not_one(wanted: str, fits: list[Narrative], narratives: list[Narrative]) -> LeadError:
    if fits:
        listed = ", ".join(n.lead_id for n in fits[:5])
        return LeadError(f"'{wanted}' fits {len(fits)} leads", hint=f"give more characters: {listed}")
    ids = [n.lead_id for n in narratives]
    near = nearest(wanted.upper(), ids) or ids[:3]
    return LeadError(f"there is no lead '{wanted}' in this run", hint=f"nearest: {', '.join(near)}")
