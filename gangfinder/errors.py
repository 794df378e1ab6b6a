"""Every error a user can meet.

::

    GangfinderError
    ├── SettingsError           unknown key, value out of range
    ├── IntakeError             input that cannot be used
    │   ├── MissingTable
    │   ├── MissingColumn
    │   ├── UnreadableFile
    │   └── TooManyRejects
    ├── EngineError
    │   └── EngineUnavailable   an extra or a runtime is not installed
    ├── ContractError           a typology, explanation, linker, partition or exporter breaks its contract
    ├── OutputError             the result cannot be written where it was asked for
    │   └── OutputBusy          another run is writing there
    ├── Overtime                the run took longer than it was allowed to
    ├── LeadError               a lead that does not exist or may not be shown
    └── RegisterError           a register that cannot be used, or does not know what is asked
        ├── RegisterBusy        somebody else is writing to it
        └── RegisterChanged     it is not what its history says

A message says what is wrong and where; a hint says what to do. Neither ever holds a value of an input row.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class GangfinderError(Exception):
    """The root of all errors a user can meet.

    Parameters
    ----------
    message
        What is wrong and where, in one sentence, without any value of an input row.
    hint
        What the reader can do about it.
    details
        Further findings of the same kind, one line each, when a check collects before it raises.
    exit_code
        The process exit status (DESIGN §5): 1 an error of ours, 2 bad usage or unusable input, 3 a failed check of
        integrity.
    """

    exit_code = 1

    resumable = False
    """Whether the same run may well succeed when it is started again: then what it has found so far is kept."""

    def __init__(self, message: str, *, hint: str | None = None, details: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = tuple(details)


class SettingsError(GangfinderError):
    """A settings file or option that cannot be used."""

    exit_code = 2


class IntakeError(GangfinderError):
    """Input that cannot be used."""

    exit_code = 2


class MissingTable(IntakeError):
    """A mandatory table is absent."""


class MissingColumn(IntakeError):
    """A required column is absent; the message names the nearest columns that were found."""


class UnreadableFile(IntakeError):
    """A file or folder that cannot be opened or decoded."""


class TooManyRejects(IntakeError):
    """More rows were quarantined than the settings allow."""


class EngineError(GangfinderError):
    """The relational engine failed."""

    resumable = True


class EngineUnavailable(EngineError):
    """An engine was asked for whose extra or runtime is not installed."""

    exit_code = 2
    resumable = False


class ContractError(GangfinderError):
    """A plug-in (typology, explanation, linker, partition, exporter) breaks its contract."""


class OutputError(GangfinderError):
    """The result cannot be written where it was asked for."""


class OutputBusy(OutputError):
    """Another run is writing to the same place."""


class Overtime(GangfinderError):
    """The run took longer than it was allowed to."""

    resumable = True


class LeadError(GangfinderError):
    """A lead that does not exist or may not be shown."""

    exit_code = 2


class RegisterError(GangfinderError):
    """A register that cannot be used, or does not know what is asked."""

    exit_code = 2


class RegisterBusy(RegisterError):
    """Somebody else is writing to the register; the same command can succeed later."""

    exit_code = 1


class RegisterChanged(RegisterError):
    """A register is not what its history says; the details say where, by the number of the history entry."""

    exit_code = 3


def nearest(word: str, known: Iterable[str], count: int = 3) -> list[str]:
    """Return the known words most like the given one, best first.

    Parameters
    ----------
    word
        What was written.
    known
        What could have been meant.
    count
        How many to return at most.
    """
    return get_close_matches(word, list(known), n=count, cutoff=0.5)
