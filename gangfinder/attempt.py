"""One attempt at a run: whether it has to be made at all, and what a killed one before it has found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gangfinder.batch.checkpoints import Checkpoints, Memory, NoMemory
from gangfinder.batch.fingerprint import fingerprint
from gangfinder.batch.finished import finished_run, mark_of
from gangfinder.intake.fingerprint import source_digest, source_state
from gangfinder.model.remembered import NOTHING, Remembered
from gangfinder.rings.partition import algorithms

if TYPE_CHECKING:
    from gangfinder.batch.options import Batch
    from gangfinder.engine import Engine
    from gangfinder.leads.tokens import Key
    from gangfinder.plugins import Plugins
    from gangfinder.settings import Settings


@dataclass(slots=True)
class Attempt:
    """What a run was asked; reads the bytes of its input once.

    Parameters
    ----------
    source, profile, settings, engine, plugins, batch
        As :func:`gangfinder.pipeline.run` has them.
    key
        Signs checkpoints and the mark of a finished run.
    """

    source: Path | str
    profile: Path | None
    settings: Settings
    engine: str
    plugins: Plugins
    key: Key
    batch: Batch
    _state: str | None = field(init=False)
    _digest: str | None = field(init=False)

    def __post_init__(self) -> None:
        """Look at the input before anybody reads it."""
        self._state = source_state(self.source, self.profile)
        self._digest = source_digest(self.source, self.profile)

    def finished(self, out: Path) -> Path | None:
        """Return the folder of the run that is shown if it is of the same input, settings and code, and undamaged."""
        print_ = self._fingerprint(NOTHING)
        if print_ is None or self.batch.again:
            return None
        return finished_run(out, print_, partial(self.key.mark, "finished"))

    def mark(self) -> Callable[[Path], str] | None:
        """Return what makes the mark of this run, unless the input was changed while it was read."""
        print_ = self._fingerprint(NOTHING)
        if print_ is None:
            return None
        return partial(mark_of, fingerprint=print_, sign=partial(self.key.mark, "finished"))

    def memory(self, folder: Path, work: Engine, known: Remembered) -> Memory:
        """Return the memory of this run: that of a killed one over the same bytes, with the same decisions.

        Parameters
        ----------
        folder
            Of the checkpoints.
        work
            Where the tables are.
        known
            What decisions on earlier leads say.
        """
        print_ = self._fingerprint(known)
        if print_ is None or not self.batch.resume:
            return NoMemory()
        named = {**self._plugins(), **{f"partition {slug}": one for slug, one in algorithms().items()}}
        return Checkpoints(folder, partial(self.key.mark, "checkpoint"), print_, work, named)

    def _fingerprint(self, known: Remembered) -> str | None:
        """Return what the result depends on; nothing where the input is not what it was when the run began."""
        if self._digest is None or source_state(self.source, self.profile) != self._state:
            return None
        recipient = self.settings.sealed_recipient or ""
        return fingerprint(self._digest, self.settings, self.engine, self._plugins(), known, recipient)

    def _plugins(self) -> dict[str, object]:
        kinds = {
            "linker": self.plugins.linkers, "benign": self.plugins.explanations, "typology": self.plugins.typologies
        }
        return {f"{kind} {slug}": one for kind, own in kinds.items() for slug, one in own.items()}


__all__ = ["Attempt"]
