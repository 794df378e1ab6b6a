"""Innocent explanations applied: rows, units and hubs over the whole population, judgements on one group.

Order of use (pipeline): :func:`explained_rows` before links are counted, :func:`units` before links are kept,
:func:`hubs` before hub groups are formed, :func:`judge_group` before a typology confirms a group, and
:func:`judgements_for_core` on every lead, so that each explanation a typology names is printed with its result.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gangfinder.benign._merging import merged_units
from gangfinder.errors import ContractError
from gangfinder.linking.projection import Skipped, missing, project, staged
from gangfinder.model.evidence import Judgement, Result

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

    from gangfinder.benign.contract import Explanation
    from gangfinder.engine import Engine
    from gangfinder.model.group import Group

Tables = Mapping[str, "ir.Table"]
Available = Mapping[str, frozenset[str]]

ROW_COLUMNS = ("source_table", "source_key", "explanation")
HUB_COLUMNS = ("hub_type", "hub_id", "explanation")


def lacking(explanation: Explanation, available: Available) -> str | None:
    """Say which data an explanation lacks, in words for the lead (``patients.household_id、ties``), or ``None``.

    Notes
    -----
    Beyond what is required, an explanation that reads no derived relation needs at least one of its optional tables
    with one of its optional columns; the settlements, which everybody has, count only where they are the only one.
    """
    gone = [
        f"{table}.{column}" if table in available else table
        for table, columns in sorted(explanation.requires.items())
        for column in (sorted(set(columns) - available.get(table, frozenset())) if table in available else [""])
    ]
    if gone:
        return "、".join(dict.fromkeys(gone))
    if explanation.uses or explanation.requires or _some(explanation, available):
        return None
    return "、".join(
        f"{table}.{column}" if column else table
        for table, columns in sorted(explanation.optional.items())
        for column in (sorted(columns) or [""])
    ) or None


def _some(explanation: Explanation, available: Available) -> bool:
    if not explanation.optional:
        return True
    own = {t: c for t, c in explanation.optional.items() if t != "settlements"} or explanation.optional
    return any(
        bool(set(columns) & available.get(table, frozenset())) or (not columns and table in available)
        for table, columns in own.items()
    )


def skipped(explanations: Iterable[Explanation], available: Available) -> tuple[Skipped, ...]:
    """Return the explanations whose population part cannot be tested on this input, with the reason."""
    reasons = ((e.slug, missing(e, available) or _english(lacking(e, available))) for e in explanations)
    return tuple(Skipped(slug, reason) for slug, reason in reasons if reason)


def _english(gone: str | None) -> str | None:
    return f"needs one of {gone.replace('、', ', ')}, all absent or empty" if gone else None


def explained_rows(
    explanations: Iterable[Explanation], canonical: Tables, derived: Tables, available: Available,
    engine: Engine | None = None,
) -> ir.Table:
    """Return the input rows that are explained by themselves: source_table, source_key, explanation.

    Parameters
    ----------
    explanations
        All explanations; those without ``rows`` and those that cannot be tested say nothing.
    canonical, derived
        Tables by name; ``visits`` and ``stays`` are derived.
    available
        Table → columns with at least one value.
    engine
        Where steps are kept; ``None``: nowhere.

    Returns
    -------
    ir.Table
        Distinct; a visit's key is its settlement id, a stay's that of its first bill (as in ``stays``).
    """
    tested = [e for e in explanations if e.rows and lacking(e, available) is None]
    own = {e.slug: staged(engine, e, project(e, canonical, derived)) for e in tested}
    parts = [_named(e, e.rows(own[e.slug], e.params), ROW_COLUMNS) for e in tested if e.rows]
    return _union(parts, ROW_COLUMNS, canonical)


def hubs(
    explanations: Iterable[Explanation], canonical: Tables, derived: Tables, available: Available,
    engine: Engine | None = None,
) -> ir.Table:
    """Return the hubs that bind people innocently: hub_type, hub_id, explanation; see :func:`explained_rows`.

    ``hub_type`` is an entity type: ``phone`` and ``agent`` (identity number) of agents, ``bank_account``, ``terminal``,
    ``operator``.
    """
    tested = [e for e in explanations if e.hubs and lacking(e, available) is None]
    own = {e.slug: staged(engine, e, project(e, canonical, derived)) for e in tested}
    parts = [_named(e, e.hubs(own[e.slug], e.params), HUB_COLUMNS) for e in tested if e.hubs]
    return _union(parts, HUB_COLUMNS, canonical)


def units(
    engine: Engine, explanations: Iterable[Explanation], canonical: Tables, derived: Tables, available: Available
) -> pa.Table:
    """Return who counts as one: patient_id, unit_id, explanation, sorted by patient; people on their own are absent.

    Notes
    -----
    Units that share a person are merged (connected components on the driver), except those larger than a family: a care
    home is a unit of its own and does not draw the residents' families into it.
    """
    import pyarrow as pa

    tested = [e for e in explanations if e.units and lacking(e, available) is None]
    columns = ("patient_id", "unit_id", "explanation")
    parts = [
        _named(e, e.units(staged(engine, e, project(e, canonical, derived)), e.params), columns)
        for e in tested if e.units
    ]
    if not parts:
        return pa.table({name: pa.array([], pa.string()) for name in columns})
    rows = _union(parts, columns, canonical)
    # kept, because it is read twice and every explanation's expression is in it
    rows = engine.keep("unit_rows", rows.filter(rows.patient_id.notnull() & rows.unit_id.notnull()))
    size = rows.group_by("unit_id").aggregate(n=rows.patient_id.nunique())
    # nine in ten people of a town stand in some unit: fetch only those that hold at least two
    return merged_units(engine.fetch(rows.semi_join(size.filter(size.n > 1), "unit_id")))


def _named(explanation: Explanation, found: ir.Table, columns: tuple[str, ...]) -> ir.Table:
    import ibis

    gone = set(columns) - {"explanation"} - set(found.columns)
    if gone:
        msg = f"benign explanation '{explanation.slug}' returns no column {sorted(gone)}"
        raise ContractError(msg, hint=f"return {', '.join(columns[:-1])}")
    return found.mutate(explanation=ibis.literal(explanation.slug)).select(*columns)


def _union(parts: list[ir.Table], columns: tuple[str, ...], canonical: Tables) -> ir.Table:
    import ibis

    if not parts:
        base = canonical["settlements"].filter(ibis.literal(value=False))
        return base.select(**{c: ibis.null().cast("string") for c in columns})
    return (parts[0].union(*parts[1:], distinct=False) if len(parts) > 1 else parts[0]).distinct()


def rows_taken(explained: ir.Table, visits: ir.Table, stays: ir.Table) -> ir.Table:
    """Return how many rows each explanation took out of each person: explanation, patient_id, n_rows.

    Parameters
    ----------
    explained
        What :func:`explained_rows` returns (kept by the engine).
    visits, stays
        Before anything was taken out.
    """
    own = explained.filter(explained.source_table == "settlements")
    owner = visits.select("settlement_id", "patient_id").union(
        stays.select("settlement_id", "patient_id"), distinct=False
    )
    joined = own.inner_join(owner, own.source_key == owner.settlement_id)
    return joined.group_by("explanation", "patient_id").aggregate(n_rows=joined.count())


def judge_group(
    explanations: Mapping[str, Explanation], slugs: Iterable[str], group: Group, available: Available
) -> tuple[Group, dict[str, Judgement]]:
    """Let the named explanations judge a group one after another: whoever is covered leaves, the rest is judged again.

    Parameters
    ----------
    explanations
        All, by slug.
    slugs
        Those the typology names.
    group
        The group.
    available
        Table → columns with at least one value.

    Returns
    -------
    The residual group (without members when one explanation holds) and the judgements by slug.

    Notes
    -----
    An explanation with ``units`` judges a group only where its units could not be formed for want of data: without a
    register of households a group no larger than a family may be one.
    """
    judged: dict[str, Judgement] = {}
    for slug in sorted(slugs):
        explanation = explanations[slug]
        if explanation.judge is None or (explanation.units and lacking(explanation, available) is None):
            continue
        if not group.members:
            break
        judgement = explanation.judge(group, explanation.params)
        judged[slug] = judgement
        group = group.without(group.members if judgement.result is Result.HOLDS else judgement.covered)
    return group, judged


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the population-wide explanations say of a ring's core.

    Parameters
    ----------
    units
        Patient → (unit id, explanation), of the core.
    rows
        Explanation → patient → rows taken out, of the core.
    hubs
        (hub_type, hub_id) → explanation, of the hubs that bind the core.
    n_rows
        Evidence rows that the core still has.
    """

    units: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    rows: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    hubs: Mapping[tuple[str, str], str] = field(default_factory=dict)
    n_rows: int = 0


