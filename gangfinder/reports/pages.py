"""What stands in the weekly report and in the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gangfinder.leads.catalogue import Phrase, Translator
from gangfinder.leads.report_phrases import REPORT_PHRASES
from gangfinder.leads.texts import Texts
from gangfinder.reports.document import Cell, Column, Document, Fact, Kind, Picture, Section, Series, Table, yuan
from gangfinder.reports.numbers import Tally, interval, tallies, tally
from gangfinder.reports.queries import Period, Record, week_of

COLOURS = {
    "new": "#c0392b", "grown": "#e08e0b", "reopened": "#8e44ad", "split": "#2980b9", "shrunk": "#7f8c8d",
    "unchanged": "#c9d1d6", "transfers": "#2980b9", "verifications": "#27865a", "dismissals": "#8c8c8c",
    "point": "#27865a",
}
"""Distinguishable in print and by people who confuse red and green: they differ in lightness."""

_LISTED = ("new", "grown", "reopened", "split", "shrunk", "unchanged")
_GONE = ("merged", "vanished")
_PICTURED = 26  # runs


@dataclass(frozen=True, slots=True)
class Matter:
    """All that a report is made from.

    Parameters
    ----------
    at
        The run.
    leads, changes, decisions, trend
        Rows of the queries.
    houses
        Lead → the institutions it names.
    sealed
        Whether it is about sealed leads.
    """

    at: Period
    leads: Sequence[Record]
    changes: Sequence[Record]
    decisions: Sequence[Record]
    trend: Sequence[Record]
    houses: Mapping[str, tuple[str, ...]]
    sealed: bool = False


class Words:
    """Texts of the reports in one language."""

    def __init__(self, say: Translator, texts: Texts) -> None:
        self.lang = say.lang
        self._say, self._texts = say, texts

    def __call__(self, key: str, **values: str | int) -> str:
        """Return a text of :data:`~gangfinder.leads.report_phrases.REPORT_PHRASES`."""
        return self._say.line(Phrase(REPORT_PHRASES[key], values))

    def template(self, key: str) -> str:
        """Return a text with its placeholders as they are."""
        return self._say(REPORT_PHRASES[key])

    def title(self, code: str) -> str:
        """Return the title of a typology."""
        return self._say.line(self._texts.title(code))

    def column(self, name: str, kind: Kind = Kind.TEXT, key: str = "", *, wide: bool = False) -> Column:
        """Return a column with its title."""
        return Column(name, self(key or name), kind, wide)


def weekly(matter: Matter, words: Words) -> Document:
    """Return the weekly report."""
    run, now = matter.at.run, matter.trend[-1]
    before = str(matter.trend[-2]["listed"]) if len(matter.trend) > 1 else "—"
    amount = "—" if now["amount_fen"] is None else yuan(now["amount_fen"])
    facts = (
        Fact(words("fact.listed"), str(now["listed"]), words("fact.listed.note", before=before)),
        Fact(words("fact.new"), str(now["n_new"])),
        Fact(words("fact.grown"), str(now["n_grown"])),
        Fact(words("fact.reopened"), str(now["n_reopened"])),
        Fact(words("fact.gone"), str(now["n_merged"] + now["n_vanished"])),
        Fact(words("fact.amount"), amount),
        Fact(words("fact.decisions"), str(now["decisions"])),
    )
    sections = (
        _changes(matter, words), _gone(matter, words), _decisions(matter, words), _trend(matter, words),
        _precision(matter, words),
    )
    return _document(f"weekly-{matter.at.week}", "weekly.title", run, facts, sections, matter, words)


def ledger(matter: Matter, words: Words) -> Document:
    """Return the ledger."""
    every = tally("", matter.leads)
    facts = (
        Fact(words("fact.found"), str(every.found)),
        Fact(words("fact.dismissed"), str(every.dismissed)),
        Fact(words("fact.verified"), str(every.verified)),
        Fact(words("fact.transferred"), str(every.transferred)),
        Fact(words("fact.recovered"), yuan(every.recovered_fen)),
        Fact(words("fact.pending"), str(every.pending)),
    )
    sections = (
        _tallied(matter, words, "by_typology"), _precision(matter, words), _tallied(matter, words, "by_office"),
        _tallied(matter, words, "by_institution"), _all_leads(matter, words),
    )
    return _document(f"ledger-{matter.at.week}", "ledger.title", matter.at.run, facts, sections, matter, words)


def _document(
    name: str, title: str, run: Record, facts: tuple[Fact, ...], sections: tuple[Section, ...], matter: Matter,
    words: Words,
) -> Document:
    said = words(title, week=matter.at.week)
    if matter.sealed:
        said, name = words("sealed.title", title=said), f"sealed-{name}"
    subtitle = words(
        "subtitle", first=run["window_from"] or "—", last=run["window_to"] or "—", run=run["run_id"]
    )
    return Document(name, words.lang, said, subtitle, facts, sections, str(run["started_at"]))


def _changes(matter: Matter, words: Words) -> Section:
    assignee = {one["lead_id"]: one["assignee"] for one in matter.leads}
    rows = [
        {
            "rank": one["rank"], "previous_rank": one["previous_rank"], "lead": one["lead_id"],
            "status": words(f"is.{one['status']}"), "typologies": one["typologies"], "n_core": one["n_core"],
            "joined": one["n_joined"], "left": one["n_left"], "new_rows": one["n_new_evidence"],
            "amount": one["amount_high_fen"], "amount_before": one["before_fen"], "others": one["others"],
            "assignee": assignee.get(one["lead_id"]), "headline": one["headline"],
        }
        for one in matter.changes
        if one["rank"] is not None and one["status"] != "unchanged"
    ]
    columns = (
        words.column("rank", Kind.COUNT), words.column("previous_rank", Kind.COUNT), words.column("lead"),
        words.column("status"), words.column("typologies"), words.column("n_core", Kind.COUNT),
        words.column("joined", Kind.COUNT), words.column("left", Kind.COUNT), words.column("new_rows", Kind.COUNT),
        words.column("amount", Kind.FEN), words.column("amount_before", Kind.FEN), words.column("others"),
        words.column("assignee"), words.column("headline", wide=True),
    )
    return _section(words, "changes", columns, rows, ("note.status", "note.amount"), "none.changes")


def _gone(matter: Matter, words: Words) -> Section:
    rows = [
        {
            "lead": one["lead_id"], "status": words(f"is.{one['status']}"), "previous_rank": one["previous_rank"],
            "typologies": one["typologies"], "amount_before": one["before_fen"], "others": one["others"],
            "headline": one["last_headline"],
        }
        for one in matter.changes
        if one["status"] in _GONE
    ]
    columns = (
        words.column("lead"), words.column("status"), words.column("previous_rank", Kind.COUNT),
        words.column("typologies"), words.column("amount_before", Kind.FEN), words.column("others"),
        words.column("headline", wide=True),
    )
    return _section(words, "gone", columns, rows, (), "none.gone")


def _decisions(matter: Matter, words: Words) -> Section:
    rows = [
        {
            "at": str(one["at"])[:16].replace("T", " "), "who": one["who"], "lead": one["lead_id"],
            "decision": words(f"did.{one['kind']}") + (words("did.revoked") if one["revoked"] else ""),
            "says": _says(one, words), "reason": one["reason"],
        }
        for one in matter.decisions
    ]
    columns = (
        words.column("at"), words.column("who"), words.column("lead"), words.column("decision"),
        words.column("says"), words.column("reason", wide=True),
    )
    return _section(words, "decisions", columns, rows, ("note.period",), "none.decisions")


def _says(one: Record, words: Words) -> str:
    parts = [one["document"], one["assignee"], one["expires_on"], one["entity"], one["other"]]
    if one["result"]:
        parts.append(words(f"result.{one['result']}"))
    if one["amount_fen"] is not None:
        parts.append(words("result.recovered", amount=yuan(one["amount_fen"])))
    return " · ".join(str(part) for part in parts if part)


def _trend(matter: Matter, words: Words) -> Section:
    kinds = {f"n_{one}": f"is.{one}" for one in (*_LISTED, *_GONE)}
    work = ("dismissals", "transfers", "verifications")
    rows = [
        {
            "week": week_of(one), "last_day": one["window_to"], "listed": one["listed"], "amount": one["amount_fen"],
            "recovered": one["recovered_fen"], **{name: one[name] for name in (*kinds, *work)},
        }
        for one in matter.trend
    ]
    columns = (
        words.column("week"), words.column("last_day"), words.column("listed", Kind.COUNT),
        *(words.column(name, Kind.COUNT, key) for name, key in kinds.items()), words.column("amount", Kind.FEN),
        *(words.column(name, Kind.COUNT) for name in work), words.column("recovered", Kind.FEN),
    )
    last = matter.trend[-_PICTURED:]
    labels = tuple(_short(one) for one in last)
    listed = Picture(
        "listed", words("picture.listed"), "stacked", labels,
        {one: [run[f"n_{one}"] for run in last] for one in _LISTED},
        tuple(Series(one, words(f"is.{one}"), COLOURS[one]) for one in _LISTED),
    )
    done = Picture(
        "work", words("picture.work"), "lines", labels,
        {one: _summed([run[one] for run in matter.trend])[-_PICTURED:] for one in work},
        tuple(Series(one, words(one), COLOURS[one]) for one in work),
    )
    made = _section(words, "trend", columns, rows, ("note.amount", "note.recovered"), "none.leads")
    return Section(made.title, made.lines, made.table, (listed, done), made.notes)


def _short(run: Record) -> str:
    return str(run["window_to"])[5:] if run["window_to"] else week_of(run)


def _summed(values: Sequence[int]) -> list[float]:
    total, out = 0, []
    for value in values:
        total += value
        out.append(float(total))
    return out


def _precision(matter: Matter, words: Words) -> Section:
    checked = [one for one in _by_typology(matter) if one.verified + one.unfounded]
    rows = [_precision_row(one, words) for one in checked]
    every = tally("", matter.leads)
    if rows:
        rows.append({**_precision_row(every, words), "typology": words("total"), "title": None})
    columns = (
        words.column("typology"), words.column("title"), words.column("found", Kind.COUNT),
        words.column("verified", Kind.COUNT), words.column("unfounded", Kind.COUNT), words.column("share", Kind.SHARE),
        *(
            Column(f"{method}_{end}", f"{words(method)} {words(end)}", Kind.SHARE)
            for method in ("wilson", "exact") for end in ("low", "high")
        ),
        words.column("dismissed", Kind.COUNT), words.column("share_with_dismissed", Kind.SHARE),
    )
    made = _section(words, "precision", columns, rows, ("note.precision", "note.typology"), "none.precision")
    values = {name: [float(str(row[key])) for row in rows[:-1]] for name, key in _INTERVAL.items()}
    pictures = (
        Picture(
            "precision", words("picture.precision"), "intervals", tuple(one.key for one in checked), values,
            (Series("point", words("share"), COLOURS["point"]),),
        ),
    )
    return Section(made.title, made.lines, made.table, pictures if rows else (), made.notes)


_INTERVAL = {"point": "share", "low": "wilson_low", "high": "wilson_high"}


def _precision_row(one: Tally, words: Words) -> dict[str, Cell]:
    right, checked = one.verified, one.verified + one.unfounded
    wilson, exact = interval(right, checked, "wilson"), interval(right, checked, "exact")
    pessimistic = interval(right, checked + one.dismissed_unchecked, "wilson").share
    return {
        "typology": one.key, "title": words.title(one.key) if one.key else None, "found": one.found,
        "verified": one.verified, "unfounded": one.unfounded, "share": wilson.share, "wilson_low": wilson.low,
        "wilson_high": wilson.high, "exact_low": exact.low, "exact_high": exact.high, "dismissed": one.dismissed,
        "share_with_dismissed": pessimistic,
    }


def _by_typology(matter: Matter) -> list[Tally]:
    return tallies(matter.leads, lambda one: one["typologies"].split())


_COUNTED = ("found", "dismissed", "confirmed", "transferred", "verified", "unfounded", "pending")


def _tallied(matter: Matter, words: Words, kind: str) -> Section:
    """Return one of the ledger's counts: found, dismissed, verified, transferred, recovered, by some key."""
    made = {
        "by_typology": lambda: _by_typology(matter),
        "by_office": lambda: tallies(matter.leads, lambda one: (one["assignee"] or words("nobody"),)),
        "by_institution": lambda: tallies(matter.leads, lambda one: matter.houses.get(one["lead_id"], ())),
    }[kind]()
    first = {"by_typology": "typology", "by_office": "assignee", "by_institution": "institution"}[kind]
    rows: list[dict[str, Cell]] = [{**_tally_row(one), first: one.key} for one in made]
    if kind == "by_typology":
        rows = [{**row, "title": words.title(one.key)} for row, one in zip(rows, made, strict=True)]
    if rows:
        rows.append({**_tally_row(tally("", matter.leads)), first: words("total")})
    columns = (
        words.column(first), *((words.column("title"),) if kind == "by_typology" else ()),
        *(words.column(name, Kind.COUNT) for name in _COUNTED), words.column("recovered", Kind.FEN),
    )
    notes = {"by_typology": "note.typology", "by_office": "note.recovered", "by_institution": "note.institution"}
    return _section(words, kind, columns, rows, (notes[kind], "note.standing", "note.found"), "none.leads")


