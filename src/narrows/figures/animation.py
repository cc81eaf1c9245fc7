"""Frames as an animated WebP or GIF."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import files
from .grids import picture_grid
from .style import figure_png, new_figure, text

__all__ = ["ANIMATED", "animation", "save_animation", "side_by_side"]

ANIMATED = (".webp", ".gif")
HELD = 12  # frames' worth of time that the first and the last one stay
GROWN = 224  # about as many pixels as a picture of a few films is high
HEAD = 26  # pixels of the names over them


def animation(frames: Any, kind: str = ".webp", *, seconds: float = 0.05) -> bytes:
    """Frames (F, H, W, 3) uint8, there and back without end, as the bytes of a WebP or a GIF.

    Args:
        kind: ``.webp`` or ``.gif``.
        seconds: that a frame stays; the first and the last stay longer.

    Raises:
        ValueError: another kind, or no frames.
    """
    from PIL import Image

    pixels = np.asarray(frames)
    if pixels.ndim != 4 or pixels.shape[3] != 3 or pixels.dtype != np.uint8 or 0 in pixels.shape:
        raise ValueError(f"frames are uint8 (F, H, W, 3); we got {pixels.dtype} of {pixels.shape}")
    if kind.lower() not in ANIMATED:
        raise ValueError(f"an animation ends in {' or '.join(ANIMATED)}; we got {kind!r}")
    there = [Image.fromarray(np.ascontiguousarray(frame)) for frame in pixels]
    shown = there + there[-2:0:-1]
    each = round(1000 * seconds)
    times = [each] * len(shown)
    times[0] = times[len(there) - 1] = HELD * each
    out = io.BytesIO()
    how: dict[str, Any] = {"save_all": True, "append_images": shown[1:], "duration": times}
    if kind.lower() == ".gif":
        shown[0].save(out, format="GIF", loop=0, optimize=False, disposal=2, **how)
    else:
        shown[0].save(out, format="WEBP", loop=0, quality=90, method=2, **how)
    return out.getvalue()


def save_animation(frames: Any, path: Path | str, *, seconds: float = 0.05) -> Path:
    """Write the animation that the path's ending names; gives the path.

    Raises:
        NarrowsError: the folder cannot be written; what was there before is unchanged.
    """
    files.write_bytes(path, animation(frames, Path(path).suffix, seconds=seconds))
    return Path(path)


def side_by_side(
    *films: Any, names: Sequence[str] = (), columns: int | None = None
) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Films (F, C, H, W) of one length beside each other: uint8 (F, H', W', 3).

    Small pictures grow to about 224 pixels, or to 112 where there are more than four films.

    Args:
        names: one over each film of the first row.
        columns: films in a row; by default all of them.
    """
    arrays = [np.asarray(film) for film in films]
    across = columns or len(arrays)
    side = max(arrays[0].shape[2:])
    scale = max(1, round((GROWN if len(arrays) <= 4 else GROWN // 2) / side))
    cells = zip(*arrays, strict=True)
    frames = np.stack([picture_grid(np.stack(each), across, scale=scale) for each in cells])
    if not names:
        return frames
    over = _names_over(names[:across], frames.shape[2])
    return np.concatenate([np.repeat(over[None], len(frames), 0), frames], 1)


def _names_over(names: Sequence[str], width: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A strip (HEAD, width, 3) with a name over the middle of each column."""
    from PIL import Image

    figure = new_figure(width, HEAD)
    for place, name in enumerate(names):
        middle = (place + 0.5) * width / len(names)
        text(figure, middle, HEAD / 2, name, ha="center", fontsize=8.5)
    with Image.open(io.BytesIO(figure_png(figure))) as drawn:
        return np.asarray(drawn.convert("RGB").resize((width, HEAD)))
