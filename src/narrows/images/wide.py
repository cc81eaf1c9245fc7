"""Sixteen bits in each of several channels, of which Pillow keeps the upper eight.

    file ──as it says──► upper bytes ─┐
         └─bytes turned─► lower bytes ─┴─► values 0 … 65535 ──one range──► eight bits

Pillow unpacks such pixels by taking the upper byte of each value, in the order of bytes that the file
says. Told the other order it takes the lower one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from .levels import Levels, Measured

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

__all__ = ["Wide", "is_wide"]

Array = np.ndarray[Any, Any]

_NATIVE, _OTHER = ("L", "B") if sys.byteorder == "little" else ("B", "L")
_TURNED = {"L": "B", "B": "L", "N": _OTHER}
_MODES = ("RGB;16", "RGBA;16", "RGBX;16", "RGBa;16")
_GRAY_ALPHA = "LA;16B"  # has no other order, but four bytes make an RGBA pixel


def is_wide(image: PilImage) -> bool:
    """Whether a picture that was opened, and not yet loaded, has several channels of 16 bits."""
    return any(
        raw == _GRAY_ALPHA or raw[:-1] in _MODES
        for raw in (_raw(tile) for tile in getattr(image, "tile", ()))
    )


def _raw(tile: Any) -> str:
    """Of one tile what its pixels are packed as."""
    arguments = tile[3]
    return str(arguments[0] if isinstance(arguments, tuple) and arguments else arguments)


class Wide:
    """The values of a picture for which ``is_wide`` says so.

    Args:
        image: opened, and not yet loaded.
        handle: where it was read from.
        opener: opens it a second time.
    """

    def __init__(self, image: PilImage, handle: BinaryIO, opener: Any) -> None:
        self._gray = _raw(image.tile[0]) == _GRAY_ALPHA  # type: ignore[attr-defined]
        if self._gray:
            _unpack(image, lambda raw: "RGBA")
            image._mode = "RGBA"
            image.load()
            self._upper = self._lower = image
            return
        handle.seek(0)
        self._lower = opener(handle)
        _unpack(self._lower, lambda raw: raw[:-1] + _TURNED[raw[-1]])
        image.load()
        self._lower.load()
        self._upper = image

    def measured(self, rows: int) -> Measured:
        """The lowest and highest value of its colours."""
        ends = [(part.min(), part.max()) for part, _ in self._strips(rows)]
        return Measured(False, float(min(a for a, _ in ends)), float(max(b for _, b in ends)))

    def eight_bits(self, levels: Levels, rows: int) -> PilImage:
        """The picture in eight bits: mode L, LA, RGB or RGBA."""
        from PIL import Image

        low, high = levels.whole or (0.0, 65535.0)
        values = np.arange(65536.0)
        table = np.clip(np.rint((values - low) * (255 / max(high - low, 1e-30))), 0, 255)
        table = table.astype(np.uint8)
        opaque = max(
            (int(clear.max()) for _, clear in self._strips(rows) if clear is not None), default=0
        )
        white = high if opaque <= high else 65535.0  # transparency has as many bits as colours have
        clear_table = np.clip(np.rint(values * (255 / white)), 0, 255).astype(np.uint8)
        parts = []
        for colours, clear in self._strips(rows):
            part = table[colours]
            parts.append(part if clear is None else np.concatenate([part, clear_table[clear]], 2))
        whole = np.concatenate(parts)
        return Image.fromarray(whole[..., 0] if whole.shape[2] == 1 else whole)

    def _strips(self, rows: int) -> Iterator[tuple[Array, Array | None]]:
        """Colours (h, W, 1 or 3) and transparency (h, W, 1) or None, uint16, so many rows at once."""
        width, height = self._upper.size
        for top in range(0, height, rows):
            box = (0, top, width, min(top + rows, height))
            upper = np.asarray(self._upper.crop(box)).astype(np.uint16)
            if self._gray:
                yield upper[..., :1] << 8 | upper[..., 1:2], upper[..., 2:3] << 8 | upper[..., 3:]
                continue
            values = upper << 8 | np.asarray(self._lower.crop(box))
            yield values[..., :3], values[..., 3:] if values.shape[2] == 4 else None


def _unpack(image: Any, change: Any) -> None:
    """Have a picture's pixels unpacked in another way."""
    image.tile = [
        tile._replace(args=(change(_raw(tile)), *tile.args[1:]))
        if isinstance(tile.args, tuple)
        else tile._replace(args=change(tile.args))
        for tile in image.tile
    ]
