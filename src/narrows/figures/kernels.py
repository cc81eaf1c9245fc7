"""Kernels and feature maps as mosaics, with gaps wide enough to tell small cells apart, and as sheets
that say what they show and in which scale."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .grids import _as_bytes, _columns, _draw, _enlarged, _mosaic, _pictures
from .style import QUIET, new_figure, text, text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["kernel_grid", "kernel_sheet"]

Array = np.ndarray[Any, Any]

# about as many pixels as a cell is high, on a sheet of its own, and as a line of few cells is wide
CELL, ENLARGED, WHOLE = 48, 80, 240
BAR = 120  # pixels of the scale
BELOW, ABOVE = np.array([31, 111, 180]), np.array([217, 104, 29])  # style.BLUE and style.ORANGE


def kernel_grid(kernels: Any, *, signed: bool = False, cell: int = CELL) -> Array:
    """A mosaic of small kernels or maps.

    Args:
        kernels: (K, C, h, w) in [0, 1], C of 1 or 3.
        signed: of one channel, 0.5 means nothing: it is white, less is blue and more is orange.
        cell: about as many pixels as a cell is high.

    Returns:
        uint8 (H', W', 3).
    """
    array = _pictures(kernels)
    columns = _columns(len(array))
    scale = max(1, round(max(cell, WHOLE / columns) / max(array.shape[2:])))
    two = signed and array.shape[1] == 1
    cells = [_two_colours(each[0]) if two else _as_bytes(each) for each in array]
    cells = [_enlarged(each, scale) for each in cells]
    return _mosaic(cells, columns, max(4, round(max(cells[0].shape[:2]) / 10)))


def kernel_sheet(
    kernels: Any, title: str, ends: tuple[str, str], *, signed: bool = False
) -> Figure:
    """The mosaic of ``kernel_grid`` under its title, and below the scale of its shades.

    Args:
        ends: what the lowest and the highest value stand for.
    """
    grid = kernel_grid(kernels, signed=signed, cell=ENLARGED)
    two = signed and np.shape(kernels)[1] == 1
    ramp = np.linspace(0, 1, BAR, dtype=np.float32)[None].repeat(10, 0)
    bar = _two_colours(ramp) if two else _as_bytes(ramp[None])
    low, high = (text_width(end, 8) for end in ends)
    wide = max(grid.shape[1], math.ceil(low + BAR + high) + 24, math.ceil(text_width(title, 9.5)))
    figure = new_figure(wide + 24, grid.shape[0] + 78)
    text(figure, 12, 20, title, fontsize=9.5)
    _draw(figure, grid, 12, 38)
    under = grid.shape[0] + 58
    text(figure, 12, under, ends[0], fontsize=8, color=QUIET)
    _draw(figure, bar, 12 + low + 10, under - 5)
    text(figure, 12 + low + BAR + 20, under, ends[1], fontsize=8, color=QUIET)
    return figure


def _two_colours(kernel: Array) -> Array:
    """(h, w) in [0, 1] → uint8 (h, w, 3): blue below one half, white there, orange above."""
    strength = 2 * np.clip(kernel, 0, 1)[:, :, None] - 1
    towards = np.where(strength < 0, BELOW, ABOVE)
    mixed: Array = (255 + np.abs(strength) * (towards - 255)).round().astype(np.uint8)
    return mixed
