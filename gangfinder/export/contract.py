"""What an exporter file declares, and the traversal that feeds every exporter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from gangfinder.errors import ContractError
from gangfinder.export.projection import FIELDS, Row, project
from gangfinder.leads.catalogue import Translator, translator
from gangfinder.leads.texts import Texts

if TYPE_CHECKING:
    from gangfinder.model.lead import Lead

Disclosure = Mapping[str, tuple[str, ...]]
"""Sheet → its fields, in column order."""


@dataclass(frozen=True, slots=True)
class RunView:
    """What an exporter may know of the run: language and texts of plug-ins; never its id or its clock.

    Parameters
    ----------
    lang
        ``zh`` or ``en``.
    texts
        What typologies and explanations say of themselves.
    """

    lang: str = "zh"
    texts: Texts = field(default_factory=Texts)

    @property
    def say(self) -> Translator:
        """The translator of the run's language."""
        return translator(self.lang)


@dataclass(frozen=True, slots=True)
class Artifact:
    """What an exporter made: files relative to the target folder, with their SHA-256."""

    exporter: str
    files: Mapping[str, str]


class Sink(Protocol):
    """What ``open`` returns: takes rows that are already projected, in their final order."""

    def put(self, sheet: str, row: Row) -> None:
        """Take one row of a sheet."""
        ...

    def close(self) -> Mapping[str, str]:
        """Finish the files and return name → SHA-256; nothing is visible under its final name before."""
        ...

    def abort(self) -> None:
        """Remove whatever was begun."""
        ...


@dataclass(frozen=True, slots=True)
class Exporter:
    """One format in which leads leave gangfinder.

    Parameters
    ----------
    slug
        The file's stem.
    title
        In English, for the command line.
    discloses
        Sheet → fields it writes. It is given nothing else: the traversal projects, not the author.
    open
        ``open(target, run, discloses)``: begins files in the existing folder ``target``.
    in_run
        Whether every run writes it.
    """

    slug: str
    title: str
    discloses: Disclosure
    open: Callable[[Path, RunView, Disclosure], Sink]
    in_run: bool = False

    def __post_init__(self) -> None:
        """Refuse a declaration that names fields which do not exist.

        Raises
        ------
        ContractError
            If a sheet or field is unknown.
        """
        for sheet, names in self.discloses.items():
            unknown = sorted(set(names) - set(FIELDS.get(sheet, ())))
            if unknown or sheet not in FIELDS:
                msg = f"exporter '{self.slug}': sheet '{sheet}' or its fields {unknown} do not exist"
                raise ContractError(msg, hint=f"sheets: {', '.join(FIELDS)}")

    def session(self, target: Path, run: RunView) -> Session:
        """Begin an export into an existing folder."""
        return Session(self, self.open(target, run, self.discloses), run)


class Session:
    """One export under way: ``write`` leads by rank, then ``seal``; ``abort`` leaves nothing behind."""

    def __init__(self, exporter: Exporter, sink: Sink, run: RunView) -> None:
        self._exporter, self._sink, self._run = exporter, sink, run

    def write(self, lead: Lead) -> None:
        """Hand the disclosed fields of a lead to the exporter, in a fixed order."""
        for sheet, names in self._exporter.discloses.items():
            for row in project(sheet, lead, self._run.texts, self._run.say):
                self._sink.put(sheet, {name: row[name] for name in names})

    def seal(self) -> Artifact:
        """Make the files visible."""
        return Artifact(self._exporter.slug, self._sink.close())

    def abort(self) -> None:
        """Remove what was begun."""
        self._sink.abort()
