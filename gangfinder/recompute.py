"""Compute every tail of a lead again, from the input tables and the lead's evidence rows.

Nothing that the run wrote of its groups is trusted but the names of the core. The null (calendars, desks and amounts of
the houses concerned, other users of a hub, totals of the run) is counted anew in the input; the observed side is what
the core did according to the input, less every row that the evidence file no longer holds; the tail is the typology's
own exact one.
"""

from __future__ import annotations

import csv
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gangfinder.errors import LeadError
from gangfinder.export.cells import neutral
from gangfinder.export.projection import instant
from gangfinder.leads.narrative import Narrative
from gangfinder.leads.printed import PrintedAnomaly, PrintedFinding
from gangfinder.leads.reading import find_narrative, read_narratives, run_folder
from gangfinder.model.evidence import Anomaly, EvidenceRow
from gangfinder.model.group import Group, Verdict
from gangfinder.pipeline import Plugins, Prepared, canonical_tables, prepare
from gangfinder.run import Stages
from gangfinder.scoring.grouping import RingSettings, group_up
from gangfinder.scoring.judging import finding_of, judge_groups
from gangfinder.scoring.stamp import less
from gangfinder.settings import Settings
from gangfinder.typologies.contract import Typology

if TYPE_CHECKING:
    from gangfinder.engine import Engine

TOLERANCE = 1e-9
"""Largest relative difference between a stored tail and the recomputed one."""

Row = tuple[str, str, str, Decimal, str]
"""An evidence row as compared: table, key, instant, yuan, grade."""


@dataclass(frozen=True, slots=True)
class Recomputed:
    """One printed tail and what the data say of it.

    Parameters
    ----------
    finding_id, anomaly
        Which tail.
    printed, recomputed
        log10 of the tail before correction, as stored and as recomputed; ``None`` where the rows left no longer make
        the anomaly.
    printed_tests, recomputed_tests
        Number of tests it is corrected for.
    rows_differ
        Evidence rows of the finding that are in the file or in the data, but not the same in both.
    """

    finding_id: str
    anomaly: str
    printed: float
    recomputed: float | None
    printed_tests: int
    recomputed_tests: int | None
    rows_differ: int

    @property
    def agrees(self) -> bool:
        """Whether tail, number of tests and evidence rows are those of the data."""
        if self.recomputed is None or self.rows_differ or self.printed_tests != self.recomputed_tests:
            return False
        return math.isclose(self.printed, self.recomputed, rel_tol=TOLERANCE, abs_tol=1e-12)


def recompute(
    source: Path | str,
    out: Path,
    lead_id: str,
    settings: Settings | None = None,
    *,
    profile: Path | None = None,
    stages: Stages | None = None,
) -> list[Recomputed]:
    """Compute every tail of a lead again.

    Parameters
    ----------
    source
        The input of the run.
    out
        Result folder or a run folder.
    lead_id
        A lead id, a prefix of one, or a rank.
    settings
        Settings of the run; default: those in its ``run.json``.
    profile
        Mapping profile of the run, if it had one.
    stages
        Recorder of the stages; default: a silent one.

    Returns
    -------
    list of Recomputed
        Findings in the order of their typologies, anomalies in the order in which they are printed.

    Raises
    ------
    LeadError
        If there is no such run or lead, or the run kept no numbers.
    """
    folder = run_folder(out)
    lead = find_narrative(folder, lead_id)
    return _again(source, folder, [lead], settings, profile, stages)[lead.lead_id]


def recompute_all(
    source: Path | str,
    out: Path,
    settings: Settings | None = None,
    *,
    profile: Path | None = None,
    stages: Stages | None = None,
) -> dict[str, list[Recomputed]]:
    """Compute every tail of every lead of a run again, reading the input once.

    Parameters are those of :func:`recompute`.

    Returns
    -------
    dict
        Lead id → what :func:`recompute` returns, by rank.

    Raises
    ------
    LeadError
        If there is no such run, or it kept no numbers.
    """
    folder = run_folder(out)
    return _again(source, folder, read_narratives(folder), settings, profile, stages)


