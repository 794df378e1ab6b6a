"""How our help texts are laid out."""

from __future__ import annotations

import inspect
import re
from typing import Any

import click


def laid_out(text: str | None) -> str:
    """Return a docstring in which click does not wrap the lines of worked examples: a title, and lines set in."""
    return re.sub(r"\n(\w[\w ]*:\n)(?=  )", r"\n\b\n\1", inspect.cleandoc(text or ""))


class Command(click.Command):
    """A command whose docstring may hold a paragraph ``Example:`` that is printed line by line."""

    def __init__(self, name: str | None, **attributes: Any) -> None:  # noqa: ANN401 - those of click
        super().__init__(name, **{**attributes, "help": laid_out(attributes.get("help"))})
