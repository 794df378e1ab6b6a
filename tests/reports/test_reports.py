"""Reports: every number equals a recount that replays the register row by row, in every format."""

from __future__ import annotations

import io
import re
import shutil
import sqlite3
from collections import Counter
from decimal import Decimal
from html import unescape

import openpyxl
import pyrage
import pytest
from click.testing import CliRunner
from scipy.stats import beta

from gangfinder.cli import root
from gangfinder.errors import RegisterError
from gangfinder.leads.register.opening import sealed_path
from gangfinder.leads.register.veil import Tokens
from gangfinder.leads.report_phrases import REPORT_PHRASES
from gangfinder.reports.as_html import html
from gangfinder.reports.as_markdown import markdown
from gangfinder.reports.as_xlsx import workbook
from gangfinder.reports.document import Document, Kind, Table, shown
from gangfinder.reports.numbers import interval
from gangfinder.reports.writing import documents, gather
from tests.leads.made import KEY
from tests.leads.register.weeks import Office, ring
from tests.reports.registers import Story, story

WEEKS = (None, "2025-W09", "2025-W11", "2025-W14")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    where = tmp_path_factory.mktemp("register") / "leads.db"
    story(where, seed=7)
    return where


def _rows(path, table: str) -> list[dict]:
    with sqlite3.connect(path) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(f"SELECT * FROM {table} ORDER BY seq")]  # noqa: S608


class Recount:
    """The register replayed in the order of its history up to the run that followed the one reported."""

    def __init__(self, path, week: str | None) -> None:
        runs = _rows(path, "runs")
        labels = [_week(run["window_to"]) for run in runs]
        at = len(runs) - 1 if week is None else max(n for n, one in enumerate(labels) if one == week)
        self.run = runs[at]["run_id"]
        cut = runs[at + 1]["seq"] if at + 1 < len(runs) else 10**9
        self.runs = runs[: at + 1]
        self.sightings = [s for s in _rows(path, "sightings") if s["seq"] < cut]
        made = [d for d in _rows(path, "decisions") if d["seq"] < cut]
        taken_back = {d["target_seq"] for d in made if d["kind"] == "revoke"}
        self.human = [d for d in made if d["kind"] != "revoke" and d["target_seq"] is None]
        self.all_decisions = made
        self.standing = [d for d in made if d["kind"] != "revoke" and d["seq"] not in taken_back]
        members = {}
        for m in _rows(path, "members"):
            members.setdefault((m["run_id"], m["lead_id"]), []).append(m)
        known = {run["run_id"]: run["known_seq"] for run in runs}
        self.leads: dict[str, dict] = {}
        self.untold = set()
        shown = {}
        for s in self.sightings:
            if s["status"] not in {"merged", "vanished"}:
                shown[s["lead_id"]] = s["rank"] is not None
            elif not shown[s["lead_id"]]:
                self.untold.add((s["run_id"], s["lead_id"]))
        for s in self.sightings:
            one = self.leads.setdefault(
                s["lead_id"], {"found": False, "words": [], "recovered": 0, "assignee": "", "verdict": None}
            )
            one["status"], one["rank"], one["run"] = s["status"], s["rank"], s["run_id"]
            one["found"] |= s["rank"] is not None
            if s["status"] not in {"merged", "vanished"}:
                one["codes"], one["amount"] = s["typologies"].split(), s["amount_high_fen"]
                own = members.get((s["members_run"], s["lead_id"]), [])
                one["houses"] = {m["entity_id"] for m in own if m["entity_type"] == "institution"}
        for d in self.standing:
            one = self.leads[d["lead_id"]]
            one["recovered"] += (d["amount_fen"] or 0) if d["kind"] == "outcome" else 0
            if d["kind"] == "assign":
                one["assignee"] = d["assignee"]
            if d["result"] in {"verified", "unfounded"}:
                one["verdict"] = d["result"]
            if d["kind"] in {"dismiss", "confirm", "transfer"} or d["result"] in {"verified", "unfounded"}:
                one["words"].append(d)
        for lead, one in self.leads.items():
            last = one["words"][-1] if one["words"] else None
            back = [s for s in self.sightings if s["lead_id"] == lead and s["status"] == "reopened"]
            one["dismissed"] = bool(last) and last["kind"] == "dismiss" and not any(
                known[s["run_id"]] >= last["seq"] for s in back
            )

    def tally(self, fits) -> dict[str, int]:
        own = [one for one in self.leads.values() if one["found"] and fits(one)]
        kinds = [{w["kind"] for w in one["words"]} for one in own]
        return {
            "found": len(own), "dismissed": sum(one["dismissed"] for one in own),
            "confirmed": sum("confirm" in k for k in kinds), "transferred": sum("transfer" in k for k in kinds),
            "verified": sum(one["verdict"] == "verified" for one in own),
            "unfounded": sum(one["verdict"] == "unfounded" for one in own),
            "pending": sum(one["rank"] is not None and one["run"] == self.run and not one["words"] for one in own),
            "recovered": sum(one["recovered"] for one in own),
        }


