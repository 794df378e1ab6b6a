"""Runs on disk: ``OUT/runs/<run_id>/`` made whole, then shown through ``OUT/latest`` (DESIGN §5)."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from gangfinder.batch.finished import FILE as MARK_FILE
from gangfinder.batch.locking import Held, held
from gangfinder.errors import ContractError, GangfinderError, OutputBusy, OutputError
from gangfinder.export import exporters
from gangfinder.export.contract import Artifact, RunView
from gangfinder.export.folder import (
    FILE_MODE,
    FOLDER_MODE,
    output_errors,
    swap_link,
    sync_folder,
    write_bytes,
    write_file,
)
from gangfinder.leads.access import ACCESS_FILE
from gangfinder.leads.encryption import SUFFIX, encrypted
from gangfinder.model.lead import Lead
from gangfinder.model.sealing import SEALED_ENTITIES

if TYPE_CHECKING:
    from gangfinder.settings import Settings

TOP_LEVEL = ("run.json", "leads.csv", "members.csv", "evidence.csv", "benign.csv", "changes.json", "rejects", "sealed")
"""Names that stand in OUT as links through ``latest``, where the newest run has them."""

_PARTIAL, _RETIRED, _LOCK, _WORK = ".partial-", ".retired-", ".lock", ".work"

Mark = Callable[[Path], str]
"""Makes the mark of a finished run from its folder."""


class Publication:
    """A run folder under construction.

    Parameters
    ----------
    out
        The folder the user asked for.
    folder
        Where to write; it gets its final name when the run is whole.

    Attributes
    ----------
    work
        Where checkpoints may be kept; what stands in it outlives a run that is killed, and no other.
    """

    def __init__(self, out: Path, folder: Path) -> None:
        self.out = out
        self.folder = folder
        self.work = out / "runs" / _WORK
        self._run_id: str | None = None
        self._nothing_new = False
        self._mark: str | None = None

    def nothing_new(self) -> None:
        """Declare that the run shown already is all there is to say: nothing is published when the block ends."""
        self._nothing_new = True

    def complete(self, run_id: str, record: str, mark: Mark | None = None) -> None:
        """Write ``run.json`` and declare the run whole; it becomes visible when the ``with`` block ends.

        Parameters
        ----------
        run_id
            Name of the folder under ``OUT/runs``.
        record
            Text of ``run.json``.
        mark
            Makes the mark by which the next run over the same input knows this one.
        """
        write_file(self.folder / "run.json", record)
        self._run_id = run_id
        self._mark = None if mark is None else mark(self.folder)

    def sign(self) -> None:
        """Put the mark of the run beside it, or remove that of the one before."""
        path = self.out / "runs" / MARK_FILE
        if self._mark is None:
            path.unlink(missing_ok=True)
        else:
            write_file(path, self._mark)

    @property
    def abandoned(self) -> bool:
        """Whether there is nothing to publish."""
        return self._nothing_new

    @property
    def final(self) -> Path:
        """The folder of the finished run.

        Raises
        ------
        OutputError
            If the run was not declared whole.
        """
        if self._run_id is None:
            msg = "the run ended without being declared whole"
            raise OutputError(msg, hint="this is an error of gangfinder; please report it")
        return self.out / "runs" / self._run_id


@contextmanager
def publication(out: Path, *, wait: float = 0.0, keep: int | None = None) -> Iterator[Publication]:
    """Give a folder to write a run into; show it when the block ends well, remove it otherwise.

    Parameters
    ----------
    out
        Result folder; made with mode 0700 if it does not exist.
    wait
        Seconds to wait for another run that writes to ``out``.
    keep
        How many runs stay under ``out/runs``, the newest ones and this one among them; ``None`` keeps all.

    Raises
    ------
    OutputBusy
        If another run writes to ``out`` and is not done in time.
    OutputError
        If the folder cannot be written, the disk is full, or a name in it is taken by something else.

    Notes
    -----
    A reader of OUT sees the old run or the new one, whole. One run at a time writes to OUT. A killed one leaves a
    hidden folder, which the next one removes, and its checkpoints, from which the next one goes on.
    """
    with output_errors(out), ExitStack() as stack:
        _prepare(out)
        stack.enter_context(_alone(out, wait))
        _sweep(out / "runs")
        folder = out / "runs" / f"{_PARTIAL}{secrets.token_hex(6)}"
        folder.mkdir(mode=FOLDER_MODE)
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        made = Publication(out, folder)
        with _checkpoints(made.work):
            yield made
            if not made.abandoned:
                _show(made)
        if keep is not None and not made.abandoned:
            _retire(out, keep)


@contextmanager
def _checkpoints(work: Path) -> Iterator[None]:
    """Remove the checkpoints when a run is shown or has failed; one that was interrupted goes on from them."""
    try:
        yield
    except GangfinderError as error:
        if not error.resumable:
            shutil.rmtree(work, ignore_errors=True)
        raise
    except Exception:  # a fault of ours: the next run shall not start from what led to it
        shutil.rmtree(work, ignore_errors=True)
        raise
    shutil.rmtree(work, ignore_errors=True)


def export_run(leads: Sequence[Lead], folder: Path, run: RunView) -> list[Artifact]:
    """Write the files of the open part of a run, beside ``run.json``.

    Parameters
    ----------
    leads
        By rank.
    folder
        An existing folder.
    run
        Language and texts.

    Raises
    ------
    ContractError
        If a lead names fund staff: its place is ``sealed/``.
    """
    if any(names_staff(lead) for lead in leads):
        msg = "an open lead names fund staff"
        raise ContractError(msg, hint="declare its typology sealed")
    return write_leads(leads, folder, run)


def write_sealed(leads: Sequence[Lead], draft: Path, target: Path, settings: Settings, record: str) -> None:
    """Write the files of the sealed part of a run: the same files whether it found something or not.

    Parameters
    ----------
    leads
        Leads on fund staff, by rank.
    draft
        A private folder outside the result; what stands in it already (``rejects``) is published too.
    target
        The folder ``sealed`` of the run; it is made.
    settings
        Language, and whom the files are encrypted to.
    record
        Text of its ``run.json``.
    """
    from gangfinder.leads.texts import installed_texts

    write_leads(leads, draft, RunView(settings.lang, installed_texts()))
    write_file(draft / "run.json", record)
    target.mkdir(mode=FOLDER_MODE)
    for file in sorted(p for p in draft.rglob("*") if p.is_file()):
        into = target / file.relative_to(draft)
        into.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        if settings.sealed_recipient is None:
            write_bytes(into, file.read_bytes())
        else:
            write_bytes(into.with_name(into.name + SUFFIX), encrypted(file.read_bytes(), settings.sealed_recipient))


def write_leads(leads: Sequence[Lead], target: Path, run: RunView) -> list[Artifact]:
    """Feed leads to every exporter of a run in one traversal, then seal all; a failure leaves no draft."""
    sessions = [e.session(target, run) for e in exporters().values() if e.in_run]
    try:
        for lead in leads:
            for session in sessions:
                session.write(lead)
        return [session.seal() for session in sessions]
    except BaseException:
        for session in sessions:
            session.abort()
        raise


def names_staff(lead: Lead) -> bool:
    """Return whether a lead names fund staff, a public official or an office of the fund."""
    return any(m.entity_type in SEALED_ENTITIES for m in lead.members)


def _prepare(out: Path) -> None:
    out.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    for name in (*TOP_LEVEL, "latest"):
        if (out / name).exists() and not (out / name).is_symlink():
            msg = f"{out} holds '{name}', which is not of a gangfinder run"
            raise OutputError(msg, hint="give an empty folder with --out")
    (out / "runs").mkdir(mode=FOLDER_MODE, exist_ok=True)


def _sweep(runs: Path) -> None:
    """Remove what killed runs left; whoever asks is alone in the folder."""
    for pattern in (f"{_PARTIAL}*", f"{_RETIRED}*"):
        for left in runs.glob(pattern):
            shutil.rmtree(left, ignore_errors=True)


@contextmanager
def _alone(out: Path, wait: float) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            stack.enter_context(held(out / "runs" / _LOCK, wait))
        except Held as error:
            msg = f"another run is writing to {out}" + (f"; it was not done in {wait:g} s" if wait else "")
            hint = "start this one again when the other is done, or let it wait with --wait"
            raise OutputBusy(msg, hint=hint) from error
        yield


def _show(made: Publication) -> None:
    final = made.final
    _restrict(made.folder)
    sync_folder(made.folder)
    made.folder.rename(final)
    sync_folder(final.parent)
    swap_link(made.out / "latest", f"runs/{final.name}")
    for name in TOP_LEVEL:
        _link(made.out, name)
    made.sign()
    sync_folder(made.out)


def _retire(out: Path, keep: int) -> None:
    """Remove all runs but the newest; each disappears as a whole, and never the one that is shown."""
    runs = out / "runs"
    shown = (out / "latest").resolve().name
    whole = sorted((p for p in runs.iterdir() if p.is_dir() and not p.name.startswith(".")), key=lambda p: p.name)
    older = [p for p in whole if p.name != shown]
    for old in older[: max(0, len(whole) - keep)]:
        gone = runs / f"{_RETIRED}{old.name}"
        with suppress(OSError):  # the result is shown; the next run tries again
            _hand_on(old / "sealed" / ACCESS_FILE, runs / shown / "sealed" / ACCESS_FILE)
            old.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)


def _hand_on(record: Path, into: Path) -> None:
    """Add who opened sealed leads of a run that goes to the record of the run that stays."""
    if not record.exists():
        return
    with os.fdopen(os.open(into, os.O_WRONLY | os.O_APPEND | os.O_CREAT, FILE_MODE), "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(record.read_bytes())
        file.flush()
        os.fsync(file.fileno())
    record.unlink()


def _restrict(folder: Path) -> None:
    """Take away what others could read; intake and engines may have created files by the user's umask."""
    for parent, folders, files in os.walk(folder):
        for name in folders:
            (Path(parent) / name).chmod(FOLDER_MODE)
        for name in files:
            (Path(parent) / name).chmod(0o600)


def _link(out: Path, name: str) -> None:
    link = out / name
    if not (out / "latest" / name).exists():
        link.unlink(missing_ok=True)
    elif not link.is_symlink() or os.readlink(link) != f"latest/{name}":
        swap_link(link, f"latest/{name}")
