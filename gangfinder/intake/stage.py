"""One part of a table → typed rows with their faults, in one SQL statement.

Faults are bits: ``_bad`` for what quarantines the row, ``_note`` for what only costs an optional value. Clean
rows carry two zeros, so the bookkeeping costs next to nothing; faulty rows alone keep their source as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from gangfinder.intake import casts
from gangfinder.intake.casts import named, quoted
from gangfinder.intake.profile import Match
from gangfinder.intake.scope import WITHHELD, Scope
from gangfinder.intake.sources import Relation
from gangfinder.model.tables import INPATIENT_VISIT_TYPES, Column, Kind, TableSpec

OPEN_ENDED = frozenset({"valid_to", "active_to", "suspended_to"})
"""Optional end dates where a year from 2099 on means "no end" and becomes null."""

HELPERS = ("_bad", "_note", "_void", "_raw")
"""Columns of the staged table that are dropped when the table is finished."""

_STRINGS = (Kind.ID, Kind.CODE, Kind.TEXT)
_IDENTIFIERS = (Kind.ID, Kind.CODE)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that can be wrong with a column; its position in the list is its bit."""

    column: str
    reason: str

    @property
    def code(self) -> str:
        """Return the stable name used in reports, for example ``missing:patient_id``."""
        return f"{self.reason}:{self.column}"


def _reasons(column: Column) -> list[str]:
    reasons = ["missing"] if column.required else []
    if column.kind is Kind.ID:
        reasons.append("exponent_form")
    if column.kind not in _STRINGS:
        reasons.append("unreadable")
    if column.kind in (Kind.INSTANT, Kind.DATE):
        reasons.append("date_out_of_range")
        if column.name in OPEN_ENDED:
            reasons.append("open_end")
    if column.kind is Kind.MONEY:
        reasons.append("amount_out_of_range")
    return reasons


def faults(spec: TableSpec, *, required: bool) -> tuple[Fault, ...]:
    """Return all faults of the required, or of the optional, columns of a table."""
    return tuple(Fault(c.name, r) for c in spec.columns if c.required is required for r in _reasons(c))


def create_sql(spec: TableSpec, columns: Mapping[str, Column]) -> str:
    """Return the statement that creates the staged table with the columns the input has."""
    body = ", ".join(f"{named(c.name)} {casts.PHYSICAL[c.kind]}" for c in columns.values())
    return (
        f"CREATE OR REPLACE TABLE main.{named(spec.name)} "
        f"({body}, _bad BIGINT, _note BIGINT, _void BOOLEAN, _raw VARCHAR)"
    )


@dataclass(frozen=True, slots=True)
class _Source:
    """The source columns of one canonical column as they stand in the innermost query."""

    names: tuple[str, ...]
    types: tuple[str, ...]


