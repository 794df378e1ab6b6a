"""Settings of a run: one frozen object, read from TOML, and the overrides it holds for detectors."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from gangfinder.errors import SettingsError, nearest

P = TypeVar("P")

LANGUAGES = ("zh", "en")

SLUG_SECTIONS = ("typologies", "benign", "linking")
"""Sections with one table per plug-in: ``[typologies.<slug>]``."""

PLAIN_SECTIONS = ("network", "rings", "scoring", "stamp", "proximity", "leads", "register", "sealed")
"""Sections with parameters of one stage: ``[scoring]``."""

_WITHOUT_EFFECT = ("threads", "memory_gb", "key_file", "sealed_recipient")
"""Settings that never change a lead: they stay out of the digest."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a user may set for a run.

    Parameters
    ----------
    seed
        Root of every random choice (permutation tests, community search).
    threads
        Worker threads of the engine; ``None`` takes all cores. Results do not depend on it.
    memory_gb
        Memory limit of the engine in gigabytes; ``None`` takes the engine's default.
    reject_share
        Largest share of rows of one table that may be quarantined before the run stops, 0 to 1.
    minimum_amount
        Fund money, in yuan, below which a ring is not worth an inspector's day and makes no lead.
    top
        Most leads a run lists.
    lang
        Language of headlines and sentences: ``zh`` or ``en``.
    since
        First day of what is looked at: ``2025-01-01``, or ``365d`` for so many days up to the last settlements;
        ``None`` looks at everything. See :mod:`gangfinder.intake.window`.
    key_file
        File with the key for pseudonyms; ``None`` takes the one of this installation.
    sealed_recipient
        Public ``age1…`` key, or several separated by commas, to which the files of ``sealed/`` are encrypted; ``None``
        leaves them plain.
    overrides
        ``section`` or ``section.slug`` → parameter → value, as read from the file.
    """

    seed: int = 1
    threads: int | None = None
    memory_gb: float | None = None
    reject_share: float = 0.2
    minimum_amount: Decimal = Decimal(1000)
    top: int = 200
    lang: str = "zh"
    since: str | None = None
    key_file: Path | None = None
    sealed_recipient: str | None = None
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        """Refuse values out of range.

        Raises
        ------
        SettingsError
            If a value is out of range.
        """
        _require(0 <= self.reject_share <= 1, "reject_share", "a share from 0 to 1")
        _require(self.minimum_amount >= 0, "minimum_amount", "yuan, 0 or more")
        _require(self.top >= 1, "top", "a number of leads, 1 or more")
        _require(self.lang in LANGUAGES, "lang", " or ".join(LANGUAGES))
        _require(self.since is None or _a_day(self.since), "since", "a day such as 2025-01-01, or days such as 365d")
        _require(self.threads is None or self.threads >= 1, "threads", "1 or more")
        _require(self.memory_gb is None or self.memory_gb > 0, "memory_gb", "gigabytes, above 0")

    def tuned(self, section: str, params: P, slug: str | None = None) -> P:
        """Return a parameters object with this settings' overrides put in.

        Parameters
        ----------
        section
            One of :data:`SLUG_SECTIONS` or :data:`PLAIN_SECTIONS`.
        params
            Frozen dataclass of parameters.
        slug
            The plug-in, in a section that has one table per plug-in.

        Raises
        ------
        SettingsError
            If a parameter does not exist (the hint names the nearest) or a value has the wrong type.
        """
        where = section if slug is None else f"{section}.{slug}"
        changes = self.overrides.get(where, {})
        return _replaced(params, changes, where) if changes else params

    def check_slugs(self, section: str, known: Iterable[str]) -> None:
        """Refuse overrides for plug-ins that do not exist.

        Raises
        ------
        SettingsError
            If ``[section.slug]`` names an unknown slug; the hint names the nearest.
        """
        names = sorted(known)
        for where in sorted(self.overrides):
            head, _, slug = where.partition(".")
            if head == section and slug and slug not in names:
                msg = f"settings have a section [{where}], but no such plug-in exists"
                raise SettingsError(msg, hint=_perhaps(slug, names))

    def to_json(self) -> dict[str, Any]:
        """Return the settings as plain values, in the order of the fields."""
        plain: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "overrides"}
        plain["minimum_amount"] = str(self.minimum_amount)
        plain["key_file"] = None if self.key_file is None else str(self.key_file)
        plain["overrides"] = {where: dict(sorted(v.items())) for where, v in sorted(self.overrides.items())}
        return plain

    @property
    def digest(self) -> str:
        """SHA-256 over everything that can change a lead."""
        plain = {name: value for name, value in self.to_json().items() if name not in _WITHOUT_EFFECT}
        return hashlib.sha256(json.dumps(plain, sort_keys=True, default=str).encode()).hexdigest()


def read_settings(path: Path | None, **options: Any) -> Settings:  # noqa: ANN401 - any field of Settings
    """Read settings from a TOML file, and let command-line options win.

    Parameters
    ----------
    path
        The file; ``None`` starts from the defaults.
    **options
        Fields of :class:`Settings` that were given on the command line; ``None`` means not given.

    Raises
    ------
    SettingsError
        If the file cannot be read, is not TOML, or holds an unknown key or a value of the wrong type.
    """
    document = {} if path is None else _parsed(path)
    scalars = {name: value for name, value in document.items() if not isinstance(value, dict)}
    sections = {name: value for name, value in document.items() if isinstance(value, dict)}
    scalars.update({name: value for name, value in options.items() if value is not None})
    return Settings(**_scalars(scalars, path), overrides=_sections(sections))


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        msg = f"settings file {path} cannot be read: {error.strerror}"
        raise SettingsError(msg, hint="check the path and its permissions") from error
    except UnicodeDecodeError as error:
        msg = f"settings file {path} is not UTF-8"
        raise SettingsError(msg, hint="save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        msg = f"settings file {path} is not valid TOML: {error}"
        raise SettingsError(msg, hint="strings need quotes; sections are [typologies.<slug>]") from error


_READERS: Mapping[str, tuple[type, ...]] = {
    "seed": (int,),
    "threads": (int,),
    "memory_gb": (int, float),
    "reject_share": (int, float),
    "minimum_amount": (int, float, str, Decimal),
    "top": (int,),
    "lang": (str,),
    "since": (str, date),
    "key_file": (str, Path),
    "sealed_recipient": (str,),
}


def _scalars(values: Mapping[str, Any], path: Path | None) -> dict[str, Any]:
    known = [*_READERS, *SLUG_SECTIONS, *PLAIN_SECTIONS]
    result: dict[str, Any] = {}
    for name, value in values.items():
        if name not in _READERS:
            msg = f"unknown setting '{name}'"
            raise SettingsError(msg, hint=_perhaps(name, known))
        if not isinstance(value, _READERS[name]) or isinstance(value, bool):
            msg = f"setting '{name}' has a value of type {type(value).__name__}"
            raise SettingsError(msg, hint=f"give {' or '.join(t.__name__ for t in _READERS[name])}")
        result[name] = value
    if "minimum_amount" in result:
        result["minimum_amount"] = _decimal("minimum_amount", result["minimum_amount"])
    if "since" in result:
        result["since"] = str(result["since"])  # TOML has days of its own
    if "key_file" in result:
        # a relative path in a settings file is meant from that file
        base = Path() if path is None else path.parent
        result["key_file"] = base / Path(result["key_file"]).expanduser()
    return result


def _sections(sections: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    result: dict[str, Mapping[str, Any]] = {}
    for name, table in sections.items():
        if name in PLAIN_SECTIONS:
            result[name] = MappingProxyType(dict(table))
        elif name in SLUG_SECTIONS:
            result.update(_by_slug(name, table))
        else:
            known = [*_READERS, *SLUG_SECTIONS, *PLAIN_SECTIONS]
            msg = f"unknown section [{name}] in the settings"
            raise SettingsError(msg, hint=_perhaps(name, known))
    return MappingProxyType(result)


def _by_slug(section: str, table: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    for slug, values in table.items():
        if not isinstance(values, dict):
            msg = f"[{section}] holds a value '{slug}' outside a table"
            raise SettingsError(msg, hint=f"write [{section}.<slug>] and put parameters under it")
    return {f"{section}.{slug}": MappingProxyType(dict(values)) for slug, values in table.items()}


def _replaced(params: P, changes: Mapping[str, Any], where: str) -> P:
    if not is_dataclass(params) or isinstance(params, type):
        msg = f"[{where}] has no parameters to set"
        raise SettingsError(msg, hint="remove the section")
    known = [f.name for f in fields(params)]
    values: dict[str, Any] = {}
    for name, value in sorted(changes.items()):
        if name not in known:
            msg = f"unknown parameter '{name}' in [{where}]"
            raise SettingsError(msg, hint=_perhaps(name, known))
        values[name] = _fitted(getattr(params, name), value, f"{where}.{name}")
    return replace(params, **values)


def _fitted(current: object, value: object, where: str) -> object:
    """Return the value in the type of the one it replaces; TOML has no decimals and no tuples."""
    if isinstance(current, Decimal) and isinstance(value, int | float | str) and not isinstance(value, bool):
        return _decimal(where, value)
    if isinstance(current, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(current, tuple | frozenset) and isinstance(value, list):
        return type(current)(value)
    if current is not None and type(current) is not type(value):
        msg = f"[{where}] has a value of type {type(value).__name__}"
        raise SettingsError(msg, hint=f"give {type(current).__name__}, as the default")
    return value


def _decimal(where: str, value: object) -> Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation as error:
        msg = f"setting '{where}' is not a number"
        raise SettingsError(msg, hint="give yuan, for example 1000.00") from error


def _a_day(text: str) -> bool:
    if re.fullmatch(r"[1-9]\d{0,4}d", text):
        return True
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _require(holds: bool, name: str, wanted: str) -> None:  # noqa: FBT001 - a condition, not an option
    if not holds:
        msg = f"setting '{name}' is out of range"
        raise SettingsError(msg, hint=f"give {wanted}")


def _perhaps(word: str, known: Iterable[str]) -> str:
    """Name the nearest known words, or all of them."""
    known = list(known)
    near = nearest(word, known)
    return f"did you mean {', '.join(near)}?" if near else f"known: {', '.join(known)}"
