"""What several methods make of the same pictures, one row for each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .grids import _as_bytes, _cell_size, _draw, _fitted, _pictures
from .style import INK, QUIET, new_figure, text, text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["methods"]

Array = np.ndarray[Any, Any]

ACROSS = 3  # fewer pictures than this leave room for the methods beside each other
GAP, UNDER = 6, 20


def methods(rows: Mapping[str, Any], decibels: Mapping[str, Any] | None = None) -> Figure:
    """Rows of pictures under each other, each with its name at the left.

    One or two pictures are shown with the methods side by side instead.

    Args:
        rows: name → (N, C, H, W), floats (cut to [0, 1]) or uint8, all of one shape. About eight
            pictures fit a page well.
        decibels: name → (N,), the PSNR that stands below each picture of that row; the best of a
            column is black.

    Raises:
        ValueError: no row, another shape, or not as many decibels as pictures.
    """
    pictures = {name: _pictures(row) for name, row in rows.items()}
    shapes = {row.shape for row in pictures.values()}
    if len(shapes) != 1:
        raise ValueError(
            f"the rows must hold pictures of one shape; we got {sorted(shapes) or 'no row'}"
        )
    n, _, h, w = next(iter(shapes))
    notes = {name: np.asarray(each, np.float64) for name, each in (decibels or {}).items()}
    for name, each in notes.items():
        if each.shape != (n,) or name not in pictures:
            raise ValueError(f"{n} decibels of a row were wanted; we got {each.shape} of {name!r}")
    best = np.max(list(notes.values()), 0) if notes else np.zeros(n)
    height, width = _cell_size(h, w)
    if n < ACROSS:
        return _across(pictures, notes, best, height, width)
    labels = 28 + math.ceil(max(text_width(name) for name in pictures))
    heights = [height + (UNDER if name in notes else 0) + GAP for name in pictures]
    figure = new_figure(labels + n * (width + GAP) + 8, sum(heights) + 18)
    top = 12.0
    for (name, row), row_height in zip(pictures.items(), heights, strict=True):
        text(figure, labels - 12, top + height / 2, name, ha="right")
        for i, picture in enumerate(row):
            left = labels + i * (width + GAP)
            _draw(figure, _fitted(_as_bytes(picture), height, width), left, top)
            if name in notes:
                _note(figure, left + width / 2, top + height + 11, notes[name][i], best[i])
        top += row_height
    return figure


def _across(
    pictures: Mapping[str, Array],
    notes: Mapping[str, Array],
    best: Array,
    height: int,
    width: int,
) -> Figure:
    """Few pictures: the methods side by side, five in a line, their names above."""
    wide = max(width, math.ceil(max(text_width(name) for name in pictures)) + 8) + GAP
    n, names = len(best), list(pictures)
    columns = min(5, len(names))
    lines = math.ceil(len(names) / columns)
    cell = height + (UNDER if notes else GAP)
    figure = new_figure(columns * wide + 20, lines * (24 + n * cell) + 12)
    for place, name in enumerate(names):
        middle = 10 + (place % columns + 0.5) * wide
        top = 8.0 + place // columns * (24 + n * cell)
        text(figure, middle, top + 10, name, ha="center")
        for i, picture in enumerate(pictures[name]):
            at = top + 24 + i * cell
            fitted = _fitted(_as_bytes(picture), height, width)
            _draw(figure, fitted, round(middle - width / 2), at)
            if name in notes:
                _note(figure, middle, at + height + 10, notes[name][i], best[i])
    return figure


def _note(figure: Figure, x: float, y: float, decibels: float, best: float) -> None:
    colour = INK if decibels == best else QUIET
    text(figure, x, y, f"{decibels:.1f} dB", ha="center", fontsize=7.5, color=colour)
