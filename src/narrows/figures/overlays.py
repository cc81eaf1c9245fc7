"""Pictures with the class of each pixel laid over them, and what the colours mean."""

from __future__ import annotations

import colorsys
import io
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .grids import _as_bytes, _cell_size, _draw, _fitted, _pictures
from .style import INK, new_figure, text, text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["class_colours", "mask_png", "overlaid", "overlays"]

Array = np.ndarray[Any, Any]

STRENGTH = 0.6
GAP, LINE = 6, 20
CELL = 240  # about as many pixels as a picture is high
COLOURS = (
    (74, 168, 255), (181, 83, 60), (230, 194, 41), (142, 107, 191), (240, 130, 45), (63, 155, 70),
    (216, 27, 158), (164, 210, 51), (31, 63, 158), (232, 38, 42), (25, 195, 192), (122, 74, 33),
)  # fmt: skip


def class_colours(count: int) -> Array:
    """A colour for each class, uint8 (count, 3): a dozen that the eye tells apart, then any hue."""
    more = [
        [
            255 * value
            for value in colorsys.hsv_to_rgb(0.05 + k * 0.381966, 0.7, 0.6 + 0.3 * (k % 2))
        ]
        for k in range(max(0, count - len(COLOURS)))
    ]
    return (
        np.array([*COLOURS, *more], np.float64)[:count].round().astype(np.uint8).reshape(count, 3)
    )


def overlaid(picture: Any, mask: Any, count: int) -> Array:
    """A picture (C, H, W) in gray under the colours of its classes (H, W): uint8 (H, W, 3).

    Numbers from ``count`` on are void: there the picture is gray alone.
    """
    under = _as_bytes(np.asarray(picture)).astype(np.float64)
    gray = np.repeat((under @ [0.299, 0.587, 0.114])[:, :, None], 3, 2)
    mask = np.asarray(mask)
    labelled = mask < count
    colours = class_colours(count)[np.where(labelled, mask, 0)].astype(np.float64)
    mixed = np.where(labelled[:, :, None], gray + STRENGTH * (colours - gray), gray)
    return mixed.round().astype(np.uint8)


def mask_png(mask: Any, count: int) -> bytes:
    """A mask uint8 (H, W) as a palette PNG: class numbers, shown in the classes' colours."""
    from PIL import Image

    image = Image.fromarray(np.asarray(mask, np.uint8), "P")
    image.putpalette(class_colours(count).flatten().tolist())
    out = io.BytesIO()
    image.save(out, format="PNG", optimize=True)
    return out.getvalue()


def overlays(pictures: Any, masks: Mapping[str, Any], names: Sequence[str]) -> Figure:
    """Pictures, below them their masks by each name, and a legend of the classes.

    Args:
        pictures: (N, C, H, W), floats in [0, 1] or uint8; about six fit a page well.
        masks: name → (N, H, W), such as truth and model.
        names: of the classes.

    Raises:
        ValueError: masks that are not of the pictures' number and size.
    """
    shown = _pictures(pictures)
    n, _, h, w = shown.shape
    for name, mask in masks.items():
        if np.shape(mask) != (n, h, w):
            raise ValueError(
                f"{n} masks of {h}×{w} were wanted; we got {np.shape(mask)} of {name!r}"
            )
    rows = {"picture": [_as_bytes(each) for each in shown]}
    for name, mask in masks.items():
        rows[name] = [overlaid(*pair, len(names)) for pair in zip(shown, mask, strict=True)]
    height, width = _cell_size(h, w, CELL, CELL)  # larger than elsewhere: classes are of few pixels
    left = 28 + math.ceil(max(text_width(name) for name in rows))
    wide = max(left + n * (width + GAP) + 8, 360)
    entries = [(name, 26 + math.ceil(text_width(name))) for name in names]
    lines: list[list[tuple[int, float]]] = [[]]
    x = float(left)
    for k, (_, room) in enumerate(entries):
        if x + room > wide and lines[-1]:
            lines.append([])
            x = float(left)
        lines[-1].append((k, x))
        x += room
    figure = new_figure(wide, len(rows) * (height + GAP) + len(lines) * LINE + 28)
    top = 12.0
    for name, cells in rows.items():
        text(figure, left - 12, top + height / 2, name, ha="right")
        for i, cell in enumerate(cells):
            _draw(figure, _fitted(cell, height, width), left + i * (width + GAP), top)
        top += height + GAP
    colours = class_colours(len(names))
    for line in lines:
        for k, x in line:
            _draw(figure, np.broadcast_to(colours[k], (10, 10, 3)), x, top + 5)
            text(figure, x + 16, top + 10, names[k], color=INK)
        top += LINE
    return figure
