"""Numbers as lines and as bars: ours in colour, what they are compared with in gray."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .style import BLUE, INK, ORANGE, QUIET, axes_of_lines, log_axis, new_figure, plain, text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["bars", "lines", "scatter"]

STYLES = ((BLUE, "-"), (ORANGE, "-"), (BLUE, "--"), (ORANGE, "--"), (QUIET, "-"), (QUIET, "--"),
          (QUIET, ":"))  # fmt: skip


def lines(
    panels: Mapping[str, Mapping[str, tuple[Any, Any]]], x: str = "", *, log: bool = False
) -> Figure:
    """Curves in one panel or several side by side.

    Args:
        panels: title → name → (x, y), (T,) each.
        x: what the horizontal axes are of.
        log: the vertical axes are logarithmic.

    Raises:
        ValueError: no panel, or one without a curve.
    """
    if not panels or not all(panels.values()):
        raise ValueError("a figure of lines needs a curve in each panel; we got none")
    figure = new_figure(540 * len(panels) + 80, 400)
    for axes, (title, curves) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True
    ):
        for place, (name, (at, values)) in enumerate(curves.items()):
            colour, dashes = STYLES[place % len(STYLES)]
            marker = "o" if len(np.asarray(at)) < 16 else ""
            axes.plot(
                at, values, dashes, color=colour, linewidth=1.8, marker=marker, markersize=3.2,
                label=plain(name),
            )  # fmt: skip
        axes_of_lines(axes, title, x)
        if log:
            log_axis(axes, "y")
        if len(curves) > 1:
            axes.legend(frameon=False, fontsize=8.5, labelcolor=INK, loc="best")
    figure.tight_layout(pad=1.4, w_pad=3)
    return figure


def bars(
    values: Mapping[str, Sequence[float]],
    *,
    title: str = "",
    published: Mapping[str, float] | None = None,
    log: bool = False,
) -> Figure:
    """A bar for each name, as long as the mean of its values, and a dot for each value.

    Args:
        values: name → a value of each seed.
        published: values by name, as marks on the same axis.
        log: the axis is logarithmic.

    Raises:
        ValueError: no bar, or one without a value.
    """
    if not values or not all(len(each) for each in values.values()):
        raise ValueError("a figure of bars needs a value for each; we got none")
    names = list(values)
    labels = max(text_width(name) for name in names)
    figure = new_figure(560 + labels, 90 + 30 * len(names))
    axes = figure.subplots()
    places = np.arange(len(names))
    means = [float(np.mean(values[name])) for name in names]
    axes.barh(places, means, height=0.62, color=BLUE, alpha=0.85)
    for place, name in enumerate(names):
        each = np.asarray(values[name], float)
        if len(each) > 1:
            axes.plot(each, np.full(len(each), place), "o", color=INK, markersize=3.2)
        if published and name in published:
            axes.plot([published[name]], [place], "D", color=ORANGE, markersize=5, zorder=4)
    if published:
        axes.plot([], [], "D", color=ORANGE, markersize=5, label="published")
        axes.legend(frameon=False, fontsize=8.5, labelcolor=INK, loc="best")
    axes_of_lines(axes, title, "")
    axes.set_yticks(places, names, color=INK)
    axes.invert_yaxis()
    axes.grid(False, axis="y")
    if log:
        log_axis(axes, "x")
    figure.tight_layout(pad=1.4)
    return figure


def scatter(true: Any, told: Any, title: str, x: str, y: str) -> Figure:
    """A number as it was told over the true one, (N,) each, and the line where both are the same."""
    at, found = np.asarray(true, np.float64), np.asarray(told, np.float64)
    figure = new_figure(560, 520)
    axes = figure.subplots()
    size = float(np.clip(6000 / max(1, len(at)), 4, 26))
    axes.scatter(at, found, s=size, color=BLUE, alpha=0.5, linewidths=0)
    ends = [float(min(at.min(), found.min())), float(max(at.max(), found.max()))]
    axes.plot(ends, ends, color=QUIET, linewidth=0.9, linestyle=(0, (4, 3)))
    axes_of_lines(axes, title, x)
    axes.set_ylabel(plain(y), fontsize=9, color=QUIET)
    figure.tight_layout(pad=1.4)
    return figure
