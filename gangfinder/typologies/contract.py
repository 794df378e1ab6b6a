"""What a typology file declares (DESIGN §6, typology contract)."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from gangfinder.errors import ContractError
from gangfinder.model.evidence import Grade
from gangfinder.model.group import Group, Verdict
from gangfinder.model.registry import Requirements
from gangfinder.model.sealing import SEALED_ENTITIES, reads_sealed
from gangfinder.model.tables import TABLES

if TYPE_CHECKING:
    import ibis.expr.types as ir

Tables = Mapping[str, "ir.Table"]
"""What ``detect`` is given: declared canonical tables, projected to declared columns, and derived relations."""

DERIVED = frozenset({"visits", "stays", "residual_visits", "residual_stays", "links"})
"""Relations that linking prepares (see :mod:`gangfinder.linking.behaviour`)."""

SEALED_RELATIONS = frozenset({"rings", "ring_rows"})
"""What the sealed pass has besides: the open leads, in the columns that :mod:`gangfinder.typologies.rings` says."""


@dataclass(frozen=True, slots=True)
class Typology:
    """One way of taking money from the fund, and how it shows.

    Parameters
    ----------
    code
        ``T01`` … as in DOMAIN §4.
    slug
        The file's stem; its cases are ``fixtures/typologies/<slug>.yml``.
    title
        Neutral title in Chinese (the catalogue's source language).
    grade
        Best evidence grade it can reach.
    requires
        Canonical tables and columns without which it cannot run; the run then reports it as skipped, with the reason.
    optional
        Tables and columns it can use; what is absent arrives as an empty table or a column of nulls.
    one_of
        Tables and columns any one of which it needs besides: with none of them it is skipped.
    without
        What cannot be said where it is skipped, in a clause that is put behind the reason.
    uses
        Derived relations it reads, a subset of :data:`DERIVED`, and of :data:`SEALED_RELATIONS` where it is sealed.
    grouping
        ``hub``: rows with the same ``group_id`` are one group. ``links``: groups are the communities of the network of
        the residual links whose kinds are in ``links``, and ``group_id`` of the rows is ignored.
    links
        Link kinds that bind the subjects, when grouping by links.
    supports
        Further link kinds that speak for a group without binding it; they stand in ``Group.links`` beside the others.
    minimum_subjects
        Fewest unrelated households (units) in a core; 0 where the subject is not a group of patients.
    benign
        Slugs of the innocent explanations that are tested on its groups.
    provisions
        Candidate provisions, as citations (DOMAIN §6.3).
    clears
        In words (Chinese), what would clear the group.
    records
        In words (Chinese), which records to ask for.
    params
        Frozen dataclass of parameters, the unit in each name.
    detect
        ``detect(tables, params)``: pure and relational; returns ``EVIDENCE_SCHEMA`` plus measures ``m_*``.
    steps
        ``(name, step)`` in order, as linkers have them: ``step(tables, params)`` is computed once, kept, and stands in
        ``tables`` under its name for what comes after. For what is read twice or dear; a step that several files
        import from one place is computed for the first, so it must read no parameter.
    parts
        ``parts(group, params)``, when grouping by hub: the sets of people into which those of one hub fall, where they
        have nothing to do with each other but the hub; fewer than two leave the group whole. Each set is judged with
        those who are in none of them.
    confirm
        ``confirm(group, params)``: exact tails and permutation tests on one collected group; ``None`` if not met.
    sentences
        Key → sentence template in Chinese, for every ``Anomaly.name`` and ``shows`` the typology uses.
    subject_type
        Entity type of the core members.
    needs_clock
        Whether dates without a time of day are not enough.
    instead_of_clock
        Tables and columns any one of which will do where there is no time of day.
    sealed
        Whether it is about fund staff. It runs in the sealed pass, after the open leads are complete, and may read what
        :mod:`gangfinder.model.sealing` lists and :data:`SEALED_RELATIONS`; its leads stand in ``OUT/sealed`` alone. Its
        subjects are ``staff`` (named: see :func:`gangfinder.scoring.ranking.admission`) or ``office`` (a process; the
        ids of staff in such a lead are tokens).
    """

    code: str
    slug: str
    title: str
    grade: Grade
    requires: Requirements
    detect: Callable[[Tables, Any], ir.Table]
    confirm: Callable[[Group, Any], Verdict | None]
    benign: tuple[str, ...]
    provisions: tuple[str, ...]
    clears: tuple[str, ...]
    records: tuple[str, ...]
    sentences: Mapping[str, str]
    params: Any
    grouping: Literal["hub", "links"] = "hub"
    links: tuple[str, ...] = ()
    supports: tuple[str, ...] = ()
    optional: Requirements = field(default_factory=dict)
    one_of: Requirements = field(default_factory=dict)
    without: str = ""
    uses: frozenset[str] = frozenset()
    minimum_subjects: int = 5
    subject_type: str = "patient"
    needs_clock: bool = False
    instead_of_clock: Requirements = field(default_factory=dict)
    steps: tuple[tuple[str, Callable[[Tables, Any], ir.Table]], ...] = ()
    parts: Callable[[Group, Any], Sequence[Collection[str]]] | None = None
    sealed: bool = False

    def __post_init__(self) -> None:
        """Refuse a declaration that cannot be right.

        Raises
        ------
        ContractError
            If a code, table, column, relation or grouping is impossible.
        """
        if not re.fullmatch(r"T\d\d", self.code):
            msg = f"typology '{self.slug}': code '{self.code}' is not T and two digits"
            raise ContractError(msg)
        unknown = self.uses - DERIVED - SEALED_RELATIONS
        if unknown:
            msg = f"typology '{self.slug}' uses unknown relations {sorted(unknown)}"
            raise ContractError(msg)
        if not self.sealed and self._about_staff():
            msg = f"typology '{self.slug}' reads or names fund staff, and is not declared sealed"
            raise ContractError(msg, hint="declare sealed=True; its leads then stand in OUT/sealed alone")
        if (self.grouping == "links") != bool(self.links):
            msg = f"typology '{self.slug}': link kinds go with grouping 'links', and only with it"
            raise ContractError(msg)
        if self.parts is not None and self.grouping != "hub":
            msg = f"typology '{self.slug}': communities are parts already; 'parts' goes with grouping 'hub'"
            raise ContractError(msg)
        check_requirements(self.slug, self.requires)
        check_requirements(self.slug, self.optional)
        check_requirements(self.slug, self.instead_of_clock)
        check_requirements(self.slug, self.one_of)

    def _about_staff(self) -> bool:
        read = reads_sealed(self.requires, self.optional, self.instead_of_clock)
        return read or bool(self.uses & SEALED_RELATIONS) or self.subject_type in SEALED_ENTITIES


def check_requirements(slug: str, requirements: Requirements) -> None:
    """Refuse requirements on tables or columns that do not exist.

    Raises
    ------
    ContractError
        If a table or column is not canonical.
    """
    for table, columns in requirements.items():
        if table not in TABLES:
            msg = f"'{slug}' requires unknown table '{table}'"
            raise ContractError(msg)
        unknown = set(columns) - set(TABLES[table].names)
        if unknown:
            msg = f"'{slug}' requires unknown columns {sorted(unknown)} of '{table}'"
            raise ContractError(msg)
