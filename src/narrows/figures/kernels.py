"""Kernels and feature maps as mosaics, with gaps wide enough to tell small cells apart."""

from __future__ import annotations

from typing import Any

import numpy as np

from .grids import _as_bytes, _columns, _enlarged, _mosaic, _pictures

__all__ = ["kernel_grid"]

Array = np.ndarray[Any, Any]

CELL, WHOLE = 48, 240  # about as many pixels as a cell is high, and a line of few cells wide
BELOW, ABOVE = np.array([31, 111, 180]), np.array([217, 104, 29])  # style.BLUE and style.ORANGE


def kernel_grid(kernels: Any, *, signed: bool = False) -> Array:
    """A mosaic of small kernels or maps.

    Args:
        kernels: (K, C, h, w) in [0, 1], C of 1 or 3.
        signed: of one channel, 0.5 means nothing: it is white, less is blue and more is orange.

    Returns:
        uint8 (H', W', 3).
    """
    array = _pictures(kernels)
    columns = _columns(len(array))
    scale = max(1, round(max(CELL, WHOLE / columns) / max(array.shape[2:])))
    two = signed and array.shape[1] == 1
    cells = [_two_colours(each[0]) if two else _as_bytes(each) for each in array]
    cells = [_enlarged(cell, scale) for cell in cells]
    return _mosaic(cells, columns, max(4, round(max(cells[0].shape[:2]) / 10)))


def _two_colours(kernel: Array) -> Array:
    """(h, w) in [0, 1] → uint8 (h, w, 3): blue below one half, white there, orange above."""
    strength = 2 * np.clip(kernel, 0, 1)[:, :, None] - 1
    towards = np.where(strength < 0, BELOW, ABOVE)
    mixed: Array = (255 + np.abs(strength) * (towards - 255)).round().astype(np.uint8)
    return mixed
