"""Everything that a result depends on, as one text: what has the same fingerprint has the same result.

Code is known by size and time of its files, so that a change in a working copy counts as a new version does.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gangfinder

if TYPE_CHECKING:
    from gangfinder.model.remembered import Remembered
    from gangfinder.settings import Settings

_LIBRARIES = ("duckdb", "ibis-framework", "numpy", "pandas", "pyarrow", "scipy", "networkx", "graspologic-native")
"""Libraries whose results or whose stored objects a checkpoint holds."""


def fingerprint(
    source: str, settings: Settings, engine: str, plugins: Mapping[str, Any], known: Remembered, *more: str
) -> str:
    """Return the SHA-256 of everything a result depends on.

    Parameters
    ----------
    source
        Digest of the input, see :func:`gangfinder.intake.fingerprint.source_digest`.
    settings
        Of the run; those that never change a lead have no part in it, so that a run may go on with more memory.
    engine
        ``duckdb`` or ``spark``.
    plugins
        Name → linker, explanation, typology.
    known
        What decisions on earlier leads say.
    *more
        What else counts to the caller.
    """
    return _digest([source, settings.digest, engine, *_decided(known), *_plugins(plugins), *_code(), *more])


def _decided(known: Remembered) -> list[str]:
    sets = (known.values, known.pairs, known.cases)
    return [*(repr(sorted(one)) for one in sets), str(known.spare)]


def _plugins(plugins: Mapping[str, Any]) -> list[str]:
    return [f"{name} {one.params!r} {_file(type(one.params).__module__)}" for name, one in sorted(plugins.items())]


def _file(module: str) -> str:
    """Return size and time of the file of a module, which may be a third party's."""
    path = getattr(sys.modules.get(module), "__file__", None)
    return "" if path is None else _stat(Path(path))


@cache
def _code() -> tuple[str, ...]:
    folder = Path(gangfinder.__file__).parent
    files = (f"{p.relative_to(folder)} {_stat(p)}" for p in sorted(folder.rglob("*.py")))
    return (gangfinder.__version__, sys.version, *(_version(name) for name in _LIBRARIES), *files)


def _version(name: str) -> str:
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return name


def _stat(path: Path) -> str:
    try:
        found = path.stat()
    except OSError:  # from a zip file: the version must do
        return ""
    return f"{found.st_size} {found.st_mtime_ns}"


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\x00".join(parts).encode("utf-8", "backslashreplace")).hexdigest()


__all__ = ["fingerprint"]
