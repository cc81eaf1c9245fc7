"""Pictures side by side: a mosaic as an array, and originals above their reconstructions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .style import DPI, QUIET, new_figure, text, text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["comparison", "grown", "picture_grid"]

Array = np.ndarray[Any, Any]

GAP_COLOR = 214
CELL = 104  # about as many pixels on paper is a picture high in a comparison
LARGEST_CELL = 192
SHEET = "pictures"
GROWN, ACROSS = 192, 1600  # pixels of a cell and of a row of them, on a sheet that is all there is


def picture_grid(pictures: Any, columns: int | None = None, *, scale: int | None = None) -> Array:
    """A mosaic of pictures with a thin gap between them.

    Args:
        pictures: (N, C, H, W), C of 1 or 3, floats in [0, 1] (others are cut) or uint8.
        columns: how many stand in a row; by default about as many as there are rows, and more
            rather than fewer.
        scale: each pixel becomes scale × scale; by default pictures of up to 42 pixels grow, see
            also ``grown``.

    Returns:
        uint8 (H', W', 3).
    """
    cells = [_as_bytes(picture) for picture in _pictures(pictures)]
    height, width = cells[0].shape[:2]
    if scale is None:
        scale = max(1, round(64 / max(height, width)))
    if scale < 1:
        raise ValueError(f"scale must be at least 1; we got {scale}")
    cells = [_enlarged(cell, scale) for cell in cells]
    return _mosaic(
        cells, columns or _columns(len(cells)), gap=max(1, round(max(cells[0].shape) / 32))
    )


def grown(pictures: Any, columns: int | None = None) -> int:
    """The scale at which a sheet of pictures (N, C, H, W) is seen well: cells of about 192 pixels, as
    long as a row of them takes no more than 1,600; cells of 64 in any case."""
    count, _, height, width = np.shape(pictures)
    across = min(count, columns or _columns(count))
    room = min(GROWN, max(64, ACROSS // across))
    return max(1, int(room / max(height, width) + 0.5))


def comparison(
    originals: Any,
    reconstructions: Any,
    *,
    inputs: Any = None,
    beside: Mapping[str, Any] | None = None,
    errors: bool = True,
    titles: Mapping[str, str] | None = None,
) -> Figure:
    """Originals above their reconstructions, each with its PSNR, and where the errors are.

    Rows: ``original``, ``input`` (where given), ``reconstruction``, those of others, ``error``: the
    absolute error of the first, averaged over the channels, on one scale for all of them. Eight pictures
    fit a page well.

    Args:
        originals, reconstructions, inputs: (N, C, H, W), floats in [0, 1] or uint8.
        beside: other reconstructions by name, such as PCA's.
        errors: draw the row of errors.
        titles: other names for the rows.
    """
    x, x_hat = _pictures(originals), _pictures(reconstructions)
    shown_inputs = None if inputs is None else _pictures(inputs)
    others = {name: _pictures(each) for name, each in (beside or {}).items()}
    for name, other in (("reconstructions", x_hat), ("inputs", shown_inputs), *others.items()):
        if other is not None and other.shape != x.shape:
            raise ValueError(
                f"{name} must have the originals' shape {x.shape}; we got {other.shape}"
            )
    names = {"original": "original", "input": "input", "reconstruction": "reconstruction"}
    names |= {"error": "absolute error", **(titles or {})}
    rows: list[tuple[str, Array, list[str]]] = [("original", x, [])]
    if shown_inputs is not None:
        rows.append(("input", shown_inputs, _decibels(x, shown_inputs)))
    rows.append(("reconstruction", x_hat, _decibels(x, x_hat)))
    rows += [(name, other, _decibels(x, other)) for name, other in others.items()]
    names |= {name: name for name in others}

    height, width = _cell_size(x.shape[2], x.shape[3])
    n, gap, under = len(x), 6, 20
    shown = [names[name] for name, _, _ in rows] + [names["error"]] * errors
    labels = 28 + math.ceil(max(text_width(name) for name in shown))
    bar = 74 if errors else 14
    row_heights = [height + (under if notes else 0) + gap for _, _, notes in rows]
    total = sum(row_heights) + (height + gap if errors else 0) + 2 * 12
    figure = new_figure(labels + n * (width + gap) + bar, total)

    top = 12.0
    for (name, pictures, notes), row_height in zip(rows, row_heights, strict=True):
        text(figure, labels - 12, top + height / 2, names[name], ha="right")
        for i, picture in enumerate(pictures):
            left = labels + i * (width + gap)
            _draw(figure, _fitted(_as_bytes(picture), height, width), left, top)
            if notes:
                text(
                    figure,
                    left + width / 2,
                    top + height + 11,
                    notes[i],
                    ha="center",
                    fontsize=7.5,
                    color=QUIET,
                )
        top += row_height
    if errors:
        text(figure, labels - 12, top + height / 2, names["error"], ha="right")
        _draw_errors(figure, x, x_hat, (height, width), labels, top, gap)
    return figure


def _draw_errors(
    figure: Figure, x: Array, x_hat: Array, size: tuple[int, int], left: float, top: float, gap: int
) -> None:
    """The row of errors and its colour bar."""
    height, width = size
    error = np.abs(np.clip(x_hat, 0, 1) - np.clip(x, 0, 1)).mean(1)  # (N, H, W)
    # a single bad pixel must not turn the others black
    highest = max(float(np.quantile(error, 0.999)), 1e-6)
    shown: Any = None
    for i, each in enumerate(error):
        cell = _fitted(each[:, :, None], height, width)[:, :, 0]
        shown = _draw(
            figure, cell, left + i * (width + gap), top, cmap="magma", vmin=0, vmax=highest
        )
    axes = _axes(figure, left + len(error) * (width + gap) + 4, top, 9, height)
    colours = figure.colorbar(shown, cax=axes)
    colours.outline.set_visible(False)
    digits = max(1, 1 - math.floor(math.log10(highest)))
    colours.set_ticks([0, highest], labels=["0", f"{highest:.{digits}f}"])
    axes.tick_params(labelsize=7.5, labelcolor=QUIET, length=0)


def _axes(figure: Figure, left: float, top: float, width: float, height: float) -> Any:
    """Axes that cover exactly these pixels."""
    whole, high = figure.get_size_inches() * DPI
    return figure.add_axes((left / whole, 1 - (top + height) / high, width / whole, height / high))


def _draw(figure: Figure, cell: Array, left: float, top: float, **how: Any) -> Any:
    """A picture at these pixels of the figure."""
    (height, width), axes = cell.shape[:2], _sheet(figure)
    extent = (left, left + width, top + height, top)
    return axes.imshow(cell, interpolation="nearest", aspect="auto", extent=extent, **how)


def _sheet(figure: Figure) -> Any:
    """Axes over the whole figure, in its pixels, which all of its pictures share: axes for each are slow."""
    for axes in figure.axes:
        if axes.get_label() == SHEET:
            return axes
    wide, high = figure.get_size_inches() * DPI
    axes = figure.add_axes((0, 0, 1, 1), label=SHEET)
    axes.set_axis_off()
    axes.set(xlim=(0, wide), ylim=(high, 0), autoscale_on=False)
    return axes


def _decibels(x: Array, x_hat: Array) -> list[str]:
    """The PSNR of each picture, as measures/pictures.py defines it (figures take no torch)."""
    error = np.square(np.clip(x_hat, 0, 1) - x, dtype=np.float64).mean((1, 2, 3))
    return [f"{-10 * math.log10(max(e, 1e-10)):.1f} dB" for e in error]


def _pictures(pictures: Any) -> Array:
    """(N, C, H, W) float32 in [0, 1] of arrays, tensors and uint8."""
    if hasattr(pictures, "detach"):
        pictures = pictures.detach().cpu()
    array = np.asarray(pictures)
    if array.ndim != 4 or array.shape[1] not in (1, 3) or 0 in array.shape:
        raise ValueError(
            "pictures must be an array (N, C, H, W) of at least one picture with 1 or 3 channels; "
            f"we got {array.shape}"
        )
    return array.astype(np.float32) / (255 if array.dtype == np.uint8 else 1)


def _as_bytes(picture: Array) -> Array:
    """(C, H, W) in [0, 1] → uint8 (H, W, 3)."""
    cut = np.nan_to_num(np.clip(picture, 0, 1))
    pixels = (cut * 255).round().astype(np.uint8).transpose(1, 2, 0)
    return np.repeat(pixels, 3, 2) if pixels.shape[2] == 1 else pixels


def _enlarged(cell: Array, scale: int) -> Array:
    return cell.repeat(scale, 0).repeat(scale, 1)


def _columns(n: int) -> int:
    """A divisor of n between √n and 2√n if there is one, so that no cell stays empty."""
    least = math.ceil(math.sqrt(n))
    whole = (c for c in range(least, math.isqrt(4 * n) + 1) if n % c == 0)
    return next(whole, least)


def _mosaic(cells: list[Array], columns: int, gap: int) -> Array:
    """uint8 cells (H, W, 3) in rows → (H', W', 3)."""
    if columns < 1:
        raise ValueError(f"columns must be at least 1; we got {columns}")
    columns = min(columns, len(cells))
    rows = math.ceil(len(cells) / columns)
    h, w = cells[0].shape[0] + gap, cells[0].shape[1] + gap
    out = np.full((rows * h + gap, columns * w + gap, 3), GAP_COLOR, np.uint8)
    empty = rows * columns - len(cells)
    if empty:
        out[-h:, (columns - empty) * w + gap :] = 255
    for i, cell in enumerate(cells):
        top, left = i // columns * h + gap, i % columns * w + gap
        out[top : top + h - gap, left : left + w - gap] = cell
    return out


def _cell_size(
    height: int, width: int, usual: int = CELL, largest: int = LARGEST_CELL
) -> tuple[int, int]:
    """How many pixels a picture takes on paper: a whole multiple of its own, or at most ``largest``."""
    scale = max(1, round(usual / max(height, width)))
    shrink = min(1.0, largest / max(height, width))
    return max(1, round(height * scale * shrink)), max(1, round(width * scale * shrink))


def _fitted(cell: Array, height: int, width: int) -> Array:
    """A cell (H, W, C) at that size: repeated pixels upwards, averaged ones downwards."""
    if height >= cell.shape[0] and width >= cell.shape[1]:
        return _enlarged(cell, height // cell.shape[0])
    from PIL import Image

    if cell.dtype == np.uint8:
        return np.asarray(Image.fromarray(cell).resize((width, height), Image.Resampling.BOX))
    single = Image.fromarray(np.ascontiguousarray(cell[:, :, 0], np.float32))
    return np.asarray(single.resize((width, height), Image.Resampling.BOX))[:, :, None]
