"""Every tail of every lead is computed again from the input and the evidence rows; a changed file is noticed."""

from __future__ import annotations

import csv
import json
import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from gangfinder import pipeline
from gangfinder.errors import LeadError
from gangfinder.leads.reading import read_narratives, run_folder
from gangfinder.recompute import Recomputed, recompute, recompute_all, run_settings
from gangfinder.settings import Settings
from gangfinder.synth import TownSettings, build_town, write_town

TOWN = TownSettings(patients=5_000, seed=2802, rings_per_typology=1, lookalikes_per_kind=1, months=8)
SETTINGS = Settings(seed=3, minimum_amount=Decimal(1500), overrides={"stamp": {"draws": 1, "neighbours": 1}})


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("recompute")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
        write_town(build_town(TOWN), folder / "town")
        pipeline.run(folder / "town", folder / "out", SETTINGS)
    return folder


def test_the_settings_of_a_run_are_read_back(made):
    assert run_settings(run_folder(made / "out")).digest == SETTINGS.digest


@pytest.mark.slow
def test_every_printed_tail_is_recomputed_equal(made):
    leads = read_narratives(made / "out")
    assert len({f.typology for lead in leads for f in lead.findings}) >= 8, "the town shows too few typologies to judge"
    again = recompute_all(made / "town", made / "out")
    assert list(again) == [lead.lead_id for lead in leads]
    for lead in leads:
        assert len(again[lead.lead_id]) == sum(len(f.anomalies) for f in lead.findings)
        assert [r for r in again[lead.lead_id] if not r.agrees] == [], [f.typology for f in lead.findings]


def tampered(made: Path, tmp_path: Path, change) -> tuple[Path, str, str]:
    """Return a copy of the run in which the evidence of one finding was changed, with its lead and the finding."""
    copy = tmp_path / "run"
    shutil.copytree(run_folder(made / "out"), copy)
    lead = next(n for n in read_narratives(copy) if any(f.typology in {"T01", "T05"} for f in n.findings))
    file = copy / "evidence.csv"
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    finding = next(f.finding_id for f in lead.findings if f.typology in {"T01", "T05"})
    own = [r for r in rows if r["finding_id"] == finding]
    with file.open("w", encoding="utf-8", newline="") as lines:
        out = csv.DictWriter(lines, rows[0].keys(), lineterminator="\n")
        out.writeheader()
        out.writerows([*change(own), *(r for r in rows if r["finding_id"] != finding)])
    return copy, lead.lead_id, finding


def half_gone(rows):
    return rows[::2]


def dearer(rows):
    return [{**rows[0], "amount": "999.99"}, *rows[1:]]


def one_more(rows):
    return [*rows, {**rows[0], "source_key": "not-in-the-data"}]


@pytest.mark.slow
@pytest.mark.parametrize("change", [half_gone, dearer, one_more])
def test_a_tampered_evidence_file_is_different(made, tmp_path, change):
    copy, lead, finding = tampered(made, tmp_path, change)
    again = [r for r in recompute(made / "town", copy, lead, SETTINGS) if r.finding_id == finding]
    assert again
    assert not any(r.agrees for r in again)
    assert all(r.rows_differ for r in again)
    if change is half_gone:
        assert any(r.recomputed != pytest.approx(r.printed, rel=1e-9) for r in again)


@pytest.mark.slow
def test_a_changed_number_is_different(made, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(run_folder(made / "out"), copy)
    lines = (copy / "explain.jsonl").read_text(encoding="utf-8").rstrip("\n").split("\n")
    first = json.loads(lines[0])
    first["findings"][0]["anomalies"][0]["log10_p"] -= 1.0
    text = "\n".join([json.dumps(first, ensure_ascii=False), *lines[1:]]) + "\n"
    (copy / "explain.jsonl").write_text(text, encoding="utf-8")
    again = recompute(made / "town", copy, first["lead_id"], SETTINGS)
    assert [r.agrees for r in again] == [False] + [True] * (len(again) - 1)


def test_a_run_without_numbers_or_without_that_lead_is_a_sentence(made, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(run_folder(made / "out"), copy)
    line = json.loads((copy / "explain.jsonl").read_text(encoding="utf-8").split("\n")[0])
    del line["findings"]
    (copy / "explain.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    with pytest.raises(LeadError, match="no numbers"):
        recompute(made / "town", copy, line["lead_id"])
    with pytest.raises(LeadError):
        recompute(made / "town", copy, "L-ZZZZ")
    (copy / "run.json").unlink()
    with pytest.raises(LeadError, match=r"run\.json"):
        run_settings(copy)


@pytest.mark.parametrize(
    ("now", "tests", "differ", "agrees"),
    [(-5.0, 7, 0, True), (-5.0 - 1e-10, 7, 0, True), (-5.00001, 7, 0, False), (-5.0, 8, 0, False), (-5.0, 7, 1, False),
     (None, None, 0, False)],
)
def test_what_agrees(now, tests, differ, agrees):
    assert Recomputed("F", "a", -5.0, now, 7, tests, differ).agrees is agrees
