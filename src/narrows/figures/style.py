"""What every figure shares: ink, paper, two colours that every eye tells apart.

Figures use matplotlib's objects, never pyplot: nothing global changes and no window can open.
"""

from __future__ import annotations

import io
import logging
import math
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "BLUE",
    "DPI",
    "FAINT",
    "INK",
    "ORANGE",
    "QUIET",
    "axes_of_lines",
    "figure_png",
    "log_axis",
    "new_figure",
    "plain",
    "text",
    "text_width",
]

if not logging.getLogger("matplotlib").level:
    # what it says of folders that it cannot write is of no use to who asked for a picture
    logging.getLogger("matplotlib").setLevel(logging.ERROR)

DPI = 120
INK, QUIET, FAINT = "#1c1e21", "#6b7078", "#e3e5e8"
BLUE, ORANGE = "#1f6fb4", "#d9681d"


def new_figure(width: float, height: float) -> Figure:
    """An empty white figure of that many pixels at its own resolution.

    A notebook shows it, also where pyplot was never imported.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    figure._repr_png_ = partial(figure_png, figure)  # type: ignore[attr-defined]
    return figure


def figure_png(figure: Any, dpi: float = DPI) -> bytes:
    """The PNG of a figure; the same figure gives the same bytes."""
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=dpi, metadata={"Software": None})
    return out.getvalue()


def axes_of_lines(axes: Axes, title: str, x: str) -> None:
    """Two quiet spines, a faint grid, the title at the left where reading begins."""
    axes.set_title(plain(title), loc="left", fontsize=10, color=INK, pad=10)
    axes.set_xlabel(plain(x), fontsize=9, color=QUIET)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color("#b9bdc3")
    axes.tick_params(colors=QUIET, labelsize=8.5, length=3, color="#b9bdc3")
    axes.grid(True, color=FAINT, linewidth=0.7)
    axes.set_axisbelow(True)


def log_axis(axes: Axes, which: Literal["x", "y"]) -> None:
    """A logarithmic axis whose ticks are plain numbers; over three decades only powers of ten."""
    axes.set(**{f"{which}scale": "log"})
    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = axis.get_view_interval()
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    decades = math.log10(high / low)
    steps = (1, 2, 3, 4, 6, 8) if decades < 1 else (1, 2, 5) if decades < 3 else (1,)
    ticks = [step * 10.0**power for power in range(first, last + 1) for step in steps]
    shown = [tick for tick in ticks if low <= tick <= high]
    axis.set_ticks(shown, [f"{tick:,.0f}" if tick >= 1 else f"{tick:g}" for tick in shown])
    axes.minorticks_off()


def plain(content: str) -> str:
    """A name as Matplotlib draws it letter by letter: $ begins no formula, and what the font lacks
    is written as Python writes it, ``\\u732b``, instead of as an empty square."""
    if content.isascii() and content.isprintable():
        return content.replace("$", r"\$")
    there = _letters()
    drawn = [c if ord(c) in there or c == "\n" else ascii(c)[1:-1] for c in content]
    return "".join(drawn).replace("$", r"\$")


@lru_cache(maxsize=1)
def _letters() -> frozenset[int]:
    from matplotlib.font_manager import FontProperties, findfont, get_font

    return frozenset(get_font(findfont(FontProperties())).get_charmap())


def text_width(content: str, size: float = 8.5) -> float:
    """How many pixels wide a text of that many points is."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    # by the advances of its letters: the extents of their outlines take a hundred times longer
    font = FontProperties(size=size * DPI / 72)
    return float(text_to_path.get_text_width_height_descent(plain(content), font, False)[0])


def text(figure: Figure, x: float, y: float, content: str, **how: Any) -> None:
    """Text at pixel (x, y) from the top left."""
    width, height = figure.get_size_inches() * DPI
    how = {"fontsize": 8.5, "color": INK, "va": "center", **how}
    figure.text(x / width, 1 - y / height, plain(content), **how)