def _again(
    source: Path | str,
    folder: Path,
    leads: Sequence[Narrative],
    settings: Settings | None,
    profile: Path | None,
    stages: Stages | None,
) -> dict[str, list[Recomputed]]:
    for lead in leads:
        if not lead.findings:
            msg = f"the run keeps no numbers of lead {lead.lead_id}"
            raise LeadError(msg, hint="it was made by an older version: run gangfinder run again")
    settings, stages = settings or run_settings(folder), stages or Stages(quiet=True)
    cited = _cited(folder / "evidence.csv")
    every, wanted = Plugins.tuned(settings), {f.typology for lead in leads for f in lead.findings}
    plugins = replace(every, typologies={s: t for s, t in every.typologies.items() if t.code in wanted})
    with canonical_tables(source, settings, "duckdb", profile, None, stages) as (work, tables, _):
        ready = prepare(work, tables, stages, plugins)
        with stages("recomputing"):
            drawn = _Drawn(plugins, ready, _groups(work, ready, settings))
            return {lead.lead_id: _lead(drawn, lead, cited.get(lead.lead_id, {})) for lead in leads}


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Groups drawn anew from the input, and what it takes to judge them."""

    plugins: Plugins
    ready: Prepared
    groups: Mapping[str, list[Group]]

    def possible(self, finding: PrintedFinding) -> Iterator[tuple[Typology, Group]]:
        """Yield the groups of which a finding can be, nearest first.

        People in step are what they are without anybody else: their core alone comes first. A hub's null is about all
        who use it, and so is, where a core was cut out of a community, that of its ties: what the explanations leave.
        """
        core = set(finding.core)
        for typology in self.plugins.typologies.values():
            if typology.code != finding.typology:
                continue
            around = [g for g in self.groups.get(typology.slug, ()) if core <= set(g.members)]
            if typology.links:
                yield from ((typology, g.without(set(g.members) - core)) for g in around)
            explanations, available = self.plugins.explanations, self.ready.available
            yield from ((typology, j.group) for j in judge_groups(typology, around, explanations, available))


def _groups(work: Engine, ready: Prepared, settings: Settings) -> Mapping[str, list[Group]]:
    return group_up(
        work, ready.detected, ready.linked, ready.derived["visits"], ready.applied,
        settings.tuned("rings", RingSettings()), ready.windows, seed=settings.seed, clock=ready.clock,
    ).groups


@dataclass(frozen=True, slots=True)
class _Fit:
    """A printed finding, the group that it is of, and what the typology says of that group."""

    finding: PrintedFinding
    typology: Typology
    group: Group
    verdict: Verdict

    @property
    def rows(self) -> frozenset[EvidenceRow]:
        """The evidence rows that the input bears out."""
        return frozenset(finding_of(self.typology, self.group, self.verdict).evidence)

    def agreeing(self) -> int:
        """Return how many of the printed tails the group has."""
        return sum(r.agrees for r in _compared(self.finding, self.verdict, 0))

    def observed(self, lost: frozenset[tuple[str, str]]) -> Verdict | None:
        """Judge the group again without the evidence rows that the file lacks."""
        kept = less(self.group, lost)
        if not len(kept.rows) or kept.n_units() < self.typology.minimum_subjects:
            return None
        return self.typology.confirm(kept, self.typology.params)


def _lead(drawn: _Drawn, lead: Narrative, cited: Mapping[str, Counter[Row]]) -> list[Recomputed]:
    made: list[Recomputed] = []
    for name, findings in groupby(lead.findings, key=lambda f: f.finding_id):
        made += _findings(drawn, list(findings), cited.get(name, Counter()))
    return made


def _findings(drawn: _Drawn, findings: Sequence[PrintedFinding], cited: Counter[Row]) -> list[Recomputed]:
    """Compare findings of one id, whose rows the file does not keep apart."""
    fits = [_fit(drawn, finding) for finding in findings]
    seen = frozenset(row for fit in fits if fit is not None for row in fit.rows)
    held = Counter(_row(row) for row in seen)
    differ = sum(((held - cited) + (cited - held)).values())
    kept = {(table, key) for table, key, *_ in cited}
    keys = frozenset((row.source_table, row.source_key) for row in seen)
    lost = frozenset((table, key) for table, key in keys if (table, neutral(key)) not in kept)
    made: list[Recomputed] = []
    for finding, fit in zip(findings, fits, strict=True):
        verdict = None if fit is None else fit.observed(lost) if lost else fit.verdict
        made += _compared(finding, verdict, differ)
    return made


def _fit(drawn: _Drawn, finding: PrintedFinding) -> _Fit | None:
    """Return the group that agrees best with what was printed, the first of several."""
    best: _Fit | None = None
    for typology, group in drawn.possible(finding):
        verdict = typology.confirm(group, typology.params)
        if verdict is None:
            continue
        fit = _Fit(finding, typology, group, verdict)
        if best is None or fit.agreeing() > best.agreeing():
            best = fit
        if best.agreeing() == len(finding.anomalies):
            break
    return best


def run_settings(folder: Path) -> Settings:
    """Return the settings of a finished run, from its ``run.json``.

    Raises
    ------
    LeadError
        If the file cannot be read.
    """
    try:
        plain: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))["settings"]
        key = plain.pop("key_file")
        amount = Decimal(plain.pop("minimum_amount"))
        return Settings(**plain, minimum_amount=amount, key_file=Path(key) if key else None)
    except (OSError, ValueError, KeyError, TypeError) as error:
        msg = "run.json of that run cannot be read"
        raise LeadError(msg, hint="give the settings of the run, or run gangfinder run again") from error


def _cited(file: Path) -> dict[str, dict[str, Counter[Row]]]:
    """Return the evidence rows as the file has them, by lead and finding."""
    found: dict[str, dict[str, Counter[Row]]] = {}
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            for r in csv.DictReader(lines):
                row = (r["source_table"], r["source_key"], r["event_at"], Decimal(r["amount"]), r["grade"])
                found.setdefault(r["lead_id"], {}).setdefault(r["finding_id"], Counter())[row] += 1
    except (OSError, ArithmeticError, KeyError, ValueError) as error:
        msg = "evidence.csv of that run cannot be read"
        raise LeadError(msg, hint="check its permissions, or run gangfinder run again") from error
    return found


def _row(one: EvidenceRow) -> Row:
    at, amount = instant(one.event_at), one.amount.quantize(Decimal("0.01"))
    return one.source_table, neutral(one.source_key), at, amount, one.grade.value


def _compared(finding: PrintedFinding, verdict: Verdict | None, differ: int) -> Iterator[Recomputed]:
    found = {} if verdict is None else _numbered(verdict.anomalies)
    for key, was in _numbered(finding.anomalies).items():
        now = found.get(key)
        tail = None if now is None else now.log10_p
        tests = None if now is None else now.n_tests
        yield Recomputed(finding.finding_id, was.name, was.log10_p, tail, was.n_tests, tests, differ)


def _numbered(anomalies: Iterable[Anomaly] | Iterable[PrintedAnomaly]) -> dict[tuple[str, int], Any]:
    """Return anomalies by name and place among those of one name."""
    found: dict[tuple[str, int], Any] = {}
    for one in anomalies:
        found[(one.name, sum(name == one.name for name, _ in found))] = one
    return found


__all__ = ["Recomputed", "recompute", "recompute_all", "run_settings"]
