"""Every lead of a town is explained: who, when, how surprising, what was tested, what clears it, what to ask for."""

from __future__ import annotations

import csv
import re

import pytest
from click.testing import CliRunner

from gangfinder.cli import root
from gangfinder.typologies import typologies

pytestmark = pytest.mark.slow

SECTIONS = {
    "zh": {
        "who": "涉及对象", "what": "发现了什么", "when": "何时发生", "surprise": "有多意外",
        "benign": "已检验的合理解释", "clears": "若能说明以下任一项，可排除", "records": "建议调取", "note": "说明",
    },
    "en": {
        "who": "Who is concerned", "what": "What was found", "when": "When it happened",
        "surprise": "How surprising it is", "benign": "Innocent explanations that were tested",
        "clears": "Any of these would clear it", "records": "Records to ask for", "note": "Note",
    },
}
CHANCE = {
    "zh": re.compile(r"偶然出现这种情形的概率(小于|约为).+（共检验 [\d,]+ 组，已按检验次数校正）。|不能同时属实"),
    "en": re.compile(r"by chance would be .+ \([\d,]+ tests, corrected for their number\)\.|cannot all be true"),
}
RESULTS = {
    "zh": {"holds": "成立", "partly": "部分成立", "fails": "不成立", "untestable": "未能检验"},
    "en": {"holds": "holds", "partly": "partly", "fails": "does not hold", "untestable": "could not be tested"},
}
GUILT = {
    "zh": ("骗", "诈", "犯罪", "罪犯", "罪名", "违法者", "作案", "团伙", "赃"),
    "en": ("fraud", "crime", "guilt", "culprit", "offend", "gang", "cheat", "conspir", "perpetrat", "illegal"),
}


def explained(out, lead_id: str, lang: str) -> tuple[str, dict[str, list[str]]]:
    """Return the whole text and the lines of each section."""
    done = CliRunner().invoke(root, ["explain", str(out), lead_id, "--lang", lang])
    assert done.exit_code == 0, done.stderr
    head, *blocks = done.stdout.rstrip("\n").split("\n\n")
    titles = {title: name for name, title in SECTIONS[lang].items()}
    sections = {}
    for block in blocks:
        title, *lines = block.split("\n")
        sections[titles.get(title, title)] = [line.removeprefix("  - ") for line in lines]
    return done.stdout, {"head": head.split("\n"), **sections}


def rows(out, name: str, lead_id: str) -> list[dict[str, str]]:
    with (out / name).open(encoding="utf-8", newline="") as stream:
        return [row for row in csv.DictReader(stream) if row["lead_id"] == lead_id]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_lead_is_explained(lang, finished, out):
    assert len(finished.leads) >= 4
    for lead in finished.leads:
        text, said = explained(out, lead.lead_id, lang)
        assert set(SECTIONS[lang]) <= set(said), lead.lead_id
        assert lead.lead_id in said["head"][0]
        who(said, rows(out, "members.csv", lead.lead_id))
        when(said, rows(out, "evidence.csv", lead.lead_id))
        surprising(said, lang)
        explanations(said, rows(out, "benign.csv", lead.lead_id), lang)
        declared(said, lead, lang)
        assert [word for word in GUILT[lang] if word in text.lower()] == []
        if lang == "en":
            assert not re.search(r"[\u4e00-\u9fff]", without_data(text)), "a sentence is not in English"


def who(said, members):
    """Every kind of member with its number, and the first core people by name."""
    lines = "\n".join(said["who"])
    kinds = {(m["membership"], m["entity_type"], m["role"]) for m in members}
    assert len(said["who"]) == len(kinds)
    for membership, entity_type, role in kinds:
        own = [m for m in members if (m["membership"], m["entity_type"], m["role"]) == (membership, entity_type, role)]
        assert f"{len(own)}" in lines
        assert all(m["entity_id"] in lines for m in own[:20]), (membership, role)


def when(said, evidence):
    days = sorted({row["event_at"][:10] for row in evidence if row["event_at"]})
    assert days[0] in said["when"][0]
    assert days[-1] in said["when"][0]
    assert f"{len(days)}" in said["when"][0]
    assert len([line for line in said["when"] if line[:10] in days]) == min(8, len(days))


def surprising(said, lang):
    """One plain sentence with the probability and the number of tests, or that records contradict each other."""
    assert [line for line in said["surprise"] if CHANCE[lang].search(line)]
    assert len(said["surprise"]) <= 4
    assert not re.search(r"log10|p-value|e-\d", "\n".join(said["surprise"]))


def explanations(said, judgements, lang):
    """Each explanation of benign.csv with its result."""
    assert len(judgements) == len(said["benign"]) > 0
    for result in RESULTS[lang]:
        stated = sum(row["result"] == result for row in judgements)
        if result in ("partly", "fails", "untestable"):
            assert sum(RESULTS[lang][result] in line for line in said["benign"]) >= stated, result


def declared(said, lead, lang):
    """What clears it and which records to ask for: all that its typologies declare."""
    own = [t for t in typologies().values() if t.code in lead.typologies]
    for name in ("clears", "records"):
        texts = {text for t in own for text in getattr(t, name)}
        assert len(said[name]) == len(texts) > 0
        if lang == "zh":
            assert set(said[name]) == texts


def without_data(text: str) -> str:
    """Take out labels, which are data in the language of the input: 测试县测试*** (address:…)."""
    return re.sub(r"\S*\*+\S* ?\(\w+:[0-9a-f]{16}\)", "", text)
