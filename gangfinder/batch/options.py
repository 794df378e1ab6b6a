"""What an unattended run may be told besides what it looks for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Batch:
    """How a run behaves among other runs; nothing of it changes a lead.

    Parameters
    ----------
    wait
        Seconds to wait for another run that writes to the same result folder or register.
    keep
        Runs that stay in the result folder, the new one among them; ``None`` keeps all.
    temp_dir
        Folder for what does not fit into memory and for converted copies; ``None`` takes the system's.
    timeout
        Seconds after which the run gives up; ``None`` never does. It goes on from there when started again.
    again
        Run although neither input, settings nor code have changed since the run that is shown.
    resume
        Keep checkpoints, and go on from those of a run that was killed.
    """

    wait: float = 0.0
    keep: int | None = None
    temp_dir: Path | None = None
    timeout: float | None = None
    again: bool = False
    resume: bool = True


UNATTENDED = Batch()
"""No waiting, nothing removed, no limit."""
