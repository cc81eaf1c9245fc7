"""Figures and arrays as PNG bytes, and as files that are whole or not there."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import files
from .style import DPI, figure_png

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["png", "save", "smaller"]


def png(figure_or_array: Figure | np.ndarray[Any, Any], dpi: float = DPI) -> bytes:
    """The PNG of a figure, or of an array (H, W) or (H, W, 3): uint8, or floats in [0, 1].

    The same figure gives the same bytes. ``dpi`` is of figures; arrays keep their pixels.
    """
    if hasattr(figure_or_array, "savefig"):
        return figure_png(figure_or_array, dpi)
    from PIL import Image

    array = np.asarray(figure_or_array)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if (
        array.ndim not in (2, 3)
        or array.ndim == 3
        and array.shape[2] not in (3, 4)
        or 0 in array.shape
    ):
        raise ValueError(
            "a figure, or an array (H, W) or (H, W, 3), was wanted; we got an array of "
            f"{array.shape}: put several pictures through picture_grid first"
        )
    if array.dtype != np.uint8:
        array = (np.nan_to_num(np.clip(array, 0, 1)) * 255).round().astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(array)).save(out, format="PNG", optimize=True)
    return out.getvalue()


def smaller(path: Path, width: int, height: int) -> bytes:
    """The PNG of a picture in a file, in 128 colours and at most so wide and high, in its aspect."""
    from PIL import Image

    with Image.open(path) as opened:
        image = opened.convert("RGB")
    image.thumbnail((width, height))
    out = io.BytesIO()
    few = image.quantize(128, method=Image.Quantize.MAXCOVERAGE)
    few.save(out, format="PNG", optimize=True)
    return out.getvalue()


def save(
    figure_or_array: Figure | np.ndarray[Any, Any], path: Path | str, dpi: float = DPI
) -> Path:
    """Write the PNG of a figure or of an array; gives the path.

    Raises:
        NarrowsError: the folder cannot be written; what was there before is unchanged.
    """
    files.write_bytes(path, png(figure_or_array, dpi))
    return Path(path)
