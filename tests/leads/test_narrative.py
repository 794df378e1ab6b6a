"""A lead in words."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from golden.golden import same_as_golden

from gangfinder.leads import build_leads
from gangfinder.leads.catalogue import translator
from gangfinder.leads.narrative import Narrative, narrate
from gangfinder.model.evidence import Judgement, Result
from gangfinder.settings import Settings
from leads.made import KEY, TEXTS, facts, impersonation, pool

LEADS = build_leads([pool(), impersonation()], facts(), Settings(), KEY, TEXTS)


def words(narrative: Narrative, lang: str = "zh") -> str:
    say = translator(lang)
    lines = [say.line(narrative.headline)]
    for section in narrative.sections:
        lines += ["", say.line(section.title), *(f"  - {say.line(line)}" for line in section.lines)]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("number", [0, 1])
def test_a_lead_read_aloud(number: int, lang: str):
    same_as_golden(f"narrative/lead{number + 1}.{lang}.txt", words(narrate(LEADS[number], TEXTS), lang))


@pytest.mark.parametrize("lead", LEADS)
def test_narrative_survives_its_line(lead):
    told = narrate(lead, TEXTS)
    line = told.to_line()
    assert "\n" not in line
    assert words(Narrative.from_line(line)) == words(told)
    assert json.loads(line)["lead_id"] == lead.lead_id


def test_every_question_of_an_inspector_has_a_section():
    titles = [s.title.text for s in narrate(LEADS[0], TEXTS).sections]
    for wanted in (
        "涉及对象",
        "何时发生",
        "有多意外",
        "已检验的合理解释",
        "若能说明以下任一项，可排除",
        "建议调取",
    ):
        assert wanted in titles


def test_every_explanation_is_told_with_its_result():
    lead = LEADS[0]
    ring = replace(lead.scored.ring, judgements=tuple(Judgement("care_home", result) for result in Result))
    told = words(narrate(replace(lead, scored=replace(lead.scored, ring=ring)), TEXTS))
    for piece in ("成立，可解释全部成员", "重新判断后仍成立", "不成立", "未能检验"):
        assert piece in told


def test_long_lists_of_people_are_cut_with_a_pointer():
    lead = LEADS[0]
    member = lead.members[0]
    many = tuple(replace(member, entity_id=f"P{n:03d}") for n in range(50))
    assert "其余 30 见 members.csv" in words(narrate(replace(lead, members=many), TEXTS))


def test_texts_of_an_absent_plugin_are_its_code():
    from gangfinder.leads.texts import Texts

    assert "T01" in words(narrate(LEADS[0], Texts()))
