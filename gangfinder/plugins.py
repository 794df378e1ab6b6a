"""Linkers, explanations and typologies with the settings put in, and which of them belong to which pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from gangfinder.benign import explanations as all_explanations
from gangfinder.benign.contract import Explanation
from gangfinder.errors import ContractError
from gangfinder.linking import Linker
from gangfinder.linking import linkers as all_linkers
from gangfinder.scoring.judging import check_benign
from gangfinder.typologies import typologies as all_typologies
from gangfinder.typologies.contract import Typology

if TYPE_CHECKING:
    from gangfinder.settings import Settings

T = TypeVar("T", Typology, Explanation, Linker)


@dataclass(frozen=True, slots=True)
class Plugins:
    """All linkers, explanations and typologies, with the settings' parameters put in."""

    linkers: Mapping[str, Linker]
    explanations: Mapping[str, Explanation]
    typologies: Mapping[str, Typology]

    @classmethod
    def tuned(cls, settings: Settings) -> Plugins:
        """Return every plug-in with its overrides.

        Raises
        ------
        SettingsError
            If the settings name a plug-in or parameter that does not exist.
        ContractError
            If a typology names an explanation that does not exist, or an open one names one that reads about staff.
        """
        found = cls(
            _tuned(all_linkers(), "linking", settings),
            _tuned(all_explanations(), "benign", settings),
            _tuned(all_typologies(), "typologies", settings),
        )
        for typology in found.typologies.values():
            check_benign(typology, found.explanations)
            _check_open(typology, found.explanations)
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """Kind and slug of every plug-in, sorted."""
        kinds = {"linker": self.linkers, "benign": self.explanations, "typology": self.typologies}
        return tuple(sorted(f"{kind} {slug}" for kind, own in kinds.items() for slug in own))

    @property
    def open(self) -> Plugins:
        """Those of the open pass: none that is about fund staff or reads of them."""
        return Plugins(_open(self.linkers), _open(self.explanations), _open(self.typologies))

    @property
    def sealed(self) -> Plugins:
        """Those of the sealed pass: its typologies, the explanations that these name, and every linker."""
        own = {slug: t for slug, t in self.typologies.items() if t.sealed}
        named = {slug for t in own.values() for slug in t.benign}
        return Plugins(self.linkers, {s: e for s, e in self.explanations.items() if s in named}, own)


def _tuned(found: Mapping[str, T], section: str, settings: Settings) -> dict[str, T]:
    settings.check_slugs(section, found)
    return {slug: replace(p, params=settings.tuned(section, p.params, slug)) for slug, p in found.items()}


def _open(found: Mapping[str, T]) -> dict[str, T]:
    return {slug: plugin for slug, plugin in found.items() if not plugin.sealed}


def _check_open(typology: Typology, explanations: Mapping[str, Explanation]) -> None:
    about_staff = sorted(slug for slug in typology.benign if explanations[slug].sealed)
    if about_staff and not typology.sealed:
        msg = f"typology '{typology.slug}' is open and names explanations that read about staff: {about_staff}"
        raise ContractError(msg, hint="declare it sealed, or name others")


__all__ = ["Plugins"]