class PartQuery:
    """The statement that reads one part.

    Parameters
    ----------
    spec
        The canonical table.
    relation
        The part.
    match
        Which source column feeds which canonical column.
    amount_limit
        Amounts beyond this many yuan, of either sign, are no amounts.
    scope
        Which rows are read, and what a faulty one keeps of its source.
    """

    def __init__(
        self, spec: TableSpec, relation: Relation, match: Match, amount_limit: Decimal, scope: Scope = Scope.ALL
    ) -> None:
        self._spec, self._relation, self._match, self._limit = spec, relation, match, amount_limit
        self._scope = scope
        void = tuple(h for h in relation.columns if match.mapping and h.strip().lower() in match.mapping.void)
        headers = dict.fromkeys(h for names in match.sources.values() for h in names)
        self._aliases = {h: f"s{n}" for n, h in enumerate([*headers, *(v for v in void if v not in headers)])}
        self._void = void
        constants = match.mapping.constants if match.mapping else {}
        self._constants = {c: v for c, v in constants.items() if c not in match.sources}

    @property
    def columns(self) -> tuple[str, ...]:
        """Canonical columns this part supplies, in canonical order."""
        return tuple(n for n in self._spec.names if n in self._match.sources or n in self._constants)

    def sql(self) -> str:
        """Return the query whose columns are `columns` and then `HELPERS`."""
        present = [self._spec.column(name) for name in self.columns]
        carried = ", ".join(self._aliases.values())
        clean = ", ".join(f"{self._clean(c)} AS {named('r_' + c.name)}" for c in present)
        typed = ", ".join(
            f"{casts.typed(c.kind, self._conditional(c.name), self._type(c))} AS {named('t_' + c.name)}"
            for c in present
        )
        final = ", ".join(f"{self._final(c)} AS {named(c.name)}" for c in present)
        names = ", ".join(named(c.name) for c in present)
        return f"""
            SELECT {names}, _bad, _note, _void, CASE WHEN _bad <> 0 THEN {self._raw()} END AS _raw FROM (
                SELECT {final}, {self._mask(required=True)} AS _bad, {self._mask(required=False)} AS _note,
                       _void, {carried}
                FROM (SELECT *, {typed} FROM (SELECT {carried}, {clean}, {self._void_sql()} AS _void FROM (
                    SELECT {self._innermost()} FROM {self._relation.sql}))))
            WHERE {self._scope.rows(self._spec.name)}"""

    def _innermost(self) -> str:
        return ", ".join(f"{named(self._relation.columns[h])} AS {a}" for h, a in self._aliases.items())

    def _source(self, column: str) -> _Source:
        headers = self._match.sources.get(column, ())
        return _Source(
            tuple(self._aliases[h] for h in headers), tuple(self._relation.types[h] for h in headers)
        )

    def _native(self, column: Column) -> bool:
        source = self._source(column.name)
        has_values = bool(self._match.mapping and column.name in self._match.mapping.values)
        return len(source.names) == 1 and not has_values and casts.keeps_native(column.kind, source.types[0])

    def _type(self, column: Column) -> str:
        return self._source(column.name).types[0] if self._native(column) else "VARCHAR"

    def _clean(self, column: Column) -> str:
        if column.name in self._constants:
            return quoted(self._constants[column.name])
        source = self._source(column.name)
        if self._native(column):
            return source.names[0]
        identifier = column.kind in _IDENTIFIERS
        texts = [
            casts.text(n, t, identifier=identifier) for n, t in zip(source.names, source.types, strict=True)
        ]
        value = texts[0] if len(texts) == 1 else f"coalesce({', '.join(texts)})"
        codes = self._match.mapping.values.get(column.name, {}) if self._match.mapping else {}
        cases = " ".join(f"WHEN {quoted(a)} THEN {quoted(b)}" for a, b in codes.items())
        return f"CASE {value} {cases} ELSE {value} END" if cases else value

    def _conditional(self, column: str) -> str:
        """Return the clean value, restricted to the rows for which the profile means it."""
        value = named("r_" + column)
        wanted = self._match.mapping.only_for.get(column) if self._match.mapping else None
        if wanted is None or column not in self._match.sources or self._is_canonical(column):
            return value
        stay = "FALSE"
        if "visit_type" in self.columns:
            codes = ", ".join(quoted(code) for code in sorted(INPATIENT_VISIT_TYPES))
            stay = f"coalesce(r_visit_type IN ({codes}), FALSE)"
        refund = "FALSE"
        if "fund_amount" in self.columns:
            refund = "coalesce(TRY_CAST(CAST(r_fund_amount AS VARCHAR) AS DOUBLE) < 0, FALSE)"
        condition = {"inpatient": stay, "outpatient": f"NOT {stay}", "charge": f"NOT {refund}"}[wanted]
        return f"(CASE WHEN {condition} THEN {value} END)"

    def _is_canonical(self, column: str) -> bool:
        return tuple(h.strip().lower() for h in self._match.sources[column]) == (column,)

    def _in_range(self, column: Column) -> str | None:
        value = named("t_" + column.name)
        if column.kind in (Kind.INSTANT, Kind.DATE):
            return (
                f"({value} >= DATE {quoted(casts.FIRST_DAY)} "
                f"AND {value} < DATE {quoted(casts.LAST_DAY)} + INTERVAL 1 DAY)"
            )
        if column.kind is Kind.MONEY:
            return f"(abs({value}) <= {self._limit})"
        return None

    def _final(self, column: Column) -> str:
        in_range = self._in_range(column)
        value = named("t_" + column.name)
        return value if in_range is None else f"CASE WHEN {in_range} THEN {value} END"

    def _condition(self, column: Column, reason: str) -> str:
        """Return the test for one fault of one column that this part supplies."""
        clean, typed = self._conditional(column.name), named("t_" + column.name)
        source = self._source(column.name)
        lost = [
            casts.exponent_form(n) for n, t in zip(source.names, source.types, strict=True) if t == "VARCHAR"
        ]
        exponent = (
            f"CASE WHEN {clean} IS NULL THEN coalesce({' OR '.join(lost)}, FALSE) ELSE FALSE END"
            if lost
            else "FALSE"
        )
        if reason == "missing":
            return f"({clean} IS NULL AND NOT {exponent})" if column.kind is Kind.ID else f"{clean} IS NULL"
        if reason == "exponent_form":
            return exponent
        if reason == "unreadable":
            return f"({clean} IS NOT NULL AND {typed} IS NULL)"
        outside = f"coalesce(NOT {self._in_range(column)}, FALSE)"
        if column.name in OPEN_ENDED and not column.required:
            late = f"coalesce({typed} > DATE {quoted(casts.LAST_DAY)}, FALSE)"
            return late if reason == "open_end" else f"({outside} AND NOT {late})"
        return outside

    def _mask(self, *, required: bool) -> str:
        supplied = set(self.columns)
        terms = [
            f"CASE WHEN {self._condition(self._spec.column(f.column), f.reason)} THEN {1 << bit} ELSE 0 END"
            for bit, f in enumerate(faults(self._spec, required=required))
            if f.column in supplied
        ]
        return f"CAST({' + '.join(terms) or '0'} AS BIGINT)"

    def _void_sql(self) -> str:
        if not self._void or self._match.mapping is None:
            return "FALSE"
        tests = []
        for header in self._void:
            values = ", ".join(quoted(v) for v in self._match.mapping.void[header.strip().lower()])
            clean = casts.text(self._aliases[header], self._relation.types[header], identifier=True)
            tests.append(f"coalesce({clean} IN ({values}), FALSE)")
        return " OR ".join(tests)

    def _raw(self) -> str:
        """Return the mapped source columns under their own names as JSON, but for what this reading withholds."""
        withheld = {h for c in self._scope.withholds(self._spec.name) for h in self._match.sources.get(c, ())}
        fields = ", ".join(
            f"{named(h)} := {quoted(WITHHELD) if h in withheld else a}" for h, a in self._aliases.items()
        )
        return f"CAST(to_json(struct_pack({fields})) AS VARCHAR)"
