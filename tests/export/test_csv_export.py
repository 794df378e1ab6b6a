"""The four tables of a run, byte for byte, and what hostile values cannot do to them."""

from __future__ import annotations

import csv
import io
import json
import re
import stat
from dataclasses import replace
from decimal import Decimal

import pytest
from golden.golden import same_as_golden
from hypothesis import example, given
from hypothesis import strategies as st
from leads.made import KEY, TEXTS, facts, impersonation, pool

from gangfinder.export import exporters
from gangfinder.export.cells import neutral, number, visible
from gangfinder.export.contract import RunView
from gangfinder.export.projection import FIELDS, project, share
from gangfinder.export.publish import write_leads
from gangfinder.leads import build_leads
from gangfinder.leads.catalogue import translator
from gangfinder.model.evidence import Judgement, Result
from gangfinder.settings import Settings

LEADS = build_leads([pool(), impersonation()], facts(), Settings(), KEY, TEXTS)
RUN = RunView("zh", TEXTS)


@pytest.fixture
def written(tmp_path):
    write_leads(LEADS, tmp_path, RUN)
    return tmp_path


@pytest.mark.parametrize("name", ["leads.csv", "members.csv", "evidence.csv", "benign.csv", "explain.jsonl"])
def test_bytes(written, name: str):
    same_as_golden(f"export/{name}", (written / name).read_bytes().decode("utf-8"))


def test_columns_are_those_of_the_contract(written):
    for sheet in ("leads", "members", "evidence", "benign"):
        header = (written / f"{sheet}.csv").read_text(encoding="utf-8").split("\n")[0]
        assert header == ",".join(FIELDS[sheet])


def test_artifact_names_files_with_their_digests(tmp_path):
    import hashlib

    for artifact in write_leads(LEADS, tmp_path, RUN):
        for name, digest in artifact.files.items():
            assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == digest


def test_no_leads_is_a_header(tmp_path):
    write_leads([], tmp_path, RUN)
    assert (tmp_path / "leads.csv").read_text(encoding="utf-8") == ",".join(FIELDS["leads"]) + "\n"
    assert (tmp_path / "explain.jsonl").read_text(encoding="utf-8") == ""


def test_files_are_private(written):
    assert {stat.S_IMODE(p.stat().st_mode) for p in written.iterdir()} == {0o600}


def test_negative_amounts_stay_numbers(written):
    rows = list(csv.DictReader(io.StringIO((written / "evidence.csv").read_text(encoding="utf-8"))))
    assert Decimal("-20.00") in {Decimal(row["amount"]) for row in rows}


def test_a_failing_exporter_leaves_nothing(tmp_path):
    broken = replace(LEADS[1], scored=None)  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        write_leads([LEADS[0], broken], tmp_path, RUN)
    assert list(tmp_path.iterdir()) == []


def test_an_exporter_is_given_what_it_discloses_and_no_more():
    for exporter in exporters().values():
        seen = []

        class Spy:
            def put(self, sheet, row, seen=seen):
                seen.append((sheet, tuple(row)))

        session = replace(exporter, open=lambda *_: Spy()).session(None, RUN)  # type: ignore[arg-type]
        session.write(LEADS[0])
        assert set(seen) <= {(sheet, tuple(names)) for sheet, names in exporter.discloses.items()}


hostile = st.text(st.characters(codec=None), max_size=40) | st.sampled_from(
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r\n=cmd|' /C calc'!A0",
        " =1",
        "＝1",
        "'x",
        '",=1',
        "\x1b[2J",
        "\u202eevil",
    ]
)


@given(hostile)
def test_no_text_starts_a_formula(text: str):
    cell = neutral(text)
    assert not cell.lstrip().startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n"))
    assert not re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]", cell)
    cell.encode("utf-8")


@given(hostile)
def test_a_neutral_text_can_be_read_back(text: str):
    cell = neutral(text)
    assert (cell[1:] if cell.startswith("'") else cell) == visible(text)


@given(st.lists(hostile, min_size=2, max_size=2))
@example(["", "\ud800"])
@example(["", "\x85"])
def test_hostile_ids_never_break_the_csv(tmp_path_factory, texts: list[str]):
    folder = tmp_path_factory.mktemp("hostile")
    member = replace(LEADS[0].members[0], entity_id=texts[0], role=texts[1])
    write_leads([replace(LEADS[0], members=(member,), headline=texts[0])], folder, RUN)
    text = (folder / "members.csv").read_bytes().decode("utf-8")
    rows = list(csv.reader(io.StringIO(text)))
    assert [len(row) for row in rows] == [len(FIELDS["members"])] * 2
    assert rows[1][2] == neutral(texts[0])
    assert rows[1][3] == neutral(texts[1])
    # by \n alone, as leads.reading does: splitlines() breaks at characters that a text may hold
    for line in (folder / "explain.jsonl").read_bytes().decode("utf-8").rstrip("\n").split("\n"):
        assert isinstance(json.loads(line), dict)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.000e+00"),
        (1.25e-9, "1.250e-09"),
        (1e-300, "1.000e-300"),
        (1.0, "1.000e+00"),
        (float("nan"), ""),
    ],
)
def test_shares_have_one_form(value: float, text: str):
    assert share(value) == text


def test_numbers_are_plain():
    assert number(Decimal("1E+3")) == "1000"
    assert number(-3) == "-3"


def test_people_who_lose_only_rows_remain():
    lead = LEADS[0]
    partly = Judgement("family", Result.PARTLY, lead.scored.ring.core[:2], "partly", {"n_covered": 2})
    scored = replace(lead.scored, ring=replace(lead.scored.ring, judgements=(partly,)))
    (row,) = project("benign", replace(lead, scored=scored), TEXTS, translator("zh"))
    assert (row["members_covered"], row["residual"]) == (2, "仍余 6 人；覆盖 2 人，其余仍成立")


def test_household_unknown_is_said():
    rows = list(project("benign", LEADS[0], TEXTS, translator("zh")))
    assert {r["explanation"]: r["residual"] for r in rows}["refill_day"] == "户籍未知"