def _tally_row(one: Tally) -> dict[str, Cell]:
    return {**{name: getattr(one, name) for name in _COUNTED}, "recovered": one.recovered_fen}


def _all_leads(matter: Matter, words: Words) -> Section:
    rows = [
        {
            "lead": one["lead_id"],
            "first_week": week_of({"window_to": one["first_to"], "started_at": one["first_at"]}),
            "status": words(f"is.{one['status']}"), "rank": one["rank"], "typologies": one["typologies"],
            "n_core": one["n_core"], "amount": one["amount_high_fen"], "decision": _state(one, words),
            "assignee": one["assignee"], "document": one["document"],
            "recovered": one["recovered_fen"] or None, "others": one["merged_into"], "headline": one["headline"],
        }
        for one in matter.leads
    ]
    columns = (
        words.column("lead"), words.column("first_week"), words.column("status"), words.column("rank", Kind.COUNT),
        words.column("typologies"), words.column("n_core", Kind.COUNT), words.column("amount", Kind.FEN),
        words.column("decision"), words.column("assignee"), words.column("document"),
        words.column("recovered", Kind.FEN), words.column("others"), words.column("headline", wide=True),
    )
    return _section(words, "all_leads", columns, rows, (), "none.leads")


def _state(one: Record, words: Words) -> str:
    names = ("dismissed", "confirmed", "transferred", "verified", "unfounded")
    return " · ".join(words(name) for name in names if one[name])


def _section(
    words: Words, key: str, columns: Sequence[Column], rows: Sequence[Mapping[str, Cell]], notes: Sequence[str],
    nothing: str,
) -> Section:
    if not rows:
        return Section(words(key), (words(nothing),), Table(tuple(columns), ()))
    table = Table(tuple(columns), tuple(rows), more=words.template("more"))
    return Section(words(key), (), table, (), tuple(words(note) for note in notes))
