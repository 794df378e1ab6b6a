"""Text of a cell that no spreadsheet runs and no terminal obeys."""

from __future__ import annotations

import re
from decimal import Decimal

_RUNS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "'")
"""First characters with which a spreadsheet starts a formula (full-width ones too), and our own mark."""


def neutral(text: str) -> str:
    """Return a text that a spreadsheet shows and never evaluates.

    Control characters become visible pictures, characters that reorder or hide text a replacement character,
    and a text that could start a formula, or starts with an apostrophe, gets an apostrophe in front: a reader
    who strips one leading apostrophe has the text back.
    """
    clean = visible(text)
    return f"'{clean}" if clean.lstrip().startswith(_RUNS) else clean


def visible(text: str) -> str:
    """Return the text with every control or direction character replaced by one that can be seen."""
    return _HIDDEN.sub(lambda match: _picture(match.group()), text)


_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # control characters
    "\xad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # direction, joiners, no width
    "\u2028\u2029"  # line separators
    "\ud800-\udfff]"  # lone surrogates, which cannot be encoded
)


def _picture(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else "\ufffd"


def number(value: int | Decimal) -> str:
    """Return a number in plain digits; a negative one keeps its sign and stays a number."""
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