def _week(day: str) -> str:
    import datetime

    return datetime.date.fromisoformat(day).strftime("%G-W%V")


def _documents(path, week: str | None, lang: str = "zh") -> tuple[Document, Document]:
    with _reading(path) as connection:
        return documents(gather(connection, week), lang)


def _reading(path):
    from gangfinder.leads.register.opening import open_register

    return open_register(path).reading()


def _table(document: Document, key: str) -> Table:
    (found,) = [s.table for s in document.sections if s.title == REPORT_PHRASES[key]]
    return found


@pytest.mark.parametrize("week", WEEKS)
def test_the_ledger_counts_what_a_replay_counts(path, week):
    _, ledger = _documents(path, week)
    mine = Recount(path, week)
    keyed = {
        "by_typology": ("typology", lambda key: lambda one: key in one["codes"]),
        "by_office": ("assignee", lambda key: lambda one: (one["assignee"] or REPORT_PHRASES["nobody"]) == key),
        "by_institution": ("institution", lambda key: lambda one: key in one["houses"]),
    }
    for section, (column, fits) in keyed.items():
        *rows, total = _table(ledger, section).rows
        for row in rows:
            expected = mine.tally(fits(row[column]))
            assert {name: row[name] for name in expected} == expected, (section, row[column])
        assert {name: total[name] for name in mine.tally(bool)} == mine.tally(bool)
        keys = [row[column] for row in rows]
        assert len(keys) == len(set(keys))
    codes = {code for one in mine.leads.values() if one["found"] for code in one["codes"]}
    assert {row["typology"] for row in _table(ledger, "by_typology").rows[:-1]} == codes
    houses = {house for one in mine.leads.values() if one["found"] for house in one["houses"]}
    assert {row["institution"] for row in _table(ledger, "by_institution").rows[:-1]} == houses
    listed = {row["lead"]: row for row in _table(ledger, "all_leads").rows}
    assert set(listed) == set(mine.leads)
    assert all(listed[lead]["amount"] == one["amount"] for lead, one in mine.leads.items())
    assert sum(row["recovered"] or 0 for row in listed.values()) == mine.tally(lambda one: True)["recovered"]


@pytest.mark.parametrize("week", WEEKS)
def test_the_weekly_report_counts_what_a_replay_counts(path, week):
    weekly, _ = _documents(path, week)
    mine = Recount(path, week)
    trend = _table(weekly, "trend").rows
    assert [row["last_day"] for row in trend] == [run["window_to"] for run in mine.runs]
    for row, run in zip(trend, mine.runs, strict=True):
        own = [s for s in mine.sightings if s["run_id"] == run["run_id"]]
        own = [s for s in own if (s["run_id"], s["lead_id"]) not in mine.untold]
        counts = Counter(s["status"] for s in own)
        for status in ("new", "grown", "shrunk", "unchanged", "split", "reopened", "merged", "vanished"):
            assert row[f"n_{status}"] == counts[status], status
        assert row["listed"] == run["n_leads"] == sum(s["rank"] is not None for s in own)
        assert row["amount"] == sum(s["amount_high_fen"] for s in own if s["rank"] is not None)
        did = [d for d in mine.human if d["run_id"] == run["run_id"]]
        assert row["dismissals"] == sum(d["kind"] == "dismiss" for d in did)
        assert row["transfers"] == sum(d["kind"] == "transfer" for d in did)
        assert row["verifications"] == sum(d["result"] == "verified" for d in did)
        paid = [d["amount_fen"] or 0 for d in mine.standing if d["run_id"] == run["run_id"]]
        assert row["recovered"] == sum(paid)
    now = [s for s in mine.sightings if s["run_id"] == mine.run]
    changed = {s["lead_id"] for s in now if s["rank"] is not None and s["status"] != "unchanged"}
    assert {row["lead"] for row in _table(weekly, "changes").rows} == changed
    gone = {s["lead_id"] for s in now if s["status"] in {"merged", "vanished"}}
    gone -= {lead for run, lead in mine.untold if run == mine.run}
    assert {row["lead"] for row in _table(weekly, "gone").rows} == gone
    made = [d for d in mine.all_decisions if d["run_id"] == mine.run]
    assert len(_table(weekly, "decisions").rows) == len(made)
    facts = {fact.title: fact.value for fact in weekly.facts}
    assert facts[REPORT_PHRASES["fact.listed"]] == str(trend[-1]["listed"])
    assert facts[REPORT_PHRASES["fact.new"]] == str(trend[-1]["n_new"])


