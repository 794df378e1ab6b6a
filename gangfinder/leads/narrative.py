"""A lead in words: who, what happened when, how surprising, what was tested, what would clear it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Any

from gangfinder.leads.amounts import stake
from gangfinder.leads.catalogue import Phrase, Value
from gangfinder.leads.changes import change_lines
from gangfinder.leads.members import CORE
from gangfinder.leads.phrases import PHRASES, chance, phrase, role_title
from gangfinder.leads.printed import PrintedFinding, printed
from gangfinder.leads.robustness import nearness, robustness
from gangfinder.leads.routing import routing_lines
from gangfinder.leads.texts import Texts
from gangfinder.model.evidence import Anomaly, EvidenceRow, Family, Finding, Judgement, Result
from gangfinder.model.lead import Lead, Member

_IDS_SHOWN = 20
_DAYS_SHOWN = 8
_BRIEF_IDS, _BRIEF_DAYS = 6, 2  # a lead on the fund's own is read on one page
_OF_THE_FUND = frozenset({"staff", "official", "office"})
_COUNTED = ("patient", "institution", "doctor", "operator", "agent", "bank_account", "staff")


@dataclass(frozen=True, slots=True)
class Section:
    """A titled group of sentences."""

    title: Phrase
    lines: tuple[Phrase, ...]


@dataclass(frozen=True, slots=True)
class Narrative:
    """A lead in words, in no language yet.

    Parameters
    ----------
    lead_id, rank, status
        As in ``leads.csv``.
    headline
        One line.
    sections
        In reading order.
    findings
        The numbers behind the sentences.
    """

    lead_id: str
    rank: int
    status: str
    headline: Phrase
    sections: tuple[Section, ...]
    findings: tuple[PrintedFinding, ...] = ()

    def to_line(self) -> str:
        """Return one line of JSON from which :meth:`from_line` makes the same narrative."""
        document = {
            "lead_id": self.lead_id,
            "rank": self.rank,
            "status": self.status,
            "headline": self.headline.to_json(),
            "sections": [
                {"title": s.title.to_json(), "lines": [p.to_json() for p in s.lines]} for s in self.sections
            ],
            "findings": [f.to_json() for f in self.findings],
        }
        return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_line(cls, line: str) -> Narrative:
        """Read what :meth:`to_line` returned."""
        plain: Mapping[str, Any] = json.loads(line)
        sections = tuple(
            Section(Phrase.from_json(s["title"]), tuple(Phrase.from_json(p) for p in s["lines"]))
            for s in plain["sections"]
        )
        headline = Phrase.from_json(plain["headline"])
        findings = tuple(PrintedFinding.from_json(f) for f in plain.get("findings", ()))
        return cls(plain["lead_id"], plain["rank"], plain["status"], headline, sections, findings)


def narrate(lead: Lead, texts: Texts) -> Narrative:
    """Put a lead into words.

    Parameters
    ----------
    lead
        The lead, with members and amounts.
    texts
        What typologies and explanations say of themselves.
    """
    parts: dict[str, Iterable[Phrase]] = {
        "section.routing": routing_lines(lead.routing),
        "section.change": change_lines(lead, texts),
        "section.who": _who(lead.members, _BRIEF_IDS if _brief(lead) else _IDS_SHOWN),
        "section.what": _what(lead, texts),
        "section.when": _when(lead),
        "section.surprise": _surprise(lead),
        "section.robust": robustness(lead.scored.stamp),
        "section.near": nearness(lead.scored.proximity),
        "section.benign": _benign(lead, texts),
        "section.clears": _declared(lead, texts, "clears"),
        "section.records": _declared(lead, texts, "records"),
        "section.money": _money(lead, texts),
        "section.note": (phrase("note.suspicion"),),
    }
    sections = ((Phrase(PHRASES[title]), tuple(lines)) for title, lines in parts.items())
    return Narrative(
        lead.lead_id,
        lead.rank,
        lead.status,
        headline(lead, texts),
        tuple(Section(title, lines) for title, lines in sections if lines),
        printed(lead),
    )


def headline(lead: Lead, texts: Texts) -> Phrase:
    """Return the one-line statement of a lead, in neutral words."""
    titles = tuple(_suspected(texts.title(code)) for code in lead.typologies)
    counts = tuple(phrase(f"count.{kind}", n=n) for kind in _COUNTED if (n := _headcount(lead.members, kind)))
    return phrase(
        "headline",
        titles=titles,
        counts=counts,
        window=_window(lead),
        amounts=_range(lead.amount_low, lead.amount_high),
    )


def _suspected(title: Phrase) -> Phrase:
    return phrase("stated" if title.text.startswith("疑似") else "suspected", title=title)


def _headcount(members: Iterable[Member], kind: str) -> int:
    """Count people by the core alone, everything else by all that is named."""
    own = [m for m in members if m.entity_type == kind]
    return sum(m.membership == CORE for m in own) if kind == "patient" else len(own)


def _window(lead: Lead) -> Phrase:
    if lead.first_seen is None or lead.last_seen is None:
        return phrase("window.none")
    return phrase("window", first=f"{lead.first_seen:%Y-%m-%d}", last=f"{lead.last_seen:%Y-%m-%d}")


def _range(low: Decimal, high: Decimal) -> Phrase:
    if low == high:
        return phrase("amount", low=_yuan(low))
    return phrase("amounts", low=_yuan(low), high=_yuan(high))


def _yuan(amount: Decimal) -> str:
    return f"{amount:,.2f}"


def _brief(lead: Lead) -> bool:
    return lead.scored.ring.subject_type in _OF_THE_FUND


def _who(members: Sequence[Member], at_most: int = _IDS_SHOWN) -> Iterator[Phrase]:
    ordered = sorted(members, key=lambda m: (m.membership != CORE, *_standing(m), m.entity_id))
    for (membership, entity_type, role), group in groupby(
        ordered, key=lambda m: (m.membership, m.entity_type, m.role)
    ):
        own = list(group)
        yield phrase(f"who.{membership}", role=role_title(entity_type, role), n=len(own), ids=_ids(own, at_most))


def _standing(member: Member) -> tuple[int, str, str]:
    known = _COUNTED.index(member.entity_type) if member.entity_type in _COUNTED else len(_COUNTED)
    return known, member.entity_type, member.role


def _ids(members: Sequence[Member], at_most: int) -> Phrase:
    # a comma and a space in every language: a terminal can break the line there
    own = members[:at_most]
    shown = Phrase(
        ", ".join(f"{{id{n}}}" for n in range(len(own))), {f"id{n}": _id(m) for n, m in enumerate(own)}
    )
    if len(members) > at_most:
        return phrase("who.more", ids=shown, n=len(members) - at_most)
    return shown


def _id(member: Member) -> Value:
    return (
        phrase("who.labelled", label=member.label, id=member.entity_id) if member.label else member.entity_id
    )


def _what(lead: Lead, texts: Texts) -> Iterator[Phrase]:
    findings = sorted(lead.scored.ring.findings, key=lambda f: (f.typology, f.core))
    seen: set[str] = set()
    for finding in findings:
        lines = [_anomaly(finding, anomaly, texts) for anomaly in finding.anomalies]
        fresh = [p for p in lines if repr(p) not in seen]
        seen.update(repr(p) for p in fresh)
        if fresh and len(lead.typologies) > 1:
            yield phrase("what.finding", title=texts.title(finding.typology))
        yield from fresh


def _anomaly(finding: Finding, anomaly: Anomaly, texts: Texts) -> Phrase:
    sentence = texts.sentence(finding.typology, anomaly.name, anomaly.detail)
    if anomaly.log10_p < 0:
        return phrase(
            "what.chance", sentence=sentence, chance=chance(corrected(anomaly)), n_tests=anomaly.n_tests
        )
    return phrase(
        "what.contradiction" if anomaly.family == Family.CONTRADICTION else "what.plain", sentence=sentence
    )


def corrected(anomaly: Anomaly) -> float:
    """Return log10 of the tail, corrected for the number of tests: ``min(1, n_tests · p)``."""
    return min(0.0, anomaly.log10_p + math.log10(max(1, anomaly.n_tests)))


def _when(lead: Lead) -> Iterator[Phrase]:
    rows = {
        (e.row.source_table, e.row.source_key): e.row for e in lead.evidence if e.row.event_at is not None
    }
    if not rows:
        yield phrase("when.none")
        return
    by_day = {
        day: list(group)
        for day, group in groupby(
            sorted(rows.values(), key=lambda r: (r.event_at, r.source_table, r.source_key)),
            key=lambda r: f"{r.event_at:%Y-%m-%d}",
        )
    }
    yield phrase("when.window", n_days=len(by_day), n_rows=len(rows), first=min(by_day), last=max(by_day))
    # the fullest days tell the story; they are shown in the order of time
    fullest = sorted(by_day, key=lambda day: (-len(by_day[day]), day))[: _BRIEF_DAYS if _brief(lead) else _DAYS_SHOWN]
    for day in sorted(fullest):
        yield _day(day, by_day[day], lead)
    if len(by_day) > len(fullest):
        yield phrase("when.more", n=len(by_day) - len(fullest))


def _day(day: str, rows: Sequence[EvidenceRow], lead: Lead) -> Phrase:
    people = {r.subject_id for r in rows if r.subject_type == "patient"}
    kind = "when.day.subjects"
    if people and lead.scored.ring.subject_type == "patient":
        kind = "when.day" if len({e.row.institution_id for e in lead.evidence}) > 1 else "when.day.one_place"
    return phrase(
        kind,
        day=day,
        n_people=len(people),
        n_places=len({r.institution_id for r in rows if r.institution_id}),
        n_rows=len(rows),
        amount=_yuan(sum((r.amount for r in rows), Decimal(0))),
    )


def _surprise(lead: Lead) -> Iterator[Phrase]:
    anomalies = [a for f in lead.scored.ring.findings for a in f.anomalies]
    tested = [a for a in anomalies if a.log10_p < 0]
    joint = [float(a.detail["together_log10_p"]) for a in anomalies if "together_log10_p" in a.detail]
    if joint:
        yield phrase("surprise.personal", chance=chance(min(joint)))
    elif tested:
        best = min(tested, key=lambda a: (corrected(a), a.n_tests, a.name))
        yield phrase("surprise.chance", chance=chance(corrected(best)), n_tests=best.n_tests)
    if any(a.family == Family.CONTRADICTION for a in anomalies):
        yield phrase("surprise.contradiction")
    if 0 <= lead.scored.q_value < 1:
        log10_q = math.log10(lead.scored.q_value) if lead.scored.q_value > 0 else -math.inf
        yield phrase("surprise.false", chance=chance(log10_q))
    process = lead.scored.ring.subject_type == "office" and lead.scored.admitted_by == "contradiction"
    yield phrase("admitted.process") if process else _admitted(lead.scored.admitted_by, anomalies)


def _admitted(rule: str, anomalies: Iterable[Anomaly]) -> Phrase:
    families = tuple(phrase(f"family.{f.value}") for f in Family if f in {a.family for a in anomalies})
    if rule in ("two_families", "personal_tie"):
        return phrase(f"admitted.{rule}", families=families)
    return phrase(f"admitted.{rule}") if f"admitted.{rule}" in PHRASES else Phrase(rule)


def _benign(lead: Lead, texts: Texts) -> Iterator[Phrase]:
    judgements = sorted(lead.scored.ring.judgements, key=lambda j: (_ORDER[j.result], j.explanation))
    if not judgements:
        yield phrase("benign.none")
    for judgement in judgements:
        yield phrase(
            "benign.line",
            title=texts.explanation(judgement.explanation),
            reason=reason(judgement, lead, texts),
        )


_ORDER = {Result.HOLDS: 0, Result.PARTLY: 1, Result.FAILS: 2, Result.UNTESTABLE: 3}


def reason(judgement: Judgement, lead: Lead, texts: Texts) -> Phrase:
    """Return what came of testing one explanation: the explanation's own sentence, or ours for its result."""
    n_covered, n_left = covered(judgement, lead)
    own = texts.reason(judgement)
    return own or phrase(f"benign.{judgement.result.value}", n_covered=n_covered, n_left=n_left)


