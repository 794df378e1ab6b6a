"""Discovery of plug-ins: one file each, in name order, checked before anything runs."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from importlib.metadata import entry_points
from types import MappingProxyType, ModuleType
from typing import Protocol, TypeVar

from gangfinder.errors import ContractError


class Plugin(Protocol):
    """What every kind of plug-in has."""

    @property
    def slug(self) -> str:
        """The stem of its file, in lower case."""


P = TypeVar("P", bound=Plugin)

Requirements = Mapping[str, frozenset[str]]
"""Canonical table → columns."""


def discover(package: ModuleType, attribute: str, kind: type[P]) -> Mapping[str, P]:
    """Import every module of a package and collect its declaration.

    Modules whose name starts with an underscore, and the package's own contract modules, hold no declaration and are
    listed in ``package.NOT_PLUGINS``.  Third parties register modules in the entry-point group ``<package>``.

    Parameters
    ----------
    package
        For example ``gangfinder.typologies``.
    attribute
        Name of the module-level declaration, for example ``TYPOLOGY``.
    kind
        The class the declaration must be an instance of.

    Returns
    -------
    Mapping
        Slug → declaration, in name order.

    Raises
    ------
    ContractError
        If a module lacks its declaration, its slug is not its file name, or a slug or code is taken twice.
    """
    found: dict[str, P] = {}
    for module in _modules(package):
        declaration = getattr(module, attribute, None)
        stem = module.__name__.rsplit(".", 1)[-1]
        if not isinstance(declaration, kind):
            msg = f"module {module.__name__} has no {attribute} of type {kind.__name__}"
            raise ContractError(msg, hint=f"declare {attribute} = {kind.__name__}(…) at module level")
        if declaration.slug != stem:
            msg = f"slug '{declaration.slug}' of {module.__name__} is not its file name '{stem}'"
            raise ContractError(msg, hint="name the file after the slug")
        if stem in found:
            msg = f"slug '{stem}' is declared twice"
            raise ContractError(msg, hint="choose another slug for one of them")
        found[stem] = declaration
    _check_codes(found)
    return MappingProxyType(dict(sorted(found.items())))


def _modules(package: ModuleType) -> list[ModuleType]:
    skipped = frozenset(getattr(package, "NOT_PLUGINS", ()))
    names = sorted(
        info.name
        for info in pkgutil.iter_modules(package.__path__)
        if not info.name.startswith("_") and info.name not in skipped
    )
    own = [importlib.import_module(f"{package.__name__}.{name}") for name in names]
    return own + [entry.load() for entry in sorted(entry_points(group=package.__name__), key=lambda e: e.name)]


def _check_codes(found: Mapping[str, P]) -> None:
    seen: dict[str, str] = {}
    for slug, declaration in found.items():
        code = getattr(declaration, "code", None)
        if code is None:
            continue
        if code in seen:
            msg = f"code {code} is declared by '{seen[code]}' and by '{slug}'"
            raise ContractError(msg, hint="give one of them another code")
        seen[code] = slug
