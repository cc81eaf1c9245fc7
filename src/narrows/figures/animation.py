"""Frames as an animated WebP or GIF."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from .. import files
from .grids import picture_grid

__all__ = ["ANIMATED", "animation", "save_animation", "side_by_side"]

ANIMATED = (".webp", ".gif")
HELD = 12  # frames' worth of time that the first and the last one stay


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


def side_by_side(*films: Any) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Films (F, C, H, W) of one length side by side: uint8 (F, H', W', 3).

    Small pictures grow as in ``picture_grid``.
    """
    frames = [picture_grid(np.stack(cells), len(cells)) for cells in _cells(films)]
    return np.stack(frames)


def _cells(films: Any) -> Any:
    arrays = [np.asarray(film) for film in films]
    return zip(*arrays, strict=True)
