"""Large pictures in overlapping tiles, and back: for models that take pictures of one size only.

    x (B, C, H, W) ──cut──► tiles (B, C, h, w) at places on a grid ──through──► ──window, sum──► x̂

On each axis the tiles lie at even distances from one end to the other, and the windows of those that
cover a pixel are divided by their sum, so that they add up to one everywhere, at the borders too.
A picture smaller than a tile is continued by its own reflection and cut back afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Literal

import torch
from torch import Tensor

__all__ = ["Window", "in_bands", "in_tiles", "places", "reflected", "windows"]

Window = Literal["hann", "linear"]


def places(length: int, tile: int, overlap: float = 0.25) -> list[int]:
    """Where the tiles of ``tile`` pixels begin on an axis of ``length`` ≥ ``tile`` pixels.

    As few as overlap their neighbours by at least the share ``overlap``, evenly spread; the first
    begins at 0, the last ends at ``length``.
    """
    step = max(1, int(tile * (1 - overlap)))
    count = 1 + -(-(length - tile) // step)
    return [round(i * (length - tile) / max(1, count - 1)) for i in range(count)]


def windows(length: int, tile: int, starts: list[int], kind: Window = "hann") -> Tensor:
    """The weight of each tile's pixels on one axis, (T, tile) float32; at each pixel they sum to 1.

    ``hann`` is the raised cosine, ``linear`` the triangle; neither reaches 0 inside its tile.
    """
    at = (torch.arange(tile, dtype=torch.float64) + 0.5) / tile
    shape = torch.sin(torch.pi * at).square() if kind == "hann" else torch.minimum(at, 1 - at)
    total = torch.zeros(length, dtype=torch.float64)
    for start in starts:
        total[start : start + tile] += shape
    return torch.stack([shape / total[start : start + tile] for start in starts]).float()


def reflected(x: Tensor, height: int, width: int) -> tuple[Tensor, tuple[int, int]]:
    """x (B, C, H, W) continued by reflection to at least (height, width), and where it begins there.

    The border is not repeated (… 2 1 0 1 2 …); a picture of one row or column is repeated.
    """
    tops = []
    for axis, wanted in ((2, height), (3, width)):
        size = x.shape[axis]
        before = max(0, wanted - size) // 2
        tops.append(before)
        if wanted <= size:
            continue
        turn = max(1, 2 * (size - 1))
        at = (torch.arange(wanted) - before) % turn
        at = torch.minimum(at, turn - at) if size > 1 else torch.zeros_like(at)
        x = x.index_select(axis, at.to(x.device))
    return x, (tops[0], tops[1])


def in_tiles(
    through: Callable[[Tensor], Tensor],
    x: Tensor,
    size: tuple[int, int],
    *,
    overlap: float = 0.25,
    window: Window = "hann",
    batch_size: int = 64,
    progress: Callable[[int, int], None] | None = None,
) -> Tensor:
    """Send pictures of any size through a function that takes one size only.

    Args:
        through: (B, C, h, w) → (B, C', h, w), such as a model; it may answer on another device.
        x: (N, C, H, W).
        size: (h, w) of a tile.
        overlap: the share of a tile that it has in common with the next one, at least.
        window: how tiles fade into each other.
        batch_size: tiles that go through at once.
        progress: called with (done, total) tiles.

    Returns:
        (N, C', H, W) on the device of ``x``.

    Raises:
        ValueError: an overlap outside [0, 0.9], an unknown window, or a function that changes the
            size.
    """
    if x.ndim != 4 or 0 in x.shape:
        raise ValueError(f"pictures (N, C, H, W) were wanted; we got {tuple(x.shape)}")
    out: Tensor | None = None
    rows = max(1, min(len(x), batch_size))  # pictures that are cut at the same places
    parts = torch.split(x, rows)
    for number, part in enumerate(parts):

        def told(done: int, total: int, before: int = number) -> None:
            if progress is not None:
                each = total // len(parts[before])
                progress(before * rows * each + done, len(x) * each)

        whole, (top, left) = reflected(part, *size)
        bands = in_bands(
            through, partial(_rows, whole), tuple(whole.shape), size,
            overlap=overlap, window=window, batch_size=batch_size, progress=told,
        )  # fmt: skip
        for first, band in bands:
            if out is None:
                out = band.new_empty(len(x), band.shape[1], *x.shape[2:], device=x.device)
            a, b = max(first, top), min(first + band.shape[2], top + x.shape[2])
            if a < b:
                out[number * rows : number * rows + len(part), :, a - top : b - top] = band[
                    :, :, a - first : b - first, left : left + x.shape[3]
                ]
    assert out is not None
    return out


def _rows(x: Tensor, first: int, last: int) -> Tensor:
    return x[:, :, first:last]


def in_bands(
    through: Callable[[Tensor], Tensor],
    rows: Callable[[int, int], Tensor],
    shape: tuple[int, ...],
    size: tuple[int, int],
    *,
    overlap: float = 0.25,
    window: Window = "hann",
    batch_size: int = 64,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[tuple[int, Tensor]]:
    """The same band after band, from the top, for pictures that are never whole in memory.

    Args:
        through, size, overlap, window, batch_size, progress: as of ``in_tiles``.
        rows: from one row to before another, (N, C, rows, W).
        shape: (N, C, H, W) of the pictures, at least as large as a tile.

    Yields:
        The first row of each band, and the band (N, C', rows, W), whose rows are finished.
    """
    if not 0 <= overlap <= 0.9:
        raise ValueError(f"overlap must lie in [0, 0.9]; we got {overlap}")
    if window not in ("hann", "linear"):
        raise ValueError(f"window must be 'hann' or 'linear'; we got {window!r}")
    count, _, high, wide = shape
    (down, across) = (places(n, t, overlap) for n, t in zip(shape[2:], size, strict=True))
    sides = ((high, size[0], down), (wide, size[1], across))
    vertical, horizontal = (windows(n, t, starts, window) for n, t, starts in sides)
    spots = max(1, batch_size // count)  # places that go through at once
    block = max(1, spots // len(across))  # rows of tiles that make a band
    done, first = 0, 0
    left: Tensor | None = None  # of the bands above, which lies over the next one
    for number in range(0, len(down), block):
        some = down[number : number + block]
        x = rows(some[0], some[-1] + size[0])
        grid = [(i, j) for i in range(len(some)) for j in range(len(across))]
        grown: Tensor | None = None
        for start in range(0, len(grid), spots):
            chosen = grid[start : start + spots]
            corners = [(some[i] - some[0], across[j]) for i, j in chosen]
            tiles = torch.cat([x[..., y : y + size[0], c : c + size[1]] for y, c in corners])
            got = through(tiles).to(x.device)
            if got.shape[0] != len(tiles) or tuple(got.shape[2:]) != tuple(size):
                raise ValueError(
                    f"tiles of {tuple(tiles.shape)} must come back as (B, C, {size[0]}, {size[1]}); "
                    f"we got {tuple(got.shape)}"
                )
            if grown is None:
                grown = got.new_zeros(count, got.shape[1], *x.shape[2:])
            for (i, j), (y, c), tile in zip(chosen, corners, torch.split(got, count), strict=True):
                shade = (vertical[number + i][:, None] * horizontal[j]).to(x.device)
                grown[..., y : y + size[0], c : c + size[1]] += tile * shade
            done += len(tiles)
            if progress is not None:
                progress(done, count * len(down) * len(across))
        assert grown is not None
        if left is not None:
            grown[:, :, : left.shape[2]] += left
        after = down[number + block] if number + block < len(down) else high
        yield first, grown[:, :, : after - first]
        left, first = grown[:, :, after - first :].clone(), after
