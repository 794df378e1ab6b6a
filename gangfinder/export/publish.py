"""Runs on disk: ``OUT/runs/<run_id>/`` made whole, then shown through ``OUT/latest`` (DESIGN §5)."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from gangfinder.errors import ContractError, OutputError
from gangfinder.export import exporters
from gangfinder.export.contract import Artifact, RunView
from gangfinder.export.folder import FOLDER_MODE, output_errors, swap_link, sync_folder, write_bytes, write_file
from gangfinder.leads.encryption import SUFFIX, encrypted
from gangfinder.model.lead import Lead
from gangfinder.model.sealing import SEALED_ENTITIES

if TYPE_CHECKING:
    from gangfinder.settings import Settings

TOP_LEVEL = ("run.json", "leads.csv", "members.csv", "evidence.csv", "benign.csv", "changes.json", "rejects", "sealed")
"""Names that stand in OUT as links through ``latest``, where the newest run has them."""

_PARTIAL = ".partial-"


class Publication:
    """A run folder under construction.

    Parameters
    ----------
    out
        The folder the user asked for.
    folder
        Where to write; it gets its final name when the run is whole.
    """

    def __init__(self, out: Path, folder: Path) -> None:
        self.out = out
        self.folder = folder
        self._run_id: str | None = None
        self._nothing_new = False

    def nothing_new(self) -> None:
        """Declare that the run shown already is all there is to say: nothing is published when the block ends."""
        self._nothing_new = True

    def complete(self, run_id: str, record: str) -> None:
        """Write ``run.json`` and declare the run whole; it becomes visible when the ``with`` block ends.

        Parameters
        ----------
        run_id
            Name of the folder under ``OUT/runs``.
        record
            Text of ``run.json``.
        """
        write_file(self.folder / "run.json", record)
        self._run_id = run_id

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
def publication(out: Path) -> Iterator[Publication]:
    """Give a folder to write a run into; show it when the block ends well, remove it otherwise.

    Parameters
    ----------
    out
        Result folder; made with mode 0700 if it does not exist.

    Raises
    ------
    OutputError
        If the folder cannot be written, the disk is full, or a name in it is taken by something else.

    Notes
    -----
    A reader of OUT sees the old run or the new one, whole. A killed run leaves a hidden folder that nobody
    holds locked; the next run into the same OUT removes it.
    """
    with output_errors(out), ExitStack() as stack:
        _prepare(out)
        with _held(
            out / "runs"
        ):  # two runs that start at once do not take each other's folder for a left one
            _sweep(out / "runs")
            folder = out / "runs" / f"{_PARTIAL}{secrets.token_hex(6)}"
            folder.mkdir(mode=FOLDER_MODE)
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            lock = stack.enter_context(_held(folder))
        made = Publication(out, folder)
        yield made
        if not made.abandoned:
            _show(made, lock)


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
    for left in runs.glob(f"{_PARTIAL}*"):
        # a folder whose lock is free belongs to a run that was killed
        with suppress(OSError), _held(left, wait=False):
            shutil.rmtree(left, ignore_errors=True)


@contextmanager
def _held(folder: Path, *, wait: bool = True) -> Iterator[IO[bytes]]:
    with os.fdopen(os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600), "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield lock


def _show(made: Publication, lock: IO[bytes]) -> None:
    final = made.final
    Path(made.folder / ".lock").unlink()
    lock.close()
    _restrict(made.folder)
    sync_folder(made.folder)
    made.folder.rename(final)
    sync_folder(final.parent)
    swap_link(made.out / "latest", f"runs/{final.name}")
    for name in TOP_LEVEL:
        _link(made.out, name)
    sync_folder(made.out)


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
