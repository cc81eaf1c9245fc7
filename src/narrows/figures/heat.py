"""Pictures with a map drawn over them: where they are unlike normal ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .grids import _as_bytes, _cell_size, _draw, _fitted
from .style import QUIET, new_figure, text, text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["heat", "heat_sheet"]

Array = np.ndarray[Any, Any]

STRENGTH = 0.75
HOT = 2.0  # so many times the usual value has the strongest colour
GAP = 8


def heat(picture: Any, values: Any, usual: float) -> Array:
    """A picture uint8 (C, H, W) in gray, coloured where its map (H, W) exceeds ``usual``: uint8 (3, H, W).

    From yellow, just above it, to red at twice as much.
    """
    under = _as_bytes(np.asarray(picture) / 255).astype(np.float64)
    gray = np.repeat((under @ [0.299, 0.587, 0.114])[:, :, None], 3, 2)
    above = np.clip((np.asarray(values) / max(usual, 1e-12) - 1) / (HOT - 1), 0, 1)[:, :, None]
    colour = np.array([255.0, 220, 40]) + above * (np.array([225.0, 20, 20]) - [255.0, 220, 40])
    share = STRENGTH * np.minimum(1, 3 * above)
    mixed: Array = (gray + share * (colour - gray)).round().astype(np.uint8)
    return mixed.transpose(2, 0, 1)


def heat_sheet(
    pictures: Sequence[Any], maps: Sequence[Any], usual: float, captions: Sequence[str]
) -> Figure:
    """Pictures of any sizes above themselves under their maps, each with a caption.

    Args:
        pictures: uint8 (C, H, W) each; about eight fit a page.
        maps: (H, W) each.
        usual: where colour begins; see :func:`heat`.
        captions: one for each picture.
    """
    sizes = [_cell_size(*np.shape(picture)[1:]) for picture in pictures]
    height, width = (max(size[axis] for size in sizes) for axis in (0, 1))
    longest = max(text_width(caption, 7.5) for caption in captions)
    step = max(width + GAP, math.ceil(longest) + 12)
    figure = new_figure(len(pictures) * step + 2 * GAP, 2 * (height + GAP) + 36)
    for i, (picture, values, size) in enumerate(zip(pictures, maps, sizes, strict=True)):
        middle = GAP + (i + 0.5) * step
        over = heat(picture, values, usual).transpose(1, 2, 0)
        for row, cell in enumerate((_as_bytes(np.asarray(picture) / 255), over)):
            top = GAP + row * (height + GAP) + (height - size[0]) / 2
            _draw(figure, _fitted(cell, *size), middle - size[1] / 2, top)
        below = GAP + 2 * (height + GAP) + 8
        text(figure, middle, below, captions[i], ha="center", fontsize=7.5, color=QUIET)
    return figure
