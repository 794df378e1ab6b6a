"""Which bytes an input has, before any of it is understood."""

from __future__ import annotations

import hashlib
from pathlib import Path

from gangfinder.errors import GangfinderError
from gangfinder.intake.discover import discover
from gangfinder.intake.profile import builtin_profiles, known_names, load_profile
from gangfinder.intake.scope import Scope
from gangfinder.intake.text import file_digest


def source_digest(source: Path | str, profile: Path | None = None) -> str | None:
    """Return the SHA-256 over the names and bytes of all files of an input that are tables, and the profile's.

    Tables on fund staff are among them, so that the digest stays inside the process or is signed with the key of this
    installation.

    Parameters
    ----------
    source
        Folder of tables, one such file, or a ``.duckdb`` file.
    profile
        Mapping profile.

    Returns
    -------
    str or None
        ``None`` where the input cannot be read; whoever reads it says why.
    """
    path = Path(source)
    try:
        files, ignored = _files(path, profile)
        lines = [f"{name} {file_digest(file)}" for name, file in files]
        lines += [*(f"ignored {name}" for name in ignored), "profile " + (file_digest(profile) if profile else "")]
    except (OSError, GangfinderError):
        return None
    return hashlib.sha256("\n".join([path.name, *lines]).encode("utf-8", "backslashreplace")).hexdigest()


def source_state(source: Path | str, profile: Path | None = None) -> str | None:
    """Return size, time and inode of the same files: as long as it is equal, nobody has changed them."""
    try:
        files, _ = _files(Path(source), profile)
        found = [(name, file.stat()) for name, file in files]
    except (OSError, GangfinderError):
        return None
    return "\n".join(f"{name} {s.st_size} {s.st_mtime_ns} {s.st_ino}" for name, s in found)


def _files(path: Path, profile: Path | None) -> tuple[list[tuple[str, Path]], tuple[str, ...]]:
    """Return names and paths of the tables, and the names of what is ignored."""
    if path.suffix.lower() in (".duckdb", ".ddb"):
        return [(path.name, path)], ()
    profiles = (*([load_profile(profile)] if profile else []), *builtin_profiles())
    found = discover(path, known_names(profiles), Scope.ALL)
    return [(part.name, part.path) for parts in found.parts.values() for part in parts], found.ignored


__all__ = ["source_digest", "source_state"]