def test_precision_has_the_intervals_of_the_textbook(path):
    weekly, ledger = _documents(path, None)
    assert _table(weekly, "precision") == _table(ledger, "precision")
    mine = Recount(path, None)
    *rows, total = _table(weekly, "precision").rows
    assert rows
    for row in [*rows, total]:
        own = mine.tally((lambda one, code=row["typology"]: code in one["codes"]) if row is not total else bool)
        k, n = own["verified"], own["verified"] + own["unfounded"]
        assert (row["verified"], row["unfounded"]) == (k, n - k)
        z, p = 1.959963984540054, k / n
        centre, half = (p + z * z / 2 / n) / (1 + z * z / n), z * ((p * (1 - p) + z * z / 4 / n) / n) ** 0.5
        half /= 1 + z * z / n
        assert row["share"] == pytest.approx(p)
        assert row["wilson_low"] == pytest.approx(centre - half, abs=1e-9)
        assert row["wilson_high"] == pytest.approx(centre + half, abs=1e-9)
        low = beta.ppf(0.025, k, n - k + 1) if k else 0.0
        high = beta.ppf(0.975, k + 1, n - k) if k < n else 1.0
        assert (row["exact_low"], row["exact_high"]) == (pytest.approx(low), pytest.approx(high))
    assert interval(0, 0, "wilson").share is None


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_all_formats_say_the_same_and_no_cell_starts_a_formula(path, lang):
    for document in _documents(path, None, lang):
        page, text = html(document), markdown(document)
        book = openpyxl.load_workbook(io.BytesIO(workbook(document)))
        tables = [s for s in document.sections if s.table is not None and s.table.rows]
        bodies = re.findall(r"<tbody>(.*?)</tbody>", page, re.DOTALL)
        assert len(bodies) == len(tables)
        for section, body in zip(tables, bodies, strict=True):
            cells = [[unescape(c) for c in re.findall(r"<td[^>]*>(.*?)</td>", r)] for r in body.split("</tr>")[:-1]]
            assert cells == [[shown(c, v) for c, v in row] for row in section.table.cells]
            sheet = book[section.title[:31]]
            for row, values in zip(section.table.cells, sheet.iter_rows(min_row=2, values_only=True), strict=False):
                for (column, cell), value in zip(row, values, strict=False):
                    if cell in {None, ""}:
                        assert value is None
                    elif column.kind is Kind.FEN:
                        assert round(value * 100) == cell
                    elif column.kind is not Kind.TEXT:
                        assert value == pytest.approx(cell)
                    else:
                        assert str(value).lstrip("'") == cell.lstrip("'")
            assert len(section.table.rows) == sheet.max_row - 1
        for sheet in book:
            for row in sheet.iter_rows():
                for cell in row:
                    assert cell.data_type != "f"
                    assert not str(cell.value or "").startswith(("=", "+", "@"))
        assert page.count("<svg") == sum(len(s.pictures) for s in document.sections)
        lines = [line for line in text.splitlines() if line.startswith("| ")]
        assert len(lines) == sum(len(s.table.rows) + 2 for s in tables)


def test_html_needs_nothing_and_shows_texts_as_texts(path):
    for document in _documents(path, None):
        page = html(document)
        body = page[page.index("<body>") :]
        assert "<b>" not in body
        assert "&lt;b&gt;" in body
        assert not re.search(r"<script|<link|<img|<iframe|\bsrc=|@import|url\((?!#)", page)
        assert not re.search(r"(?<!xmlns=)(?<!xmlns:xlink=)\"https?://", page)
        assert "default-src 'none'" in page


def test_the_same_register_gives_the_same_bytes(path):
    one, other = _documents(path, None), _documents(path, None)
    assert [html(d) for d in one] == [html(d) for d in other]
    assert [workbook(d) for d in one] == [workbook(d) for d in other]


def test_a_later_run_does_not_change_an_earlier_report(tmp_path):
    short, long = tmp_path / "short.db", tmp_path / "long.db"
    story(short, seed=3, n_runs=4)
    story(long, seed=3, n_runs=6)
    week = "2025-W12"
    for a, b in zip(_documents(short, week), _documents(long, week), strict=True):
        assert re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "", html(a)) == re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "", html(b))


