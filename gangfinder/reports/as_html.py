"""A document as one HTML file that needs nothing else."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from gangfinder.export.cells import visible
from gangfinder.reports.document import Column, Document, Kind, shown
from gangfinder.reports.pictures import svg

if TYPE_CHECKING:
    from jinja2 import Environment


def html(document: Document) -> str:
    """Return the document as HTML: every text escaped, pictures inline, no script, nothing fetched."""
    return _environment().get_template("report.html.j2").render(document=document)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    made = Environment(
        loader=PackageLoader("gangfinder.reports"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )
    made.filters["svg"] = lambda picture: Markup(svg(picture))  # noqa: S704 - our own drawing of numbers
    made.filters["seen"] = visible
    made.globals["shown"] = shown
    made.globals["style_of"] = _style_of
    return made


def _style_of(column: Column) -> str:
    if column.kind is not Kind.TEXT:
        return "n"
    return "w" if column.wide else "t"
