"""Mapping profiles: which source column is which canonical column.

A profile is a TOML file with one section per canonical table::

    name = "my export"

    [settlements]
    from = ["jsb", "结算表"]           # names of the files or database tables, besides the canonical one
    patient_id = "psn_id"              # canonical column = source column
    settled_at = ["jssj", "setl_time"] # or several: the first that holds a value, row by row

    [settlements.constants]            # value of a column that the export does not carry
    area_code = "990100"

    [settlements.values.credential_type]   # source value = canonical value
    "1" = "01"

    [settlements.void]                 # rows with one of these values are marked invalid by their source
    vali_flag = ["0"]

    [settlements.only_for]             # keep the value only on such rows: inpatient, outpatient, charge
    admitted_at = "inpatient"

``[[settlements]]`` (an array) maps several source tables to one canonical table. Case is
disregarded in names.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from gangfinder.errors import SettingsError, nearest
from gangfinder.model.tables import TABLES

CONDITIONS = ("inpatient", "outpatient", "charge")
"""What ``only_for`` may name: rows of a stay, rows of no stay, rows that are no refund."""


@dataclass(frozen=True, slots=True)
class TableMapping:
    """How one kind of source table becomes a canonical table.

    Parameters
    ----------
    table
        Canonical table.
    names
        Source tables it applies to, in lower case.
    columns
        Canonical column → source columns in order of preference, in lower case.
    constants
        Canonical column → value on every row.
    values
        Canonical column → source value → canonical value.
    void
        Source column → values that mark a row as invalid.
    only_for
        Canonical column → condition (see `CONDITIONS`) outside of which its value is dropped.
    """

    table: str
    names: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]]
    constants: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    void: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    only_for: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Profile:
    """A named set of table mappings."""

    name: str
    mappings: tuple[TableMapping, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """How one file is read.

    Parameters
    ----------
    table
        Canonical table.
    sources
        Canonical column → source columns of this file, by their spelling there.
    mapping
        The mapping that supplied constants, values, void and conditions; None when all names are canonical.
    profile
        ``canonical``, the profile's name, or ``canonical+name``.
    unknown
        Source columns that map to nothing.
    overruled
        Canonical columns that exist under their own name although the profile names another source for them.
    """

    table: str
    sources: Mapping[str, tuple[str, ...]]
    mapping: TableMapping | None
    profile: str
    unknown: tuple[str, ...]
    overruled: tuple[str, ...] = ()


def _words(value: object) -> tuple[str, ...]:
    return tuple(str(v).strip().lower() for v in (value if isinstance(value, list) else [value]))


def _check_columns(table: str, names: Iterable[str]) -> list[str]:
    known = TABLES[table].names
    return [
        f"[{table}] {name!r} is no canonical column; nearest: {', '.join(nearest(name, known)) or 'none'}"
        for name in names
        if name not in known
    ]


def _mapping(table: str, section: Mapping[str, Any]) -> tuple[TableMapping, list[str]]:
    special = ("from", "constants", "values", "void", "only_for")
    columns = {k.lower(): _words(v) for k, v in section.items() if k not in special}
    constants = {k.lower(): str(v) for k, v in section.get("constants", {}).items()}
    values = {k.lower(): {str(a): str(b) for a, b in v.items()} for k, v in section.get("values", {}).items()}
    only_for = {k.lower(): str(v) for k, v in section.get("only_for", {}).items()}
    problems = _check_columns(table, [*columns, *constants, *values, *only_for])
    problems += [
        f"[{table}.only_for] {condition!r} is unknown; use one of {', '.join(CONDITIONS)}"
        for condition in only_for.values()
        if condition not in CONDITIONS
    ]
    mapping = TableMapping(
        table=table,
        names=_words(section.get("from", [])),
        columns=columns,
        constants=constants,
        values=values,
        void={k.lower(): tuple(str(x) for x in v) for k, v in section.get("void", {}).items()},
        only_for=only_for,
    )
    return mapping, problems


def parse_profile(document: Mapping[str, Any], default_name: str) -> Profile:
    """Turn a parsed TOML document into a profile.

    Raises
    ------
    SettingsError
        With every unknown table, column and condition at once.
    """
    mappings: list[TableMapping] = []
    problems: list[str] = []
    for table, sections in document.items():
        if table == "name":
            continue
        if table not in TABLES:
            close = ", ".join(nearest(table, TABLES)) or "none"
            problems.append(f"[{table}] is no canonical table; nearest: {close}")
            continue
        for section in sections if isinstance(sections, list) else [sections]:
            if not isinstance(section, Mapping):
                problems.append(f"{table!r} must be a section, [{table}]")
                continue
            mapping, found = _mapping(table, section)
            mappings.append(mapping)
            problems += found
    if problems:
        message = f"the mapping profile cannot be used: {problems[0]}"
        raise SettingsError(message, hint="see the canonical tables in the README", details=problems)
    return Profile(str(document.get("name", default_name)), tuple(mappings))


def load_profile(path: Path) -> Profile:
    """Read a mapping profile from a TOML file.

    Raises
    ------
    SettingsError
        If the file cannot be read, is no TOML, or names a table or column that does not exist.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        message = f"the mapping profile {path.name!r} cannot be opened: {error.strerror}"
        raise SettingsError(message, hint="check the path given as --profile") from None
    except UnicodeDecodeError:
        message = f"the mapping profile {path.name!r} is not UTF-8 text"
        raise SettingsError(message, hint="save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        message = f"the mapping profile {path.name!r} is no valid TOML: {error}"
        raise SettingsError(message, hint='lines read: canonical_column = "source_column"') from None
    return parse_profile(document, path.stem)


@cache
def builtin_profiles() -> tuple[Profile, ...]:
    """Return the profiles that come with gangfinder, in name order."""
    folder = files("gangfinder.intake") / "profiles"
    entries = sorted((e for e in folder.iterdir() if e.name.endswith(".toml")), key=lambda e: e.name)
    return tuple(
        parse_profile(tomllib.loads(e.read_text(encoding="utf-8")), e.name.removesuffix(".toml"))
        for e in entries
    )


def known_names(profiles: Sequence[Profile]) -> dict[str, str]:
    """Return every file or table name that means a canonical table, in lower case, with that table."""
    names = {table: table for table in TABLES}
    for profile in profiles:
        for mapping in profile.mappings:
            for name in mapping.names:
                names.setdefault(name, mapping.table)
    return names


def _sources(mapping: TableMapping, header: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    found = {
        column: tuple(header[name] for name in names if name in header)
        for column, names in mapping.columns.items()
    }
    return {column: names for column, names in found.items() if names}


def _best(
    table: str, name: str, header: Mapping[str, str], profiles: Sequence[Profile]
) -> tuple[str, TableMapping, dict[str, tuple[str, ...]]] | None:
    """Return the mapping that explains most of the header; earlier profiles and mappings win a tie."""
    ranked = []
    for order, profile in enumerate(profiles):
        for position, mapping in enumerate(profile.mappings):
            if mapping.table != table or (
                name != table and name in known_names(profiles) and name not in mapping.names
            ):
                continue
            sources = _sources(mapping, header)
            required = len(TABLES[table].required & (sources.keys() | header.keys()))
            ranked.append(((-required, -len(sources), order, position), profile.name, mapping, sources))
    if not ranked:
        return None
    _, profile_name, mapping, sources = min(ranked, key=lambda r: r[0])
    return (profile_name, mapping, sources) if sources else None


def match_columns(table: str, name: str, columns: Sequence[str], profiles: Sequence[Profile]) -> Match:
    """Decide which source column feeds which canonical column. A canonical name always wins.

    Parameters
    ----------
    table
        Canonical table the file belongs to.
    name
        Name of the file or database table, without suffix, in lower case.
    columns
        Header as the file spells it.
    profiles
        Profiles to try, the user's own first.
    """
    header = {c.strip().lower(): c for c in reversed(columns)}
    canonical = {c: (header[c],) for c in TABLES[table].names if c in header}
    best = _best(table, name, header, profiles)
    if best is None:
        used = {names[0] for names in canonical.values()}
        return Match(table, canonical, None, "canonical", tuple(c for c in columns if c not in used))
    profile, mapping, mapped = best
    added = {c: names for c, names in mapped.items() if c not in canonical}
    if not added and profile in {p.name for p in builtin_profiles()}:
        # canonical tables are taken as they are, save for rows their source calls invalid
        mapping = replace(mapping, constants={}, values={}, only_for={})
    sources = {**added, **canonical}
    used = {n for names in sources.values() for n in names} | {header[v] for v in mapping.void if v in header}
    overruled = tuple(sorted(c for c in canonical if c in mapped and mapped[c] != canonical[c]))
    title = profile if not canonical else f"canonical+{profile}" if added else "canonical"
    return Match(table, sources, mapping, title, tuple(c for c in columns if c not in used), overruled)
