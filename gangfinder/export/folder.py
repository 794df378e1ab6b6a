"""Files that are never half visible: written under a temporary name, flushed to disk, renamed."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gangfinder.errors import OutputError

FILE_MODE, FOLDER_MODE = 0o600, 0o700


class DraftFile:
    """A text file under a temporary name, digested as it is written.

    Parameters
    ----------
    path
        The final name. The folder exists.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        self._digest = hashlib.sha256()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        self._file = os.fdopen(os.open(self._draft, flags, FILE_MODE), "wb", buffering=1 << 16)

    def write(self, text: str) -> None:
        """Append a text, UTF-8; what cannot be encoded (a lone surrogate) is written as its escape, as JSON has it."""
        self.write_bytes(text.encode("utf-8", "backslashreplace"))

    def write_bytes(self, data: bytes) -> None:
        """Append bytes."""
        self._digest.update(data)
        self._file.write(data)

    def commit(self) -> str:
        """Flush to disk, take the final name, and return the SHA-256 of the content."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._draft.replace(self.path)
        return self._digest.hexdigest()

    def discard(self) -> None:
        """Remove the draft; safe to call twice."""
        try:
            self._file.close()
        except OSError:  # a full disk fails the last flush too; the draft goes anyway
            pass
        finally:
            self._draft.unlink(missing_ok=True)


def write_file(path: Path, text: str) -> str:
    """Write a whole text file atomically and return its SHA-256."""
    return write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, data: bytes) -> str:
    """Write a whole file atomically and return its SHA-256."""
    draft = DraftFile(path)
    try:
        draft.write_bytes(data)
        return draft.commit()
    except BaseException:
        draft.discard()
        raise


def sync_folder(path: Path) -> None:
    """Flush a folder's entries, so that a rename survives a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def swap_link(link: Path, target: str) -> None:
    """Point a symbolic link at a relative target in one step."""
    draft = link.with_name(f".{link.name}.{secrets.token_hex(4)}")
    draft.symlink_to(target)
    try:
        draft.replace(link)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


_HINTS = {
    errno.ENOSPC: "free some space, or give another folder with --out",
    errno.EDQUOT: "the quota is used up: free some space, or give another folder with --out",
    errno.EROFS: "the file system is read-only: give another folder with --out",
    errno.EACCES: "check the permissions of the folder, or give another with --out",
    errno.EPERM: "check the permissions of the folder, or give another with --out",
    errno.ENOTDIR: "a part of the path is a file: give another folder with --out",
    errno.EEXIST: "a file of that name is in the way: give another folder with --out",
}


@contextmanager
def output_errors(out: Path) -> Iterator[None]:
    """Turn the errors of a file system that cannot take the result into :class:`OutputError`.

    Raises
    ------
    OutputError
        If the disk is full, read-only, or forbidden.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _HINTS:
            raise
        msg = f"the result cannot be written to {out}: {error.strerror}"
        raise OutputError(msg, hint=_HINTS[error.errno]) from error
