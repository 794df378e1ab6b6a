"""Weeks of hand-made rings on one register, as runs put them into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from gangfinder.leads import build_leads
from gangfinder.leads.facts import EntityFacts
from gangfinder.leads.register.book import opened
from gangfinder.leads.register.comparing import Compared, RegisterParams, Window
from gangfinder.leads.register.deciding import Decision, decide
from gangfinder.leads.register.history import Head
from gangfinder.leads.register.opening import open_register
from gangfinder.leads.register.veil import Open, Veil
from gangfinder.model.evidence import Anomaly, EvidenceRow, Family, Finding, Grade
from gangfinder.model.lead import Ring, Score, ScoredRing, ScorePart
from gangfinder.run import InputDigest
from gangfinder.settings import Settings

from ..made import KEY, TEXTS

START = date(2025, 1, 6)


def ring(people: str, days: Sequence[int] = (0, 1, 2), *, code: str = "T01", kind: str = "patient") -> ScoredRing:
    """A ring of people named by letters, each with a row on each of some days since :data:`START`."""
    core = tuple(sorted(f"P{p}" for p in people))
    begin = datetime(START.year, START.month, START.day, 9)
    rows = tuple(
        EvidenceRow(kind, p, "H1", "settlements", f"S{p}-{d}", begin + timedelta(days=d), Decimal("10.00"), Grade.E2,
                    "session")
        for p in core for d in days
    )
    anomaly = Anomaly(Family.CALENDAR, "same_dates", -9.0, 10, {"n_core": len(core), "n_dates": 1, "n_houses": 1})
    finding = Finding(code, core, kind, Grade.E2, (anomaly,), rows)
    return ScoredRing(
        Ring(f"{code}{people}", kind, core, (finding,), ()), Score((ScorePart("surprise", 9.0, 1.0, {}),)), 1e-9,
        "two_families",
    )


@dataclass(frozen=True)
class Week:
    """What a run told."""

    compared: Compared
    head: Head
    replayed: bool

    @property
    def told(self) -> dict[str, str]:
        """Core of each listed lead as letters → status."""
        return {self._letters(lead): lead.status for lead in self.compared.leads}

    @property
    def ids(self) -> dict[str, str]:
        return {self._letters(lead): lead.lead_id for lead in self.compared.leads}

    @property
    def gone(self) -> dict[str, str]:
        return {d.lead_id: d.status for d in self.compared.departures if d.lead_id not in self.compared.silent}

    def lead(self, people: str):
        (found,) = [lead for lead in self.compared.leads if self._letters(lead) == people]
        return found

    @staticmethod
    def _letters(lead) -> str:
        return "".join(sorted(p[1:] for p in lead.scored.ring.core))


@dataclass
class Office:
    """An office that runs weekly."""

    path: Path
    n: int = 0
    n_runs: int = 0
    veil: Veil = Open()  # noqa: RUF009 - frozen

    def run(
        self, *rings: ScoredRing, until: int | None = None, since: int = 0, params: RegisterParams | None = None,
        same: bool = False, top: int = 200, settings: Settings | None = None, killed: bool = False,
    ) -> Week:
        """Run over some rings; ``same`` is the input of the last run again."""
        self.n += 0 if same else 1
        self.n_runs += 1
        settings = settings or Settings()
        window = Window(START + timedelta(days=since), START + timedelta(days=7 * self.n if until is None else until))
        with opened(self.path, KEY, self.veil) as book:
            replayed = book.face([InputDigest("settlements", 1, 0, f"input {self.n}")], settings)
            leads = build_leads(rings, EntityFacts(), settings, KEY, TEXTS)
            compared = book.compare(leads, window, params or RegisterParams(), top)
            head = book.head if killed else book.record(f"r{self.n_runs}", "2026-01-05T02:00:00")
        return Week(compared, head, replayed)

    def decide(self, wanted: str, kind: str, **parts) -> int:
        register = open_register(self.path)
        return decide(register, wanted, Decision(kind, **{"reason": "because", **parts}), "inspector", self.veil)[0]

    def dismiss(self, wanted: str, **parts) -> int:
        return self.decide(wanted, "dismiss", **parts)


def also(one: ScoredRing, other: ScoredRing) -> ScoredRing:
    """A ring on the same people with the findings of another as well."""
    return replace(one, ring=replace(one.ring, findings=(*one.ring.findings, *other.ring.findings)))
