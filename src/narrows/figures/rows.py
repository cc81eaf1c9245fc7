"""Rows of pictures with a name at the left of each and a caption over each column."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .grids import _as_bytes, _cell_size, _draw, _fitted, _pictures
from .style import QUIET, new_figure, text, text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["picture_rows"]


def picture_rows(
    rows: Sequence[tuple[str, Any]], captions: Sequence[str] = (), *, corner: str = ""
) -> Figure:
    """Pictures in named rows, such as a morph above its fade.

    Args:
        rows: each row's name and its pictures (N, C, H, W), floats in [0, 1] or uint8; rows that
            are shorter than the longest end early.
        captions: one over each column.
        corner: what the captions are of, at their left.

    Raises:
        ValueError: no row, or pictures of two sizes.
    """
    if not rows:
        raise ValueError("rows of pictures need at least one row; we got none")
    shown = [(name, _pictures(pictures)) for name, pictures in rows]
    sizes = {pictures.shape[2:] for _, pictures in shown}
    if len(sizes) > 1:
        raise ValueError(f"all rows must have pictures of one size; we got {sorted(sizes)}")
    height, width = _cell_size(*shown[0][1].shape[2:])
    columns, gap, over = max(len(pictures) for _, pictures in shown), 6, 24 if captions else 0
    longest = max((text_width(each, 8) for each in captions[:columns] if each), default=0.0)
    step = max(width + gap, math.ceil(longest) + 10)  # so that no caption runs into the next
    names = [name for name, _ in shown] + [corner]
    labels = 28 + math.ceil(max(text_width(name) if name else 0 for name in names))
    figure = new_figure(labels + columns * step + 10, over + len(shown) * (height + gap) + 18)
    if captions:
        text(figure, labels - 12, 20, corner, ha="right", fontsize=8, color=QUIET)
    for i, caption in enumerate(captions[:columns]):
        middle = labels + i * step + width / 2
        text(figure, middle, 20, caption, ha="center", fontsize=8, color=QUIET)
    top = 12.0 + over
    for name, pictures in shown:
        text(figure, labels - 12, top + height / 2, name, ha="right")
        for i, picture in enumerate(pictures):
            left = labels + i * step
            _draw(figure, _fitted(_as_bytes(picture), height, width), left, top)
        top += height + gap
    return figure
