"""Runs side by side on one sheet, to be printed or put into a paper: their curves above their numbers."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from .style import BLUE, FAINT, INK, ORANGE, QUIET, axes_of_lines, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["compared_runs", "vector"]

COLOURS = (BLUE, ORANGE, "#2b8a4b", "#8a4fb0")
ROW = 26  # pixels


def compared_runs(
    curves: Mapping[str, tuple[Any, Any]], rows: Sequence[Sequence[str]], title: str = ""
) -> Figure:
    """Validation losses over epochs, and a table.

    Args:
        curves: name → epochs (T,) and losses (T,); one without points is left out.
        rows: the lines of the table, the names of the columns first.
        title: over the curves.

    Raises:
        ValueError: no row.
    """
    if not rows:
        raise ValueError("a table of runs has at least its titles; we got none")
    from matplotlib.lines import Line2D

    there = {name: points for name, points in curves.items() if len(points[0])}
    tall, wide = 340 if there else 20, max(760, 190 * len(rows[0]))
    figure = new_figure(wide, tall + ROW * (len(rows) + 1))
    height = tall + ROW * (len(rows) + 1)
    if there:
        axes = figure.add_axes(
            (80 / wide, 1 - (tall - 60) / height, 1 - 110 / wide, (tall - 100) / height)
        )
        for name, (x, y) in there.items():
            colour = COLOURS[list(curves).index(name) % len(COLOURS)]
            marker = "o" if len(x) <= 30 else ""
            axes.plot(x, y, marker, linestyle="-", color=colour, markersize=3.2, label=plain(name))
        axes_of_lines(axes, title or "Validation loss, nats per picture", "epochs")
        axes.legend(frameon=False, fontsize=8.5, labelcolor=INK, loc="best")
    left, across = 20, (wide - 40) / len(rows[0])
    for number, row in enumerate(rows):
        y = 1 - (tall + ROW * (number + 0.5)) / height
        for place, cell in enumerate(row):
            figure.text(
                (left + across * place) / wide, y, plain(str(cell)), fontsize=8.5, va="center",
                color=QUIET if place == 0 or number == 0 else INK,
                weight="bold" if number == 0 else "normal",
            )  # fmt: skip
        under = 1 - (tall + ROW * (number + 1)) / height
        ends = [left / wide, 1 - left / wide]
        colour = INK if number == 0 else FAINT
        figure.add_artist(Line2D(ends, [under, under], color=colour, linewidth=0.8))
    return figure


def vector(figure: Any, kind: Literal["svg", "pdf"]) -> bytes:
    """A figure as SVG or PDF, text as text; the same figure gives the same bytes."""
    import matplotlib as mpl

    out = io.BytesIO()
    none = {"Date": None} if kind == "svg" else {"CreationDate": None}
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "narrows", "pdf.fonttype": 42}):
        figure.savefig(out, format=kind, metadata=none)
    return out.getvalue()
