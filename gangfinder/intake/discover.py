"""Which files of an input belong to which canonical table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gangfinder.errors import IntakeError, UnreadableFile
from gangfinder.intake.scope import Scope

FORMATS = {".parquet": "parquet", ".csv": "csv", ".csv.gz": "csv", ".xlsx": "xlsx"}
_PART = re.compile(r"^(?:[-.].+|_?\(?(?:part)?[-_]?\d[\d_-]*\)?)$")


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a table.

    Parameters
    ----------
    path
        Where it is.
    name
        Its name relative to the input, with forward slashes.
    stem
        The canonical or platform name it goes by, in lower case.
    format
        ``parquet``, ``csv`` or ``xlsx``.
    """

    path: Path
    name: str
    stem: str
    format: str


@dataclass(frozen=True, slots=True)
class Found:
    """The files of an input.

    Parameters
    ----------
    parts
        Canonical table → its files, in name order.
    ignored
        Names that belong to no table.
    """

    parts: Mapping[str, tuple[Part, ...]]
    ignored: tuple[str, ...]


def split_suffix(name: str) -> tuple[str, str]:
    """Return the name without suffix in lower case, and the format (empty when it is none that is read)."""
    lower = name.lower()
    for suffix in sorted(FORMATS, key=len, reverse=True):
        if lower.endswith(suffix):
            return lower.removesuffix(suffix), FORMATS[suffix]
    return lower, ""


def table_name(stem: str, names: Mapping[str, str]) -> str | None:
    """Return the known name a file goes by: bare, behind a schema (``db.setl_d``), before a part number."""
    for candidate in (stem, stem.rsplit(".", 1)[-1]):
        if candidate in names:
            return candidate
    for known in sorted(names, key=len, reverse=True):
        if stem.startswith(known) and _PART.match(stem[len(known) :]):
            return known
    return None


def _hidden(path: Path) -> bool:
    return path.name.startswith((".", "_", "~$"))


def _files_below(folder: Path) -> list[Path]:
    return sorted(
        p for p in folder.rglob("*") if p.is_file() and not _hidden(p) and not p.name.endswith(".crc")
    )


def _parts_of(entry: Path, root: Path, names: Mapping[str, str]) -> tuple[list[Part], list[str]]:
    """Return the parts an entry of the input folder holds, and the names in it that are ignored."""
    relative = entry.relative_to(root).as_posix()
    stem, kind = split_suffix(entry.name)
    known = table_name(stem, names)
    if known is None:
        return [], [relative]
    if not entry.is_dir():
        return ([Part(entry, relative, known, kind)], []) if kind else ([], [relative])
    parts, ignored = [], []
    for file in _files_below(entry):
        name, inner = file.relative_to(root).as_posix(), split_suffix(file.name)[1]
        if inner:
            parts.append(Part(file, name, known, inner))
        else:
            ignored.append(name)
    return parts, ignored


def _same_data_twice(table: str, parts: list[Part]) -> str | None:
    """Return a sentence when one part is there in two formats: it cannot be known which one is meant."""
    stems: dict[str, str] = {}
    for part in parts:
        stem = split_suffix(part.name)[0]
        if stem in stems:
            return f"table {table!r} is given twice: {stems[stem]!r} and {part.name!r}; keep one of them"
        stems[stem] = part.name
    return None


def discover(source: Path, names: Mapping[str, str], scope: Scope = Scope.ALL) -> Found:
    """List the files of an input folder, or take a single file as the whole input.

    Parameters
    ----------
    source
        Folder or file.
    names
        Known file names in lower case → canonical table.
    scope
        Files of other tables than these are passed over.

    Raises
    ------
    UnreadableFile
        If the folder cannot be listed.
    IntakeError
        If a table is there in two formats.
    """
    root = source if source.is_dir() else source.parent
    try:
        entries = sorted(p for p in source.iterdir() if not _hidden(p)) if source.is_dir() else [source]
        pairs = [_parts_of(entry, root, names) for entry in entries]
    except OSError as error:
        message = f"the input {source.name!r} cannot be read: {error.strerror}"
        raise UnreadableFile(
            message, hint="check the path and the rights of the user gangfinder runs as"
        ) from None
    grouped: dict[str, list[Part]] = {}
    for part in (part for parts, _ in pairs for part in parts if scope.reads(names[part.stem])):
        grouped.setdefault(names[part.stem], []).append(part)
    twice = [s for s in (_same_data_twice(table, parts) for table, parts in grouped.items()) if s]
    if twice:
        raise IntakeError(twice[0], hint="remove or move one of the two files", details=twice)
    ignored = tuple(name for _, names_ in pairs for name in names_)
    return Found({table: tuple(parts) for table, parts in sorted(grouped.items())}, ignored)
