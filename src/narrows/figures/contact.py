"""Contact sheets: a query and its results, groups of pictures in frames, and what a set holds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .grids import _as_bytes, _draw
from .style import FAINT, INK, QUIET, new_figure, text, text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["contact_sheet", "grouped_sheet", "set_sheet"]

Array = np.ndarray[Any, Any]

CELL = 112
SIDE = 84  # of a set's pictures
GAP = 14
UNDER = 34  # two lines below a picture
LINE = 6.6  # points of a caption


def contact_sheet(
    query: Sequence[tuple[str, str, Any]],
    results: Sequence[tuple[str, str, Any]],
    *,
    title: str = "",
    columns: int = 6,
) -> Figure:
    """The pictures of a query at the left, and its neighbours in rows, the nearest first.

    Args:
        query: two lines of caption, such as a sign and a name, and a picture (C, H, W), for each
            picture that was asked with.
        results: the same of the pictures found; they may differ in size.
        title: one line on top.

    Raises:
        ValueError: nothing was asked or found.
    """
    if not query or not results:
        raise ValueError("a contact sheet needs a query and at least one picture that was found")
    columns = max(1, min(columns, len(results)))
    tall = max(math.ceil(len(results) / columns), len(query))
    left, top = 20, 44 if title else 18
    side, step = left + CELL + 34, CELL + UNDER + GAP
    wide = max(side + columns * (CELL + GAP), 2 * left + math.ceil(text_width(title or "x", 10)))
    figure = new_figure(wide + 6, top + tall * step + 2)
    if title:
        text(figure, left, 22, title, fontsize=10, color=INK)
    for place, cell in enumerate(query):
        _cell(figure, *cell, left, top + place * step)
    _rule(figure, left + CELL + 17, top, top + tall * step - GAP)
    for place, cell in enumerate(results):
        row, column = divmod(place, columns)
        _cell(figure, *cell, side + column * (CELL + GAP), top + row * step)
    return figure


def grouped_sheet(
    sections: Sequence[tuple[str, Sequence[Sequence[tuple[str, str, Any]]]]],
    *,
    columns: int = 8,
) -> Figure:
    """Groups of pictures, each in a frame, one after the other in rows, below headings.

    Args:
        sections: a heading and its groups; a group is two lines of caption and a picture
            (C, H, W) each, at most ``columns`` of them. A section may be without groups.

    Raises:
        ValueError: a group without a picture, or with more than fit into a row.
    """
    sizes = {len(group) for _, groups in sections for group in groups}
    if sizes and not 1 <= min(sizes) <= max(sizes) <= columns:
        raise ValueError(f"a group has 1 to {columns} pictures; we got {sorted(sizes)}")
    margin, between, pad, head = 20, 12, 8, 40
    one = CELL + GAP
    room = columns / 2 * (2 * one + 2 * pad - GAP + between) - between  # half as many pairs
    high = CELL + UNDER + 2 * pad
    placed: list[tuple[float, float, Sequence[tuple[str, str, Any]]]] = []
    headings: list[tuple[float, str]] = []
    y = 0.0
    for title, groups in sections:
        headings.append((y + 22, title))
        y += head
        x = 0.0
        for group in groups:
            wide = len(group) * one + 2 * pad - GAP
            if x and x + wide > room:
                x, y = 0.0, y + high + between
            placed.append((x, y, group))
            x += wide + between
        y += (high + between) * bool(groups)
    across = max((x + len(g) * one + 2 * pad - GAP for x, _, g in placed), default=0.0)
    titles = max((math.ceil(text_width(title or "x", 10)) for title, _ in sections), default=0)
    figure = new_figure(2 * margin + max(across, titles), y + 8)
    for top, title in headings:
        text(figure, margin, top, title, fontsize=10, color=INK)
    for x, top, group in placed:
        wide = len(group) * one + 2 * pad - GAP
        _frame(figure, margin + x, top, wide, high)
        for place, cell in enumerate(group):
            _cell(figure, *cell, margin + x + pad + place * one, top + pad)
    return figure


def set_sheet(
    rows: Sequence[tuple[str, str, Sequence[Any]]], *, title: str = "", details: Sequence[str] = ()
) -> Figure:
    """Some pictures of a set in rows, one for each of its classes (Kovenko & Bogach 2020, fig. 1).

    Args:
        rows: of each a name, a line below it such as a count, and pictures (C, H, W), which may differ
            in size. Rows without names and lines stand at the left margin.
        title: one line on top: what it is.
        details: smaller lines below it, such as sizes.

    Raises:
        ValueError: no row, or one without a picture.
    """
    if not rows or not all(len(pictures) for *_, pictures in rows):
        raise ValueError("a sheet of a set needs rows with at least one picture each")
    columns = max(len(pictures) for *_, pictures in rows)
    side, gap, margin, line = SIDE, 6, 20, 17
    named = max(max(text_width(n or "x"), text_width(d or "x", LINE)) for n, d, _ in rows)
    left = margin + (math.ceil(named) + 14 if any(n or d for n, d, _ in rows) else 0)
    top = margin + (24 if title else 0) + line * len(details)
    written = [text_width(title or "x", 10), *(text_width(one, 7.5) for one in details)]
    wide = max(left + columns * (side + gap) - gap, margin + math.ceil(max(written)))
    figure = new_figure(wide + margin, top + len(rows) * (side + gap) - gap + margin)
    if title:
        text(figure, margin, margin + 4, title, fontsize=10)
    for place, one in enumerate(details):
        text(figure, margin, margin + 26 + place * line, one, fontsize=7.5, color=QUIET)
    for place, (name, detail, pictures) in enumerate(rows):
        y = top + place * (side + gap)
        middle = y + side / 2
        text(figure, left - 14, middle - 7 * bool(detail), name, ha="right")
        text(figure, left - 14, middle + 8, detail, ha="right", fontsize=LINE, color=QUIET)
        for column, picture in enumerate(pictures):
            pixels = _sized(picture, side)
            height, width = pixels.shape[:2]
            x = left + column * (side + gap)
            _draw(figure, pixels, x + (side - width) // 2, y + (side - height) // 2)
    return figure


def _frame(figure: Figure, left: float, top: float, wide: float, high: float) -> None:
    from matplotlib.patches import Rectangle

    width, height = figure.get_size_inches() * figure.dpi
    corner = left / width, 1 - (top + high) / height
    box = Rectangle(corner, wide / width, high / height, facecolor="#f6f7f8", edgecolor=FAINT)
    box.set_zorder(-1)  # pictures are axes, which are drawn in this order too
    figure.add_artist(box)


def _cell(figure: Figure, first: str, second: str, picture: Any, left: float, top: float) -> None:
    """A picture in its own aspect, in the middle of its cell, above its two lines."""
    pixels = _sized(picture)
    height, width = pixels.shape[:2]
    _draw(figure, pixels, left + (CELL - width) // 2, top + (CELL - height) // 2)
    middle = left + CELL / 2
    text(figure, middle, top + CELL + 11, first, ha="center", fontsize=7.5)
    text(
        figure, middle, top + CELL + 25, _short(second), ha="center", fontsize=LINE, color=QUIET
    )  # fmt: skip


def _sized(picture: Any, cell: int = CELL) -> Array:
    """uint8 (H, W, 3) whose longer side fills a cell; small pictures grow in whole steps."""
    from PIL import Image

    array = np.asarray(picture)
    pixels = _as_bytes(array.astype(np.float32) / (255 if array.dtype == np.uint8 else 1))
    height, width = pixels.shape[:2]
    ratio = cell / max(height, width)
    if ratio >= 2:
        return pixels.repeat(int(ratio), 0).repeat(int(ratio), 1)
    size = max(1, round(width * ratio)), max(1, round(height * ratio))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))


def _rule(figure: Figure, x: float, top: float, bottom: float) -> None:
    from matplotlib.lines import Line2D

    width, height = figure.get_size_inches() * figure.dpi
    line = Line2D([x / width] * 2, [1 - top / height, 1 - bottom / height], color=FAINT, lw=1)
    figure.add_artist(line)


def _short(caption: str) -> str:
    """A caption that fits below a picture: of a long name the end, which tells it from others."""
    width, room = text_width(caption or "x", LINE), CELL + GAP - 6
    if width <= room:
        return caption
    kept = max(4, int(len(caption) * room / width) - 1)
    while kept > 4 and text_width("…" + caption[-kept:], LINE) > room:
        kept -= 1
    return "…" + caption[-kept:]
