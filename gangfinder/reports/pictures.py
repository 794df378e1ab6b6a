"""Pictures as SVG: axes and shapes alone, in ASCII; titles and legends are text beside them.

The fonts of a server often have no Chinese; those of a reader's browser do. The same values give the same bytes.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from gangfinder.reports.document import Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK, _FAINT = "#333333", "#d9dee2"
_WIDE = 7.6  # inches
_FEW = 13  # labels that fit beside each other
_NOTHING = dict.fromkeys(("Date", "Creator", "Format", "Type"))  # no clock, no addresses


def svg(picture: Picture) -> str:
    """Return a picture as an ``<svg>`` element without prolog."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    settings: dict[Any, Any] = {
        "svg.fonttype": "none", "svg.hashsalt": picture.name, "font.family": "sans-serif", "font.size": 9,
    }
    with rc_context(settings):
        rows = len(picture.labels)
        figure = Figure(figsize=(_WIDE, 2.6 if picture.kind != "intervals" else 0.7 + 0.28 * rows))
        axes = figure.add_subplot()
        {"stacked": _stacked, "lines": _lines, "intervals": _intervals}[picture.kind](axes, picture)
        _plain(axes)
        return _text(figure)


def _stacked(axes: Axes, picture: Picture) -> None:
    below = [0.0] * len(picture.labels)
    for one in picture.series:
        values = [float(value) for value in picture.values[one.name]]
        axes.bar(range(len(values)), values, bottom=below, color=one.colour, width=0.72)
        below = [low + value for low, value in zip(below, values, strict=True)]
    _weeks(axes, picture)
    axes.set_ylim(0, max([*below, 1.0]) * 1.08)


def _lines(axes: Axes, picture: Picture) -> None:
    styles = ("-", "--", ":")
    for place, one in enumerate(picture.series):
        values = [float(value) for value in picture.values[one.name]]
        axes.plot(
            range(len(values)), values, styles[place % len(styles)], color=one.colour, linewidth=1.8, marker="o",
            markersize=3,
        )
    _weeks(axes, picture)
    axes.set_ylim(bottom=0)


def _weeks(axes: Axes, picture: Picture) -> None:
    from matplotlib.ticker import MaxNLocator

    step = -(-len(picture.labels) // _FEW)
    places = list(range(0, len(picture.labels), step))
    axes.set_xticks(places, [picture.labels[place] for place in places])
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.grid(axis="y", color=_FAINT, linewidth=0.7)
    axes.set_xlim(-0.6, len(picture.labels) - 0.4)


def _intervals(axes: Axes, picture: Picture) -> None:
    point, low, high = (list(picture.values[name]) for name in ("point", "low", "high"))
    places = range(len(point))
    axes.hlines(places, low, high, color=picture.series[0].colour, linewidth=2)
    axes.plot(point, places, "o", color=picture.series[0].colour, markersize=6)
    axes.set_yticks(list(places), list(picture.labels))
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(len(point) - 0.4, -0.6)
    axes.grid(axis="x", color=_FAINT, linewidth=0.7)


def _plain(axes: Axes) -> None:
    axes.set_axisbelow(True)
    axes.tick_params(length=0, colors=_INK)
    for side in axes.spines.values():
        side.set_visible(False)


def _text(figure: Figure) -> str:
    out = io.StringIO()
    figure.savefig(out, format="svg", bbox_inches="tight", transparent=True, metadata=_NOTHING)
    made = out.getvalue()
    return made[made.index("<svg") :]
