"""Values that a typology writes as keys are shown in the words of the lead's language."""

from __future__ import annotations

from types import SimpleNamespace

from gangfinder.leads.catalogue import translator
from gangfinder.leads.texts import Texts, installed_texts, plugin_messages


def test_a_key_is_shown_as_its_word():
    known = SimpleNamespace(sentences={"tie": "与{staff}：{how}", "word.near": "近邻", "word.kin": "亲属"})
    said = Texts({"T99": known}).sentence("T99", "tie", {"staff": "S1", "how": "near kin", "n": 3})
    assert translator("zh").render(said) == "与S1：近邻、亲属"


def test_what_is_no_key_stands_as_it_is():
    known = SimpleNamespace(sentences={"tie": "{how}", "word.near": "近邻"})
    for how in ("far", "near far", ""):
        assert translator("zh").render(Texts({"T99": known}).sentence("T99", "tie", {"how": how})) == how


def test_words_are_among_the_texts_to_translate():
    texts = installed_texts()
    words = {text for key, text in texts.typologies["T20"].sentences.items() if key.startswith("word.")}
    assert words
    assert words <= set(plugin_messages(texts))
