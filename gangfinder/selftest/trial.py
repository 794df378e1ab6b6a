"""The self-test: a baseline on the untouched data, then one inquiry on every private copy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from gangfinder.pipeline import Plugins, canonical_tables, inquire
from gangfinder.run import Stage, Stages
from gangfinder.selftest.matching import Core, Matched, matched
from gangfinder.selftest.planting import SIZES, Planted, cast, copies, plant
from gangfinder.selftest.report import CopyShare, SelfTest, SizeResult, StyleResult
from gangfinder.selftest.sample import Sample, draw
from gangfinder.selftest.styles import STYLES, Style

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from gangfinder.engine import Engine
    from gangfinder.settings import Settings

RINGS = 2
"""Rings of each style and size, unless asked otherwise."""

_UNSTAMPED = {"deleted_shares": (), "draws": 0, "neighbours": 0, "other_seeds": 0, "bridges": 0}
"""No lead of a self-test is shown to anybody, so that none needs its robustness tried."""


def selftest(
    source: Path | str,
    settings: Settings,
    *,
    rings: int = RINGS,
    profile: Path | None = None,
    stages: Stages | None = None,
) -> SelfTest:
    """Plant rings of several styles in private copies of some data, and count which of them are seen.

    Parameters
    ----------
    source
        Folder of tables, or a ``.duckdb`` file.
    settings
        Settings of the run; the seed decides who and what is drawn.
    rings
        Rings of each style and size.
    profile
        Mapping profile for other column names.
    stages
        Recorder of the stages; default: a silent one.

    Returns
    -------
    SelfTest
        Counts alone: no lead of the real data leaves this function.

    Raises
    ------
    GangfinderError
        If the input cannot be used or the settings are wrong.

    Notes
    -----
    The copies live in the engine's memory; what spills lies in a temporary folder that only its owner can open and that
    is deleted afterwards. The real data are never written to.
    """
    stages = stages or Stages(quiet=True)
    settings = replace(settings, overrides={**settings.overrides, "stamp": _UNSTAMPED})
    plugins = Plugins.tuned(settings)
    with canonical_tables(source, settings, "duckdb", profile, None, stages) as (work, tables, _):
        with stages("untouched copy") as stage:
            before = _leads(work, tables, settings, plugins, stage)
        with stages("casting rings") as stage:
            people = len(STYLES) * sum(SIZES) * rings
            sample = draw(work, tables, settings.seed, 4 * len(STYLES) * rings, 4 * people)
            taken = frozenset(person for core in before for kind, person in core if kind == "patient")
            parts = copies(cast(sample, rings, settings.seed, taken), sample.settlements)
            stage.rows = sum(len(ring.rows) for part in parts for ring in part)
        came = []
        for number, part in enumerate(parts):
            with stages(f"copy {number + 1} of {len(parts)}") as stage:
                copy = plant(work, tables, part, number)
                leads = _leads(work, copy, settings, plugins, stage)
                came.append(matched({r.name: r.people for r in part}, leads, before))
    return _result(sample, parts, came, len(before))


def _leads(
    work: Engine, tables: Mapping[str, ir.Table], settings: Settings, plugins: Plugins, stage: Stage
) -> list[Core]:
    found = inquire(work, tables, settings, _Steps(stage), plugins).scored
    return [frozenset((s.ring.subject_type, one) for one in s.ring.core) for s in found]


class _Steps(Stages):
    """Stages of an inquiry, shown as steps of the stage in which it runs."""

    def __init__(self, outer: Stage) -> None:
        super().__init__(quiet=True)
        self._outer = outer

    @contextmanager
    def __call__(self, name: str) -> Iterator[Stage]:
        self._outer.step(name)
        with super().__call__(name) as stage:
            yield stage


def _result(
    sample: Sample, parts: Sequence[Sequence[Planted]], came: Sequence[Matched], background: int
) -> SelfTest:
    shares = []
    for part in parts:
        rows = sum(draft.table == "settlements" for ring in part for draft in ring.rows)
        shares.append(CopyShare(len(part), rows, round(rows / max(1, sample.settlements + rows), 4)))
    every = [ring for part in parts for ring in part]
    styles = tuple(_style(sample, style, every, came) for style in STYLES)
    return SelfTest(sample.settlements, tuple(shares), background, styles, sum(m.other_false for m in came))


def _style(sample: Sample, style: Style, rings: Sequence[Planted], came: Sequence[Matched]) -> StyleResult:
    reason = style.untestable(sample)
    if reason:
        return StyleResult(style.slug, style.title, reason)
    own = [r for r in rings if r.style == style.slug]
    if not own:
        return StyleResult(style.slug, style.title, "too few people or dates in the data to cast a ring")
    found = {name for m in came for name in m.found}
    sizes = tuple(
        SizeResult(size, sum(r.size == size for r in own), sum(r.size == size and r.name in found for r in own))
        for size in SIZES
    )
    false = sum(n for m in came for name, n in m.false_by_ring.items() if name in {r.name for r in own})
    return StyleResult(style.slug, style.title, "", style.notes(sample), sizes, false)