def test_a_register_without_decisions_and_one_without_runs(tmp_path):
    one = Story(tmp_path / "leads.db", seed=1)
    with one.register.reading() as connection, pytest.raises(RegisterError, match="no run"):
        gather(connection)
    one.run()
    weekly, ledger = _documents(tmp_path / "leads.db", None)
    assert not _table(weekly, "decisions").rows
    assert not _table(weekly, "precision").rows
    assert "暂" not in html(ledger)
    with one.register.reading() as connection, pytest.raises(RegisterError) as caught:
        gather(connection, "2031-W01")
    assert "2025-W09" in caught.value.hint


def test_command_writes_private_files(path, tmp_path):
    out = tmp_path / "reports"
    done = CliRunner().invoke(root, ["report", str(path), "--out", str(out), "--week", "2025-W11", "-q"])
    assert done.exit_code == 0, done.stderr
    names = {file.name for file in out.iterdir()}
    expected = {f"{kind}-2025-W11.{end}" for kind in ("weekly", "ledger") for end in ("xlsx", "html", "md")}
    assert expected <= names
    assert {name.split(".")[-1] for name in names - expected} <= {"svg"}
    linked = re.findall(r"\]\((\S+)\)", (out / "weekly-2025-W11.md").read_text(encoding="utf-8"))
    assert set(linked) <= names
    assert linked
    assert all(file.stat().st_mode & 0o077 == 0 for file in [out, *out.iterdir()])
    again = CliRunner().invoke(root, ["report", str(path), "--out", str(out), "--week", "next"])
    assert again.exit_code == 2


@pytest.fixture
def sealed_office(tmp_path):
    """A register with sealed leads beside it, encrypted; and the file with the key."""
    identity = pyrage.x25519.Identity.generate()
    key_file = tmp_path / "identity.txt"
    key_file.write_text(str(identity))
    key_file.chmod(0o600)
    path = tmp_path / "leads.db"
    Office(path).run(ring("ABC"))
    sealed_path(path).parent.mkdir(mode=0o700)
    beside = Office(sealed_path(path), veil=Tokens(str(identity.to_public()), KEY))
    beside.run(ring("UVW", kind="staff", code="T20"))
    week = beside.run(ring("UVWX", kind="staff", code="T20"), ring("RST", kind="staff", code="T20"))
    lead = week.ids["UVWX"]
    beside.decide(lead, "outcome", result="verified", amount=Decimal("123.45"), reason="测试：已核实")
    return path, key_file, lead


def _cli(*arguments: object):
    return CliRunner().invoke(root, ["report", *map(str, arguments), "-q"])


def test_sealed_leads_are_reported_on_for_a_reason_alone(sealed_office, tmp_path):
    path, key_file, lead = sealed_office
    out = tmp_path / "sealed reports"
    assert _cli(path, "--out", out, "--sealed", "--identity", key_file).exit_code != 0
    assert _cli(path, "--out", out, "--sealed", "--reason", "测试案号", ).exit_code != 0
    assert not out.exists(), "without the key nothing is written"
    done = _cli(path, "--out", out, "--sealed", "--reason", "测试案号", "--identity", key_file)
    assert done.exit_code == 0, done.stderr
    accesses = (sealed_path(path).parent / "access.jsonl").read_text(encoding="utf-8")
    assert accesses.count("测试案号") == 2
    assert {file.name.split("-")[0] for file in out.iterdir()} == {"sealed"}
    (page,) = out.glob("sealed-ledger-*.html")
    text = page.read_text(encoding="utf-8")
    assert lead in text
    assert "T20" in text
    assert "¥123.45" in text
    (weekly,) = out.glob("sealed-weekly-*.html")
    assert "测试：已核实" in weekly.read_text(encoding="utf-8")
    assert "封存线索" in text


def test_open_reports_say_nothing_of_sealed_leads(sealed_office, tmp_path):
    path, _, lead = sealed_office
    with_, without = tmp_path / "with", tmp_path / "without"
    assert _cli(path, "--out", with_).exit_code == 0
    shutil.rmtree(sealed_path(path).parent)
    assert _cli(path, "--out", without).exit_code == 0
    assert {f.name: f.read_bytes() for f in with_.iterdir()} == {f.name: f.read_bytes() for f in without.iterdir()}
    assert not any(lead.encode() in f.read_bytes() for f in with_.iterdir())
    assert _cli(path, "--out", with_, "--reason", "why").exit_code == 2