def covered(judgement: Judgement, lead: Lead) -> tuple[int, int]:
    """Return how many members an explanation covers, and how many core members remain.

    People whom an explanation takes out are not in the core of a lead; those of whom it takes some rows only
    are, and remain.
    """
    return len(frozenset(judgement.covered)), len(lead.scored.ring.core)


def _declared(lead: Lead, texts: Texts, name: str) -> Iterator[Phrase]:
    """Yield what the typologies of the lead declare under that name, each text once."""
    seen: set[str] = set()
    for code in lead.typologies:
        known = texts.typologies.get(code)
        for text in getattr(known, name, ()):
            if text not in seen:
                seen.add(text)
                yield phrase("item", text=Phrase(text))


def _money(lead: Lead, texts: Texts) -> Iterator[Phrase]:
    low, high = _yuan(lead.amount_low), _yuan(lead.amount_high)
    if lead.amount_low == lead.amount_high:
        yield phrase("money.same", high=high)
    else:
        best = stake(e.row for e in lead.evidence).grade.value
        yield phrase("money.range", low=low, high=high, grade=best)
    provisions = tuple(p for p in _declared(lead, texts, "provisions"))
    if provisions:
        yield phrase("money.provisions", provisions=provisions)
    yield phrase("money.score", total=lead.scored.score.total, rank=lead.rank)
