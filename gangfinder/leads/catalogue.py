"""Texts that investigators read: phrases with values, and their translation.

The source language is Chinese (zh-CN): message ids are Chinese texts, and the gettext catalogue under
``gangfinder/locale`` holds the English ones.  A text without translation is shown in Chinese.
"""

from __future__ import annotations

import gettext
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Union

from gangfinder.errors import SettingsError, nearest
from gangfinder.settings import LANGUAGES

DOMAIN = "gangfinder"

Value = Union[str, int, float, "Phrase", tuple["Phrase", ...]]


@dataclass(frozen=True, slots=True)
class Phrase:
    """A text template and the values it quotes; language-independent until it is rendered.

    Parameters
    ----------
    text
        The Chinese template: the message id. An empty text renders as nothing.
    values
        Placeholder → value; a value may be a phrase, or a tuple of phrases that is rendered as a list.
    """

    text: str
    values: Mapping[str, Value] = field(default_factory=lambda: MappingProxyType({}))

    def to_json(self) -> dict[str, Any]:
        """Return plain values from which :meth:`from_json` makes the same phrase."""
        return {"text": self.text, "values": {k: _plain(v) for k, v in sorted(self.values.items())}}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Phrase:
        """Read what :meth:`to_json` returned."""
        return cls(plain["text"], {k: _value(v) for k, v in plain["values"].items()})


def _plain(value: Value) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, Phrase):
        return value.to_json()
    return [p.to_json() for p in value] if isinstance(value, tuple) else value


def _value(plain: Any) -> Value:  # noqa: ANN401 - JSON
    if isinstance(plain, dict):
        return Phrase.from_json(plain)
    return tuple(Phrase.from_json(p) for p in plain) if isinstance(plain, list) else plain


class Translator:
    """Renders phrases in one language.

    Parameters
    ----------
    lang
        ``zh`` or ``en``.
    messages
        Message id → text; absent ones stay as they are.
    """

    def __init__(self, lang: str, messages: gettext.NullTranslations) -> None:
        self.lang = lang
        self._messages = messages
        self._separator = "、" if lang == "zh" else ", "

    def __call__(self, text: str) -> str:
        """Return the text in this language, or in Chinese where it has no translation."""
        # gettext answers the empty id with the header of the catalogue
        return self._messages.gettext(text) if text else ""

    def render(self, phrase: Phrase) -> str:
        """Return the phrase in words: its template in this language with its values put in.

        Numbers without an explicit format get thousands separators and at most four significant digits; a
        value that is missing shows as a dash, so that a faulty template never costs a run.
        """
        return _Filler(self).vformat(self(phrase.text), (), phrase.values)

    def line(self, phrase: Phrase) -> str:
        """Return the phrase as a line of its own: with a capital first letter, where the script has any."""
        text = self.render(phrase)
        return text[:1].upper() + text[1:]

    def shown(self, value: Any) -> str:  # noqa: ANN401 - whatever a detector put into its detail
        """Return one value in words."""
        if isinstance(value, Phrase):  # a phrase inside a sentence: the sentence brings the full stop
            return self.render(value).rstrip("。.；;")
        if isinstance(value, tuple | list):
            return self._separator.join(self.shown(v) for v in value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return str(value)
        return f"{value:,}" if isinstance(value, int) else _number(value)


def _number(value: float) -> str:
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    text = f"{value:,.4f}" if abs(value) >= 1000 else f"{value:.4g}"
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


class _Filler(string.Formatter):
    """``str.format`` over plain names only: a template reads values, never their attributes.

    English texts may agree with a number: ``{n} card{n:plural}``, ``{n} {n:plural person people}``.
    """

    def __init__(self, translator: Translator) -> None:
        self._translator = translator

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, str]:
        return kwargs.get(field_name, "–"), field_name

    def format_field(self, value: Any, format_spec: str) -> str:  # noqa: ANN401 - of any type
        if format_spec.startswith("plural"):
            one, many = format_spec.split()[1:] or ("", "s")
            return one if value == 1 else many
        if format_spec:
            try:
                return format(value, format_spec)
            except (ValueError, TypeError):  # a format for numbers met a text
                return self._translator.shown(value)
        return self._translator.shown(value)


@cache
def translator(lang: str) -> Translator:
    """Return the translator of a language.

    Raises
    ------
    SettingsError
        If there is no such language.
    """
    if lang not in LANGUAGES:
        msg = f"there is no language '{lang}'"
        raise SettingsError(msg, hint=f"give {' or '.join(nearest(lang, LANGUAGES) or LANGUAGES)}")
    if lang == "zh":
        return Translator(lang, gettext.NullTranslations())
    compiled = files("gangfinder") / "locale" / lang / "LC_MESSAGES" / f"{DOMAIN}.mo"
    with compiled.open("rb") as file:
        return Translator(lang, gettext.GNUTranslations(file))
