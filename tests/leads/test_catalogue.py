"""Texts: rendering, translation, completeness, and neutral words."""

from __future__ import annotations

import gettext
import re
import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gangfinder.errors import SettingsError
from gangfinder.leads.catalogue import Phrase, translator
from gangfinder.leads.messages import FOLDER, messages, mo_bytes, po_text, read_po, updated
from gangfinder.leads.phrases import PHRASES, chance, phrase

ZH, EN = translator("zh"), translator("en")

GUILT_ZH = ("骗", "欺诈", "诈", "犯罪", "罪犯", "罪名", "违法者", "作案")
GUILT_EN = re.compile(
    r"\b(fraud\w*|guilt\w*|crook\w*|offender\w*|thie\w*|swindl\w*|crime\w*)\b", re.IGNORECASE
)


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_text_has_an_english_one():
    catalogue = read_po(FOLDER / "gangfinder.po")
    known = {m.id for m in catalogue if m.id and m.string}
    assert set(messages()) - known == set(), "run python -m gangfinder.leads.messages and translate"


def test_catalogue_holds_nothing_else():
    assert {m.id for m in read_po(FOLDER / "gangfinder.po") if m.id} == set(messages())


def test_compiled_catalogue_is_that_of_the_source():
    with (FOLDER / "gangfinder.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for message in read_po(FOLDER / "gangfinder.po"):
        if message.id:
            assert compiled.gettext(message.id) == message.string


def test_updating_a_complete_catalogue_changes_nothing():
    old = read_po(FOLDER / "gangfinder.po")
    assert [(m.id, m.string) for m in updated(old)][1:] == [(m.id, m.string) for m in old][1:]
    assert po_text(updated(old)) == po_text(updated(updated(old)))
    assert mo_bytes(updated(old)) == mo_bytes(updated(updated(old)))


def test_translations_quote_the_same_numbers():
    for text in messages():
        assert placeholders(EN(text)) == placeholders(text), text


def test_no_word_of_guilt():
    for text in messages():
        assert not [word for word in GUILT_ZH if word in text], text
        assert not GUILT_EN.search(EN(text)), EN(text)


def test_english_texts_hold_no_chinese():
    assert [t for t in messages() if re.search("[\u4e00-\u9fff]", EN(t))] == []


def test_unknown_text_stays_as_it_is():
    assert EN("没有译文") == "没有译文"
    assert EN("") == ""


def test_unknown_language():
    with pytest.raises(SettingsError):
        translator("de")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (182_340, "182,340"),
        (3, "3"),
        (0.0831234, "0.08312"),
        (8.0, "8"),
        (12345.678, "12,345.678"),
        (np.float64(0.5), "0.5"),
        ("文", "文"),
        (("a", "b"), "a、b"),
        (True, "True"),
    ],
)
def test_values_in_words(value, shown):
    assert ZH.render(Phrase("{v}", {"v": value})) == shown


def test_explicit_format_is_kept_and_texts_survive_it():
    assert ZH.render(Phrase("{v:.1f}", {"v": 0.25})) == "0.2"
    assert ZH.render(Phrase("{v:.1f}", {"v": "many"})) == "many"


def test_missing_value_is_a_dash():
    assert ZH.render(Phrase("共 {n} 人", {})) == "共 – 人"


def test_a_template_reads_values_never_their_attributes():
    assert ZH.render(Phrase("{v.__class__}", {"v": 1})) == "–"


def test_nested_phrase_gives_its_stop_to_the_sentence():
    assert ZH.render(phrase("what.plain", sentence=Phrase("一句话。"))) == "一句话。"
    assert ZH.render(Phrase("{a}", {"a": (Phrase("x"), Phrase("y"))})) == "x、y"


def test_phrase_survives_json():
    one = phrase("what.chance", sentence=Phrase("{n} 人", {"n": 3}), chance=chance(-7.5), n_tests=12)
    assert Phrase.from_json(one.to_json()) == one


@pytest.mark.parametrize(
    ("log10_p", "words"),
    [
        (-300.0, "小于一万亿分之一"),
        (-12.1, "小于一万亿分之一"),
        (-12.0, "小于十亿分之一"),
        (-9.5, "小于十亿分之一"),
        (-6.5, "小于百万分之一"),
        (-4.5, "小于万分之一"),
        (-3.5, "小于千分之一"),
        (-2.7, "约为 0.2%"),
        (-1.0, "约为 10%"),
        (0.0, "不小"),
    ],
)
def test_chance_in_words(log10_p: float, words: str):
    assert ZH.render(chance(log10_p)) == words


@given(st.floats(min_value=-400, max_value=0))
def test_a_bound_in_words_holds(log10_p: float):
    bound = {PHRASES[f"chance.{k}"]: -k for k in (3, 4, 6, 9, 12)}.get(chance(log10_p).text)
    assert bound is None or log10_p < bound