def judgements_for_core(
    explanations: Mapping[str, Explanation], slugs: Iterable[str], core: tuple[str, ...], coverage: Coverage,
    judged: Mapping[str, Judgement], available: Available,
) -> tuple[Judgement, ...]:
    """Return one judgement for every explanation named, in name order.

    Parameters
    ----------
    explanations
        All, by slug.
    slugs
        Those the typologies of the ring name.
    core
        Core members of the ring.
    coverage
        What rows, units and hubs say of them.
    judged
        Results of :func:`judge_group` on the ring's groups, by slug.
    available
        Table → columns with at least one value.
    """
    return tuple(_one(explanations[s], core, coverage, judged.get(s), available) for s in sorted(set(slugs)))


def _one(
    explanation: Explanation, core: tuple[str, ...], coverage: Coverage, judged: Judgement | None, available: Available
) -> Judgement:
    slug = explanation.slug
    gone = lacking(explanation, available)
    if gone is not None and (judged is None or judged.result is Result.FAILS):
        # what the group's own conduct says of it is told, where a judge looked
        reason, more = (judged.reason, judged.detail) if judged is not None else ("untestable", {})
        return Judgement(slug, Result.UNTESTABLE, (), reason, {**more, "missing": gone, "n_core": len(core)})
    held = {h for h, e in coverage.hubs.items() if e == slug}
    taken = {p: n for p, n in coverage.rows.get(slug, {}).items() if p in set(core)}
    together = _together(slug, core, coverage)
    covered = tuple(sorted(set(taken) | set(together)))
    if judged is not None and not covered and not held:
        return judged
    if judged is not None:
        covered = tuple(sorted(set(covered) | set(judged.covered)))
    detail: dict[str, str | int | float] = {
        **(judged.detail if judged else {}), "n_core": len(core), "n_covered": len(covered),
        "n_rows": sum(taken.values()),
        "n_units": len({coverage.units.get(p, (p, ""))[0] for p in core}), "n_hubs_covered": len(held),
    }
    if held and len(held) == len(coverage.hubs):
        return Judgement(slug, Result.HOLDS, core, "holds", detail)
    # whom a judge took out is no longer in the core: he does not help to clear it
    whole = set(core) <= set(covered) and (detail["n_units"] == 1 if together else not coverage.n_rows)
    if covered and whole:
        return Judgement(slug, Result.HOLDS, covered, "holds", detail)
    if covered or held:
        return Judgement(slug, Result.PARTLY, covered, "partly", detail)
    return Judgement(slug, Result.FAILS, (), "fails", detail)


def _together(slug: str, core: tuple[str, ...], coverage: Coverage) -> list[str]:
    """Return the core members who share a unit of this explanation with another core member."""
    own: dict[str, list[str]] = {}
    for person in core:
        unit, names = coverage.units.get(person, ("", ""))
        if slug in names.split("+"):
            own.setdefault(unit, []).append(person)
    return [p for people in own.values() if len(people) > 1 for p in people]
