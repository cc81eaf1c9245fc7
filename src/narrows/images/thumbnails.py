"""A picture as a collection keeps it: a thumbnail, and its own size.

file ──decode──► the pixels that a model takes, and a thumbnail of at most 96 pixels in its own aspect
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from ..errors import UnreadableImage
from .read import Wanted, _opened, _orientation, _reason, decode, fit_pixels, quiet

__all__ = ["SIDE", "Seen", "opened_thumbnail", "row", "seen", "size_of", "thumbnail"]

SIDE = 96
_SMALL = 64  # up to here a JPEG of lines and digits needs all its quality


class Seen(NamedTuple):
    """One picture: what a model takes of it, uint8 (C, H, W), its thumbnail as a JPEG, its own size."""

    pixels: torch.Tensor
    thumbnail: bytes
    width: int
    height: int


def seen(source: str | Path | bytes, options: Wanted, told: set[str] | None = None) -> Seen:
    """Decode a picture as :func:`narrows.images.read` does, and make its thumbnail.

    What was given up on the way is added to ``told``, as images/read.py calls it.

    Raises:
        UnreadableImage: with the bare reason as its message.
    """
    pixels = decode(source, options, told)
    width, height = size_of(source, options.limit)
    shrink = min(1.0, SIDE / max(width, height))
    size = max(1, round(height * shrink)), max(1, round(width * shrink))
    small = decode(source, Wanted(size, "rgb", "stretch", None, options.limit, options.levels))
    return Seen(pixels, _jpeg(small), width, height)


def size_of(source: str | Path | bytes, limit: int) -> tuple[int, int]:
    """Width and height as a viewer shows the picture, from its header.

    Raises:
        UnreadableImage: with the bare reason as its message.
    """
    try:
        opened = io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb")
        with quiet, opened as handle, _opened(handle, limit) as image:
            width, height = image.size
            return (height, width) if _orientation(image) >= 5 else (width, height)
    except Exception as error:  # a decoder given hostile bytes raises anything at all
        raise UnreadableImage(_reason(error)) from error


def thumbnail(pixels: torch.Tensor) -> bytes:
    """A JPEG of at most 96 pixels of uint8 (C, H, W); of channels that are not colours the first."""
    if pixels.shape[0] not in (1, 3):
        pixels = pixels[:1]
    channels, height, width = pixels.shape
    if max(height, width) > SIDE:
        shrink = SIDE / max(height, width)
        size = max(1, round(height * shrink)), max(1, round(width * shrink))
        mode: Any = "rgb" if channels == 3 else "gray"
        pixels = fit_pixels(pixels[None], Wanted(size, mode, "stretch"))[0]
    return _jpeg(pixels)


def _jpeg(pixels: torch.Tensor) -> bytes:
    import simplejpeg

    array = np.ascontiguousarray(pixels.permute(1, 2, 0).numpy())
    quality = 95 if max(array.shape[:2]) <= _SMALL else 85
    encoded: bytes = simplejpeg.encode_jpeg(
        array,
        quality=quality,
        colorspace="RGB" if array.shape[2] == 3 else "GRAY",
        colorsubsampling="444" if array.shape[2] == 3 else "Gray",
    )
    return encoded


def opened_thumbnail(content: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A stored thumbnail as uint8 (3, H, W); of a damaged one a gray square."""
    try:
        pixels: np.ndarray[Any, np.dtype[np.uint8]] = decode(content, Wanted(None)).numpy()
        return pixels
    except UnreadableImage:
        return np.full((3, SIDE, SIDE), 128, np.uint8)


def row(pixels: torch.Tensor, height: int = 64, gap: int = 2) -> bytes:
    """The PNG of a row of pictures uint8 (n, C, H, W), each so high."""
    from PIL import Image

    n, c, h, w = pixels.shape
    shown = pixels[:, :3] if c >= 3 else pixels[:, :1].expand(n, 3, h, w)
    width = max(1, round(w * height / h))
    sheet = Image.new("RGB", (n * (width + gap) - gap, height), "white")
    how = Image.Resampling.NEAREST if h < height else Image.Resampling.BOX
    for place, picture in enumerate(shown.permute(0, 2, 3, 1).contiguous().cpu().numpy()):
        sheet.paste(
            Image.fromarray(picture).resize((width, height), how), (place * (width + gap), 0)
        )
    out = io.BytesIO()
    sheet.save(out, format="PNG")
    return out.getvalue()
