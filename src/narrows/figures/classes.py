"""Confusion matrices, and accuracy by the number of labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .maps import _natural
from .style import BLUE, INK, ORANGE, QUIET, axes_of_lines, new_figure, plain, text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["confusion_matrix", "label_curves"]

Array = np.ndarray[Any, Any]

WRITTEN = 20  # classes up to which the counts are written into the cells
LINE = 13  # pixels that a small name takes
OTHERS = (("#5a9e6f", "--"), ("#8d6ab8", "-."), ("#6b7078", ":"))


def confusion_matrix(counts: Any, classes: Sequence[Any], *, title: str = "") -> Figure:
    """How often pictures of each class (rows) were taken for each class (columns).

    Names stand in natural order (1, 2, 10). The darker a cell, the larger its share of the row: right answers in blue, wrong ones in orange and
    four times as dark, so that they can be seen at all.

    Args:
        counts: (C, C).
        classes: C names.

    Raises:
        ValueError: not a square of counts, one row for each class.
    """
    from matplotlib.colors import to_rgb

    table = np.asarray(counts)
    n = len(classes)
    if table.shape != (n, n) or n < 1:
        raise ValueError(f"counts (C, C) of C classes were wanted; we got {table.shape} and {n}")
    order = sorted(range(n), key=lambda i: _natural(str(classes[i])))
    table, classes = table[np.ix_(order, order)], [classes[i] for i in order]
    names = [_short(str(name)) for name in classes]
    share = table / np.maximum(table.sum(1, keepdims=True), 1)
    right = np.eye(n, dtype=bool)
    strength = np.where(right, 0.85 * share, np.minimum(1, 4 * share))[..., None]
    colours = np.where(right[..., None], to_rgb(BLUE), to_rgb(ORANGE))
    cell = 46 if n <= WRITTEN else 30 if n <= 40 else 16 if n <= 100 else max(4, 1600 // n)
    size = 8.5 if n <= 40 else 6.5
    every = max(1, -(-LINE // cell))  # of more than a hundred names only those that have room
    label = max(text_width(name, size) for name in names) + 24
    sideways = n > WRITTEN or max(text_width(name, size) for name in names) > cell
    over = (label if sideways else 34) + 66
    width = max(label + n * cell + 76, text_width(title, 10) + 40 if title else 0)
    height = over + n * cell + 24
    figure = new_figure(width, height)
    left = label + 18
    axes = figure.add_axes(
        (left / width, 24 / height, n * cell / width, n * cell / height), frameon=False
    )
    axes.imshow(1 - strength * (1 - colours), aspect="auto")
    places, drawn = range(0, n, every), [plain(name) for name in names[::every]]
    axes.set_xticks(places, drawn, rotation=90 if sideways else 0)
    axes.set_yticks(places, drawn)
    axes.tick_params(labelsize=size, length=0, labelcolor=INK, top=True, labeltop=True,
                     bottom=False, labelbottom=False)  # fmt: skip
    axes.set_xticks(np.arange(-0.5, n), minor=True)
    axes.set_yticks(np.arange(-0.5, n), minor=True)
    axes.grid(which="minor", color="white", linewidth=1.2 if n <= WRITTEN else 0.3)
    axes.tick_params(which="minor", length=0, top=False)
    if n <= WRITTEN:
        for row, column in np.argwhere(table):
            dark = strength[row, column, 0] > 0.6
            axes.text(
                column, row, f"{table[row, column]:,}", ha="center", va="center",
                fontsize=8.5 if table[row, column] < 10_000 else 7,
                color="white" if dark else INK,
            )  # fmt: skip
    figure.text(18 / width, 1 - 20 / height, plain(title), fontsize=10, color=INK, va="center")
    note = "rows: what they are; columns: what they are taken for"
    figure.text(18 / width, 1 - 42 / height, note, fontsize=8, color=QUIET, va="center")
    return figure


def _short(name: str) -> str:
    name = (name if len(name) <= 22 else name[:21] + "…") or "–"
    return name


def label_curves(curves: Mapping[str, tuple[Any, Any]], *, title: str = "") -> Figure:
    """Accuracy by the number of labelled pictures of each class; a band is one standard deviation.

    Args:
        curves: by name, the counts (T,) and the accuracies (T, draws); the first is ours.

    Raises:
        ValueError: no curve, or one without a point.
    """
    series = {n: (np.asarray(x), np.asarray(y, np.float64)) for n, (x, y) in curves.items()}
    if not series or not all(len(x) and y.shape[:1] == x.shape for x, y in series.values()):
        raise ValueError("a figure of few labels needs curves (T,) and (T, draws); we got none")
    figure = new_figure(760, 460)
    axes = figure.subplots()
    styles = [(BLUE, "-"), (ORANGE, "-"), *OTHERS]
    for place, (name, (x, y)) in enumerate(series.items()):
        colour, dashes = styles[place % len(styles)]
        mean, spread = 100 * y.mean(1), 100 * y.std(1)
        axes.fill_between(x, mean - spread, mean + spread, color=colour, alpha=0.12, linewidth=0)
        axes.plot(
            x, mean, dashes, color=colour, linewidth=2.2 if place == 0 else 1.4, marker="o",
            markersize=3.4, label=plain(name), zorder=3 if place == 0 else 2,
        )  # fmt: skip
    axes_of_lines(axes, title or "Accuracy by labels", "labelled pictures of each class")
    axes.set_xscale("log")
    ticks = sorted({int(v) for x, _ in series.values() for v in x})
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.minorticks_off()
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0f} %")
    axes.legend(frameon=False, fontsize=8.5, labelcolor=INK, loc="lower right")
    figure.tight_layout(pad=1.4)
    return figure
